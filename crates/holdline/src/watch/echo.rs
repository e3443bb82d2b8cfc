//! Writes from one number of ours to another, so that sending, delivery and webhooks are tested
//! where there is little traffic. That it comes in is seen where webhooks are read.

use super::pause;
use crate::channels::echo_pair;
use crate::clock::SystemIds;
use crate::http::state::AppState;
use holdline_channels::feeds::poll_after_ms;
use holdline_channels::whatsapp::{EchoPair, GraphClient};
use holdline_core::ChannelKind;
use holdline_core::message::Outcome;
use holdline_engine::ports::{Ids as _, Lease};
use holdline_engine::request::{Echo, EchoStep, Told};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Longest that a throttle is believed.
const THROTTLED_MS_MAX: u64 = 3_600_000;

/// The loop of one pair.
pub(super) struct Echoes {
    state: AppState,
    graph: Arc<GraphClient>,
    pair: EchoPair,
    every_ms: u64,
}

impl Echoes {
    /// One for each pair.
    pub(super) fn all(state: &AppState) -> Vec<Self> {
        let Some(graph) = &state.graph else {
            return Vec::new();
        };
        let of = |echo| {
            Some(Self {
                state: state.clone(),
                graph: Arc::clone(graph),
                pair: echo_pair(&state.config, echo)?,
                every_ms: echo.every_s.saturating_mul(1_000),
            })
        };
        state.config.echoes.iter().filter_map(of).collect()
    }

    pub(super) async fn run(self, mut shutdown: watch::Receiver<bool>) {
        // Several pairs, and several installations, do not write at one moment.
        let mut wait_ms = SystemIds.draw() % self.every_ms.max(1);
        while pause(Duration::from_millis(wait_ms), &mut shutdown).await {
            let held_ms = tokio::select! {
                held_ms = self.write() => held_ms,
                _ = shutdown.changed() => return,
            };
            wait_ms = poll_after_ms(self.every_ms, SystemIds.draw()).max(held_ms);
        }
    }

    /// Gives how long the provider wants us to wait at least. One node of a cluster writes.
    async fn write(&self) -> u64 {
        if !self
            .state
            .engine
            .holds(Lease::Health(ChannelKind::WHATSAPP))
        {
            return 0;
        }
        let now = self.state.engine.now();
        let token = SystemIds.draw();
        self.tell(token, EchoStep::Leaves).await;
        let outcome = self.graph.send_echo(&self.pair, token, now).await;
        let held_ms = match &outcome {
            Outcome::Throttled { until, .. } => until.map_or(0, |until| until.since_ms(now)),
            Outcome::Accepted { .. } | Outcome::Rejected(_) | Outcome::Unknown(_) => 0,
        };
        self.tell(token, EchoStep::Ended(outcome)).await;
        held_ms.min(THROTTLED_MS_MAX)
    }

    async fn tell(&self, token: u64, step: EchoStep) {
        let echo = Echo {
            channel: ChannelKind::WHATSAPP,
            from: self.pair.from.clone(),
            to_number: self.pair.to_number.clone(),
            token,
            step,
        };
        self.state.engine.tell(Told::Echo(echo)).await;
    }
}
