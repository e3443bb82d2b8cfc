//! Several nodes on one store: holds leases by signs of life, shares the work out evenly, and reads
//! what other nodes hand over. One process with a store of its own needs none of this.
//!
//! Leases decide who works; fences in each commit decide whose work counts. A node that was away
//! too long finds its commits refused, and nothing leaves that was not committed.

mod crowd;
pub(crate) mod handoff;
pub(crate) mod share;
pub(crate) mod signals;

use crate::driver::event::{Event, Handed, LeasesEvent};
use crate::ports::StoreError;
use crate::ports::cluster::{Beat, HandoffRecord, Lease, LeaseHeld, Partition, Partitions};
use crate::ports::store::PAGE_MAX;
use crate::shared::Shared;
use holdline_core::{ChannelKind, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::oneshot;

/// How nodes share a store.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// The name of this node: no two that run at one time have the same.
    pub node: String,
    /// Where this node is reached, for people to read.
    pub url: String,
    /// A node without a sign of life for so long is taken to be dead.
    pub ttl_ms: u64,
    pub beat_ms: u64,
    /// What others hand over is looked for so often, unless a hint comes first.
    pub poll_ms: u64,
}

impl ClusterConfig {
    /// Taken over some 6 s after a kill; a pause of 3 s costs no lease.
    #[must_use]
    pub const fn new(node: String, url: String) -> Self {
        Self {
            node,
            url,
            ttl_ms: 5_000,
            beat_ms: 1_000,
            poll_ms: 200,
        }
    }
}

/// What this node holds, with the epochs of its fences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held(BTreeMap<Lease, i64>);

impl Held {
    pub(crate) fn of(leases: &[LeaseHeld]) -> Self {
        Self(leases.iter().map(|held| (held.lease, held.epoch)).collect())
    }

    pub(crate) fn epoch(&self, lease: Lease) -> Option<i64> {
        self.0.get(&lease).copied()
    }

    pub(crate) fn has(&self, lease: Lease) -> bool {
        self.0.contains_key(&lease)
    }

    pub(crate) fn partitions(&self) -> Partitions {
        let partitions = self.0.keys().filter_map(|lease| match lease {
            Lease::Partition(partition) => Some(*partition),
            Lease::Health(_) | Lease::Upkeep => None,
        });
        partitions.collect()
    }

    pub(crate) fn leases(&self) -> Vec<Lease> {
        self.0.keys().copied().collect()
    }

    pub(crate) fn with(mut self, lease: Lease, epoch: i64) -> Self {
        self.0.insert(lease, epoch);
        self
    }

    pub(crate) fn without_leases(&self, leases: &BTreeSet<Lease>) -> Self {
        let kept = self.0.iter().filter(|(lease, _)| !leases.contains(lease));
        Self(kept.map(|(lease, epoch)| (*lease, *epoch)).collect())
    }

    pub(crate) fn without(&self, partitions: Partitions) -> Self {
        let stays = |lease: &Lease| match lease {
            Lease::Partition(partition) => !partitions.has(*partition),
            Lease::Health(_) | Lease::Upkeep => true,
        };
        let kept = self.0.iter().filter(|(lease, _)| stays(lease));
        Self(kept.map(|(lease, epoch)| (*lease, *epoch)).collect())
    }
}

/// To be run by one task; ends at once where there is only one node.
pub struct ClusterLoop {
    shared: Arc<Shared>,
    config: Option<ClusterConfig>,
    /// Leases beside the partitions that some node must hold.
    wanted: Vec<Lease>,
    /// Drained partitions that go with the next beat.
    give: Partitions,
    crowd: crowd::Crowd,
    /// Ends when the driver has.
    driver_ended: oneshot::Receiver<()>,
}

impl std::fmt::Debug for ClusterLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterLoop").finish_non_exhaustive()
    }
}

impl ClusterLoop {
    pub(crate) fn new(shared: &Arc<Shared>, driver_ended: oneshot::Receiver<()>) -> Self {
        let channels: BTreeSet<ChannelKind> = shared
            .config
            .routes
            .iter()
            .map(|route| route.channel)
            .collect();
        let health = channels.into_iter().map(Lease::Health);
        Self {
            shared: Arc::clone(shared),
            config: shared.config.cluster.clone(),
            wanted: health.chain([Lease::Upkeep]).collect(),
            give: Partitions::NONE,
            crowd: crowd::Crowd::default(),
            driver_ended,
        }
    }

    /// Runs until the driver has ended; then its leases are free for others at once.
    pub async fn run(mut self) {
        let Some(config) = self.config.take() else {
            return;
        };
        let mut beat_at = Timestamp(0);
        loop {
            let now = self.shared.clock.now();
            if now >= beat_at || beat_at.since_ms(now) > config.beat_ms {
                beat_at = now.plus_ms(config.beat_ms);
                if let Err(error) = self.beat(&config).await {
                    tracing::warn!(%error, "the sign of life of this node was not taken");
                }
            }
            let busy = self.take_handoffs().await;
            self.follow().await;
            let now = self.shared.clock.now();
            let wait_ms = if busy { 0 } else { config.poll_ms };
            let clock = Arc::clone(&self.shared.clock);
            tokio::select! {
                biased;
                _ = &mut self.driver_ended => break,
                () = self.shared.handoff_wake.notified() => {}
                () = clock.sleep_until(now.plus_ms(wait_ms).min(beat_at.max(now))) => {}
            }
        }
        let leaves = Beat {
            leaves: true,
            ..self.sign(&config, Vec::new())
        };
        if let Err(error) = self.shared.store.beat(&leaves).await {
            tracing::warn!(%error, "the leases of this node are free when they expire");
        }
    }

    fn sign(&self, config: &ClusterConfig, take: Vec<Lease>) -> Beat {
        Beat {
            node: config.node.clone(),
            url: config.url.clone(),
            now: self.shared.clock.now(),
            ttl_ms: config.ttl_ms,
            take,
            give: self.give.iter().map(Lease::Partition).collect(),
            leaves: false,
        }
    }

    /// One sign of life, and what it changes for the driver.
    async fn beat(&mut self, config: &ClusterConfig) -> Result<(), StoreError> {
        let store = &self.shared.store;
        let view = store.cluster(self.shared.clock.now()).await?;
        let plan = share::plan(&view, &config.node, &self.wanted);
        let stops = self.shared.stop.is_stopped();
        let take = if stops { Vec::new() } else { plan.take };
        let held = store.beat(&self.sign(config, take)).await?;
        // Another node may have written one.
        self.shared.endpoints.replace(store.endpoints().await?);
        let (reply, drained) = oneshot::channel();
        let event = Event::Leases(Box::new(LeasesEvent {
            held: Held::of(&held),
            give: plan.give.without(self.give),
            nodes: plan.nodes,
            reply,
        }));
        if self.shared.mailbox.send(event).await.is_ok() {
            self.give = drained.await.unwrap_or_default();
        }
        self.mind_the_crowd(&config.node, &view).await
    }

    /// Hands the driver what waits for leases of this node, and waits until it is done. True when
    /// there may be more.
    async fn take_handoffs(&mut self) -> bool {
        let leases = self.shared.held().leases();
        if leases.is_empty() {
            return false;
        }
        let page = match self.shared.store.handoffs(&leases, PAGE_MAX).await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(%error, "what other nodes handed over could not be read");
                return false;
            }
        };
        if page.is_empty() {
            return false;
        }
        let full = page.len() >= PAGE_MAX;
        let (done, over) = oneshot::channel();
        let handed = Handed {
            records: page,
            done,
        };
        if self
            .shared
            .mailbox
            .send(Event::Handed(handed))
            .await
            .is_ok()
        {
            let _ = over.await;
        }
        full
    }

    /// The health of channels that another node decides, and what operators said there.
    async fn follow(&self) {
        let held = self.shared.held();
        let all_mine = self.wanted.iter().all(|lease| held.has(*lease));
        let (routes, holds) = match self.read_health(all_mine).await {
            Ok(read) => read,
            Err(error) => {
                tracing::warn!(%error, "the health that another node decides could not be read");
                return;
            }
        };
        let _ = self
            .shared
            .mailbox
            .send(Event::Follow { routes, holds })
            .await;
    }

    async fn read_health(
        &self,
        all_mine: bool,
    ) -> Result<
        (
            Vec<crate::ports::records::RouteRecord>,
            Vec<crate::ports::records::HoldRecord>,
        ),
        StoreError,
    > {
        let store = &self.shared.store;
        let routes = if all_mine {
            Vec::new()
        } else {
            store.routes().await?
        };
        Ok((routes, store.holds().await?))
    }
}

/// An event for the holder of a partition.
pub(crate) fn hand_to(
    shared: &Shared,
    partition: Partition,
    event: &handoff::Handoff,
) -> crate::ports::Op {
    hand(shared, Lease::Partition(partition), event)
}

/// An event for the holder of a lease.
pub(crate) fn hand(shared: &Shared, lease: Lease, event: &handoff::Handoff) -> crate::ports::Op {
    let at = shared.clock.now();
    crate::ports::Op::Handoff(HandoffRecord {
        id: shared.ids.id(at),
        lease,
        at,
        event: event.to_text(),
    })
}
