//! What is taken while the store is away, and what it costs whoever asks.

use super::{MemorySpool, rig, until, until_drained, with_key};
use crate::memory::MemoryStore;
use crate::ports::{HookRequest, Store, StoreError};
use crate::request::{Accepted, Refusal};
use crate::tests::rig::{Peers, Rig};
use bytes::Bytes;
use holdline_core::{ChannelKind, ContactId, Redacted};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn what_comes_while_the_store_is_away_is_taken_and_sent_once_in_order_when_it_is_back() {
    let spool = MemorySpool::new(1 << 20);
    let rig = rig(&spool).await;
    let before = rig.send("+1", "a0").await.expect("accepted").id;
    rig.store.vanish();
    let mut ids = vec![before];
    for n in 1..=40 {
        for person in ["+1", "+2"] {
            let text = format!("{}{n}", if person == "+1" { "a" } else { "b" });
            ids.push(rig.send(person, &text).await.expect("accepted").id);
        }
    }
    assert_eq!(spool.len(), 80);
    let status = rig.engine.spool().expect("a spool");
    assert!(status.in_use && status.oldest_at.is_some() && !status.is_full);
    rig.store.come_back();
    until_drained(&spool).await;
    for id in ids {
        rig.until(id, "delivered").await;
    }
    let sent = rig.whatsapp.sent();
    let of = |who: char| -> Vec<String> {
        sent.iter()
            .filter(|it| it.starts_with(who))
            .cloned()
            .collect()
    };
    let expect = |who: char, first: usize| -> Vec<String> {
        (first..=40).map(|n| format!("{who}{n}")).collect()
    };
    assert_eq!((of('a'), of('b')), (expect('a', 0), expect('b', 1)));
    let status = rig.engine.spool().expect("a spool");
    assert_eq!(
        (status.in_use, status.oldest_at, status.drained),
        (false, None, 80)
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_spool_the_caller_is_told_to_come_again() {
    let rig = Rig::start().await;
    rig.store.vanish();
    let refused = rig.send("+1", "x").await;
    assert!(
        matches!(refused, Err(Refusal::Unavailable { away: true, .. })),
        "{refused:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_silent_costs_one_wait_and_what_it_did_all_the_same_is_not_done_twice() {
    let spool = MemorySpool::new(1 << 20);
    let rig = rig(&spool).await;
    rig.store.fall_silent();
    let begin = Instant::now();
    let first = rig.send("+1", "first").await.expect("accepted").id;
    assert!(begin.elapsed() < Duration::from_millis(2_000));
    let begin = Instant::now();
    let second = rig.send("+1", "second").await.expect("accepted").id;
    assert!(
        begin.elapsed() < Duration::from_millis(100),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(spool.len(), 2);
    rig.store.come_back();
    until_drained(&spool).await;
    rig.until(first, "delivered").await;
    rig.until(second, "delivered").await;
    assert_eq!(rig.whatsapp.sent(), ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_fails_when_the_store_goes_is_taken_in_the_same_call() {
    for silent in [false, true] {
        let spool = MemorySpool::new(1 << 20);
        let rig = rig(&spool).await;
        // The people are looked up; then the commit meets a store that is gone, or says nothing
        // sure: there the message is in the store and in the spool.
        if silent {
            let lost = StoreError::Ambiguous("no answer to COMMIT".into());
            rig.store.fail_after_next(lost);
        } else {
            rig.store.fail_all(StoreError::Unreachable("gone".into()));
        }
        let id = rig.send("+1", "hello").await.expect("accepted").id;
        rig.store.heal();
        until_drained(&spool).await;
        rig.until(id, "delivered").await;
        assert_eq!(rig.whatsapp.sent(), ["hello"], "silent: {silent}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_the_store_itself_is_not_spooled() {
    let spool = MemorySpool::new(1 << 20);
    let rig = rig(&spool).await;
    for error in [
        StoreError::Full("no space".into()),
        StoreError::Unavailable("permission denied".into()),
    ] {
        rig.store.fail_all(error);
        let refused = rig.send("+1", "x").await;
        assert!(
            matches!(refused, Err(Refusal::Unavailable { away: false, .. })),
            "{refused:?}"
        );
        rig.store.heal();
    }
    assert_eq!(spool.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_key_means_one_message_in_the_spool_as_in_the_store() {
    let spool = MemorySpool::new(1 << 20);
    let rig = rig(&spool).await;
    let early = rig
        .engine
        .accept(with_key("early", "e", 1))
        .await
        .expect("accepted");
    rig.store.vanish();
    let accept = |new| rig.engine.accept(new);
    let known = accept(with_key("early", "e", 1)).await.expect("known");
    assert!(known.repeat && known.id == early.id && known.answer == early.answer);
    let first = accept(with_key("a", "k", 1)).await.expect("accepted");
    let (second, third) =
        tokio::join!(accept(with_key("a", "k", 1)), accept(with_key("a", "k", 1)));
    for again in [second, third] {
        let again = again.expect("known");
        assert!(again.repeat && again.id == first.id && again.answer == first.answer);
    }
    let other = accept(with_key("b", "k", 2)).await;
    assert!(matches!(other, Err(Refusal::KeyReused)), "{other:?}");
    assert_eq!(spool.len(), 1);
    rig.store.come_back();
    until_drained(&spool).await;
    let stored = accept(with_key("a", "k", 1)).await.expect("known");
    assert!(stored.repeat && stored.id == first.id && stored.answer == first.answer);
    rig.until(first.id, "delivered").await;
    assert_eq!(rig.whatsapp.sent(), ["early", "a"]);
}

#[tokio::test(start_paused = true)]
async fn at_the_bound_the_caller_is_told_and_nothing_more_is_kept() {
    let spool = MemorySpool::new(2_000);
    let rig = rig(&spool).await;
    rig.store.vanish();
    let mut ids = Vec::new();
    let refusal = loop {
        match rig.send("+1", "hello").await {
            Ok(Accepted { id, .. }) => ids.push(id),
            Err(refusal) => break refusal,
        }
    };
    let Refusal::Unavailable {
        retry_after_s, why, ..
    } = &refusal
    else {
        panic!("{refusal:?}");
    };
    assert!(*retry_after_s == 5 && why.contains("full"), "{refusal:?}");
    assert!(ids.len() > 3 && rig.engine.spool().expect("a spool").is_full);
    rig.store.come_back();
    until_drained(&spool).await;
    for id in &ids {
        rig.until(*id, "delivered").await;
    }
    assert_eq!(rig.whatsapp.sent().len(), ids.len());
}

#[tokio::test(start_paused = true)]
async fn a_webhook_is_taken_and_read_when_the_store_is_back_before_messages_are() {
    let (messages, webhooks) = (MemorySpool::new(1 << 20), MemorySpool::new(1 << 20));
    let store = Arc::new(MemoryStore::new());
    let rig = Rig::with_spool(store, messages.both(&webhooks), &Peers::default()).await;
    for silent in [false, true] {
        if silent {
            rig.store.fall_silent();
        } else {
            rig.store.vanish();
        }
        for n in 0..300 {
            let sent = rig.send(&format!("+{n}"), "x").await;
            sent.expect("accepted");
        }
        let hook = HookRequest {
            url: "http://x/?a=b".into(),
            headers: Vec::new(),
            body: Redacted::new(Bytes::from_static(b"{}")),
        };
        let taken = rig.engine.take_hook(ChannelKind::SMS, hook).await;
        taken.expect("is kept");
        assert_eq!((webhooks.len(), messages.len()), (1, 300));
        let read = rig.sms.read_count();
        rig.store.come_back();
        until_drained(&messages).await;
        until("it is read", || rig.sms.read_count() > read).await;
        assert!(webhooks.first_drained() < messages.first_drained());
    }
}

#[tokio::test(start_paused = true)]
async fn questions_are_passed_over_while_the_store_is_away() {
    let spool = MemorySpool::new(1 << 20);
    let rig = rig(&spool).await;
    let ask = || rig.engine.look(rig.store.contact(ContactId(1)));
    assert_eq!(ask().await.expect("an answer"), Some(None));
    rig.store.fall_silent();
    let begin = Instant::now();
    assert_eq!(ask().await.expect("none"), None);
    assert!(begin.elapsed() <= Duration::from_millis(1_000));
    let begin = Instant::now();
    assert_eq!(ask().await.expect("none"), None);
    assert_eq!(begin.elapsed(), Duration::ZERO, "it is known now");
    let id = rig.send("+1", "hello").await.expect("accepted").id;
    rig.store.come_back();
    until_drained(&spool).await;
    rig.until(id, "delivered").await;
    assert_eq!(ask().await.expect("an answer"), Some(None));
}
