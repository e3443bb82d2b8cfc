//! How the evidence against each sender went lately, so that an outage can show its course: a short
//! past in memory, and rows from when it opens. Decides nothing.

use super::RouteTable;
use crate::ports::Op;
use crate::ports::records::{EvidenceRecord, OutageRecord};
use holdline_core::health::board::Weight;
use holdline_core::health::{NumberIx, Scope};
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
    pub(crate) fn note_evidence(&mut self, now: Timestamp) -> Vec<(ChannelKind, Vec<Op>)> {
        let since_ms = now.since_ms(self.course.looked_at);
        if since_ms < EVERY_MS && now >= self.course.looked_at {
            return Vec::new();
        }
        self.course.looked_at = now;
        self.remember(now);
        let troubles = self.troubles.values().filter_map(|it| it.outage.as_ref());
        let open = troubles.filter(|it| it.recovered_at.is_none());
        let open: Vec<(OutageRecord, Scope)> = open
            .filter_map(|it| Some((it.clone(), self.board.scope_named(&it.route)?)))
            .filter(|(_, scope)| !self.board.follows(scope.channel))
            .collect();
        let is_open = |id: &OutageId| open.iter().any(|(known, _)| known.id == *id);
        self.course.open.retain(|id, _| is_open(id));
        let rows = open.into_iter();
        rows.map(|(outage, scope)| (scope.channel, self.rows_of(&outage, &scope, now)))
            .filter(|(_, ops)| !ops.is_empty())
            .collect()
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

    fn rows_of(&mut self, outage: &OutageRecord, scope: &Scope, now: Timestamp) -> Vec<Op> {
        let id = outage.id;
        let Some(progress) = self.course.open.get_mut(&id) else {
            let ops = self.beginning(outage, scope);
            let rows = u32::try_from(ops.len()).unwrap_or(u32::MAX);
            self.course.open.insert(id, (0, rows));
            return ops;
        };
        progress.0 += 1;
        let (looks, rows) = *progress;
        let is_due = rows < CLOSE_ROWS || (looks.is_multiple_of(SPARSE) && rows < ROWS_MAX);
        let weight = self.board.weight_of(scope).filter(|it| it.nats >= NATS_MIN);
        match weight.filter(|_| is_due) {
            Some(weight) => {
                progress.1 += 1;
                vec![row(id, now, weight.signal, weight.nats, weight.threshold)]
            }
            None => Vec::new(),
        }
    }

    /// What went before it opened, and the evidence by which it was decided.
    fn beginning(&self, outage: &OutageRecord, scope: &Scope) -> Vec<Op> {
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
        before.chain(decided).collect()
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
