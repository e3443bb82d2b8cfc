//! The open deliveries in memory, and what they wait for: a lane of a route, a time, or an earlier
//! message of the same person. Bodies stay on disk.

use crate::config::ORDER_WAIT_MAX_MS;
use crate::driver::routes::RouteTable;
use crate::ports::records::MessageRecord;
use holdline_core::message::{Delivery, Priority, State};
use holdline_core::routing::{Policy, RouteIx};
use holdline_core::{ContactId, MessageId, Timestamp};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

/// One open delivery.
pub(crate) struct Entry {
    pub(crate) delivery: Delivery,
    pub(crate) contact: ContactId,
    pub(crate) app: Arc<str>,
    pub(crate) sender: Arc<str>,
    /// The whole message, only from its acceptance to the end of that turn.
    pub(crate) record: Option<Arc<MessageRecord>>,
    wake: Timestamp,
    lane: Option<RouteIx>,
    /// Still holds back later messages of the same person and priority.
    ordered: bool,
    /// Counted among those that wait.
    counted: bool,
}

impl Entry {
    pub(crate) fn new(
        delivery: Delivery,
        contact: ContactId,
        app: Arc<str>,
        sender: Arc<str>,
    ) -> Self {
        let wake = Timestamp::MAX;
        Self {
            delivery,
            contact,
            app,
            sender,
            record: None,
            wake,
            lane: None,
            ordered: true,
            counted: false,
        }
    }

    /// The route whose room it waits for.
    pub(crate) const fn lane(&self) -> Option<RouteIx> {
        self.lane
    }
}

/// Timers of deliveries that have ended, beyond which they are swept out.
const TIMERS_SPARE: usize = 1_024;

type Timers = BinaryHeap<Reverse<(Timestamp, MessageId)>>;
type Lane = [VecDeque<MessageId>; 4];

#[derive(Default)]
pub(crate) struct Book {
    /// By id, which is by age.
    entries: BTreeMap<MessageId, Entry>,
    timers: Timers,
    order: HashMap<(ContactId, Priority), VecDeque<MessageId>>,
    lanes: Vec<Lane>,
    /// Waiting, due, and in no lane yet.
    ready: VecDeque<MessageId>,
    /// Ended in this turn: kept until that is committed, so that a later event of the turn finds
    /// the end and not the row before it.
    ended: Vec<MessageId>,
    /// How many wait, by priority.
    waiting: [usize; 4],
}

impl Book {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn waiting(&self, priority: Priority) -> usize {
        self.waiting[priority as usize]
    }

    pub(crate) fn get(&self, id: MessageId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: MessageId) -> Option<&mut Entry> {
        self.entries.get_mut(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&MessageId, &Entry)> {
        self.entries.iter()
    }

    pub(crate) fn ids(&self) -> Vec<MessageId> {
        self.entries.keys().copied().collect()
    }

    pub(crate) fn insert(&mut self, mut entry: Entry) {
        let id = entry.delivery.id;
        let key = (entry.contact, entry.delivery.terms.priority);
        entry.ordered = matches!(
            entry.delivery.state,
            State::Waiting { .. } | State::InFlight { .. }
        );
        if entry.delivery.state.is_ended() {
            self.ended.push(id);
        }
        if entry.ordered {
            let queue = self.order.entry(key).or_default();
            // What comes from the store may be older than what is here already.
            let place = match entry.record {
                Some(_) => queue.len(),
                None => queue.partition_point(|other| *other < id),
            };
            queue.insert(place, id);
        }
        count(&mut self.waiting, &mut entry);
        self.entries.insert(id, entry);
    }

    /// Takes up what a step has changed: timer, order, lane, end.
    pub(crate) fn settle(
        &mut self,
        id: MessageId,
        now: Timestamp,
        policy: &Policy,
        routes: &mut RouteTable,
    ) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        count(&mut self.waiting, entry);
        let state = entry.delivery.state;
        let waits_now = matches!(state, State::Waiting { due } if due <= now);
        let wake = match waits_now {
            // Looks around again with its lane, and when it is its turn.
            true => Some(entry.delivery.terms.expires_at.min(entry.wake)),
            false => entry.delivery.wake_at(policy),
        };
        if let Some(at) = wake {
            wake_at(&mut self.timers, entry, at);
        }
        if !waits_now {
            leave_lane(entry, routes);
        }
        if !holds_order(state, now) {
            self.leave_order(id);
        }
        if waits_now {
            self.ready.push_back(id);
        }
        if state.is_ended() {
            self.ended.push(id);
        }
    }

    /// The turn is committed: what has ended is no longer needed, nor any body.
    pub(crate) fn turn_is_saved(&mut self, accepted: &[MessageId]) {
        for id in std::mem::take(&mut self.ended) {
            if self
                .entries
                .get(&id)
                .is_some_and(|entry| entry.delivery.state.is_ended())
            {
                self.entries.remove(&id);
            }
        }
        for id in accepted {
            if let Some(entry) = self.entries.get_mut(id) {
                entry.record = None;
            }
        }
        if self.timers.len() > 2 * self.entries.len() + TIMERS_SPARE {
            let of_entry = |(id, entry): (&MessageId, &Entry)| Reverse((entry.wake, *id));
            self.timers = self.entries.iter().map(of_entry).collect();
        }
    }

    /// Forgets a delivery that was never committed.
    pub(crate) fn remove(&mut self, id: MessageId, routes: &mut RouteTable) -> Option<Entry> {
        if let Some(entry) = self.entries.get_mut(&id) {
            leave_lane(entry, routes);
        }
        self.leave_order(id);
        let mut gone = self.entries.remove(&id)?;
        if std::mem::take(&mut gone.counted) {
            let waiting = &mut self.waiting[gone.delivery.terms.priority as usize];
            *waiting = waiting.saturating_sub(1);
        }
        Some(gone)
    }

    /// The next that is due and may go: not behind an earlier message of the same person.
    pub(crate) fn next_ready(&mut self, now: Timestamp) -> Option<MessageId> {
        while let Some(id) = self.ready.pop_front() {
            let Some(entry) = self.entries.get(&id) else {
                continue;
            };
            let due = matches!(entry.delivery.state, State::Waiting { due } if due <= now);
            if due && entry.lane.is_none() && self.is_first(entry) {
                return Some(id);
            }
        }
        None
    }

    /// Waits for room on this route, and looks around again at `until` at the latest.
    pub(crate) fn enter_lane(
        &mut self,
        id: MessageId,
        ix: RouteIx,
        until: Timestamp,
        routes: &mut RouteTable,
    ) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        leave_lane(entry, routes);
        wake_at(&mut self.timers, entry, until.min(entry.wake));
        entry.lane = Some(ix);
        routes.wait(ix);
        let at = usize::from(ix.0);
        if self.lanes.len() <= at {
            self.lanes.resize_with(at + 1, Lane::default);
        }
        self.lanes[at][entry.delivery.terms.priority as usize].push_back(id);
    }

    /// The most urgent, then oldest, that waits for this route.
    pub(crate) fn pop_lane(&mut self, ix: RouteIx, routes: &mut RouteTable) -> Option<MessageId> {
        let lane = self.lanes.get_mut(usize::from(ix.0))?;
        for queue in lane {
            while let Some(id) = queue.pop_front() {
                let Some(entry) = self.entries.get_mut(&id) else {
                    continue;
                };
                if entry.lane == Some(ix) {
                    leave_lane(entry, routes);
                    return Some(id);
                }
            }
        }
        None
    }

    /// The most urgent, then oldest, that waits for this route, which stays.
    pub(crate) fn peek_lane(&mut self, ix: RouteIx) -> Option<(Priority, MessageId)> {
        let entries = &self.entries;
        let lane = self.lanes.get_mut(usize::from(ix.0))?;
        for queue in lane {
            while let Some(id) = queue.front() {
                match entries.get(id).filter(|entry| entry.lane == Some(ix)) {
                    Some(entry) => return Some((entry.delivery.terms.priority, *id)),
                    None => drop(queue.pop_front()),
                }
            }
        }
        None
    }

    /// What waits looks around again now, in its place among the person's messages.
    pub(crate) fn nudge(&mut self, id: MessageId, now: Timestamp, routes: &mut RouteTable) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        if !entry.delivery.nudge(now) {
            return;
        }
        leave_lane(entry, routes);
        if !entry.ordered {
            entry.ordered = true;
            let key = (entry.contact, entry.delivery.terms.priority);
            let queue = self.order.entry(key).or_default();
            let place = queue.partition_point(|other| *other < id);
            queue.insert(place, id);
        }
        self.ready.push_back(id);
    }

    /// True for one in a lane or due: it waits for nothing but room.
    pub(crate) fn waits_for_room(&self, id: MessageId, now: Timestamp) -> bool {
        self.entries.get(&id).is_some_and(|entry| {
            let due = matches!(entry.delivery.state, State::Waiting { due } if due <= now);
            due || entry.lane.is_some()
        })
    }

    /// The first of a person's waiting messages may go; the others wait for it.
    pub(crate) fn may_go(&self, id: MessageId) -> bool {
        self.entries
            .get(&id)
            .is_some_and(|entry| self.is_first(entry))
    }

    /// Lanes that nobody waits in hold only ids of those that have left.
    pub(crate) fn sweep_lanes(&mut self, routes: &RouteTable) {
        for (at, lane) in (0_u16..).zip(&mut self.lanes) {
            if !routes.is_waited_for(RouteIx(at)) {
                lane.iter_mut().for_each(VecDeque::clear);
            }
        }
    }

    pub(crate) fn next_timer(&self) -> Option<Timestamp> {
        self.timers.peek().map(|Reverse((at, _))| *at)
    }

    /// The next delivery whose time has come.
    pub(crate) fn pop_timer(&mut self, now: Timestamp) -> Option<MessageId> {
        while let Some(Reverse((at, id))) = self.timers.peek().copied() {
            if at > now {
                return None;
            }
            self.timers.pop();
            if let Some(entry) = self.entries.get_mut(&id)
                && entry.wake == at
            {
                entry.wake = Timestamp::MAX;
                return Some(id);
            }
        }
        None
    }

    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    fn is_first(&self, entry: &Entry) -> bool {
        let key = (entry.contact, entry.delivery.terms.priority);
        !entry.ordered
            || self.order.get(&key).and_then(|queue| queue.front()) == Some(&entry.delivery.id)
    }

    fn leave_order(&mut self, id: MessageId) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        if !entry.ordered {
            return;
        }
        entry.ordered = false;
        let key = (entry.contact, entry.delivery.terms.priority);
        let Some(queue) = self.order.get_mut(&key) else {
            return;
        };
        if queue.front() == Some(&id) {
            queue.pop_front();
        } else {
            queue.retain(|other| *other != id);
        }
        match queue.front() {
            Some(next) => self.ready.push_back(*next),
            None => {
                self.order.remove(&key);
            }
        }
    }
}

/// Keeps count of those that wait.
fn count(waiting: &mut [usize; 4], entry: &mut Entry) {
    let waits = matches!(entry.delivery.state, State::Waiting { .. });
    let place = &mut waiting[entry.delivery.terms.priority as usize];
    match (entry.counted, waits) {
        (false, true) => *place += 1,
        (true, false) => *place = place.saturating_sub(1),
        (true, true) | (false, false) => {}
    }
    entry.counted = waits;
}

fn wake_at(timers: &mut Timers, entry: &mut Entry, at: Timestamp) {
    if at != entry.wake {
        entry.wake = at;
        timers.push(Reverse((at, entry.delivery.id)));
    }
}

fn leave_lane(entry: &mut Entry, routes: &mut RouteTable) {
    if let Some(ix) = entry.lane.take() {
        routes.unwait(ix);
    }
}

/// Later messages wait while this one is on its way, but not for one stuck in a long pause.
fn holds_order(state: State, now: Timestamp) -> bool {
    match state {
        State::Waiting { due } => due.since_ms(now) <= ORDER_WAIT_MAX_MS,
        State::InFlight { .. } => true,
        State::InDoubt { .. } | State::Placed { .. } | State::Ended { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdline_core::message::{ClassSet, DuplicateRule, Hop, Success, Terms};

    fn loaded(id: u128) -> Entry {
        let terms = Terms {
            priority: Priority::Service,
            duplicate_rule: DuplicateRule::Reconcile,
            created_at: Timestamp(0),
            expires_at: Timestamp(1_000),
        };
        let hop = Hop {
            route: RouteIx(0),
            receipt_wait_ms: 0,
            wait_is_explicit: false,
            ttl_ms: 0,
            success: Success::Delivered,
            on: ClassSet::default(),
        };
        let delivery = Delivery::new(MessageId(id), terms, Box::new([hop]));
        Entry::new(delivery, ContactId(1), "app".into(), "sender".into())
    }

    #[test]
    fn what_is_read_newest_first_still_leaves_oldest_first() {
        let mut book = Book::default();
        for id in [3, 1, 2] {
            book.insert(loaded(id));
        }
        let first: Vec<u128> = (1..=3).filter(|id| book.may_go(MessageId(*id))).collect();
        assert_eq!(first, [1]);
    }
}
