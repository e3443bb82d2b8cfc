//! What open outages show of their course: the evidence against their senders, from a short past in
//! memory and by rows from when they open, and how many messages have moved. Decides nothing.

use super::{FOLLOWED, RouteTable};
use crate::ports::Op;
use crate::ports::records::EvidenceRecord;
use holdline_core::health::board::Weight;
use holdline_core::health::{EpisodeId, NumberIx, Scope};
use holdline_core::id::OutageId;
use holdline_core::{ChannelKind, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// The evidence is looked at this often at most: as often as the driver turns, usually.
const EVERY_MS: u64 = 250;
/// Points kept of each sender: what went before an outage opened.
const PAST_MAX: usize = 240;
/// The past of an outage begins so long before its onset.
const LEAD_MS: u64 = 5_000;
/// Below this it is noise, and not kept.
const NATS_MIN: f64 = 0.5;
/// Rows of one outage at that pace; then one look in so many, and in the end no more.
const CLOSE_ROWS: u32 = 500;
const SPARSE: u32 = 40;
const ROWS_MAX: u32 = 1_000;

type Past = VecDeque<(Timestamp, Weight)>;

#[derive(Default)]
pub(super) struct Course {
    looked_at: Timestamp,
    past: BTreeMap<NumberIx, Past>,
    /// Open outages, with their looks and their rows so far.
    open: BTreeMap<OutageId, (u32, u32)>,
}

impl RouteTable {
    /// What is to be written of the open outages of the channels that are decided here.
    pub(crate) fn note_outages(&mut self, now: Timestamp) -> Vec<(ChannelKind, Vec<Op>)> {
        let since_ms = now.since_ms(self.course.looked_at);
        if since_ms < EVERY_MS && now >= self.course.looked_at {
            return Vec::new();
        }
        self.course.looked_at = now;
        self.remember(now);
        let open = self.open_outages();
        let is_open = |id: &OutageId| open.iter().any(|(_, known, _)| known == id);
        self.course.open.retain(|id, _| is_open(id));
        let moved = self.moved_on().into_iter();
        let mut rows: Vec<_> = moved.map(|(channel, op)| (channel, vec![op])).collect();
        for (episode, id, scope) in open {
            let ops = match self.course.open.contains_key(&id) {
                true => self.next_row(id, &scope, now).into_iter().collect(),
                false => self.beginning(episode, &scope),
            };
            if !ops.is_empty() {
                rows.push((scope.channel, ops));
            }
        }
        rows
    }

    /// Those of the channels that are decided here.
    fn open_outages(&self) -> Vec<(EpisodeId, OutageId, Scope)> {
        let troubles = self.troubles.iter();
        let open = troubles.filter_map(|(episode, it)| {
            let outage = it.outage.as_ref()?;
            let scope = self.board.scope_named(&outage.route)?;
            let is_open = outage.recovered_at.is_none() && outage.id != FOLLOWED;
            let is_ours = is_open && !self.board.follows(scope.channel);
            is_ours.then_some((*episode, outage.id, scope))
        });
        open.collect()
    }

    /// Each sender against which something is said has one point more; of the others one is
    /// forgotten: what was goes as slowly as it came.
    fn remember(&mut self, now: Timestamp) {
        let mut weights = self.board.weights();
        weights.retain(|_, weight| weight.nats >= NATS_MIN);
        self.course.past.retain(|number, past| {
            match weights.remove(number) {
                Some(weight) => past.push_back((now, weight)),
                None => drop(past.pop_front()),
            }
            if past.len() > PAST_MAX {
                past.pop_front();
            }
            !past.is_empty()
        });
        for (number, weight) in weights {
            self.course.past.insert(number, Past::from([(now, weight)]));
        }
    }

    fn next_row(&mut self, id: OutageId, scope: &Scope, now: Timestamp) -> Option<Op> {
        let (looks, rows) = self.course.open.get_mut(&id)?;
        *looks += 1;
        if *rows >= CLOSE_ROWS && (!looks.is_multiple_of(SPARSE) || *rows >= ROWS_MAX) {
            return None;
        }
        let weight = self.board.weight_of(scope);
        let weight = weight.filter(|it| it.nats >= NATS_MIN)?;
        *rows += 1;
        Some(row(id, now, weight.signal, weight.nats, weight.threshold))
    }

    /// What went before it opened, and the evidence by which it was decided.
    fn beginning(&mut self, episode: EpisodeId, scope: &Scope) -> Vec<Op> {
        let known = self.troubles.get(&episode);
        let Some(outage) = known.and_then(|it| it.outage.as_ref()) else {
            return Vec::new();
        };
        let id = outage.id;
        let past = self.past_of(scope);
        let since = outage.onset.unwrap_or(outage.opened_at);
        let past = past.iter().filter(|(at, _)| at.plus_ms(LEAD_MS) >= since);
        let threshold = past.clone().next_back().map(|(_, weight)| weight.threshold);
        let threshold = threshold.or_else(|| self.board.weight_of(scope).map(|it| it.threshold));
        let decided_at = outage.degraded_at.unwrap_or(outage.opened_at);
        let decided =
            threshold.map(|threshold| row(id, decided_at, &outage.signal, outage.nats, threshold));
        let before = past.map(|(at, it)| row(id, *at, it.signal, it.nats, it.threshold));
        let ops: Vec<Op> = before.chain(decided).collect();
        let rows = u32::try_from(ops.len()).unwrap_or(u32::MAX);
        self.course.open.insert(id, (0, rows));
        ops
    }

    /// The past of the sender against which most was said last.
    fn past_of(&self, scope: &Scope) -> Past {
        let past = self.course.past.iter();
        let met = past.filter(|(number, _)| self.board.scope_of(**number).meets(scope));
        let last = |past: &Past| past.back().map_or(0.0, |(_, weight)| weight.nats);
        let most = met.max_by(|(_, a), (_, b)| last(a).total_cmp(&last(b)));
        most.map(|(_, past)| past.clone()).unwrap_or_default()
    }
}

fn row(outage: OutageId, at: Timestamp, signal: &str, nats: f64, threshold: f64) -> Op {
    Op::Evidence(EvidenceRecord {
        outage,
        at,
        signal: signal.to_owned(),
        nats,
        threshold,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_has_as_many_rows_as_one_page_shows() {
        assert!(ROWS_MAX as usize <= crate::ports::store::PAGE_MAX);
        assert!((PAST_MAX as u32) < CLOSE_ROWS && CLOSE_ROWS < ROWS_MAX);
    }
}
