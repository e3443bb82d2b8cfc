//! Steps one machine and turns its effects into what is committed and what is done after.

use super::Driver;
use super::event::OutcomeEvent;
use super::turn::{Planned, Turn};
use crate::cluster::hand_to;
use crate::cluster::handoff::Handoff;
use crate::config::UNREACHABLE_MS;
use crate::ports::Partition;
use crate::ports::ops::{AddressNote, Advance, AttemptEnd, Op};
use crate::ports::records::{
    AttemptRecord, DecisionRecord, DeliveryState, Event, EventKind, MessageRecord, ReceiptRecord,
};
use crate::ports::store::PAGE_MAX;
use holdline_core::message::delivery::Context;
use holdline_core::message::{Delivery, Fault, Outcome, Progress};
use holdline_core::step::{Cause, Effect, Reason, Step};
use holdline_core::{AttemptKey, ChannelKind, ContactId, MessageId, Timestamp};
use std::sync::Arc;

/// What happened besides the machine's own step, to be committed with it.
#[derive(Default)]
pub(crate) struct Extra {
    pub(crate) ended: Option<AttemptEnd>,
    pub(crate) receipts: Vec<ReceiptRecord>,
    pub(crate) ops: Vec<Op>,
    /// A route on which room was found for this very message.
    pub(crate) open: Option<holdline_core::routing::RouteIx>,
}

impl Driver {
    /// Steps the delivery, if it is open, and takes up all effects.
    pub(crate) fn step(
        &mut self,
        id: MessageId,
        turn: &mut Turn,
        extra: Extra,
        act: impl FnOnce(&mut Delivery, Context<'_>) -> Step,
    ) {
        let step = {
            let Some(entry) = self.book.get_mut(id) else {
                return push_orphan(turn, extra);
            };
            let seen = self.routes.seen_at(turn.now);
            let seen = match extra.open {
                Some(ix) => seen.with_open(ix),
                None => seen,
            };
            let context = Context {
                now: turn.now,
                draw: self.shared.ids.draw(),
                policy: &self.shared.config.policy,
                routes: &seen,
                hearing: self.ears.hearing(),
            };
            act(&mut entry.delivery, context)
        };
        self.absorb(id, step, extra, turn);
        self.settle(id, turn.now);
    }

    pub(crate) fn apply_outcome(
        &mut self,
        key: AttemptKey,
        outcome: &Outcome,
        note: Option<Op>,
        turn: &mut Turn,
    ) {
        let extra = Extra {
            ended: Some(super::save::attempt_end(key, outcome, turn.now)),
            ops: note.into_iter().collect(),
            ..Extra::default()
        };
        self.step(key.message, turn, extra, |machine, c| {
            machine.handle_outcome(key.number, outcome, c)
        });
    }

    fn absorb(&mut self, id: MessageId, step: Step, extra: Extra, turn: &mut Turn) {
        let Some(entry) = self.book.get(id) else {
            return;
        };
        let quiet = !step.changed && extra.ended.is_none() && extra.receipts.is_empty();
        let mut advance = Advance {
            state: state_of(&entry.delivery),
            started: None,
            ended: extra.ended,
            receipts: extra.receipts,
            decisions: Vec::new(),
            duplicate: None,
        };
        let mut ops = extra.ops;
        for effect in step.effects {
            match effect {
                Effect::Send { number, hop } => {
                    advance.started = Some(self.start_attempt(id, number, hop, turn));
                }
                Effect::Tell(progress) => ops.extend(self.tell(id, progress, turn)),
                Effect::TellFailed(fault) => ops.extend(self.tell_failed(id, &fault, turn)),
                Effect::Decide(decision) => {
                    self.count_failover(id, &decision.reason);
                    advance.decisions.push(DecisionRecord {
                        message: id,
                        at: turn.now,
                        hop: decision.hop,
                        number: decision.number,
                        code: decision.reason.code().to_owned(),
                        words: decision.reason.to_string(),
                    });
                }
                Effect::Duplicate { number } => {
                    self.shared.counts.duplicate();
                    advance.duplicate = Some(AttemptKey {
                        message: id,
                        number,
                    });
                }
            }
        }
        if !quiet {
            turn.advance(id, advance);
        }
        for op in ops {
            turn.push(id, op);
        }
    }

    fn start_attempt(
        &mut self,
        id: MessageId,
        number: u16,
        hop: u8,
        turn: &mut Turn,
    ) -> AttemptRecord {
        let ix = self.route_of(id, hop);
        self.routes.take(ix);
        turn.sends.push(Planned { id, number, hop });
        AttemptRecord {
            key: AttemptKey {
                message: id,
                number,
            },
            hop,
            channel: self.routes.sender_of(ix).channel,
            route: self.routes.name(ix),
            started_at: turn.now,
            outcome: None,
            ended_at: None,
            provider_id: None,
            fault_class: None,
            fault_code: None,
            fault_detail: None,
        }
    }

    /// Gives up every hop that leads to an address at which the person said stop.
    pub(crate) async fn withdrawn(
        &mut self,
        contact: ContactId,
        channel: ChannelKind,
        address: &str,
        turn: &mut Turn,
    ) {
        if !self.tenure.drives(contact) {
            let told = Handoff::withdrawn(contact, channel, address);
            let partition = Partition::of_contact(contact);
            turn.push_alone(vec![hand_to(&self.shared, partition, &told)]);
            return;
        }
        self.fetch_of(contact, turn).await;
        let of_person = self
            .book
            .iter()
            .filter(|(_, entry)| entry.contact == contact);
        let ids: Vec<MessageId> = of_person.map(|(id, _)| *id).collect();
        for record in self.plans_of(ids).await {
            for (hop, planned) in (0_u8..).zip(&record.plan) {
                if planned.channel == channel && planned.address.expose() == address {
                    self.step(record.id, turn, Extra::default(), |machine, c| {
                        machine.handle_withdrawn(hop, c)
                    });
                }
            }
        }
    }

    /// The whole messages, from the store where they are not fresh.
    async fn plans_of(&mut self, ids: Vec<MessageId>) -> Vec<Arc<MessageRecord>> {
        let (mut records, mut missing) = (Vec::new(), Vec::new());
        for id in ids {
            match self.book.get(id).and_then(|entry| entry.record.clone()) {
                Some(record) => records.push(record),
                None => missing.push(id),
            }
        }
        for page in missing.chunks(PAGE_MAX) {
            match self.shared.store.messages(page).await {
                Ok(found) => records.extend(found.into_iter().map(Arc::new)),
                Err(error) => tracing::error!(%error, "plans could not be read after a stop"),
            }
        }
        records
    }

    pub(crate) fn route_of(&self, id: MessageId, hop: u8) -> holdline_core::routing::RouteIx {
        self.book
            .get(id)
            .and_then(|entry| entry.delivery.hops.get(usize::from(hop)))
            .map_or(holdline_core::routing::RouteIx(0), |hop| hop.route)
    }

    fn tell(&self, id: MessageId, progress: Progress, turn: &mut Turn) -> Vec<Op> {
        let channel = self.channel_of_last(id);
        self.event(
            id,
            EventKind::Status {
                message: id,
                progress,
                channel,
            },
            turn,
        )
    }

    fn tell_failed(&self, id: MessageId, fault: &Fault, turn: &mut Turn) -> Vec<Op> {
        let kind = EventKind::Failed {
            message: id,
            channel: self.channel_of_last(id),
            code: fault.code.clone(),
            detail: fault.detail.clone(),
        };
        self.event(id, kind, turn)
    }

    fn event(&self, id: MessageId, kind: EventKind, turn: &mut Turn) -> Vec<Op> {
        let Some(entry) = self.book.get(id) else {
            return Vec::new();
        };
        let event = Event { at: turn.now, kind };
        let ops =
            self.shared
                .endpoints
                .hooks_for(&entry.app, &entry.sender, id.0, &event, turn.now);
        turn.hooks |= !ops.is_empty();
        ops
    }

    fn channel_of_last(&self, id: MessageId) -> ChannelKind {
        let hop = self.book.get(id).map_or(0, |entry| entry.delivery.hop);
        self.routes.sender_of(self.route_of(id, hop)).channel
    }

    fn count_failover(&mut self, id: MessageId, reason: &Reason) {
        if let Reason::FailedOver { from, cause } = reason {
            let ix = self.route_of(id, *from);
            self.shared.counts.failover();
            if *cause == Cause::RouteDown {
                self.routes.count_moved(ix);
            }
        }
    }

    pub(crate) fn unreachable_note(
        &self,
        event: &OutcomeEvent,
        fault: &Fault,
        now: Timestamp,
    ) -> Option<Op> {
        let contact = self.book.get(event.key.message)?.contact;
        self.unreachable_note_for(event, fault, contact, now)
    }

    /// An address that cannot be reached there is passed over by the next messages.
    pub(crate) fn unreachable_note_for(
        &self,
        event: &OutcomeEvent,
        fault: &Fault,
        contact: ContactId,
        now: Timestamp,
    ) -> Option<Op> {
        fault.marks_unreachable.then(|| {
            Op::AddressNote(Box::new(AddressNote {
                contact,
                channel: event.channel,
                value: event.address.expose().clone(),
                unreachable_until: Some(now.plus_ms(UNREACHABLE_MS)),
                last_inbound_at: None,
                consent: None,
            }))
        })
    }
}

/// The delivery is not known at all: what was learned besides is kept.
fn push_orphan(turn: &mut Turn, extra: Extra) {
    if !extra.ops.is_empty() {
        turn.push_alone(extra.ops);
    }
}

/// The part of a delivery that is saved.
pub(crate) fn state_of(delivery: &Delivery) -> DeliveryState {
    DeliveryState {
        id: delivery.id,
        state: delivery.state,
        hop: delivery.hop,
        hop_since: delivery.hop_since,
        tries: delivery.tries,
        attempts: delivery.attempts.clone(),
        spent: delivery.spent,
        told: delivery.told,
        told_failed: delivery.told_failed,
    }
}
