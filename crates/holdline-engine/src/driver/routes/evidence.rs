//! How the evidence against each sender went lately, so that an outage can show its course: a short
//! past in memory, and rows from when it opens. Decides nothing.

use super::RouteTable;
use crate::ports::Op;
use crate::ports::records::EvidenceRecord;
use holdline_core::health::board::Weight;
use holdline_core::health::{NumberIx, Scope};
use holdline_core::id::OutageId;
use holdline_core::{ChannelKind, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// The evidence is looked at this often.
const EVERY_MS: u64 = 1_000;
/// Points kept of each sender: what went before an outage opened.
const PAST_MAX: usize = 180;
/// Below this it is noise, and not kept.
const NATS_MIN: f64 = 0.5;
/// Rows of one outage at that pace; then one look in so many, and in the end no more.
const CLOSE_ROWS: u32 = 600;
const SPARSE: u32 = 10;
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
        for number in self.numbers() {
            self.remember(number, now);
        }
        let troubles = self.troubles.values().filter_map(|it| it.outage.as_ref());
        let open = troubles.filter(|it| it.recovered_at.is_none());
        let open: Vec<(OutageId, Scope)> = open
            .filter_map(|it| Some((it.id, self.board.scope_named(&it.route)?)))
            .filter(|(_, scope)| !self.board.follows(scope.channel))
            .collect();
        let is_open = |id: &OutageId| open.iter().any(|(known, _)| known == id);
        self.course.open.retain(|id, _| is_open(id));
        let rows = open.into_iter();
        rows.map(|(id, scope)| (scope.channel, self.rows_of(id, &scope, now)))
            .filter(|(_, ops)| !ops.is_empty())
            .collect()
    }

    fn remember(&mut self, number: NumberIx, now: Timestamp) {
        let weight = self.board.weight_of(&self.board.scope_of(number));
        let past = self.course.past.entry(number).or_default();
        match weight.filter(|it| it.nats >= NATS_MIN) {
            Some(weight) => past.push_back((now, weight)),
            // What was is forgotten as slowly as it came.
            None => drop(past.pop_front()),
        }
        if past.len() > PAST_MAX {
            past.pop_front();
        }
    }

    fn rows_of(&mut self, id: OutageId, scope: &Scope, now: Timestamp) -> Vec<Op> {
        let row = |at: Timestamp, weight: Weight| {
            Op::Evidence(EvidenceRecord {
                outage: id,
                at,
                signal: weight.signal.to_owned(),
                nats: weight.nats,
                threshold: weight.threshold,
            })
        };
        let Some(progress) = self.course.open.get_mut(&id) else {
            let past = self.past_of(scope);
            let ops: Vec<Op> = past.iter().map(|(at, weight)| row(*at, *weight)).collect();
            let rows = u32::try_from(ops.len()).unwrap_or(u32::MAX);
            self.course.open.insert(id, (0, rows));
            return ops;
        };
        progress.0 += 1;
        let (looks, rows) = *progress;
        let is_due = rows < CLOSE_ROWS || looks.is_multiple_of(SPARSE);
        let weight = self.board.weight_of(scope);
        match weight.filter(|_| is_due && rows < ROWS_MAX) {
            Some(weight) => {
                progress.1 += 1;
                vec![row(now, weight)]
            }
            None => Vec::new(),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_has_as_many_rows_as_one_page_shows() {
        assert!(ROWS_MAX as usize <= crate::ports::store::PAGE_MAX);
        assert!((PAST_MAX as u32) < CLOSE_ROWS && CLOSE_ROWS < ROWS_MAX);
    }
}
