//! What this node may drive: takes up partitions that it got, lets go of those it lost or gives
//! back, puts fences in front of what it commits, and does what other nodes hand over.
//!
//! Without a cluster everything is this node's and nothing is fenced.

mod handed;

use super::Driver;
use super::event::LeasesEvent;
use super::turn::Turn;
use crate::cluster::Held;
use crate::ports::cluster::{Lease, Partition, Partitions};
use crate::ports::ops::{GroupResult, Op};
use crate::ports::store::PAGE_MAX;
use crate::ports::{Conflict, MessageRecord};
use holdline_core::message::State;
use holdline_core::{ChannelKind, ContactId, MessageId, Timestamp};
use std::collections::BTreeSet;
use tokio::sync::oneshot;

/// No lease has this epoch: what is fenced with it never happens.
const NO_EPOCH: i64 = -1;
/// What was seen of channels that another node decides is told so often.
const TELL_MS: u64 = 250;

/// The leases of this node as the driver lives by them.
#[derive(Default)]
pub(super) struct Tenure {
    clustered: bool,
    held: Held,
    /// Not driven any more; given back once nothing is in flight.
    leaving: Partitions,
    /// Found to be another node's.
    lost: BTreeSet<Lease>,
    /// Waits to hear what is drained.
    reply: Option<oneshot::Sender<Partitions>>,
    /// Committed with the next turn.
    pub(super) after: Vec<super::turn::After>,
    told_at: Timestamp,
}

impl Tenure {
    pub(super) fn new(clustered: bool) -> Self {
        Self {
            clustered,
            ..Self::default()
        }
    }

    pub(super) fn is_clustered(&self) -> bool {
        self.clustered
    }

    /// What comes with this lease is this node's to do.
    pub(super) fn has(&self, lease: Lease) -> bool {
        !self.clustered || (self.held.has(lease) && !self.lost.contains(&lease))
    }

    /// Deliveries to this person are driven here.
    pub(super) fn drives(&self, contact: ContactId) -> bool {
        let partition = Partition::of_contact(contact);
        self.has(Lease::Partition(partition)) && !self.leaving.has(partition)
    }

    /// The partitions whose deliveries are driven here.
    fn driven(&self) -> Partitions {
        if !self.clustered {
            return Partitions::ALL;
        }
        let gone = Partitions(self.leaving.0 | self.lost_partitions().0);
        self.held.partitions().without(gone)
    }

    fn fence(&self, lease: Lease) -> Op {
        let epoch = self.held.epoch(lease).unwrap_or(NO_EPOCH);
        Op::Fence { lease, epoch }
    }

    fn lost_partitions(&self) -> Partitions {
        let lost = self.lost.iter().filter_map(|lease| match lease {
            Lease::Partition(partition) => Some(*partition),
            Lease::Health(_) | Lease::Upkeep => None,
        });
        lost.collect()
    }
}

impl Driver {
    /// The store's word on what this node holds.
    pub(super) async fn leases(&mut self, event: LeasesEvent, turn: &mut Turn) {
        let LeasesEvent {
            held,
            give,
            nodes,
            reply,
        } = event;
        let before = self.tenure.held.clone();
        for lease in before.leases() {
            if before.epoch(lease) != held.epoch(lease) {
                self.tenure.lost.insert(lease);
            }
        }
        self.tenure.lost.retain(|lease| before.has(*lease));
        let gained = held.partitions().without(before.partitions());
        for partition in gained.iter() {
            self.tenure.lost.remove(&Lease::Partition(partition));
        }
        self.tenure.leaving =
            Partitions((self.tenure.leaving.0 | give.0) & held.partitions().without(gained).0);
        self.tenure.reply = Some(reply);
        // What was lost and is held again is taken up with the next word, after it was let go.
        self.tenure.held = self.with_lost(held, &before);
        let died = self.routes.set_nodes(nodes, turn.now);
        let leads_others = self.lead_or_follow(turn.now);
        if leads_others {
            self.take_up_outages().await;
        }
        if leads_others || died || !gained.is_empty() {
            let away_ms = self
                .shared
                .config
                .cluster
                .as_ref()
                .map_or(0, |it| it.ttl_ms);
            self.ears.were_closed(turn.now, away_ms);
            self.routes.were_deaf(turn.now);
        }
        if !gained.is_empty() {
            self.gain(gained, turn).await;
        }
        self.show_held();
        if before.partitions() != self.tenure.held.partitions()
            && let Err(error) = self.count_backlog().await
        {
            tracing::warn!(%error, "what waits could not be counted");
        }
    }

    /// Keeps the old epochs of lost leases until their work is let go of.
    fn with_lost(&self, held: Held, before: &Held) -> Held {
        let lost = self.tenure.lost.iter();
        lost.fold(held, |held, lease| match before.epoch(*lease) {
            Some(epoch) => held.with(*lease, epoch),
            None => held,
        })
    }

    async fn gain(&mut self, gained: Partitions, turn: &mut Turn) {
        if let Err(error) = self.load(gained, turn).await {
            tracing::error!(%error, "partitions could not be taken up; tried again");
            self.tenure.held = self.tenure.held.without(gained);
            return;
        }
        tracing::info!(partitions = gained.len(), "partitions taken up");
        self.shared.read_raw_again();
        self.shared.hooks_wake.notify_one();
    }

    /// A turn begins. What was missed before it speaks against no provider.
    pub(super) fn listen(&mut self, now: Timestamp) {
        if self.ears.look(now) {
            self.routes.were_deaf(now);
        }
        if let Some(came_at) = self.shared.unread_since() {
            self.ears.read(came_at, now);
        }
        self.routes.board.set_lag(self.ears.hearing().lag_ms);
    }

    /// What cannot be read now is open in the store for ever; health itself does not hang on it.
    async fn take_up_outages(&mut self) {
        match self.shared.store.outages(PAGE_MAX).await {
            Ok(outages) => self.routes.take_up(&outages),
            Err(error) => tracing::warn!(%error, "the open outages could not be taken up"),
        }
    }

    /// True when the channels that are decided here are others now.
    fn lead_or_follow(&mut self, now: Timestamp) -> bool {
        if !self.tenure.clustered {
            return false;
        }
        let channels: BTreeSet<ChannelKind> = self
            .shared
            .config
            .routes
            .iter()
            .map(|route| route.channel)
            .collect();
        let leads = |channel: &ChannelKind| self.tenure.has(Lease::Health(*channel));
        let followed: BTreeSet<ChannelKind> = channels
            .into_iter()
            .filter(|channel| !leads(channel))
            .collect();
        self.routes.board.set_followed(followed, now)
    }

    /// Other parts of the engine see only what may be worked on.
    fn show_held(&self) {
        let gone = Partitions(self.tenure.leaving.0 | self.tenure.lost_partitions().0);
        self.shared.set_held(self.tenure.held.without(gone));
    }

    pub(super) fn driven(&self) -> Partitions {
        self.tenure.driven()
    }

    /// Puts fences in front of everything that the turn says of deliveries.
    pub(super) fn fence(&self, turn: &mut Turn) {
        if !self.tenure.clustered {
            return;
        }
        let places: Vec<(MessageId, usize)> = turn.messages().collect();
        for (id, at) in places {
            let Some(entry) = self.book.get(id) else {
                continue;
            };
            let lease = Lease::Partition(Partition::of_contact(entry.contact));
            turn.groups[at].0.insert(0, self.tenure.fence(lease));
        }
        for (at, contact) in std::mem::take(&mut turn.fences) {
            let lease = Lease::Partition(Partition::of_contact(contact));
            turn.groups[at].0.insert(0, self.tenure.fence(lease));
        }
    }

    /// What is decided of a channel counts only under its lease.
    pub(super) fn fenced_health(&self, channel: ChannelKind, mut ops: Vec<Op>) -> Vec<Op> {
        if self.tenure.clustered && !ops.is_empty() {
            ops.insert(0, self.tenure.fence(Lease::Health(channel)));
        }
        ops
    }

    /// Groups that were refused because another node holds their lease.
    pub(super) fn note_fenced(&mut self, results: &[GroupResult]) {
        for result in results {
            if let Err(Conflict::Fenced { lease }) = result
                && self.tenure.lost.insert(*lease)
            {
                tracing::warn!(%lease, "another node has taken this over");
            }
        }
    }

    /// Whether an attempt that was committed may leave.
    pub(super) fn may_leave(&self, record: &MessageRecord) -> bool {
        let lease = Lease::Partition(Partition::of_contact(record.contact));
        self.tenure.has(lease)
    }

    /// After the commit: lets go of what is not driven any more, and tells what is drained. What
    /// the turn was made from is done, unless some of it was refused.
    pub(super) fn after_turn(&mut self, after: Vec<super::turn::After>) {
        if !self.tenure.clustered {
            return;
        }
        if self.tenure.lost.is_empty() {
            self.tenure.after.extend(after);
        } else if !after.is_empty() {
            self.shared.read_raw_again();
        }
        self.let_go();
        if let Some(reply) = self.tenure.reply.take() {
            let drained = self.drained();
            self.tenure.held = self.tenure.held.without(drained);
            self.tenure.leaving = self.tenure.leaving.without(drained);
            let _ = reply.send(drained);
        }
    }

    /// The commits that wait for this turn's.
    pub(super) fn take_after(&mut self, turn: &mut Turn) {
        for done in std::mem::take(&mut self.tenure.after) {
            turn.push_alone(done.ops);
            turn.done.extend(done.done);
        }
    }

    fn let_go(&mut self) {
        let lost = self.tenure.lost_partitions();
        let gone = Partitions(lost.0 | self.tenure.leaving.0);
        if !gone.is_empty() {
            let ids: Vec<MessageId> = self.in_partitions(gone, |partition, in_flight| {
                lost.has(partition) || !in_flight
            });
            for id in ids {
                self.book.remove(id, &mut self.routes);
            }
            self.book.sweep_lanes(&self.routes);
        }
        if !self.tenure.lost.is_empty() {
            let leases = std::mem::take(&mut self.tenure.lost);
            self.tenure.held = self.tenure.held.without_leases(&leases);
            self.tenure.leaving = self.tenure.leaving.without(lost);
            self.lead_or_follow(self.shared.clock.now());
            self.show_held();
        }
    }

    /// Leaving partitions without anything in flight.
    fn drained(&self) -> Partitions {
        let leaving = self.tenure.leaving;
        let busy = self.in_partitions(leaving, |_, in_flight| in_flight);
        let busy = busy.iter().filter_map(|id| self.book.get(*id));
        let busy = busy.map(|entry| Partition::of_contact(entry.contact));
        leaving.without(busy.collect())
    }

    fn in_partitions(
        &self,
        partitions: Partitions,
        wanted: impl Fn(Partition, bool) -> bool,
    ) -> Vec<MessageId> {
        if partitions.is_empty() {
            return Vec::new();
        }
        let inside = self.book.iter().filter(|(_, entry)| {
            let partition = Partition::of_contact(entry.contact);
            let in_flight = matches!(entry.delivery.state, State::InFlight { .. });
            partitions.has(partition) && wanted(partition, in_flight)
        });
        inside.map(|(id, _)| *id).collect()
    }

    /// Tells what was seen of channels that other nodes decide.
    pub(super) fn tell_others(&mut self, turn: &mut Turn) {
        let due =
            turn.now.since_ms(self.tenure.told_at) >= TELL_MS || turn.now < self.tenure.told_at;
        if !self.tenure.clustered || !due {
            return;
        }
        self.tenure.told_at = turn.now;
        for (channel, words) in self.routes.take_outbox(turn.now) {
            let told = crate::cluster::handoff::Handoff::Signals(words);
            let op = crate::cluster::hand(&self.shared, Lease::Health(channel), &told);
            turn.push_alone(vec![op]);
        }
    }
}
