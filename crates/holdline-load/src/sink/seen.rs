//! What came: which numbers and when, how often, how many calls there were. Never sees a socket.

use tokio::time::Instant;

#[derive(Debug)]
pub(crate) struct Seen {
    begun: Instant,
    /// Microseconds from the beginning to when each number first came; 0 for one that did not.
    came_us: Vec<u32>,
    /// Sends, whatever they were answered.
    pub(crate) calls: u64,
    /// Sends that were taken.
    pub(crate) taken: u64,
    pub(crate) doubled: u64,
    first: Option<Instant>,
    last: Option<Instant>,
    first_call: Option<Instant>,
    /// When calls came since [`watch`](Self::watch).
    watched: Option<Vec<Instant>>,
}

/// Calls that are watched at most.
const WATCHED_MAX: usize = 100_000;

impl Seen {
    /// For numbers below `count`.
    pub(super) fn new(count: usize) -> Self {
        Self {
            begun: Instant::now(),
            came_us: vec![0; count],
            calls: 0,
            taken: 0,
            doubled: 0,
            first: None,
            last: None,
            first_call: None,
            watched: None,
        }
    }

    pub(super) fn call(&mut self) {
        self.calls += 1;
        let now = Instant::now();
        self.first_call.get_or_insert(now);
        let watched = self.watched.as_mut();
        if let Some(watched) = watched.filter(|it| it.len() < WATCHED_MAX) {
            watched.push(now);
        }
    }

    /// Remembers when each call comes from now on.
    pub(crate) fn watch(&mut self) {
        self.watched = Some(Vec::new());
    }

    pub(crate) fn watched(&self) -> &[Instant] {
        self.watched.as_deref().unwrap_or_default()
    }

    /// Gives the place of it among all.
    pub(super) fn take(&mut self, number: Option<u64>) -> u64 {
        let now = Instant::now();
        self.first.get_or_insert(now);
        self.last = Some(now);
        self.taken += 1;
        let us = u32::try_from((now - self.begun).as_micros()).unwrap_or(u32::MAX);
        let place = number.and_then(|number| usize::try_from(number).ok());
        if let Some(came_us) = place.and_then(|place| self.came_us.get_mut(place)) {
            if *came_us == 0 {
                *came_us = us.max(1);
            } else {
                self.doubled += 1;
            }
        }
        self.taken
    }

    /// From now on the next one is the first.
    pub(crate) fn forget_first(&mut self) {
        self.first = None;
    }

    pub(crate) fn first(&self) -> Option<Instant> {
        self.first
    }

    pub(crate) fn last(&self) -> Option<Instant> {
        self.last
    }

    pub(crate) fn first_call(&self) -> Option<Instant> {
        self.first_call
    }

    /// When a number first came.
    pub(crate) fn came(&self, number: u64) -> Option<Instant> {
        let us = *self.came_us.get(usize::try_from(number).ok()?)?;
        (us > 0).then(|| self.begun + std::time::Duration::from_micros(u64::from(us)))
    }
}
