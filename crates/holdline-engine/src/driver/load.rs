//! From the store into memory: what was open at the start, and ended deliveries that a late
//! receipt speaks of.

use super::Driver;
use super::book::Entry;
use super::outside::hold_of;
use super::step::Extra;
use super::turn::Turn;
use crate::cluster::hand_to;
use crate::cluster::handoff::Handoff;
use crate::driver::event::{AcceptEvent, ReceiptEvent};
use crate::driver::routes::RouteTable;
use crate::ports::records::{DeliveryState, MessageRecord, PlannedHop, StoredMessage};
use crate::ports::store::{COMMIT_GROUPS_MAX, PAGE_MAX};
use crate::ports::{Partition, Partitions, StoreError};
use crate::request::Accepted;
use crate::shared::Shared;
use holdline_core::health::Country;
use holdline_core::message::{Delivery, Hop, State, Terms};
use holdline_core::routing::RouteIx;
use holdline_core::{MessageId, Timestamp};

impl Driver {
    /// Takes up the open deliveries of these partitions: what is under way now, what waits by and
    /// by. One that was in flight when the process died is in doubt; waits for receipts begin
    /// again.
    pub(super) async fn load(
        &mut self,
        partitions: Partitions,
        turn: &mut Turn,
    ) -> Result<(), StoreError> {
        let mut after = None;
        let (mut under_way, mut crashed) = (Vec::new(), 0_usize);
        loop {
            let store = &self.shared.store;
            let page = store.under_way(partitions, after, PAGE_MAX).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.message.id);
            for stored in page {
                if self.book.get(stored.message.id).is_some() {
                    continue;
                }
                under_way.push(stored.message.id);
                let in_flight = matches!(stored.delivery.state, State::InFlight { .. });
                crashed += usize::from(in_flight);
                self.take_up(stored, turn.now);
            }
        }
        self.begin_backlog(partitions).await?;
        if crashed > 0 {
            tracing::warn!(
                attempts = crashed,
                "attempts were in flight: outcome unknown"
            );
        }
        for id in under_way {
            self.step(id, turn, Extra::default(), |machine, c| {
                machine.handle_recovered(c)
            });
        }
        Ok(())
    }

    /// Commits what was found at the start, before anything else happens.
    pub(super) async fn finish_loading(&mut self, turn: Turn) -> Result<(), StoreError> {
        for page in turn.groups.chunks(COMMIT_GROUPS_MAX) {
            self.shared.store.commit(page.into()).await?;
        }
        Ok(())
    }

    /// Takes up what a receipt speaks of, if it is not open here; false when it is not this
    /// node's: then the receipt is handed on.
    pub(super) async fn find(
        &mut self,
        event: &ReceiptEvent,
        turn: &mut Turn,
    ) -> Result<bool, StoreError> {
        let Some(stored) = self.shared.store.message(event.key.message).await? else {
            return Ok(false);
        };
        let contact = stored.message.contact;
        let drives = self.tenure.drives(contact);
        if drives {
            self.take_up(stored, turn.now);
        } else {
            let partition = Partition::of_contact(contact);
            let op = hand_to(&self.shared, partition, &Handoff::receipt(event));
            turn.push_alone(vec![op]);
        }
        Ok(drives)
    }

    /// The delivery is open here, or is taken up for one late event; false when it is not this
    /// node's or there is none.
    pub(super) async fn is_here(&mut self, id: MessageId, now: Timestamp) -> bool {
        if self.book.get(id).is_some() {
            return true;
        }
        let stored = match self.shared.store.message(id).await {
            Ok(stored) => stored,
            Err(error) => {
                tracing::error!(message = %id, %error, "a late event could not be applied");
                return false;
            }
        };
        let mine = stored.filter(|it| self.tenure.drives(it.message.contact));
        let known = mine.is_some();
        if let Some(stored) = mine {
            self.take_up(stored, now);
        }
        known
    }

    /// A new message, unless it is there from an earlier try.
    pub(super) async fn take_new(&mut self, event: AcceptEvent, turn: &mut Turn) {
        if !event.may_be_known {
            return self.accept(event, turn);
        }
        let id = event.accept.message.id;
        match self.is_stored(id, turn).await {
            Ok(false) => self.accept(event, turn),
            Ok(true) => {
                let _ = event.reply.send(Ok(Accepted {
                    id,
                    answer: event.answer,
                    repeat: true,
                }));
            }
            Err(error) => drop(event.reply.send(Err(error.into()))),
        }
    }

    /// What is in the book has been committed, but for what this very turn brings.
    async fn is_stored(&mut self, id: MessageId, turn: &Turn) -> Result<bool, StoreError> {
        if turn.pending.iter().any(|pending| pending.id == id) {
            let why = String::from("it is being stored");
            return Err(StoreError::Unavailable(why));
        }
        Ok(self.book.get(id).is_some() || self.shared.store.message(id).await?.is_some())
    }

    pub(super) fn take_up(&mut self, stored: StoredMessage, now: Timestamp) {
        let StoredMessage { message, delivery } = stored;
        let ended = delivery.state.is_ended();
        let machine = machine_of(&message, Some(delivery), &mut self.routes, now);
        let app = self.shared.word(&message.app);
        let sender = self.shared.word(&message.sender);
        self.book
            .insert(Entry::new(machine, message.contact, app, sender));
        if !ended {
            self.settle(message.id, now);
        }
    }
}

/// The routes as they stood: what was learned, what was down, what operators said.
pub(super) async fn routes(shared: &Shared, now: Timestamp) -> Result<RouteTable, StoreError> {
    let best = |channel| {
        let channel = shared.channels.get(&channel)?;
        let capabilities = channel.capabilities();
        Some((capabilities.best_receipt, capabilities.probe))
    };
    let mut table = RouteTable::new(&shared.config, &best, now);
    let mut after: Option<String> = None;
    loop {
        let page = shared.store.baselines(after.as_deref(), PAGE_MAX).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        for record in &page {
            table.learn_again(record, now);
        }
    }
    let saved = shared.store.routes().await?;
    let outages = shared.store.outages(PAGE_MAX).await?;
    let gone = table.resume(&saved, &outages, now);
    if !gone.is_empty() {
        shared
            .store
            .commit(vec![crate::ports::Group(gone)].into())
            .await?;
    }
    for record in shared.store.holds().await? {
        if let Some(scope) = table.board.scope_named(&record.scope) {
            table.board.hold(hold_of(scope, &record));
        }
    }
    Ok(table)
}

/// The route of a hop: its sender towards the class of its address.
pub(super) fn route_of(routes: &mut RouteTable, hop: &PlannedHop, now: Timestamp) -> RouteIx {
    let country = Country::of_number(hop.address.expose());
    let sender = (hop.channel, hop.sender.as_str());
    routes.intern(sender, hop.feature, country, now)
}

/// The machine of a stored message; a fresh one when it has no state yet.
pub(super) fn machine_of(
    message: &MessageRecord,
    state: Option<DeliveryState>,
    routes: &mut RouteTable,
    now: Timestamp,
) -> Delivery {
    let hops = message.plan.iter().map(|hop| Hop {
        route: route_of(routes, hop, now),
        receipt_wait_ms: hop.receipt_wait_ms,
        wait_is_explicit: hop.wait_is_explicit,
        ttl_ms: hop.ttl_ms,
        success: hop.success,
        on: hop.on,
    });
    let terms = Terms {
        priority: message.priority,
        duplicate_rule: message.duplicate_rule,
        created_at: message.created_at,
        expires_at: message.expires_at,
    };
    let mut machine = Delivery::new(message.id, terms, hops.collect());
    if let Some(saved) = state {
        machine.state = saved.state;
        machine.hop = saved.hop;
        machine.hop_since = saved.hop_since;
        machine.tries = saved.tries;
        machine.attempts = saved.attempts;
        machine.spent = saved.spent;
        machine.told = saved.told;
        machine.told_failed = saved.told_failed;
    }
    machine
}
