//! Performs committed attempts of one sender against its channel, and reports every outcome. Holds
//! as many at once as the sender's gate lets out; a hanging provider fills only its own slots.

use crate::driver::event::{Event, OutcomeEvent, Work};
use crate::ports::Channel;
use crate::ports::channel::Dispatch;
use crate::shared::Shared;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use holdline_core::message::{Fault, FaultClass, Outcome};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::mpsc;

/// To be run by one task per sender.
pub struct Worker {
    shared: Arc<Shared>,
    sender: String,
    channel: Arc<dyn Channel>,
    queue: mpsc::Receiver<Work>,
    slots: usize,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker")
            .field("sender", &self.sender)
            .finish_non_exhaustive()
    }
}

impl Worker {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        sender: String,
        channel: Arc<dyn Channel>,
        queue: mpsc::Receiver<Work>,
        slots: usize,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            sender,
            channel,
            queue,
            slots,
        }
    }

    /// Runs until the driver is gone and the last attempt has ended.
    ///
    /// Attempts are polled in every wait: one that was handed a connection or a lock while nobody
    /// polls it would keep it from everybody else.
    pub async fn run(mut self) {
        let mut under_way: FuturesUnordered<BoxFuture<'static, Event>> = FuturesUnordered::new();
        let mut ended: VecDeque<Event> = VecDeque::new();
        let mut open = true;
        while open || !under_way.is_empty() || !ended.is_empty() {
            let room = under_way.len() + ended.len() < self.slots;
            // What has ended first: it is bounded by the slots, so new work always gets its turn.
            tokio::select! {
                biased;
                place = self.shared.mailbox.reserve(), if !ended.is_empty() => match place {
                    Ok(place) => {
                        if let Some(event) = ended.pop_front() {
                            place.send(event);
                        }
                    }
                    Err(_) => return,
                },
                Some(event) = under_way.next(), if !under_way.is_empty() => ended.push_back(event),
                work = self.queue.recv(), if open && room => match work {
                    Some(work) => under_way.push(self.start(work)),
                    None => open = false,
                },
            }
        }
    }

    fn start(&self, work: Work) -> BoxFuture<'static, Event> {
        let channel = Arc::clone(&self.channel);
        let shared = Arc::clone(&self.shared);
        let sender = self.sender.clone();
        match work {
            Work::Send {
                route,
                started_at,
                dispatch,
            } => Box::pin(async move {
                let outcome = send(&shared, &*channel, &dispatch).await;
                shared.counts.attempt(channel.kind(), &outcome);
                Event::Outcome(Box::new(OutcomeEvent {
                    key: dispatch.key,
                    route,
                    started_at: Some(started_at),
                    outcome,
                    channel: dispatch.hop.channel,
                    address: dispatch.hop.address.clone(),
                }))
            }),
            Work::Probe { number } => Box::pin(async move {
                let outcome = channel.probe(&sender).await;
                Event::Probed { number, outcome }
            }),
        }
    }
}

/// A channel ends an attempt within its own time-out; should it not, this does, so that no slot is
/// ever lost.
async fn send(shared: &Shared, channel: &dyn Channel, dispatch: &Dispatch) -> Outcome {
    let latest = shared
        .clock
        .now()
        .plus_ms(shared.config.policy.in_flight_max_ms);
    let outcome = tokio::select! {
        biased;
        outcome = channel.send(dispatch, &*shared.library) => outcome,
        () = shared.clock.sleep_until(latest) => {
            let words = "the channel gave no outcome in time";
            Outcome::Unknown(Fault::new(FaultClass::Platform, "no_outcome", words))
        }
    };
    tracing::debug!(
        message = %dispatch.key.message, attempt = dispatch.key.number,
        channel = %channel.kind(), outcome = outcome.name(), "attempt ended"
    );
    outcome
}
