//! Pages are keyset pages: none is skipped, none comes twice, and filters hold.

use super::fixtures::{
    accept, advance, at, contact_id, delivery, in_state, message, message_id, put,
};
use crate::ports::Partitions;
use crate::ports::records::{MessageRecord, StoredMessage};
use crate::ports::store::{MessageFilter, StoreResult};
use crate::ports::{Op, Store};
use holdline_core::message::{End, Priority, State};
use holdline_core::{ContactId, MessageId, Redacted};
use std::sync::Arc;

pub async fn check(new_store: &impl AsyncFn() -> Arc<dyn Store>) {
    what_is_open_comes_by_id_without_bodies(&*new_store().await).await;
    what_waits_in_vain_comes_by_its_end(&*new_store().await).await;
    a_list_shows_what_its_filter_says(&*new_store().await).await;
    a_list_shows_the_senders_asked_for(&*new_store().await).await;
    pages_of_a_list_join_up(&*new_store().await).await;
}

/// Messages 1 to 12: every third is urgent, and expires the sooner the later it came.
async fn fill_mixed(store: &dyn Store) {
    for n in 1..=12 {
        let urgent = n % 3 == 0;
        let message = MessageRecord {
            priority: if urgent {
                Priority::Urgent
            } else {
                Priority::Service
            },
            expires_at: at(if urgent { 1_000 - n } else { 5_000 }),
            ..message(n)
        };
        put(store, vec![accept(message, delivery(n))]).await;
    }
    for (n, end) in [(2, End::Delivered), (6, End::Failed), (11, End::Cancelled)] {
        end_it(store, n, end).await;
    }
    let (since, until) = (at(1), at(9));
    let moving = [
        (1, State::InFlight { since }),
        (5, State::InDoubt { since, until }),
        (9, State::Placed { since, until }),
    ];
    for (n, state) in moving {
        put(
            store,
            vec![Op::Advance(Box::new(advance(in_state(n, state))))],
        )
        .await;
    }
}

async fn what_is_open_comes_by_id_without_bodies(store: &dyn Store) {
    fill_mixed(store).await;
    let moving = pages(async |after| store.under_way(Partitions::ALL, after, 2).await).await;
    assert_eq!(numbers(&moving), [1, 5, 9]);
    let of = async |priority| {
        pages(async |after| store.waiting(Partitions::ALL, priority, after, 2).await).await
    };
    let service = of(Priority::Service).await;
    assert_eq!(numbers(&service), [4, 7, 8, 10]);
    assert_eq!(numbers(&of(Priority::Urgent).await), [3, 12]);
    assert_eq!(numbers(&of(Priority::Bulk).await), [0_i64; 0]);
    assert_eq!(
        store.count_waiting(Partitions::ALL).await.expect("reads"),
        6
    );
    assert_eq!(
        store.count_waiting(Partitions::NONE).await.expect("reads"),
        0
    );
    let wanted = MessageRecord {
        body: Redacted::default(),
        expires_at: at(5_000),
        ..message(4)
    };
    assert_eq!(
        (&service[0].message, &service[0].delivery),
        (&wanted, &delivery(4))
    );
}

async fn what_waits_in_vain_comes_by_its_end(store: &dyn Store) {
    fill_mixed(store).await;
    let expired = async |now, limit| {
        let found = store.waiting_expired(Partitions::ALL, at(now), limit).await;
        numbers(&found.expect("reads"))
    };
    assert_eq!(expired(900, 9).await, [0_i64; 0]);
    assert_eq!(expired(988, 9).await, [12]);
    assert_eq!(expired(1_000, 9).await, [12, 3]);
    assert_eq!(expired(5_000, 3).await, [12, 3, 4]);
}

/// All pages, one after the other.
async fn pages(
    read: impl AsyncFn(Option<MessageId>) -> StoreResult<Vec<StoredMessage>>,
) -> Vec<StoredMessage> {
    let mut seen: Vec<StoredMessage> = Vec::new();
    loop {
        let page = read(seen.last().map(|one| one.message.id))
            .await
            .expect("reads");
        assert!(page.len() <= 2);
        if page.is_empty() {
            return seen;
        }
        seen.extend(page);
    }
}

async fn a_list_shows_what_its_filter_says(store: &dyn Store) {
    fill(store, 4).await;
    let theirs = MessageRecord {
        app: "app-two".to_owned(),
        contact: contact_id(2),
        ..message(5)
    };
    put(store, vec![accept(theirs, delivery(5))]).await;
    end_it(store, 1, End::Failed).await;
    end_it(store, 2, End::Delivered).await;
    end_it(store, 5, End::Delivered).await;
    let person = Some(contact_id(1));
    let before = Some(message_id(3));
    for (filter, expect) in [
        (filter(None, None, None, None), vec![5, 4, 3, 2, 1]),
        (filter(Some("app-two"), None, None, None), vec![5]),
        (filter(Some("nobody"), None, None, None), vec![]),
        (filter(None, person, None, None), vec![4, 3, 2, 1]),
        (filter(None, None, Some("waiting"), None), vec![4, 3]),
        (filter(None, None, Some("placed"), None), vec![]),
        (filter(None, None, Some("delivered"), None), vec![5, 2]),
        (filter(None, None, Some("failed"), None), vec![1]),
        (filter(None, None, Some("no such state"), None), vec![]),
        (
            filter(Some("app-one"), person, Some("delivered"), before),
            vec![2],
        ),
        (filter(None, None, None, before), vec![2, 1]),
    ] {
        let page = store.list_messages(&filter, 10).await.expect("reads");
        assert_eq!(numbers(&page), expect, "{filter:?}");
    }
    let any = MessageFilter::default;
    let newest = store.list_messages(&any(), 2).await.expect("reads");
    assert_eq!(newest[1].message, message(4), "a list has the bodies");
}

fn filter(
    app: Option<&str>,
    contact: Option<ContactId>,
    state: Option<&str>,
    before: Option<MessageId>,
) -> MessageFilter {
    let owned = |text: &str| text.to_owned();
    MessageFilter {
        app: app.map(owned),
        contact,
        state: state.map(owned),
        before,
        ..Default::default()
    }
}

async fn a_list_shows_the_senders_asked_for(store: &dyn Store) {
    fill(store, 3).await;
    for (n, sender, app) in [
        (4, "two", "app-one"),
        (5, "three", "app-one"),
        (6, "two", "app-two"),
    ] {
        let theirs = MessageRecord {
            sender: sender.to_owned(),
            app: app.to_owned(),
            ..message(n)
        };
        put(store, vec![accept(theirs, delivery(n))]).await;
    }
    end_it(store, 4, End::Failed).await;
    let app_one = filter(Some("app-one"), None, None, None);
    let failed = filter(None, Some(contact_id(1)), Some("failed"), None);
    for (filter, senders, expect) in [
        (MessageFilter::default(), vec!["two"], vec![6, 4]),
        (
            MessageFilter::default(),
            vec!["three", "two"],
            vec![6, 5, 4],
        ),
        (MessageFilter::default(), vec![], vec![]),
        (MessageFilter::default(), vec!["nobody"], vec![]),
        (app_one.clone(), vec!["two"], vec![4]),
        (app_one, vec!["nobody"], vec![]),
        (failed.clone(), vec!["two"], vec![4]),
        (failed, vec!["three"], vec![]),
    ] {
        let senders = Some(senders.into_iter().map(str::to_owned).collect());
        let filter = MessageFilter { senders, ..filter };
        let page = store.list_messages(&filter, 10).await.expect("reads");
        assert_eq!(numbers(&page), expect, "{filter:?}");
    }
}

async fn pages_of_a_list_join_up(store: &dyn Store) {
    fill(store, 7).await;
    let mut filter = MessageFilter {
        app: Some("app-one".to_owned()),
        ..Default::default()
    };
    let mut seen = Vec::new();
    loop {
        let page = store.list_messages(&filter, 2).await.expect("reads");
        let Some(last) = page.last() else { break };
        filter.before = Some(last.message.id);
        seen.extend(page);
    }
    assert_eq!(numbers(&seen), [7, 6, 5, 4, 3, 2, 1]);
}

async fn fill(store: &dyn Store, count: i64) {
    let ops = (1..=count).map(|n| accept(message(n), delivery(n)));
    put(store, ops.collect()).await;
}

async fn end_it(store: &dyn Store, n: i64, end: End) {
    let state = in_state(
        n,
        State::Ended {
            end,
            at: at(n + 100),
        },
    );
    put(store, vec![Op::Advance(Box::new(advance(state)))]).await;
}

fn numbers(stored: &[StoredMessage]) -> Vec<i64> {
    let number = |id: MessageId| (1..=20).find(|n| message_id(*n) == id);
    stored
        .iter()
        .filter_map(|one| number(one.message.id))
        .collect()
}
