//! Does what other nodes handed over. Each is done at least once: everything here may come twice.

use super::super::Driver;
use super::super::event::Handed;
use super::super::turn::{After, Reply, Turn};
use crate::cluster::hand_to;
use crate::cluster::handoff::{Handoff, address_of, id_of};
use crate::cluster::signals::Words;
use crate::ports::StoreError;
use crate::ports::cluster::{HandoffRecord, Partition};
use crate::ports::ops::Op;
use crate::ports::records::{HoldRecord, RouteRecord};
use holdline_core::health::board::FollowedTrouble;
use holdline_core::message::Outcome;
use holdline_core::{AttemptKey, ChannelKind, MessageId};
use tokio::sync::oneshot;

/// A hold that was set here so lately may not have been in what was read.
const HOLD_SURE_MS: u64 = 5_000;

/// Whether a handoff needs no other node any more.
enum Taken {
    Over,
    /// Whoever drives the partition next has to know.
    NotHere,
}

impl Driver {
    pub(in super::super) async fn handed(&mut self, handed: Handed, turn: &mut Turn) {
        for record in handed.records {
            let (id, lease) = (record.id, record.lease);
            match self.take_over(record, turn).await {
                // Only by who holds the lease: the next holder has loaded what it drives, and
                // learns of this by the row alone.
                Ok(Taken::Over) => turn.after.push(After {
                    ops: vec![self.tenure.fence(lease), Op::HandoffDone(id)],
                    done: None,
                }),
                Ok(Taken::NotHere) => {}
                Err(error) => tracing::error!(%error, "a handoff is to come again"),
            }
        }
        turn.after.push(After {
            ops: Vec::new(),
            done: Some(handed.done),
        });
    }

    async fn take_over(
        &mut self,
        record: HandoffRecord,
        turn: &mut Turn,
    ) -> Result<Taken, StoreError> {
        let event = match serde_json::from_str(&record.event) {
            Ok(event) => event,
            Err(error) => {
                tracing::error!(lease = %record.lease, %error, "a handoff could not be read");
                return Ok(Taken::Over);
            }
        };
        match event {
            Handoff::Accepted { message } => return self.accepted_elsewhere(&message, turn).await,
            Handoff::Receipt(words) => {
                if let Some(event) = words.event() {
                    self.receipt(event, turn).await?;
                }
            }
            Handoff::Outcome(words) => {
                if let Some((key, outcome)) = words.outcome() {
                    self.outcome_elsewhere(key, &outcome, turn).await;
                }
            }
            Handoff::Withdrawn {
                contact,
                channel,
                address,
            } => {
                if let Some((contact, channel, address)) = address_of(&contact, &channel, address) {
                    self.withdrawn(contact, channel, address.expose(), turn)
                        .await;
                }
            }
            Handoff::Cancel { message } => self.asked(&message, turn, Self::cancel).await,
            Handoff::RetryNow { message } => self.asked(&message, turn, Self::retry_now).await,
            Handoff::SendBy { message, channel } => {
                if let Some(channel) = ChannelKind::new(&channel) {
                    let act = |driver: &mut Self, id, reply, turn: &mut Turn| {
                        driver.send_by(id, channel, reply, turn);
                    };
                    self.asked(&message, turn, act).await;
                }
            }
            Handoff::Signals(words) => self.signals(words, turn),
        }
        Ok(Taken::Over)
    }

    async fn outcome_elsewhere(&mut self, key: AttemptKey, outcome: &Outcome, turn: &mut Turn) {
        if self.is_here(key.message, turn.now).await {
            self.apply_outcome(key, outcome, None, turn);
        } else {
            self.tell_outcome(key, outcome, turn).await;
        }
    }

    /// What an attempt came to whose partition is another node's by now. It has left: the number of
    /// one that has not may be another attempt there.
    pub(in super::super) async fn tell_outcome(
        &mut self,
        key: AttemptKey,
        outcome: &Outcome,
        turn: &mut Turn,
    ) {
        if !self.tenure.clustered {
            return;
        }
        match self.shared.store.message(key.message).await {
            Ok(Some(stored)) => {
                let partition = Partition::of_contact(stored.message.contact);
                let told = Handoff::outcome(key, outcome);
                turn.push_alone(vec![hand_to(&self.shared, partition, &told)]);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(message = %key.message, %error, "an outcome stays unknown");
            }
        }
    }

    async fn accepted_elsewhere(
        &mut self,
        message: &str,
        turn: &Turn,
    ) -> Result<Taken, StoreError> {
        let Some(id) = id_of(message).map(MessageId) else {
            return Ok(Taken::Over);
        };
        if self.book.get(id).is_some() {
            return Ok(Taken::Over);
        }
        let stored = self.shared.store.message(id).await?;
        let Some(stored) = stored.filter(|it| !it.delivery.state.is_ended()) else {
            return Ok(Taken::Over);
        };
        let priority = stored.message.priority;
        if !self.tenure.drives(stored.message.contact) {
            return Ok(Taken::NotHere);
        }
        if self.is_behind(priority) {
            self.leave_behind(priority, id);
        } else {
            self.take_up(stored, turn.now);
        }
        Ok(Taken::Over)
    }

    /// Nobody waits for the answer: who asked elsewhere was told that it is under way.
    async fn asked(
        &mut self,
        message: &str,
        turn: &mut Turn,
        act: impl FnOnce(&mut Self, MessageId, Reply, &mut Turn),
    ) {
        if let Some(id) = id_of(message).map(MessageId) {
            self.fetch(id, turn.now).await;
            let (reply, _) = oneshot::channel();
            act(self, id, reply, turn);
        }
    }

    fn signals(&mut self, words: Words, turn: &mut Turn) {
        let Some(channel) = ChannelKind::new(&words.channel) else {
            return;
        };
        for word in words.words {
            self.routes.hear(channel, word, turn.now);
        }
        self.take_verdicts(turn);
    }

    /// The health of channels that another node decides, and what operators said anywhere.
    pub(in super::super) fn follow(
        &mut self,
        routes: &[RouteRecord],
        holds: &[HoldRecord],
        turn: &mut Turn,
    ) {
        let told: Vec<FollowedTrouble<'_>> = routes
            .iter()
            .map(|record| FollowedTrouble {
                name: &record.name,
                health: record.health,
                since: record.since,
                reason: &record.reason,
                saved: &record.state,
            })
            .collect();
        self.routes.board.follow(&told, turn.now);
        self.take_verdicts(turn);
        self.follow_holds(holds, turn);
    }

    fn follow_holds(&mut self, holds: &[HoldRecord], turn: &mut Turn) {
        let mut known = Vec::new();
        for record in holds {
            let Some(scope) = self.routes.board.scope_named(&record.scope) else {
                continue;
            };
            known.push(scope);
            let hold = super::super::outside::hold_of(scope, record);
            if !self.routes.board.holds().contains(&hold) && hold.until > turn.now {
                self.routes.board.hold(hold);
                self.nudge_all(&scope, turn.now);
                self.shared.routes_changed();
            }
        }
        let gone: Vec<_> = self
            .routes
            .board
            .holds()
            .iter()
            .filter(|hold| turn.now.since_ms(hold.set_at) > HOLD_SURE_MS)
            .map(|hold| hold.scope)
            .filter(|scope| !known.contains(scope))
            .collect();
        for scope in gone {
            self.routes.board.release(&scope);
            self.nudge_all(&scope, turn.now);
            self.shared.routes_changed();
        }
    }
}
