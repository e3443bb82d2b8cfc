//! An engine with everything around it scripted.

use crate::config::{EngineConfig, HookPolicy, RouteConfig};
use crate::contract::NoLibrary;
use crate::memory::MemoryStore;
use crate::ports::channel::{HookRefusal, InboundReceipt};
use crate::ports::records::{EndpointRecord, EventKind, HookRecord, RawInbound};
use crate::ports::{
    Capabilities, Channel, Clock, Dispatch, Hook, HookOutcome, HookRequest, Ids, InboundItem,
    Library, Rendered, Renderer, Spools, Store, StoreError,
};
use crate::request::{Accepted, NewMessage, Recipient, Refusal};
use crate::{ClusterConfig, Engine, Ports};
use async_trait::async_trait;
use bytes::Bytes;
use holdline_core::health::{BoardConfig, Feature, Health};
use holdline_core::message::{
    Fault, FaultClass, Outcome, Priority, Progress, ReceiptKind, Success,
};
use holdline_core::routing::{GateConfig, Policy};
use holdline_core::{AttemptKey, ChannelKind, MessageId, Redacted, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// Virtual time: the test's runtime jumps when everything waits.
pub(super) struct TestClock(Instant);

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(i64::try_from(self.0.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    async fn sleep_until(&self, at: Timestamp) {
        tokio::time::sleep(Duration::from_millis(at.since_ms(self.now()))).await;
    }
}

#[derive(Default)]
struct Counting(AtomicU64);

impl Ids for Counting {
    fn id(&self, now: Timestamp) -> u128 {
        let count = self.0.fetch_add(1, Ordering::SeqCst);
        (u128::from(now.0.unsigned_abs()) << 64) | u128::from(count)
    }

    fn draw(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// What a channel does with the next attempts; `None` = never answers.
pub(super) type Script = Mutex<VecDeque<Option<Outcome>>>;

pub(super) struct FakeChannel {
    kind: ChannelKind,
    pub(super) script: Script,
    /// What it does when the script is empty.
    pub(super) usual: Mutex<Outcome>,
    pub(super) sent: Mutex<Vec<String>>,
    /// How long an answer takes.
    pub(super) takes_ms: AtomicU64,
    /// Receipts follow what was accepted: all that are owed come with the next webhook.
    confirms: bool,
    owed: Mutex<Vec<AttemptKey>>,
    /// Webhooks that were read.
    reads: AtomicU64,
}

impl std::fmt::Debug for FakeChannel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FakeChannel({})", self.kind)
    }
}

#[async_trait]
impl Channel for FakeChannel {
    fn kind(&self) -> ChannelKind {
        self.kind
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            best_receipt: match self.confirms {
                true => Success::Delivered,
                false => Success::Accepted,
            },
            inbound: self.confirms,
            probe: true,
        }
    }

    async fn send(&self, dispatch: &Dispatch, _: &dyn Library) -> Outcome {
        let body = String::from_utf8_lossy(dispatch.message.body.expose()).into_owned();
        self.sent.lock().expect("no panic").push(body);
        self.owed.lock().expect("no panic").push(dispatch.key);
        let takes = Duration::from_millis(self.takes_ms.load(Ordering::SeqCst));
        tokio::time::sleep(takes).await;
        let scripted = self.script.lock().expect("no panic").pop_front();
        match scripted {
            Some(Some(outcome)) => outcome,
            Some(None) => std::future::pending().await,
            None => self.usual.lock().expect("no panic").clone(),
        }
    }

    async fn probe(&self, _: &str) -> Outcome {
        self.usual.lock().expect("no panic").clone()
    }

    fn verify(&self, _: &HookRequest) -> Result<(), HookRefusal> {
        Ok(())
    }

    fn handshake(&self, _: &[(String, String)]) -> Option<Result<String, HookRefusal>> {
        None
    }

    fn read(&self, raw: &RawInbound) -> Result<Vec<InboundItem>, HookRefusal> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let owed = std::mem::take(&mut *self.owed.lock().expect("no panic"));
        let delivered = |key: AttemptKey| {
            InboundItem::Receipt(InboundReceipt {
                key: Some(key),
                provider_id: format!("{key:?}"),
                kind: ReceiptKind::Reached(Progress::Delivered),
                at: raw.received_at,
            })
        };
        Ok(owed.into_iter().map(delivered).collect())
    }

    async fn fetch(&self, _: &str, _: u64) -> Result<(String, Bytes), String> {
        Err(String::from("nothing to fetch"))
    }
}

/// Nobody to post to.
struct Nothing;

#[async_trait]
impl Hook for Nothing {
    async fn post(&self, _: &str, _: &[(String, String)], _: Bytes) -> HookOutcome {
        HookOutcome::Taken
    }
}

/// Remembers which failures were to be told, and tells nobody.
#[derive(Default)]
struct Told(Mutex<Vec<MessageId>>);

#[async_trait]
impl Renderer for Told {
    async fn render(
        &self,
        _: &EndpointRecord,
        hook: &HookRecord,
    ) -> Result<Option<Rendered>, StoreError> {
        if let EventKind::Failed { message, .. } = &hook.event.kind {
            self.0.lock().expect("no panic").push(*message);
        }
        Ok(None)
    }
}

/// The providers of several nodes, and when time began.
#[derive(Clone)]
pub(super) struct Peers {
    pub(super) whatsapp: Arc<FakeChannel>,
    pub(super) sms: Arc<FakeChannel>,
    begin: Instant,
}

impl Default for Peers {
    fn default() -> Self {
        Self {
            whatsapp: channel(ChannelKind::WHATSAPP, false),
            sms: channel(ChannelKind::SMS, false),
            begin: Instant::now(),
        }
    }
}

/// A running engine with two channels.
pub(super) struct Rig {
    pub(super) engine: Engine,
    pub(super) store: Arc<MemoryStore>,
    pub(super) whatsapp: Arc<FakeChannel>,
    pub(super) sms: Arc<FakeChannel>,
    told: Arc<Told>,
    driver: tokio::task::JoinSet<()>,
    tasks: tokio::task::JoinSet<()>,
}

pub(super) fn accepted() -> Outcome {
    Outcome::Accepted { provider_id: None }
}

pub(super) fn broken() -> Outcome {
    Outcome::Rejected(Fault::new(FaultClass::Platform, "2", "unavailable"))
}

pub(super) fn unknown() -> Outcome {
    Outcome::Unknown(Fault::new(FaultClass::Platform, "timeout", "no answer"))
}

fn channel(kind: ChannelKind, confirms: bool) -> Arc<FakeChannel> {
    Arc::new(FakeChannel {
        kind,
        script: Script::default(),
        usual: Mutex::new(accepted()),
        sent: Mutex::default(),
        takes_ms: AtomicU64::new(10),
        confirms,
        owed: Mutex::default(),
        reads: AtomicU64::new(0),
    })
}

impl Rig {
    pub(super) async fn start() -> Self {
        Self::on(Arc::new(MemoryStore::new()), GateConfig::default()).await
    }

    /// On a store that may hold something already.
    pub(super) async fn on(store: Arc<MemoryStore>, gate: GateConfig) -> Self {
        Self::run(store, config(gate), Peers::default(), 0).await
    }

    /// WhatsApp confirms what it delivers, when [`Self::confirm`] is called.
    pub(super) async fn with_receipts() -> Self {
        let peers = Peers {
            whatsapp: channel(ChannelKind::WHATSAPP, true),
            ..Peers::default()
        };
        let config = config(GateConfig::default());
        Self::run(Arc::default(), config, peers, 0).await
    }

    /// A webhook with every receipt that WhatsApp owes.
    pub(super) async fn confirm(&self) {
        let request = HookRequest {
            url: String::from("/hooks/whatsapp"),
            headers: Vec::new(),
            body: Redacted::new(Bytes::new()),
        };
        let taken = self.engine.take_hook(ChannelKind::WHATSAPP, request).await;
        taken.expect("taken");
    }

    /// The health of the route of a channel.
    pub(super) fn health(&self, channel: ChannelKind) -> Health {
        let routes = self.engine.routes();
        let route = routes.iter().find(|route| route.channel == channel);
        route.expect("a route").health
    }

    /// Keeps so few waiting messages in memory.
    pub(super) async fn with_window(store: Arc<MemoryStore>, window_max: usize) -> Self {
        let config = EngineConfig {
            window_max,
            ..config(GateConfig::default())
        };
        Self::run(store, config, Peers::default(), 0).await
    }

    /// One of several nodes on a store.
    pub(super) async fn node(store: &Arc<MemoryStore>, name: &str, peers: &Peers) -> Self {
        Self::node_with(store, name, peers, config(GateConfig::default())).await
    }

    /// One of several nodes, which takes so many open messages.
    pub(super) async fn small_node(
        store: &Arc<MemoryStore>,
        name: &str,
        peers: &Peers,
        open_messages_max: usize,
    ) -> Self {
        let config = EngineConfig {
            open_messages_max,
            ..config(GateConfig::default())
        };
        Self::node_with(store, name, peers, config).await
    }

    async fn node_with(
        store: &Arc<MemoryStore>,
        name: &str,
        peers: &Peers,
        mut config: EngineConfig,
    ) -> Self {
        let cluster = ClusterConfig::new(name.to_owned(), format!("http://{name}"));
        config.cluster = Some(cluster);
        let number = u64::from(name.as_bytes()[0]);
        Self::run(Arc::clone(store), config, peers.clone(), number << 32).await
    }

    /// With a spool for the time that the store is away.
    pub(super) async fn with_spool(store: Arc<MemoryStore>, spool: Spools, peers: &Peers) -> Self {
        static RUNS: AtomicU64 = AtomicU64::new(1);
        let ids = RUNS.fetch_add(1, Ordering::SeqCst) << 32;
        let config = config(GateConfig::default());
        Self::run_with(store, config, peers.clone(), ids, Some(spool)).await
    }

    pub(super) async fn node_with_spool(
        store: &Arc<MemoryStore>,
        name: &str,
        peers: &Peers,
        spool: Spools,
    ) -> Self {
        let mut config = config(GateConfig::default());
        let cluster = ClusterConfig::new(name.to_owned(), format!("http://{name}"));
        config.cluster = Some(cluster);
        let ids = u64::from(name.as_bytes()[0]) << 32;
        Self::run_with(Arc::clone(store), config, peers.clone(), ids, Some(spool)).await
    }

    async fn run(store: Arc<MemoryStore>, config: EngineConfig, peers: Peers, ids: u64) -> Self {
        Self::run_with(store, config, peers, ids, None).await
    }

    async fn run_with(
        store: Arc<MemoryStore>,
        config: EngineConfig,
        peers: Peers,
        ids: u64,
        spool: Option<Spools>,
    ) -> Self {
        let Peers {
            whatsapp,
            sms,
            begin,
        } = peers;
        let told = Arc::new(Told::default());
        let ports = Ports {
            store: Arc::clone(&store) as Arc<dyn Store>,
            clock: Arc::new(TestClock(begin)),
            ids: Arc::new(Counting(AtomicU64::new(ids))),
            channels: vec![Arc::clone(&whatsapp) as _, Arc::clone(&sms) as _],
            library: Arc::new(NoLibrary(Arc::new(TestClock(begin)))),
            hook: Arc::new(Nothing),
            renderer: Arc::clone(&told) as _,
            spool,
        };
        let (engine, loops) = Engine::start(ports, config).await.expect("starts");
        let (mut driver, mut tasks) = (tokio::task::JoinSet::new(), tokio::task::JoinSet::new());
        driver.spawn(loops.driver.run());
        tasks.spawn(loops.batch.run());
        tasks.spawn(loops.receive.run());
        tasks.spawn(loops.post.run());
        tasks.spawn(loops.cluster.run());
        tasks.spawn(loops.drain.run());
        loops
            .workers
            .into_iter()
            .for_each(|worker| drop(tasks.spawn(worker.run())));
        Self {
            engine,
            store,
            whatsapp,
            sms,
            told,
            driver,
            tasks,
        }
    }

    /// The process dies.
    pub(super) async fn crash(mut self) -> Arc<MemoryStore> {
        self.tasks.abort_all();
        self.driver.abort_all();
        self.tasks.shutdown().await;
        self.driver.shutdown().await;
        self.store
    }

    /// Failures of messages that apps were told of.
    pub(super) fn told(&self) -> Vec<MessageId> {
        self.told.0.lock().expect("no panic").clone()
    }

    /// Waits until the driver has ended.
    pub(super) async fn driver_ends(&mut self) {
        self.driver
            .join_next()
            .await
            .expect("a driver")
            .expect("no panic");
    }

    pub(super) async fn send(&self, to: &str, text: &str) -> Result<Accepted, Refusal> {
        self.send_as(to, text, Priority::Service).await
    }

    pub(super) async fn send_as(
        &self,
        to: &str,
        text: &str,
        priority: Priority,
    ) -> Result<Accepted, Refusal> {
        self.engine.accept(message(to, text, priority)).await
    }

    /// The state of a message in the store.
    pub(super) async fn state(&self, id: MessageId) -> &'static str {
        let stored = self.store.message(id).await.expect("reads").expect("known");
        stored.delivery.state.name()
    }

    /// Waits, in virtual time, until the store has the message in this state.
    pub(super) async fn until(&self, id: MessageId, wanted: &str) {
        for _ in 0..200_000 {
            if self.state(id).await == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{id} is {}, not {wanted}", self.state(id).await);
    }
}

impl FakeChannel {
    pub(super) fn read_count(&self) -> u64 {
        self.reads.load(Ordering::SeqCst)
    }

    pub(super) fn sent(&self) -> Vec<String> {
        self.sent.lock().expect("no panic").clone()
    }

    pub(super) fn next(&self, outcomes: impl IntoIterator<Item = Option<Outcome>>) {
        self.script.lock().expect("no panic").extend(outcomes);
    }

    pub(super) fn usually(&self, outcome: Outcome) {
        *self.usual.lock().expect("no panic") = outcome;
    }
}

pub(super) fn message(to: &str, text: &str, priority: Priority) -> NewMessage {
    NewMessage {
        feature: Feature::Session,
        app: String::from("app"),
        sender: String::from("1"),
        to: Recipient::Address {
            channel: ChannelKind::WHATSAPP,
            value: to.to_owned(),
        },
        to_input: to.to_owned(),
        kind: String::from("text"),
        body: Bytes::from(text.to_owned()),
        opaque: None,
        priority,
        duplicate_rule: None,
        data_class: None,
        expires_at: None,
        hops: None,
        idempotency: None,
        answer: Arc::new(|facts| Bytes::from(facts.id.hex())),
    }
}

fn config(gate: GateConfig) -> EngineConfig {
    let route = |channel, sender: &str| RouteConfig {
        channel,
        sender: sender.to_owned(),
        gate,
    };
    EngineConfig {
        policy: Policy::default(),
        order: vec![ChannelKind::WHATSAPP, ChannelKind::SMS],
        receipt_wait_ms: [30_000, 60_000, 900_000, 900_000],
        expiry_ms: [3_600_000; 4],
        open_messages_max: 10_000,
        window_max: 1_000,
        routes: vec![
            route(ChannelKind::WHATSAPP, "1"),
            route(ChannelKind::SMS, "sms"),
        ],
        board: BoardConfig {
            hold_down_ms: 1_000,
            ..BoardConfig::default()
        },
        sms_from_whatsapp: true,
        sms_help_text: None,
        wabas: BTreeMap::new(),
        app_senders: BTreeMap::new(),
        key_kept_ms: 7 * 86_400_000,
        hooks: HookPolicy::default(),
        cluster: None,
    }
}
