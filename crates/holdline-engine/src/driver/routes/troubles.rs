//! What is kept of troubles: the state of every scope that is not Up, and the outage of every one
//! that was Down. Our own faults leave no outage.

use super::RouteTable;
use crate::driver::event::Wrote;
use crate::ports::ops::Op;
use crate::ports::records::{BaselineRecord, OutageRecord, RouteRecord};
use holdline_core::health::{Health, Signal, Verdict};
use holdline_core::id::OutageId;
use holdline_core::routing::RouteIx;
use holdline_core::{ChannelKind, Timestamp};

/// The id of an outage that another node decides: its row is there, not here.
pub(crate) const FOLLOWED: OutageId = OutageId(0);

/// A trouble as it is stored.
pub(crate) struct Trouble {
    /// The name under which its state is kept.
    name: String,
    pub(crate) outage: Option<OutageRecord>,
    /// Messages that had moved when the outage was last written.
    moved_written: u64,
}

impl RouteTable {
    /// Takes up a verdict: gates, and what is to be saved.
    pub(crate) fn apply(&mut self, verdict: &Verdict, id: OutageId) -> Vec<Op> {
        self.gate(verdict);
        let mut ops = Vec::new();
        let known = self
            .troubles
            .entry(verdict.episode)
            .or_insert_with(|| Trouble {
                name: verdict.name.clone(),
                outage: None,
                moved_written: 0,
            });
        if known.name != verdict.name {
            ops.push(Op::RouteGone(std::mem::replace(
                &mut known.name,
                verdict.name.clone(),
            )));
        }
        if verdict.to == Health::Down && known.outage.is_none() {
            known.outage = Some(fresh(verdict, id));
        }
        if let Some(outage) = &mut known.outage {
            if outage.id == FOLLOWED {
                outage.id = id;
            }
            update(outage, verdict);
            known.moved_written = outage.moved;
            ops.push(Op::Outage(outage.clone()));
        }
        if verdict.to == Health::Up {
            ops.push(Op::RouteGone(verdict.name.clone()));
            self.troubles.remove(&verdict.episode);
        } else {
            ops.push(Op::Route(RouteRecord {
                name: verdict.name.clone(),
                health: verdict.to,
                since: verdict.at,
                reason: verdict.reason.clone(),
                state: self.board.saved(verdict.episode).unwrap_or_default(),
            }));
        }
        ops
    }

    /// A message left this route because it is down.
    pub(crate) fn count_moved(&mut self, ix: RouteIx) {
        let Some(id) = self.board.standing(ix).episode else {
            return;
        };
        if let Some(outage) = self.troubles.get_mut(&id).and_then(|it| it.outage.as_mut()) {
            outage.moved += 1;
        }
    }

    /// The open outages, decided here, that more messages have left since they were written.
    pub(super) fn moved_on(&mut self) -> Vec<(ChannelKind, Op)> {
        let mut found = Vec::new();
        for trouble in self.troubles.values_mut() {
            let Some(outage) = &trouble.outage else {
                continue;
            };
            let scope = self.board.scope_named(&outage.route);
            let Some(channel) = scope.map(|it| it.channel) else {
                continue;
            };
            let has_row = outage.id != FOLLOWED && !self.board.follows(channel);
            if outage.moved > trouble.moved_written && has_row {
                trouble.moved_written = outage.moved;
                found.push((channel, Op::Outage(outage.clone())));
            }
        }
        found
    }

    /// Another node decided until now: its open outages go on here.
    pub(crate) fn take_up(&mut self, outages: &[OutageRecord]) {
        for trouble in self.troubles.values_mut() {
            let channel = self.board.scope_named(&trouble.name).map(|it| it.channel);
            if channel.is_none_or(|channel| self.board.follows(channel)) {
                continue;
            }
            let mut open = outages.iter().filter(|it| it.recovered_at.is_none());
            let open = open.find(|it| it.route == trouble.name);
            let own = trouble.outage.take();
            let moved = own.as_ref().map_or(0, |it| it.moved);
            // What is ours already goes on as it is: its last word may not be in the store yet.
            let ours = own.filter(|own| own.id != FOLLOWED);
            let ours = ours.filter(|own| open.is_none_or(|open| open.id == own.id));
            trouble.outage = ours.or_else(|| open.cloned());
            if let (Some(outage), Some(open)) = (&mut trouble.outage, open) {
                outage.moved = moved.max(open.moved);
                trouble.moved_written = open.moved;
            }
        }
    }

    /// Takes up what was learned.
    pub(crate) fn learn_again(&mut self, record: &BaselineRecord, now: Timestamp) {
        let floats = record.values.chunks_exact(4);
        let values: Vec<f32> = floats
            .filter_map(|bytes| bytes.try_into().ok())
            .map(f32::from_le_bytes)
            .collect();
        self.board.learn_again(&record.key, &values, now);
        self.follow();
    }

    /// People wrote: webhooks come, and so do these kinds of messages.
    pub(crate) fn heard(&mut self, wrote: &[Wrote], at: Timestamp) {
        for one in wrote {
            if let Some(number) = self.board.number_of(one.channel, &one.sender) {
                let kind = one.kind;
                self.observe(&Signal::Inbound { number, at, kind });
            }
        }
    }

    /// Takes up what was open when the process last ended.
    pub(crate) fn resume(
        &mut self,
        saved: &[RouteRecord],
        outages: &[OutageRecord],
        now: Timestamp,
    ) -> Vec<Op> {
        let mut ops = Vec::new();
        for record in saved {
            let state = (record.health, record.since);
            let resumed =
                self.board
                    .resume(&record.name, state, &record.reason, &record.state, now);
            let Some(id) = resumed else {
                ops.push(Op::RouteGone(record.name.clone()));
                continue;
            };
            let open = outages
                .iter()
                .find(|outage| outage.route == record.name && outage.recovered_at.is_none());
            let name = record.name.clone();
            let trouble = Trouble {
                name,
                moved_written: open.map_or(0, |outage| outage.moved),
                outage: open.cloned(),
            };
            self.troubles.insert(id, trouble);
            if let Some(verdict) = self.board.restated(id, now) {
                self.gate(&verdict);
            }
        }
        ops
    }
}

fn fresh(verdict: &Verdict, id: OutageId) -> OutageRecord {
    OutageRecord {
        id,
        route: verdict.name.clone(),
        scope: verdict.scope_words.clone(),
        signal: String::new(),
        onset: None,
        suspect_at: None,
        degraded_at: None,
        opened_at: verdict.at,
        recovering_at: None,
        recovered_at: None,
        reason: verdict.reason.clone(),
        moved: 0,
        nats: 0.0,
        bound: None,
        ratio: None,
        feed: None,
        feed_at: None,
    }
}

fn update(outage: &mut OutageRecord, verdict: &Verdict) {
    let course = &verdict.course;
    outage.route.clone_from(&verdict.name);
    outage.scope.clone_from(&verdict.scope_words);
    outage.signal.clone_from(&course.signal);
    outage.onset = course.onset;
    outage.suspect_at = course.suspect_at;
    outage.degraded_at = course.degraded_at;
    outage.recovering_at = course.recovering_at;
    outage.recovered_at = course.recovered_at;
    outage.nats = if course.nats.is_finite() {
        course.nats
    } else {
        0.0
    };
    (outage.bound, outage.ratio) = (course.bound, course.ratio);
    if let Some((feed, at)) = &course.feed {
        outage.feed = Some(feed.clone());
        outage.feed_at = Some(*at);
    }
    if verdict.to == Health::Down {
        outage.reason.clone_from(&verdict.reason);
    }
}
