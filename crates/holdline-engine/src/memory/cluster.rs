//! Nodes and leases of the in-memory store. Time is the caller's.

use super::tables::Tables;
use crate::ports::Conflict;
use crate::ports::cluster::{Beat, ClusterView, Lease, LeaseHeld, LeaseRecord, NodeRecord};
use holdline_core::Timestamp;

impl Tables {
    pub(super) fn check_fence(&self, lease: Lease, epoch: i64) -> Result<(), Conflict> {
        match self.leases.get(&lease) {
            Some(record) if record.epoch == epoch => Ok(()),
            Some(_) | None => Err(Conflict::Fenced { lease }),
        }
    }

    pub(super) fn beat(&mut self, beat: &Beat) -> Vec<LeaseHeld> {
        let until = beat.now.plus_ms(beat.ttl_ms);
        if beat.leaves {
            self.nodes.remove(&beat.node);
        } else {
            let (node, url) = (beat.node.clone(), beat.url.clone());
            self.nodes
                .put(node.clone(), NodeRecord { node, url, until });
        }
        for lease in self.held_by(&beat.node) {
            let free = beat.leaves || beat.give.contains(&lease);
            self.leases.change(&lease, |record| {
                if free {
                    record.node.clear();
                } else {
                    record.until = until;
                }
            });
        }
        for lease in beat.take.iter().filter(|_| !beat.leaves) {
            self.take_lease(*lease, beat, until);
        }
        self.keep();
        let held = self.held_by(&beat.node);
        let known = held.iter().filter_map(|lease| self.leases.get(lease));
        known
            .map(|record| LeaseHeld {
                lease: record.lease,
                epoch: record.epoch,
            })
            .collect()
    }

    fn take_lease(&mut self, lease: Lease, beat: &Beat, until: Timestamp) {
        let known = self.leases.get(&lease);
        let is_free = known.is_none_or(|it| it.node.is_empty() || it.until <= beat.now);
        if is_free && known.is_none_or(|it| it.node != beat.node) {
            let epoch = known.map_or(0, |it| it.epoch) + 1;
            let node = beat.node.clone();
            let record = LeaseRecord {
                lease,
                node,
                epoch,
                until,
            };
            self.leases.put(lease, record);
        }
    }

    pub(super) fn cluster(&self, now: Timestamp) -> ClusterView {
        ClusterView {
            now,
            nodes: self.nodes.values().cloned().collect(),
            leases: self.leases.values().cloned().collect(),
        }
    }

    fn held_by(&self, node: &str) -> Vec<Lease> {
        let held = self.leases.iter().filter(|(_, record)| record.node == node);
        held.map(|(lease, _)| *lease).collect()
    }
}
