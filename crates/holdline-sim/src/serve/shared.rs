//! What the sandbox's tasks share: the world behind a lock, the clock, the timers, the way to
//! stop. Performs the effects of every call to the world.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::timers::Timers;
use crate::hooks::Post;
use crate::outage::{OutageError, OutageId, OutageOrder, Provider};
use crate::world::World;

#[derive(Debug)]
pub(crate) struct Shared {
    world: Mutex<World>,
    clock: Clock,
    pub(crate) timers: Timers,
    posts: mpsc::Sender<Post>,
    /// Counts changes of the outages, so that waiting tasks look again.
    changes: watch::Sender<u64>,
    stop: CancellationToken,
    tasks: TaskTracker,
    pub(crate) hang_max_ms: u64,
}

/// Wall time at the start, moved on by the monotonic clock.
#[derive(Debug)]
struct Clock {
    started_ms: u64,
    started: Instant,
}

impl Shared {
    pub(crate) fn new(world: World, posts: mpsc::Sender<Post>, hang_max_ms: u64) -> Self {
        Self {
            world: Mutex::new(world),
            clock: Clock::new(),
            timers: Timers::default(),
            posts,
            changes: watch::Sender::new(0),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            hang_max_ms,
        }
    }

    /// Calls the world with the present time and performs what it asks for.
    pub(crate) fn with<T>(&self, call: impl FnOnce(&mut World, u64) -> T) -> T {
        let now_ms = self.now_ms();
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let result = call(&mut world, now_ms);
        let effects = world.take_effects();
        drop(world);
        self.timers.add(effects.timers);
        for post in effects.posts {
            self.hand_to_courier(post);
        }
        result
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    pub(crate) fn start_outage(&self, order: OutageOrder) -> Result<OutageId, OutageError> {
        let started = self.with(|world, now_ms| world.start_outage(order, now_ms));
        self.changes.send_modify(|count| *count += 1);
        started
    }

    pub(crate) fn stop_outage(&self, id: OutageId) -> bool {
        let stopped = self.with(|world, now_ms| world.stop_outage(id, now_ms));
        self.changes.send_modify(|count| *count += 1);
        stopped
    }

    /// Waits while an outage leaves requests of this provider without an answer, at most the
    /// longest hang.
    pub(crate) async fn while_hanging(&self, provider: Provider) {
        let limit = Duration::from_millis(self.hang_max_ms);
        let hangs = self.while_so(|world| world.is_hanging(provider));
        if tokio::time::timeout(limit, hangs).await.is_err() {
            tracing::debug!("an unanswered request reached its longest time");
        }
    }

    /// Waits as long as this holds, looking again whenever an outage starts or ends.
    pub(crate) async fn while_so(&self, holds: impl Fn(&World) -> bool) {
        let mut changes = self.changes.subscribe();
        while self.with(|world, _| holds(world)) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    pub(crate) fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
    }

    pub(crate) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    pub(crate) async fn ended(&self) {
        self.tasks.wait().await;
    }

    /// The queue holds as many posts as the world may have waiting, so it is full only when the
    /// courier is gone; then the post counts as unanswered.
    fn hand_to_courier(&self, post: Post) {
        if let Err(error) = self.posts.try_send(post) {
            tracing::debug!(%error, "a webhook could not be queued");
        }
    }
}

impl Clock {
    fn new() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let started_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        Self {
            started_ms,
            started: Instant::now(),
        }
    }

    fn now_ms(&self) -> u64 {
        let passed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.started_ms.saturating_add(passed)
    }
}
