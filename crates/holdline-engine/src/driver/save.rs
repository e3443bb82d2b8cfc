//! The end of a turn: one commit, then answers to callers and work to performers. When the store
//! refuses, new messages are refused and everything else is tried again until it is saved.

use super::Driver;
use super::event::{Event, OutcomeEvent, Work};
use super::turn::{Pending, Planned, Reply, Turn, refusal_of};
use crate::ports::channel::Dispatch;
use crate::ports::ops::{AttemptEnd, GroupResult, Groups};
use crate::ports::records::MessageRecord;
use crate::ports::{Group, StoreError};
use crate::request::{Accepted, Refusal};
use holdline_core::message::{Fault, FaultClass, Outcome, ThrottleScope};
use holdline_core::{AttemptKey, MessageId, Redacted, Timestamp};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Pause before a refused commit is tried again: doubled from the first to the last.
const RETRY_FIRST_MS: u64 = 50;
const RETRY_LAST_MS: u64 = 2_000;

impl Driver {
    pub(super) async fn finish(&mut self, mut turn: Turn) {
        if turn.groups.is_empty() {
            return give(turn.replies);
        }
        let groups: Groups = std::mem::take(&mut turn.groups).into();
        match self.shared.store.commit(Arc::clone(&groups)).await {
            Ok(results) => self.answer(&mut turn, &results),
            Err(error) => {
                let rest = self.refuse_pending(&mut turn, &groups, &error);
                if !self.save_stubbornly(rest).await {
                    return;
                }
            }
        }
        give(turn.replies);
        if turn.hooks {
            self.shared.hooks_wake.notify_one();
        }
        self.perform(turn.sends).await;
    }

    fn answer(&mut self, turn: &mut Turn, results: &[GroupResult]) {
        for pending in std::mem::take(&mut turn.pending) {
            let Pending {
                id,
                group,
                answer,
                reply,
            } = pending;
            match results.get(group).cloned().unwrap_or(Ok(())) {
                Ok(()) => {
                    self.shared.counts.accepted();
                    let _ = reply.send(Ok(Accepted {
                        id,
                        answer,
                        repeat: false,
                    }));
                }
                Err(conflict) => {
                    self.undo(id, &mut turn.sends);
                    let _ = reply.send(refusal_of(conflict));
                }
            }
        }
    }

    /// Nothing was written: callers are told so, and their messages are forgotten.
    fn refuse_pending(&mut self, turn: &mut Turn, groups: &Groups, error: &StoreError) -> Groups {
        tracing::error!(%error, "the store refused a commit");
        let refused: HashSet<usize> = turn.pending.iter().map(|pending| pending.group).collect();
        for pending in std::mem::take(&mut turn.pending) {
            self.undo(pending.id, &mut turn.sends);
            let _ = pending.reply.send(Err(Refusal::from(error.clone())));
        }
        let rest: Vec<Group> = groups
            .iter()
            .enumerate()
            .filter(|(at, _)| !refused.contains(at))
            .map(|(_, group)| group.clone())
            .collect();
        rest.into()
    }

    /// False when the engine was stopped before the store came back: nothing may be performed.
    async fn save_stubbornly(&mut self, groups: Groups) -> bool {
        let mut pause_ms = RETRY_FIRST_MS;
        while !groups.is_empty() {
            if self.shared.store.commit(Arc::clone(&groups)).await.is_ok() {
                break;
            }
            self.shared.set_store_failing(true);
            if self.shared.stop.is_stopped() {
                return false;
            }
            let now = self.shared.clock.now();
            self.shared.clock.sleep_until(now.plus_ms(pause_ms)).await;
            pause_ms = (pause_ms * 2).min(RETRY_LAST_MS);
        }
        self.shared.set_store_failing(false);
        true
    }

    /// A message that was not kept after all, and the attempt planned for it.
    fn undo(&mut self, id: MessageId, sends: &mut Vec<Planned>) {
        sends.retain(|planned| {
            if planned.id == id {
                self.routes.get(self.route_of(id, planned.hop)).give_back();
            }
            planned.id != id
        });
        self.book.remove(id, &mut self.routes);
    }

    async fn perform(&mut self, sends: Vec<Planned>) {
        let mut records = self.records_of(&sends).await;
        for Planned { id, number, hop } in sends {
            let ix = self.route_of_planned(id, hop, records.get(&id));
            let key = AttemptKey {
                message: id,
                number,
            };
            let Some(record) = records.get_mut(&id).map(|record| Arc::clone(record)) else {
                self.not_performed(key, ix, "store_read").await;
                continue;
            };
            let Some(planned) = record.plan.get(usize::from(hop)).cloned() else {
                continue;
            };
            let dispatch = Box::new(Dispatch {
                key,
                message: record,
                hop: planned,
            });
            if self.hand_out(ix, Work::Send(dispatch)).is_err() {
                self.not_performed(key, ix, "no_performer").await;
            }
        }
    }

    fn route_of_planned(
        &mut self,
        id: MessageId,
        hop: u8,
        record: Option<&Arc<MessageRecord>>,
    ) -> holdline_core::routing::RouteIx {
        match record.and_then(|record| record.plan.get(usize::from(hop))) {
            Some(planned) => {
                let now = self.shared.clock.now();
                self.routes.intern(planned.channel, &planned.sender, now)
            }
            None => self.route_of(id, hop),
        }
    }

    /// Fresh messages are still in memory; the bodies of others are read in one go.
    async fn records_of(&mut self, sends: &[Planned]) -> HashMap<MessageId, Arc<MessageRecord>> {
        let mut records = HashMap::new();
        let mut missing = Vec::new();
        for Planned { id, .. } in sends {
            match self.book.get_mut(*id).and_then(|entry| entry.record.take()) {
                Some(record) => drop(records.insert(*id, record)),
                None => missing.push(*id),
            }
        }
        if !missing.is_empty() {
            match self.shared.store.messages(&missing).await {
                Ok(found) => {
                    records.extend(
                        found
                            .into_iter()
                            .map(|record| (record.id, Arc::new(record))),
                    );
                }
                Err(error) => tracing::error!(%error, "bodies could not be read"),
            }
        }
        records
    }

    /// The attempt never left: our own fault, so it says nothing about the provider.
    async fn not_performed(
        &mut self,
        key: AttemptKey,
        route: holdline_core::routing::RouteIx,
        code: &str,
    ) {
        let fault = Fault::new(
            FaultClass::Throttled,
            code,
            "the attempt could not be performed",
        );
        let outcome = Outcome::Throttled {
            fault,
            scope: ThrottleScope::Recipient,
            until: None,
        };
        let channel = self.routes.get(route).channel;
        let address = Redacted::new(String::new());
        let event = OutcomeEvent {
            key,
            route,
            outcome,
            channel,
            address,
        };
        let mut turn = Turn::new(self.shared.clock.now());
        Box::pin(self.handle(Event::Outcome(Box::new(event)), &mut turn)).await;
        if !turn.groups.is_empty() {
            self.save_stubbornly(turn.groups.into()).await;
        }
    }
}

fn give(replies: Vec<(Reply, Result<(), Refusal>)>) {
    for (reply, answer) in replies {
        let _ = reply.send(answer);
    }
}

/// What is kept of an attempt's outcome.
pub(super) fn attempt_end(key: AttemptKey, outcome: &Outcome, at: Timestamp) -> AttemptEnd {
    let fault = outcome.fault();
    AttemptEnd {
        key,
        at,
        outcome: outcome.name(),
        provider_id: match outcome {
            Outcome::Accepted { provider_id } => provider_id.clone(),
            Outcome::Rejected(_) | Outcome::Throttled { .. } | Outcome::Unknown(_) => None,
        },
        fault_class: fault.map(|fault| fault.class.name()),
        fault_code: fault.map(|fault| fault.code.clone()),
        fault_detail: fault.map(|fault| fault.detail.clone()),
    }
}
