//! Which nodes have as many open messages as they may: a node that is full says so in the store,
//! for a short while each time, and others then take nothing for it. A message that was accepted
//! elsewhere before that was heard is kept all the same.

use super::ClusterLoop;
use crate::ports::cluster::{ClusterView, Lease, Partitions};
use crate::ports::ops::Op;
use crate::ports::{Group, StoreError};
use holdline_core::Timestamp;

/// What a node says is good for so long, and said again when half of that is over.
const SAID_MS: u64 = 4_000;

/// What is said by whom, by the clock of the store.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// Others believe until then that this node is full.
    said_until: Timestamp,
}

fn key_of(node: &str) -> String {
    format!("cluster/full/{node}")
}

impl ClusterLoop {
    /// Says that this node is full, if it is, and hears which others are.
    pub(super) async fn mind_the_crowd(
        &mut self,
        me: &str,
        view: &ClusterView,
    ) -> Result<(), StoreError> {
        let mut crowded = Partitions::NONE;
        let lives = |until: Timestamp| until > view.now;
        for other in view.nodes.iter().filter(|it| it.node != me) {
            if lives(other.until) && self.is_full(&other.node, view.now).await? {
                crowded = Partitions(crowded.0 | held_by(view, &other.node).0);
            }
        }
        self.shared.set_crowded(crowded);
        self.say_if_full(me, view.now).await
    }

    async fn is_full(&self, node: &str, now: Timestamp) -> Result<bool, StoreError> {
        let said = self.shared.store.setting(&key_of(node)).await?;
        let until = said.and_then(|it| it.parse().ok()).map(Timestamp);
        // One that lies far ahead is of a clock that was set back.
        Ok(until.is_some_and(|it| it > now && it.since_ms(now) <= 2 * SAID_MS))
    }

    async fn say_if_full(&mut self, me: &str, now: Timestamp) -> Result<(), StoreError> {
        let full = self.shared.open() >= self.shared.config.open_messages_max;
        let said_ms = self.crowd.said_until.since_ms(now);
        if !full || (SAID_MS / 2..=SAID_MS).contains(&said_ms) {
            return Ok(());
        }
        let until = now.plus_ms(SAID_MS);
        let op = Op::Setting {
            key: key_of(me),
            value: until.0.to_string(),
        };
        self.shared
            .store
            .commit(vec![Group(vec![op])].into())
            .await?;
        self.crowd.said_until = until;
        Ok(())
    }
}

fn held_by(view: &ClusterView, node: &str) -> Partitions {
    let held = view.leases.iter().filter(|it| it.node == node);
    held.filter_map(|it| match it.lease {
        Lease::Partition(partition) => Some(partition),
        Lease::Health(_) | Lease::Upkeep => None,
    })
    .collect()
}
