//! All that a run is played on: tasks and time, providers with their people, the disk, the nodes.
//! What happens is told to the chronicle here, and only here.

use super::chronicle::{Chronicle, Wrong};
use super::exec::{Exec, Owner, WORLD};
use super::facts::Fact;
use super::sabotage::Sabotage;
use super::script::{Between, Script};
use super::weather::{Way, Weather};
use crate::outage::Provider;
use crate::world::{Event, World};
use futures_util::FutureExt as _;
use holdline_channels::whatsapp::wire::ids::parse_opaque;
use holdline_core::{AttemptKey, ChannelKind, MessageId, Timestamp};
use holdline_engine::memory::MemoryStore;
use holdline_engine::ports::store::PAGE_MAX;
use holdline_engine::ports::{Partitions, Store as _};
use holdline_engine::{Engine, EngineConfig};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// True time at the beginning of every run, in milliseconds since 1970.
pub(crate) const EPOCH_MS: u64 = 1_767_225_600_000;
/// New rows of the providers' ledger taken at a time.
const ROWS_MAX: usize = 10_000;

/// One node: what is left of it when its process dies.
#[derive(Default)]
pub(crate) struct Slot {
    pub(crate) engine: Option<Engine>,
    pub(crate) owner: Option<Owner>,
    /// A stop was asked for.
    pub(crate) stopping: bool,
    pub(crate) lives: u32,
}

pub(crate) struct Stage {
    pub(crate) exec: Arc<Exec>,
    pub(crate) script: Script,
    pub(crate) config: EngineConfig,
    pub(crate) sabotage: Sabotage,
    pub(crate) disk: Arc<MemoryStore>,
    /// By how much each node's clock goes wrong.
    pub(crate) skews_ms: Vec<Arc<AtomicI64>>,
    /// Requests of apps that are not settled yet.
    pub(crate) asking: AtomicUsize,
    pub(crate) clocks_jumped: AtomicUsize,
    world: Mutex<World>,
    weather: Mutex<Weather>,
    chronicle: Mutex<Chronicle>,
    slots: Vec<Mutex<Slot>>,
    ledger_seen: Mutex<u64>,
}

impl Stage {
    pub(crate) fn new(
        exec: Arc<Exec>,
        script: Script,
        (config, sabotage): (EngineConfig, Sabotage),
        world: World,
        chronicle: Chronicle,
    ) -> Self {
        let nodes = script.nodes.max(1);
        Self {
            exec,
            config,
            sabotage,
            disk: Arc::new(MemoryStore::new()),
            skews_ms: (0..nodes).map(|_| Arc::default()).collect(),
            asking: AtomicUsize::new(0),
            clocks_jumped: AtomicUsize::new(0),
            world: Mutex::new(world),
            weather: Mutex::new(Weather::new(script.seed)),
            chronicle: Mutex::new(chronicle),
            slots: (0..nodes).map(|_| Mutex::default()).collect(),
            ledger_seen: Mutex::new(0),
            script,
        }
    }

    /// Something happened.
    pub(crate) fn tell(&self, fact: &Fact) {
        if lock(&self.chronicle).add(self.exec.now_ms(), fact) {
            self.exec.pause();
        }
    }

    /// Something is wrong beyond what the checkers look at.
    pub(crate) fn blame(&self, invariant: &'static str, wrong: Wrong) {
        lock(&self.chronicle).blame(invariant, self.exec.now_ms(), wrong);
        self.exec.pause();
    }

    pub(crate) fn chronicle(&self) -> MutexGuard<'_, Chronicle> {
        lock(&self.chronicle)
    }

    pub(crate) fn weather(&self) -> MutexGuard<'_, Weather> {
        lock(&self.weather)
    }

    pub(crate) fn way(&self, between: Between, node: u8) -> Way {
        self.weather().way(between, node)
    }

    pub(crate) fn nodes(&self) -> u8 {
        u8::try_from(self.slots.len()).unwrap_or(u8::MAX)
    }

    pub(crate) fn slot(&self, node: u8) -> MutexGuard<'_, Slot> {
        lock(&self.slots[usize::from(node) % self.slots.len()])
    }

    /// True time since 1970.
    pub(crate) fn true_ms(&self) -> u64 {
        EPOCH_MS + self.exec.now_ms()
    }

    /// Time by a node's clock.
    pub(crate) fn node_time(&self, node: u8) -> Timestamp {
        let skew = self.skews_ms[usize::from(node) % self.skews_ms.len()].load(Ordering::SeqCst);
        let true_ms = i64::try_from(self.true_ms()).unwrap_or(i64::MAX);
        Timestamp(true_ms.saturating_add(skew))
    }

    /// Time by the store's clock, which is right.
    pub(crate) fn store_time(&self) -> Timestamp {
        Timestamp(i64::try_from(self.true_ms()).unwrap_or(i64::MAX))
    }

    /// Deliveries on the disk that have not ended; a page of them at most.
    pub(crate) fn open_on_disk(&self) -> usize {
        let (all, disk) = (Partitions::ALL, &self.disk);
        let under_way = disk.under_way(all, None, PAGE_MAX).now_or_never();
        let waiting = disk.count_waiting(all).now_or_never();
        under_way.and_then(Result::ok).map_or(0, |page| page.len())
            + waiting.and_then(Result::ok).unwrap_or(0)
    }

    /// A node that takes requests, drawn by who asks; none when all are down.
    pub(crate) fn some_node(&self, asker: &'static str) -> Option<(u8, Owner, Engine)> {
        let up: Vec<(u8, Owner, Engine)> = (0..self.nodes())
            .filter_map(|node| {
                let slot = self.slot(node);
                Some((node, slot.owner?, slot.engine.clone()?))
            })
            .collect();
        let last = up.len().checked_sub(1)? as u64;
        let at = self.weather().draws(asker, 0).up_to(last);
        up.into_iter().nth(usize::try_from(at).ok()?)
    }

    /// Lets the providers act, and performs what follows from it.
    pub(crate) fn with_world<T>(self: &Arc<Self>, act: impl FnOnce(&mut World, u64) -> T) -> T {
        let now_ms = self.true_ms();
        let (given, effects) = {
            let mut world = lock(&self.world);
            let given = act(&mut world, now_ms);
            (given, world.take_effects())
        };
        self.read_ledger();
        for (at_ms, event) in effects.timers {
            self.fire_later(at_ms.saturating_sub(now_ms), event);
        }
        for post in effects.posts {
            super::actors::courier::carry(self, post);
        }
        given
    }

    /// Looks at the providers without letting them act.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&World) -> T) -> T {
        at(&lock(&self.world))
    }

    fn fire_later(self: &Arc<Self>, wait_ms: u64, event: Event) {
        let stage = Arc::clone(self);
        self.exec.spawn(WORLD, async move {
            stage.exec.sleep(wait_ms).await;
            stage.with_world(|world, now_ms| world.fire(event, now_ms));
        });
    }

    fn read_ledger(&self) {
        let rows = {
            let mut seen = lock(&self.ledger_seen);
            let rows = lock(&self.world).ledger(*seen, ROWS_MAX);
            *seen = rows.last().map_or(*seen, |row| row.seq);
            rows
        };
        for row in rows {
            let key = row.opaque.as_deref().and_then(key_of);
            if let Some(key) = key {
                self.tell(&Fact::Reached {
                    key,
                    channel: channel_of(row.channel),
                    text: row.text,
                });
            }
        }
    }
}

/// The attempt that a provider was told about: in callback data, or in a callback's address.
fn key_of(opaque: &str) -> Option<AttemptKey> {
    let word = opaque.rsplit_once("k=").map_or(opaque, |(_, word)| word);
    let (message, number) = parse_opaque(word)?;
    Some(AttemptKey {
        message: MessageId(message),
        number,
    })
}

pub(crate) const fn channel_of(provider: Provider) -> ChannelKind {
    match provider {
        Provider::Whatsapp => ChannelKind::WHATSAPP,
        Provider::Sms => ChannelKind::SMS,
        Provider::Email => ChannelKind::EMAIL,
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
