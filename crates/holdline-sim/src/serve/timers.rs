//! Keeps the world's timers and hands each event back at its time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::shared::Shared;
use crate::world::Event;

/// Events handed back under one lock of the world.
const BATCH_MAX: usize = 256;
/// Longest sleep when there is nothing to wait for.
const IDLE_MS: u64 = 60_000;

#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: Mutex<Heap>,
    added: Notify,
}

#[derive(Debug, Default)]
struct Heap {
    due: BinaryHeap<Timer>,
    last: u64,
}

#[derive(Debug)]
struct Timer {
    at_ms: u64,
    order: u64,
    event: Event,
}

impl Timers {
    pub(crate) fn add(&self, timers: Vec<(u64, Event)>) {
        if timers.is_empty() {
            return;
        }
        let mut heap = self.heap.lock().unwrap_or_else(PoisonError::into_inner);
        for (at_ms, event) in timers {
            heap.last += 1;
            let order = heap.last;
            heap.due.push(Timer {
                at_ms,
                order,
                event,
            });
        }
        drop(heap);
        self.added.notify_one();
    }

    /// Events whose time has come, or how long until the next one.
    fn take(&self, now_ms: u64) -> Result<Vec<Event>, u64> {
        let mut heap = self.heap.lock().unwrap_or_else(PoisonError::into_inner);
        let mut events = Vec::new();
        while events.len() < BATCH_MAX && heap.due.peek().is_some_and(|t| t.at_ms <= now_ms) {
            events.extend(heap.due.pop().map(|timer| timer.event));
        }
        if events.is_empty() {
            return Err(heap
                .due
                .peek()
                .map_or(IDLE_MS, |timer| timer.at_ms - now_ms));
        }
        Ok(events)
    }
}

/// Runs until the sandbox stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        match shared.timers.take(shared.now_ms()) {
            Ok(events) => {
                shared.with(|world, now_ms| events.into_iter().for_each(|e| world.fire(e, now_ms)));
                tokio::task::yield_now().await;
            }
            Err(wait_ms) => tokio::select! {
                () = shared.stopped() => return,
                () = shared.timers.added.notified() => {}
                () = tokio::time::sleep(Duration::from_millis(wait_ms)) => {}
            },
        }
    }
}

impl Ord for Timer {
    /// The earliest is the greatest, so that the heap gives it first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at_ms, other.order).cmp(&(self.at_ms, self.order))
    }
}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Timer {}
