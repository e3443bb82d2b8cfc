//! Groups happen together or not at all, in order, and a conflict stays in its own group. Keys
//! answer a repeated request the same.

use super::fixtures::{
    accept_keyed, accept_plain, at, contact, groups, id, message_id, put, setting, try_put,
};
use crate::ports::Partitions;
use crate::ports::store::COMMIT_GROUPS_MAX;
use crate::ports::{Conflict, Op, Store};
use bytes::Bytes;
use holdline_core::ChannelKind;
use holdline_core::message::Priority;
use std::sync::Arc;

pub async fn check(new_store: &impl AsyncFn() -> Arc<dyn Store>) {
    a_conflict_takes_back_its_whole_group_and_no_other(&*new_store().await).await;
    groups_of_one_commit_see_each_other_in_order(&*new_store().await).await;
    a_known_key_gives_the_stored_answer(&*new_store().await).await;
    an_expired_key_is_replaced(&*new_store().await).await;
    the_same_message_twice_is_once(&*new_store().await).await;
    the_largest_commit_is_taken(&*new_store().await).await;
    no_group_is_no_result(&*new_store().await).await;
}

async fn a_conflict_takes_back_its_whole_group_and_no_other(store: &dyn Store) {
    let later = at(1_000_000);
    put(store, vec![accept_keyed(1, "k", 1, later)]).await;
    let losing = vec![
        setting("b", "lost"),
        Op::ContactSeen(Box::new(contact(9, &[(ChannelKind::SMS, "+1555")]))),
        accept_plain(3),
        accept_keyed(2, "k", 1, later),
        setting("c", "never"),
    ];
    let all = groups(vec![
        vec![setting("a", "1")],
        losing,
        vec![setting("d", "2")],
    ]);
    let results = store.commit(all).await.expect("commits");
    assert!(matches!(
        &results[..],
        [
            Ok(()),
            Err(Conflict::Idempotency {
                same_body: true,
                ..
            }),
            Ok(())
        ]
    ));
    for (key, expect) in [("a", Some("1")), ("b", None), ("c", None), ("d", Some("2"))] {
        assert_eq!(
            store.setting(key).await.expect("reads").as_deref(),
            expect,
            "{key}"
        );
    }
    for n in [2, 3] {
        assert!(
            store.message(message_id(n)).await.expect("reads").is_none(),
            "message {n}"
        );
    }
    let nobody = store
        .contact_by_address(ChannelKind::SMS, "+1555")
        .await
        .expect("reads");
    assert_eq!(nobody, None);
    assert!(
        store
            .list_contacts(None, 10)
            .await
            .expect("reads")
            .is_empty()
    );
}

async fn groups_of_one_commit_see_each_other_in_order(store: &dyn Store) {
    let later = at(1_000_000);
    let all = groups(vec![
        vec![setting("a", "1")],
        vec![accept_keyed(1, "k", 1, later)],
        vec![setting("a", "2")],
        vec![accept_keyed(2, "k", 2, later)],
    ]);
    let results = store.commit(all).await.expect("commits");
    let clash = Conflict::Idempotency {
        message: message_id(1),
        same_body: false,
        answer: Bytes::from_static(b"answer 1"),
    };
    assert_eq!(results, [Ok(()), Ok(()), Ok(()), Err(clash)]);
    assert_eq!(
        store.setting("a").await.expect("reads").as_deref(),
        Some("2")
    );
}

async fn a_known_key_gives_the_stored_answer(store: &dyn Store) {
    let later = at(1_000_000);
    put(store, vec![accept_keyed(1, "k", 1, later)]).await;
    put(store, vec![accept_keyed(4, "other", 1, later)]).await;
    for (body_hash, same_body) in [(1, true), (2, false)] {
        let expect = Conflict::Idempotency {
            message: message_id(1),
            same_body,
            answer: Bytes::from_static(b"answer 1"),
        };
        assert_eq!(
            try_put(store, vec![accept_keyed(2, "k", body_hash, later)]).await,
            Err(expect)
        );
    }
    assert!(store.message(message_id(2)).await.expect("reads").is_none());
}

async fn an_expired_key_is_replaced(store: &dyn Store) {
    put(store, vec![accept_keyed(1, "k", 1, at(10))]).await;
    put(store, vec![accept_keyed(10, "k", 2, at(1_000))]).await;
    let clash = try_put(store, vec![accept_keyed(20, "k", 2, at(1_000))]).await;
    assert!(
        matches!(clash, Err(Conflict::Idempotency { message, .. }) if message == message_id(10))
    );
    for n in [1, 10] {
        assert!(
            store.message(message_id(n)).await.expect("reads").is_some(),
            "message {n}"
        );
    }
}

/// A commit that did not say whether it happened is made again with the same ids.
async fn the_same_message_twice_is_once(store: &dyn Store) {
    for _ in 0..2 {
        put(
            store,
            vec![accept_keyed(1, "k", 1, at(1_000)), Op::RawDone(id(7))],
        )
        .await;
    }
    assert_eq!(
        store
            .waiting(Partitions::ALL, Priority::Service, None, 10)
            .await
            .expect("reads")
            .len(),
        1
    );
}

async fn the_largest_commit_is_taken(store: &dyn Store) {
    let many = (0..COMMIT_GROUPS_MAX)
        .map(|n| vec![setting(&format!("k{n}"), "v")])
        .collect();
    let results = store.commit(groups(many)).await.expect("commits");
    assert_eq!(results.len(), COMMIT_GROUPS_MAX);
    let last = format!("k{}", COMMIT_GROUPS_MAX - 1);
    assert!(store.setting(&last).await.expect("reads").is_some());
    let more = (0..=COMMIT_GROUPS_MAX)
        .map(|n| vec![setting(&format!("m{n}"), "v")])
        .collect();
    assert!(
        store.commit(groups(more)).await.is_err(),
        "one more than allowed"
    );
    assert_eq!(store.setting("m0").await.expect("reads"), None);
}

async fn no_group_is_no_result(store: &dyn Store) {
    assert!(
        store
            .commit(groups(vec![]))
            .await
            .expect("commits")
            .is_empty()
    );
    put(store, vec![]).await;
}
