//! A node's clock, which may go wrong, and its ids and draws. A wait is as long as it was asked
//! for, whatever the clock is set to meanwhile: as with the monotonic clock of a real machine.

use crate::deterministic::exec::Owner;
use crate::deterministic::script::branch;
use crate::deterministic::stage::{Stage, lock};
use crate::draws::Draws;
use async_trait::async_trait;
use holdline_core::Timestamp;
use holdline_engine::ports::{Clock, Ids};
use std::sync::{Arc, Mutex};

pub(crate) struct NodeClock {
    stage: Arc<Stage>,
    node: u8,
}

impl NodeClock {
    pub(crate) fn new(stage: &Arc<Stage>, node: u8) -> Self {
        let stage = Arc::clone(stage);
        Self { stage, node }
    }
}

#[async_trait]
impl Clock for NodeClock {
    fn now(&self) -> Timestamp {
        self.stage.node_time(self.node)
    }

    async fn sleep_until(&self, at: Timestamp) {
        let wait_ms = at.since_ms(self.now());
        self.stage.exec.sleep(wait_ms).await;
    }
}

/// Time-ordered ids that never go back within a life, as UUIDs of version 7 are made.
pub(crate) struct NodeIds {
    state: Mutex<(Draws, u128)>,
}

impl NodeIds {
    pub(crate) fn new(stage: &Stage, life: Owner) -> Self {
        let draws = branch(stage.script.seed, &format!("ids {}", life.0));
        Self {
            state: Mutex::new((draws, 0)),
        }
    }
}

impl Ids for NodeIds {
    fn id(&self, now: Timestamp) -> u128 {
        const TIME_BIT: u32 = 80;
        let (draws, last) = &mut *lock(&self.state);
        let fresh = u128::from(now.0.unsigned_abs()) << TIME_BIT | u128::from(draws.next_u64());
        *last = fresh.max(*last + 1);
        *last
    }

    fn draw(&self) -> u64 {
        lock(&self.state).0.next_u64()
    }
}
