//! People who may sign in, their sessions, the log of what happened, traffic, evidence.

use super::tables::Tables;
use crate::ports::records::{ActivityRecord, EvidenceRecord, TrafficRecord, UserRecord};
use crate::ports::{Conflict, Op};
use holdline_core::Timestamp;
use holdline_core::id::OutageId;

impl Tables {
    pub(super) fn apply_console(&mut self, op: &Op) {
        if let Op::Session(session) = op {
            self.sessions.put(session.hash, session.clone());
        }
        if let Op::SessionEnd(hash) = op {
            self.sessions.remove(hash);
        }
        if let Op::Activity(activity) = op {
            self.activity_seq += 1;
            self.activity.put(self.activity_seq, activity.clone());
        }
        if let Op::Traffic(more) = op {
            self.add_traffic(more);
        }
        if let Op::Evidence(one) = op {
            self.evidence.put((one.outage, one.at), one.clone());
        }
    }

    pub(super) fn save_user(&mut self, user: &UserRecord) -> Result<(), Conflict> {
        let known = self.users.get(&user.name).map_or(0, |it| it.version);
        if known + 1 != user.version {
            return Err(Conflict::Repeated);
        }
        self.users.put(user.name.clone(), user.clone());
        Ok(())
    }

    fn add_traffic(&mut self, more: &TrafficRecord) {
        let place = (more.minute, more.channel);
        let mut sum = more.clone();
        if let Some(known) = self.traffic.get(&place) {
            sum.sends += known.sends;
            sum.receipts += known.receipts;
            sum.failures += known.failures;
        }
        self.traffic.put(place, sum);
    }

    pub(super) fn activity_after(&self, after: Option<i64>, limit: usize) -> Vec<ActivityRecord> {
        let line = |(seq, activity): (&i64, &_)| ActivityRecord {
            seq: *seq,
            activity: Clone::clone(activity),
        };
        match after {
            Some(after) => {
                let rest = self.activity.range(after.saturating_add(1)..);
                rest.take(limit).map(line).collect()
            }
            None => {
                let newest = self.activity.iter().rev().take(limit);
                let mut lines: Vec<ActivityRecord> = newest.map(line).collect();
                lines.reverse();
                lines
            }
        }
    }

    pub(super) fn evidence_of(&self, outage: OutageId, limit: usize) -> Vec<EvidenceRecord> {
        let all = (outage, Timestamp(i64::MIN))..=(outage, Timestamp::MAX);
        let found = self.evidence.range(all).take(limit);
        found.map(|(_, one)| one.clone()).collect()
    }

    /// Sessions go with their own end, the rest as outages do.
    pub(super) fn expire_console(&mut self, before: Timestamp, limit: usize) -> usize {
        let mut left = limit;
        let old = self.activity.iter().filter(|(_, it)| it.at < before);
        let doomed: Vec<i64> = old.map(|(seq, _)| *seq).take(left).collect();
        left -= self.activity.remove_all(&doomed);
        let old = self.traffic.iter().filter(|((at, _), _)| *at < before);
        let doomed: Vec<_> = old.map(|(place, _)| *place).take(left).collect();
        left -= self.traffic.remove_all(&doomed);
        let old = self.evidence.iter().filter(|((_, at), _)| *at < before);
        let doomed: Vec<_> = old.map(|(place, _)| *place).take(left).collect();
        left -= self.evidence.remove_all(&doomed);
        let old = self.sessions.values().filter(|it| it.expires_at < before);
        let doomed: Vec<_> = old.map(|it| it.hash).take(left).collect();
        left -= self.sessions.remove_all(&doomed);
        limit - left
    }
}
