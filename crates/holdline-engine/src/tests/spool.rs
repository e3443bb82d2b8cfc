//! A store that goes away and comes back: all that was accepted meanwhile ends, once, in order,
//! under the ids that apps were told.

use super::rig::{Peers, Rig, message};
use crate::memory::MemoryStore;
use crate::ports::records::{EndpointForm, EndpointRecord};
use crate::ports::spool::{SpoolError, SpoolSize, Spooled};
use crate::ports::{Group, HookRequest, Op, Spool, Store, StoreError};
use crate::request::{Accepted, IdempotencyKey, NewMessage, Recipient, Refusal};
use async_trait::async_trait;
use bytes::Bytes;
use holdline_core::message::Priority;
use holdline_core::{ChannelKind, ContactId, MessageId, Redacted};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

const LIMIT: Duration = Duration::from_secs(600);

/// Keeps records as a disk would: they outlive the engine.
pub(super) struct MemorySpool {
    inner: Mutex<Inner>,
    bytes_max: u64,
}

#[derive(Default)]
struct Inner {
    records: Vec<Spooled>,
    next: u64,
    aside: u64,
    drained: Vec<u64>,
}

impl MemorySpool {
    fn new(bytes_max: u64) -> Arc<Self> {
        let inner = Mutex::default();
        Arc::new(Self { inner, bytes_max })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.inner.lock().expect("no panic"))
    }

    fn put(&self, record: &'static [u8]) {
        self.with(|it| it.put(Redacted::new(Bytes::from_static(record))));
    }

    fn len(&self) -> u64 {
        self.size().records
    }
}

impl Inner {
    fn put(&mut self, record: Redacted<Bytes>) -> u64 {
        self.next += 1;
        let place = self.next;
        self.records.push(Spooled { place, record });
        place
    }

    fn bytes(&self) -> u64 {
        let sizes = self.records.iter().map(|it| it.record.expose().len());
        sizes.sum::<usize>() as u64
    }
}

#[async_trait]
impl Spool for MemorySpool {
    async fn append(&self, record: Redacted<Bytes>) -> Result<u64, SpoolError> {
        // As a sync would, it takes a moment.
        tokio::time::sleep(Duration::from_millis(3)).await;
        self.with(|it| {
            if it.bytes() + record.expose().len() as u64 > self.bytes_max {
                return Err(SpoolError::Full(String::from("at its bound")));
            }
            Ok(it.put(record))
        })
    }

    async fn read(&self, after: Option<u64>, limit: usize) -> Result<Vec<Spooled>, SpoolError> {
        Ok(self.with(|it| {
            let behind = |one: &&Spooled| after.is_none_or(|after| one.place > after);
            it.records
                .iter()
                .filter(behind)
                .take(limit)
                .cloned()
                .collect()
        }))
    }

    async fn drained(&self, through: u64) -> Result<(), SpoolError> {
        self.with(|it| {
            it.records.retain(|one| one.place > through);
            it.drained.push(through);
        });
        Ok(())
    }

    async fn set_aside(&self, _: &Spooled) -> Result<(), SpoolError> {
        self.with(|it| it.aside += 1);
        Ok(())
    }

    fn size(&self) -> SpoolSize {
        self.with(|it| SpoolSize {
            records: it.records.len() as u64,
            bytes: it.bytes(),
            bytes_max: self.bytes_max,
            aside: it.aside,
        })
    }
}

async fn rig(spool: &Arc<MemorySpool>) -> Rig {
    let store = Arc::new(MemoryStore::new());
    Rig::with_spool(store, Arc::clone(spool) as _, &Peers::default()).await
}

async fn until(what: &str, is: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is() {
        assert!(begin.elapsed() < LIMIT, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Everything has left the spool.
async fn until_drained(spool: &MemorySpool) {
    until("the spool is drained", || spool.len() == 0).await;
}

fn with_key(text: &str, key: &str, hash: u8) -> NewMessage {
    let mut new = message("+1", text, Priority::Service);
    new.idempotency = Some(IdempotencyKey {
        key: key.into(),
        body_hash: [hash; 32],
    });
    new
}

async fn endpoint(store: &MemoryStore) {
    let record = EndpointRecord {
        id: "e".into(),
        app: "app".into(),
        form: EndpointForm::Standard,
        url: "http://app.example".into(),
        secret: Redacted::new("s".into()),
        verify_token: None,
        scope: "app".into(),
        fields: Vec::new(),
        created_at: holdline_core::Timestamp(0),
    };
    let groups = Arc::from([Group(vec![Op::Endpoint(record)])]);
    assert!(store.commit(groups).await.expect("commits")[0].is_ok());
}

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
    assert!(status.in_use && status.oldest_at.is_some() && !status.is_full());
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
async fn a_key_that_only_the_store_knows_makes_the_spooled_message_a_repeat_that_can_be_asked_for()
{
    let store = Arc::new(MemoryStore::new());
    let first = {
        let rig = Rig::on(Arc::clone(&store), Default::default()).await;
        let first = rig
            .engine
            .accept(with_key("a", "k", 1))
            .await
            .expect("accepted")
            .id;
        rig.until(first, "delivered").await;
        rig.crash().await;
        first
    };
    endpoint(&store).await;
    let spool = MemorySpool::new(1 << 20);
    let rig = Rig::with_spool(
        Arc::clone(&store),
        Arc::clone(&spool) as _,
        &Peers::default(),
    )
    .await;
    rig.store.vanish();
    let repeat = rig
        .engine
        .accept(with_key("a", "k", 1))
        .await
        .expect("accepted");
    assert!(!repeat.repeat && repeat.id != first);
    rig.store.come_back();
    until_drained(&spool).await;
    assert_eq!(rig.state(repeat.id).await, "delivered");
    let timeline = store.timeline(repeat.id).await.expect("reads");
    assert!(
        timeline.decisions[0].words.contains(&first.hex()),
        "{timeline:?}"
    );
    assert!(rig.whatsapp.sent().is_empty(), "nothing is sent again");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_store_knows_for_another_body_ends_the_spooled_message_as_failed() {
    let store = Arc::new(MemoryStore::new());
    let rig = Rig::on(Arc::clone(&store), Default::default()).await;
    rig.engine
        .accept(with_key("a", "k", 1))
        .await
        .expect("accepted");
    rig.crash().await;
    let spool = MemorySpool::new(1 << 20);
    let rig = Rig::with_spool(
        Arc::clone(&store),
        Arc::clone(&spool) as _,
        &Peers::default(),
    )
    .await;
    rig.store.vanish();
    let other = rig
        .engine
        .accept(with_key("b", "k", 2))
        .await
        .expect("accepted")
        .id;
    rig.store.come_back();
    until_drained(&spool).await;
    assert_eq!(rig.state(other).await, "failed");
    assert!(!rig.whatsapp.sent().contains(&String::from("b")));
}

#[tokio::test(start_paused = true)]
async fn what_the_intake_refuses_later_fails_with_a_reason_that_the_app_is_told() {
    let spool = MemorySpool::new(1 << 20);
    let rig = rig(&spool).await;
    endpoint(&rig.store).await;
    rig.engine.reload_endpoints().await.expect("reads");
    rig.store.vanish();
    let mut stranger = message("+1", "x", Priority::Service);
    stranger.to = Recipient::Contact(ContactId(404));
    let stranger = rig.engine.accept(stranger).await.expect("accepted").id;
    let mut unreachable = message("+1", "y", Priority::Service);
    unreachable.to = Recipient::Address {
        channel: ChannelKind::EMAIL,
        value: "a@b.example".into(),
    };
    let unreachable = rig.engine.accept(unreachable).await.expect("accepted").id;
    let fine = rig.send("+1", "fine").await.expect("accepted").id;
    rig.store.come_back();
    until_drained(&spool).await;
    rig.until(fine, "delivered").await;
    for (id, why) in [(stranger, "no such contact"), (unreachable, "no channel")] {
        assert_eq!(rig.state(id).await, "failed");
        let timeline = rig.store.timeline(id).await.expect("reads");
        let decision = &timeline.decisions[0];
        assert_eq!(decision.code, "spool_refused");
        assert!(decision.words.contains(why), "{}", decision.words);
    }
    until("both failures are told", || rig.told().len() >= 2).await;
    assert_eq!(rig.told()[..2], [stranger, unreachable]);
    assert_eq!(rig.whatsapp.sent(), ["fine"]);
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
    assert!(
        matches!(&refusal, Refusal::Unavailable { retry_after_s: 5, why, .. } if why.contains("full")),
        "{refusal:?}"
    );
    assert!(ids.len() > 3 && rig.engine.spool().expect("a spool").is_full());
    rig.store.come_back();
    until_drained(&spool).await;
    for id in &ids {
        rig.until(*id, "delivered").await;
    }
    assert_eq!(rig.whatsapp.sent().len(), ids.len());
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_moment_of_draining_sends_nothing_twice_and_loses_nothing() {
    for steps in 0..40 {
        let store = Arc::new(MemoryStore::new());
        let spool = MemorySpool::new(1 << 20);
        let peers = Peers::default();
        let rig = Rig::with_spool(Arc::clone(&store), Arc::clone(&spool) as _, &peers).await;
        store.vanish();
        let mut ids = Vec::new();
        for n in 0..20 {
            // Of bulk nothing is sent again after a crash: whatever leaves twice was drained twice.
            let (to, text) = (format!("+{}", n % 3), format!("m{n}"));
            let sent = rig.send_as(&to, &text, Priority::Bulk).await;
            ids.push(sent.expect("accepted").id);
        }
        store.come_back();
        tokio::time::sleep(Duration::from_millis(steps * 3)).await;
        rig.crash().await;
        // A drain that was cut off before it could forget what it had drained.
        let rig = Rig::with_spool(Arc::clone(&store), Arc::clone(&spool) as _, &peers).await;
        until_drained(&spool).await;
        let waiting = async |id| ["waiting", "in_flight"].contains(&rig.state(id).await);
        for id in ids {
            while waiting(id).await {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        let mut sent = peers.whatsapp.sent();
        sent.sort();
        sent.dedup();
        assert_eq!(
            (sent.len(), peers.whatsapp.sent().len()),
            (20, 20),
            "{steps}"
        );
        rig.crash().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_comes_again_after_its_message_has_ended_is_dropped() {
    let spool = MemorySpool::new(1 << 20);
    let rig = rig(&spool).await;
    rig.store.vanish();
    let id = rig.send("+1", "hello").await.expect("accepted").id;
    let record = spool.with(|it| it.records[0].record.clone());
    rig.store.come_back();
    until_drained(&spool).await;
    rig.until(id, "delivered").await;
    spool.with(|it| it.put(record));
    until_drained(&spool).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(rig.whatsapp.sent(), ["hello"]);
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_run_left_comes_first_and_its_keys_are_known() {
    let store = Arc::new(MemoryStore::new());
    let spool = MemorySpool::new(1 << 20);
    let peers = Peers::default();
    let rig = Rig::with_spool(Arc::clone(&store), Arc::clone(&spool) as _, &peers).await;
    store.vanish();
    let first = rig
        .engine
        .accept(with_key("old", "k", 1))
        .await
        .expect("accepted");
    rig.crash().await;
    store.come_back();
    let rig = Rig::with_spool(Arc::clone(&store), Arc::clone(&spool) as _, &peers).await;
    let new = rig.send("+1", "new").await.expect("accepted").id;
    let again = rig
        .engine
        .accept(with_key("old", "k", 1))
        .await
        .expect("known");
    assert!(again.repeat && again.id == first.id);
    until_drained(&spool).await;
    rig.until(new, "delivered").await;
    assert_eq!(rig.whatsapp.sent(), ["old", "new"]);
}

#[tokio::test(start_paused = true)]
async fn a_webhook_is_taken_and_read_when_the_store_is_back() {
    let spool = MemorySpool::new(1 << 20);
    let rig = rig(&spool).await;
    for silent in [false, true] {
        if silent {
            rig.store.fall_silent();
        } else {
            rig.store.vanish();
        }
        let hook = HookRequest {
            url: "http://x/?a=b".into(),
            headers: Vec::new(),
            body: Redacted::new(Bytes::from_static(b"{}")),
        };
        let taken = rig.engine.take_hook(ChannelKind::SMS, hook).await;
        taken.expect("is kept");
        assert_eq!(spool.len(), 1);
        let read = rig.sms.read_count();
        rig.store.come_back();
        until_drained(&spool).await;
        until("it is read", || rig.sms.read_count() > read).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_nothing_can_be_made_of_is_set_aside_and_holds_nobody_up() {
    let spool = MemorySpool::new(1 << 20);
    spool.put(b"of another time");
    let rig = rig(&spool).await;
    let id = rig.send("+1", "hello").await.expect("accepted").id;
    until_drained(&spool).await;
    rig.until(id, "delivered").await;
    assert_eq!((spool.len(), spool.size().aside), (0, 1));
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

#[tokio::test(start_paused = true)]
async fn of_several_nodes_each_drains_its_own_and_the_owner_sends() {
    let store = Arc::new(MemoryStore::new());
    let peers = Peers::default();
    let spools = [MemorySpool::new(1 << 20), MemorySpool::new(1 << 20)];
    let a = Rig::node_with_spool(&store, "a", &peers, Arc::clone(&spools[0]) as _).await;
    let b = Rig::node_with_spool(&store, "b", &peers, Arc::clone(&spools[1]) as _).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    store.vanish();
    let mut ids: Vec<MessageId> = Vec::new();
    for n in 0..30 {
        let node = if n % 2 == 0 { &a } else { &b };
        let sent = node.send(&format!("+{n}"), &format!("m{n}")).await;
        ids.push(sent.expect("accepted").id);
    }
    assert_eq!((spools[0].len(), spools[1].len()), (15, 15));
    store.come_back();
    until_drained(&spools[0]).await;
    until_drained(&spools[1]).await;
    for id in ids {
        a.until(id, "delivered").await;
    }
    let mut sent = peers.whatsapp.sent();
    sent.sort();
    sent.dedup();
    assert_eq!((sent.len(), peers.whatsapp.sent().len()), (30, 30));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_comes_and_goes_while_it_is_drained_gets_everything_once() {
    let spool = MemorySpool::new(1 << 20);
    let rig = rig(&spool).await;
    let mut ids = Vec::new();
    for round in 0..12_u64 {
        match round % 4 {
            0 => rig.store.vanish(),
            2 => rig.store.fall_silent(),
            _ => rig.store.come_back(),
        }
        for n in 0..30 {
            let sent = rig
                .send(&format!("+{}", n % 5), &format!("{round}/{n}"))
                .await;
            ids.push(sent.expect("accepted").id);
            tokio::time::sleep(Duration::from_millis(n * 3)).await;
        }
    }
    rig.store.come_back();
    until_drained(&spool).await;
    for id in &ids {
        rig.until(*id, "delivered").await;
    }
    let mut sent = rig.whatsapp.sent();
    assert_eq!(sent.len(), ids.len());
    for person in 0..5 {
        let of = |text: &String| {
            let (round, n) = text.split_once('/').expect("a slash");
            (
                round.parse::<u64>().expect("a number"),
                n.parse::<u64>().expect("a number"),
            )
        };
        let places: Vec<_> = sent
            .iter()
            .map(of)
            .filter(|(_, n)| n % 5 == person)
            .collect();
        assert!(places.is_sorted(), "{places:?}");
    }
    sent.sort();
    sent.dedup();
    assert_eq!(sent.len(), ids.len());
}
