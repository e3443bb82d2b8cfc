//! From the store into memory: what was open at the start, and ended deliveries that a late
//! receipt speaks of.

use super::Driver;
use super::book::Entry;
use super::step::Extra;
use super::turn::Turn;
use crate::driver::route_table::RouteTable;
use crate::ports::StoreError;
use crate::ports::records::{DeliveryState, MessageRecord, StoredMessage};
use crate::ports::store::PAGE_MAX;
use holdline_core::message::{Delivery, Hop, State, Terms};
use holdline_core::{MessageId, Timestamp};

/// Commits of recovered deliveries, a page at a time.
const RECOVER_GROUPS_MAX: usize = 1_000;

impl Driver {
    /// Takes up every open delivery. One that was in flight when the process died is in doubt;
    /// waits for receipts begin again.
    pub(super) async fn load(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let mut after = None;
        let (mut under_way, mut crashed) = (Vec::new(), 0_usize);
        loop {
            let page = self.shared.store.open_deliveries(after, PAGE_MAX).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.message.id);
            for stored in page {
                if !matches!(stored.delivery.state, State::Waiting { .. }) {
                    under_way.push(stored.message.id);
                }
                let in_flight = matches!(stored.delivery.state, State::InFlight { .. });
                crashed += usize::from(in_flight);
                self.take_up(stored, now);
            }
        }
        if crashed > 0 {
            tracing::warn!(
                attempts = crashed,
                "attempts were in flight: outcome unknown"
            );
        }
        self.recover(&under_way, now).await
    }

    /// Takes up an ended delivery for one late event; false when there is none.
    pub(super) async fn load_ended(
        &mut self,
        id: MessageId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let stored = self.shared.store.message(id).await.inspect_err(|error| {
            tracing::error!(message = %id, %error, "a late event could not be applied");
        })?;
        let known = stored.is_some();
        if let Some(stored) = stored {
            self.take_up(stored, now);
        }
        Ok(known)
    }

    fn take_up(&mut self, stored: StoredMessage, now: Timestamp) {
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

    async fn recover(&mut self, under_way: &[MessageId], now: Timestamp) -> Result<(), StoreError> {
        for page in under_way.chunks(RECOVER_GROUPS_MAX) {
            let mut turn = Turn::new(now);
            for id in page {
                self.step(*id, &mut turn, Extra::default(), |machine, c| {
                    machine.handle_recovered(c)
                });
            }
            if !turn.groups.is_empty() {
                self.shared.store.commit(turn.groups.into()).await?;
            }
        }
        Ok(())
    }
}

/// The machine of a stored message; a fresh one when it has no state yet.
pub(super) fn machine_of(
    message: &MessageRecord,
    state: Option<DeliveryState>,
    routes: &mut RouteTable,
    now: Timestamp,
) -> Delivery {
    let hops = message.plan.iter().map(|hop| Hop {
        route: routes.intern(hop.channel, &hop.sender, now),
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
