//! The end of a turn: one commit, then answers to callers and work to performers. When the store
//! refuses, new messages are refused and everything else is tried again until it is saved.

use super::Driver;
use super::book::Book;
use super::event::{Event, OutcomeEvent, Work};
use super::routes::RouteTable;
use super::turn::{Gather, Pending, Planned, Reply, Turn, gather_ms, refusal_of};
use crate::ports::StoreError;
use crate::ports::channel::Dispatch;
use crate::ports::ops::{AttemptEnd, GroupResult, Groups};
use crate::ports::records::MessageRecord;
use crate::ports::store::COMMIT_GROUPS_MAX;
use crate::request::{Accepted, Refusal};
use holdline_core::health::Signal;
use holdline_core::message::{Fault, FaultClass, Outcome, State, ThrottleScope};
use holdline_core::routing::RouteIx;
use holdline_core::{AttemptKey, MessageId, Redacted, Timestamp};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Pause before a refused commit is tried again: doubled from the first to the last.
const RETRY_FIRST_MS: u64 = 50;
const RETRY_LAST_MS: u64 = 2_000;

impl Driver {
    /// Commits the turn, in pieces that a store takes; then answers, and performs what still
    /// stands.
    pub(super) async fn finish(&mut self, mut turn: Turn) {
        self.fence(&mut turn);
        let accepted: Vec<MessageId> = turn.pending.iter().map(|pending| pending.id).collect();
        let began = self.shared.clock.now();
        let mut groups = std::mem::take(&mut turn.groups);
        let mut first = 0;
        while !groups.is_empty() {
            let rest = groups.split_off(groups.len().min(COMMIT_GROUPS_MAX));
            let piece: Groups = std::mem::replace(&mut groups, rest).into();
            let count = piece.len();
            if !self.save(&mut turn, first, piece).await {
                return;
            }
            first += count;
        }
        let now = self.shared.clock.now();
        self.gather = Gather {
            until: now.plus_ms(gather_ms(accepted.len(), now.since_ms(began))),
            count: accepted.len() + self.mailbox.len(),
        };
        give(turn.replies);
        if turn.hooks {
            self.shared.hooks_wake.notify_one();
        }
        self.perform(turn.sends).await;
        self.book.turn_is_saved(&accepted);
        self.after_turn(turn.after);
    }

    /// Commits one piece. False when the engine has to end before the store came back: then
    /// nothing may be performed.
    async fn save(&mut self, turn: &mut Turn, first: usize, groups: Groups) -> bool {
        match self.commit_or_know(&groups).await {
            Some(Ok(results)) => {
                self.shared.storing.works();
                self.note_fenced(&results);
                self.answer(turn, first, &results);
                true
            }
            Some(Err(error)) => {
                let rest = self.refuse_pending(turn, first, &groups, &error);
                self.save_stubbornly(rest).await
            }
            None => false,
        }
    }

    /// An ambiguous commit is repeated until the store says what is there: what was accepted may
    /// not be refused, and the other way round.
    async fn commit_or_know(
        &mut self,
        groups: &Groups,
    ) -> Option<Result<Vec<GroupResult>, StoreError>> {
        let mut pause_ms = RETRY_FIRST_MS;
        let mut is_first = true;
        loop {
            let error = match self.shared.store.commit(Arc::clone(groups)).await {
                Ok(results) => {
                    self.shared.storing.set_retrying(false);
                    return Some(Ok(results));
                }
                Err(error) => error,
            };
            if std::mem::take(&mut is_first) && !matches!(error, StoreError::Ambiguous(_)) {
                return Some(Err(error));
            }
            self.shared.storing.failed(&error, self.shared.clock.now());
            self.pause_before_retry(&mut pause_ms).await?;
        }
    }

    fn answer(&mut self, turn: &mut Turn, first: usize, results: &[GroupResult]) {
        let here = first..first + results.len();
        for pending in turn
            .pending
            .extract_if(.., |pending| here.contains(&pending.group))
        {
            let Pending {
                id,
                group,
                answer,
                reply,
            } = pending;
            match results[group - first].clone() {
                Ok(()) => {
                    self.shared.counts.accepted();
                    let _ = reply.send(Ok(Accepted {
                        id,
                        answer,
                        repeat: false,
                    }));
                }
                Err(conflict) => {
                    undo(&mut self.book, &mut self.routes, id, &mut turn.sends);
                    let _ = reply.send(refusal_of(conflict));
                }
            }
        }
    }

    /// Nothing was written: callers are told so, and their messages are forgotten. Gives what has
    /// to be saved all the same.
    fn refuse_pending(
        &mut self,
        turn: &mut Turn,
        first: usize,
        groups: &Groups,
        error: &StoreError,
    ) -> Groups {
        tracing::warn!(%error, "the store refused a commit");
        self.shared.storing.failed(error, self.shared.clock.now());
        let here = first..first + groups.len();
        let mut refused = HashSet::new();
        for pending in turn
            .pending
            .extract_if(.., |pending| here.contains(&pending.group))
        {
            refused.insert(pending.group - first);
            undo(
                &mut self.book,
                &mut self.routes,
                pending.id,
                &mut turn.sends,
            );
            let _ = pending.reply.send(Err(Refusal::from(error.clone())));
        }
        let rest = groups
            .iter()
            .enumerate()
            .filter(|(at, _)| !refused.contains(at));
        rest.map(|(_, group)| group.clone()).collect()
    }

    /// False when the engine had to end before the store came back.
    async fn save_stubbornly(&mut self, groups: Groups) -> bool {
        let mut pause_ms = RETRY_FIRST_MS;
        while !groups.is_empty() {
            match self.shared.store.commit(Arc::clone(&groups)).await {
                Ok(results) => {
                    self.shared.storing.works();
                    self.note_fenced(&results);
                    break;
                }
                Err(error) => self.shared.storing.failed(&error, self.shared.clock.now()),
            }
            if self.pause_before_retry(&mut pause_ms).await.is_none() {
                return false;
            }
        }
        self.shared.storing.set_retrying(false);
        true
    }

    /// `None` when the time of an engine that stops is over.
    async fn pause_before_retry(&mut self, pause_ms: &mut u64) -> Option<()> {
        self.shared.storing.set_retrying(true);
        let now = self.shared.clock.now();
        if self.shared.stop.is_over(now) {
            return None;
        }
        self.shared.clock.sleep_until(now.plus_ms(*pause_ms)).await;
        *pause_ms = (*pause_ms * 2).min(RETRY_LAST_MS);
        Some(())
    }

    /// Hands out what still stands: a later event of the same turn may have ended a delivery.
    async fn perform(&mut self, sends: Vec<Planned>) {
        let mut records = self.records_of(&sends).await;
        for Planned { id, number, hop } in sends {
            let ix = self.route_of_planned(id, hop, records.get(&id));
            let key = AttemptKey {
                message: id,
                number,
            };
            let stands = self.book.get(id).is_some_and(|entry| {
                matches!(entry.delivery.state, State::InFlight { .. })
                    && entry.delivery.number() == number
            });
            let record = records.get_mut(&id).map(|record| Arc::clone(record));
            let Some(record) = record.filter(|record| stands && self.may_leave(record)) else {
                let code = if stands { "store_read" } else { "superseded" };
                self.not_performed(key, ix, code);
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
            self.hand_over(ix, dispatch);
        }
    }

    /// Hands a committed attempt to the performers of its sender.
    fn hand_over(&mut self, route: RouteIx, dispatch: Box<Dispatch>) {
        let (key, started_at) = (dispatch.key, self.shared.clock.now());
        let number = self.routes.get(route).number;
        let work = Work::Send {
            route,
            started_at,
            dispatch,
        };
        if self.hand_out(number, work).is_ok() {
            self.routes.observe(&Signal::Started {
                route,
                at: started_at,
            });
        } else {
            self.not_performed(key, route, "no_performer");
        }
    }

    fn route_of_planned(
        &mut self,
        id: MessageId,
        hop: u8,
        record: Option<&Arc<MessageRecord>>,
    ) -> RouteIx {
        match record.and_then(|record| record.plan.get(usize::from(hop))) {
            Some(planned) => {
                let now = self.shared.clock.now();
                super::load::route_of(&mut self.routes, planned, now)
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

    /// The attempt never left, for a reason of ours: it says nothing about the provider.
    fn not_performed(&mut self, key: AttemptKey, route: RouteIx, code: &str) {
        let fault = Fault::new(FaultClass::Throttled, code, "the attempt was not performed");
        let outcome = Outcome::Throttled {
            fault,
            scope: ThrottleScope::Recipient,
            until: None,
        };
        let channel = self.routes.sender_of(route).channel;
        let address = Redacted::new(String::new());
        let event = OutcomeEvent {
            key,
            route,
            started_at: None,
            outcome,
            channel,
            address,
        };
        self.again.push(Event::Outcome(Box::new(event)));
    }
}

/// A message that was not kept after all, and the attempt planned for it.
fn undo(book: &mut Book, routes: &mut RouteTable, id: MessageId, sends: &mut Vec<Planned>) {
    sends.retain(|planned| {
        if planned.id == id
            && let Some(entry) = book.get(id)
            && let Some(hop) = entry.delivery.hops.get(usize::from(planned.hop))
        {
            routes.give_back(hop.route);
        }
        planned.id != id
    });
    book.remove(id, routes);
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
