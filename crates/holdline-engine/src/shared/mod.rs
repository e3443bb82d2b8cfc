//! What the engine's loops have in common: ports, queues, and what is shown to others.

pub(crate) mod batcher;
pub(crate) mod counts;
pub(crate) mod endpoints;
pub(crate) mod stop;
pub(crate) mod storing;
pub(crate) mod taken;

use crate::cluster::Held;
use crate::config::EngineConfig;
use crate::driver::event::Event;
use crate::ports::cluster::{Lease, Partition, Partitions};
use crate::ports::records::RawInbound;
use crate::ports::{Channel, Clock, Hook, Ids, Library, Renderer, Spools, Store};
use crate::request::{Check, RouteStatus, Totals};
use crate::shared::batcher::Batcher;
use crate::shared::counts::CountsCell;
use crate::shared::endpoints::Endpoints;
use crate::shared::stop::Stop;
use crate::shared::storing::Storing;
use crate::shared::taken::TakenLog;
use crate::spool::Spooling;
use holdline_core::{ChannelKind, Timestamp};
use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::{Notify, mpsc};

/// Routes are shown, and totals counted, at most this often.
const ROUTES_EVERY_MS: i64 = 50;
const TOTALS_EVERY_MS: i64 = 500;
/// Distinct app and sender names kept in memory.
const WORDS_MAX: usize = 10_000;

/// Everything the engine is built from.
pub struct Ports {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub channels: Vec<Arc<dyn Channel>>,
    pub library: Arc<dyn Library>,
    pub hook: Arc<dyn Hook>,
    pub renderer: Arc<dyn Renderer>,
    /// Where what comes in is kept while the store is away; `None` where the store is this
    /// machine's own.
    pub spool: Option<Spools>,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ports")
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}

pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) channels: BTreeMap<ChannelKind, Arc<dyn Channel>>,
    pub(crate) library: Arc<dyn Library>,
    pub(crate) hook: Arc<dyn Hook>,
    pub(crate) renderer: Arc<dyn Renderer>,
    pub(crate) config: EngineConfig,
    pub(crate) batcher: Batcher,
    pub(crate) mailbox: mpsc::Sender<Event>,
    pub(crate) raw_queue: mpsc::Sender<RawInbound>,
    /// The raw queue was full: what did not fit is found in the store.
    pub(crate) raw_overflow: AtomicBool,
    pub(crate) raw_wake: Notify,
    /// When the oldest webhook came that is being read; the end of time when none is.
    unread_since: AtomicI64,
    /// Other nodes may have handed something over.
    pub(crate) handoff_wake: Notify,
    /// What this node holds; empty and of no meaning where there is only one.
    held: RwLock<Arc<Held>>,
    /// Partitions of other nodes that have as many open messages as they may.
    crowded: AtomicU64,
    pub(crate) endpoints: Endpoints,
    pub(crate) taken: TakenLog,
    pub(crate) hooks_wake: Notify,
    pub(crate) stop: Stop,
    pub(crate) counts: CountsCell,
    pub(crate) template_wishes: mpsc::Sender<String>,
    /// Numbers whose owner asked for help by SMS.
    pub(crate) help_wishes: mpsc::Sender<String>,
    pub(crate) checks: mpsc::Sender<Check>,
    routes: RwLock<Vec<RouteStatus>>,
    totals: RwLock<Totals>,
    routes_at: AtomicI64,
    totals_at: AtomicI64,
    turned_at: AtomicI64,
    open: AtomicUsize,
    pub(crate) storing: Storing,
    pub(crate) spooling: Option<Spooling>,
    words: Mutex<HashSet<Arc<str>>>,
}

/// The sending ends that the shared part keeps.
pub(crate) struct Queues {
    pub(crate) batcher: Batcher,
    pub(crate) mailbox: mpsc::Sender<Event>,
    pub(crate) raw_queue: mpsc::Sender<RawInbound>,
    pub(crate) template_wishes: mpsc::Sender<String>,
    pub(crate) help_wishes: mpsc::Sender<String>,
    pub(crate) checks: mpsc::Sender<Check>,
}

impl Shared {
    pub(crate) fn new(
        ports: Ports,
        config: EngineConfig,
        queues: Queues,
        (endpoints, spooling): (Endpoints, Option<Spooling>),
    ) -> Self {
        let now = ports.clock.now();
        Self {
            store: ports.store,
            clock: ports.clock,
            ids: ports.ids,
            channels: ports.channels.into_iter().map(|c| (c.kind(), c)).collect(),
            library: ports.library,
            hook: ports.hook,
            renderer: ports.renderer,
            config,
            batcher: queues.batcher,
            mailbox: queues.mailbox,
            raw_queue: queues.raw_queue,
            raw_overflow: AtomicBool::new(true),
            raw_wake: Notify::new(),
            unread_since: AtomicI64::new(Timestamp::MAX.0),
            handoff_wake: Notify::new(),
            held: RwLock::default(),
            crowded: AtomicU64::new(Partitions::NONE.0),
            endpoints,
            taken: TakenLog::default(),
            hooks_wake: Notify::new(),
            stop: Stop::default(),
            counts: CountsCell::default(),
            template_wishes: queues.template_wishes,
            help_wishes: queues.help_wishes,
            checks: queues.checks,
            routes: RwLock::default(),
            totals: RwLock::default(),
            routes_at: AtomicI64::new(-ROUTES_EVERY_MS),
            totals_at: AtomicI64::new(-TOTALS_EVERY_MS),
            turned_at: AtomicI64::new(now.0),
            open: AtomicUsize::new(0),
            storing: Storing::default(),
            spooling,
            words: Mutex::default(),
        }
    }

    /// One copy of a name that a million deliveries repeat.
    pub(crate) fn word(&self, text: &str) -> Arc<str> {
        let mut words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = words.get(text) {
            return Arc::clone(known);
        }
        let word: Arc<str> = text.into();
        if words.len() < WORDS_MAX {
            words.insert(Arc::clone(&word));
        }
        word
    }

    /// Webhooks that could not be worked off are read from the store again.
    pub(crate) fn read_raw_again(&self) {
        self.raw_overflow.store(true, Ordering::SeqCst);
        self.raw_wake.notify_one();
    }

    pub(crate) fn set_unread_since(&self, oldest: Timestamp) {
        self.unread_since.store(oldest.0, Ordering::SeqCst);
    }

    /// When the oldest webhook came that is being read, if one is.
    pub(crate) fn unread_since(&self) -> Option<Timestamp> {
        let since = Timestamp(self.unread_since.load(Ordering::SeqCst));
        (since < Timestamp::MAX).then_some(since)
    }

    /// Receipts are on their way from the spool: that one is missing says nothing.
    pub(crate) fn webhooks_lag(&self) -> bool {
        let spooling = self.spooling.as_ref();
        spooling.is_some_and(|it| it.webhooks.waits())
    }

    pub(crate) fn held(&self) -> Arc<Held> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&held)
    }

    pub(crate) fn set_held(&self, held: Held) {
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(held);
    }

    /// Whether this node has to do what comes with this lease.
    pub(crate) fn holds(&self, lease: Lease) -> bool {
        self.config.cluster.is_none() || self.held().has(lease)
    }

    pub(crate) fn owns(&self, partition: Partition) -> bool {
        self.holds(Lease::Partition(partition))
    }

    /// The partitions that this node drives.
    pub(crate) fn owned(&self) -> Partitions {
        match self.config.cluster {
            Some(_) => self.held().partitions(),
            None => Partitions::ALL,
        }
    }

    pub(crate) fn set_crowded(&self, partitions: Partitions) {
        self.crowded.store(partitions.0, Ordering::Relaxed);
    }

    /// Whether the node that drives this partition can take no more.
    pub(crate) fn is_crowded(&self, partition: Partition) -> bool {
        Partitions(self.crowded.load(Ordering::Relaxed)).has(partition)
    }

    pub(crate) fn publish(&self, open: usize, now: Timestamp) {
        self.open.store(open, Ordering::Relaxed);
        self.turned_at.store(now.0, Ordering::Relaxed);
    }

    pub(crate) fn wants_routes(&self, now: Timestamp) -> bool {
        is_due(&self.routes_at, now, ROUTES_EVERY_MS)
    }

    /// Something about them changed that nobody may miss.
    pub(crate) fn routes_changed(&self) {
        self.routes_at.store(i64::MIN / 2, Ordering::Relaxed);
    }

    pub(crate) fn publish_routes(&self, routes: Vec<RouteStatus>) {
        *self.routes.write().unwrap_or_else(PoisonError::into_inner) = routes;
    }

    pub(crate) fn wants_totals(&self, now: Timestamp) -> bool {
        is_due(&self.totals_at, now, TOTALS_EVERY_MS)
    }

    pub(crate) fn publish_totals(&self, totals: Totals) {
        *self.totals.write().unwrap_or_else(PoisonError::into_inner) = totals;
    }

    pub(crate) fn routes(&self) -> Vec<RouteStatus> {
        self.routes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn totals(&self) -> Totals {
        self.totals
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// When the driver last ended a turn.
    pub(crate) fn turned_at(&self) -> Timestamp {
        Timestamp(self.turned_at.load(Ordering::Relaxed))
    }
}

/// True once for each interval; a clock that went back begins anew.
fn is_due(last: &AtomicI64, now: Timestamp, every_ms: i64) -> bool {
    let passed = now.0.saturating_sub(last.load(Ordering::Relaxed));
    let due = !(0..every_ms).contains(&passed);
    if due {
        last.store(now.0, Ordering::Relaxed);
    }
    due
}
