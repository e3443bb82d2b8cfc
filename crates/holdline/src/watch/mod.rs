//! Looks outside, and tells the engine what it saw: our own network, the provider's word on our
//! account and on messages without receipts, status feeds, our own webhook, echoes between two
//! numbers of ours. One file a loop. Judges nothing: that is the board's.

mod checks;
mod echo;
mod feeds;
mod grade;
mod look;
mod self_test;
mod status;
mod turns;

pub(crate) use grade::Grade;
pub(crate) use status::{FeedCell, FeedState, FeedStatus};

use crate::config::Config;
use crate::http::state::AppState;
use holdline_channels::BuildError;
use holdline_channels::surroundings::{Surroundings, SurroundingsConfig};
use holdline_engine::request::Check;
use look::Lookout;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Starts every loop; each ends when the server stops.
///
/// # Errors
/// When a setting cannot be used.
pub(crate) fn spawn(
    tasks: &mut JoinSet<()>,
    state: &AppState,
    checks: mpsc::Receiver<Check>,
    shutdown: &watch::Receiver<bool>,
) -> Result<(), BuildError> {
    let surroundings = surroundings(&state.config)?;
    let missing = Arc::new(Notify::new());
    let lookout = Lookout::new(state.clone(), surroundings.clone(), Arc::clone(&missing));
    tasks.spawn(checks::answer(lookout.clone(), checks, shutdown.clone()));
    tasks.spawn(checks::look_regularly(lookout, shutdown.clone()));
    if let Some(test) = self_test::SelfTest::new(state, surroundings) {
        tasks.spawn(test.run(missing, shutdown.clone()));
    }
    for pair in echo::Echoes::all(state) {
        tasks.spawn(pair.run(shutdown.clone()));
    }
    for feed in feeds::Follower::all(state)? {
        tasks.spawn(feed.run(shutdown.clone()));
    }
    tasks.spawn(grade::keep(state.clone(), shutdown.clone()));
    Ok(())
}

fn surroundings(config: &Config) -> Result<Surroundings, BuildError> {
    let remote = config.is_remote();
    Surroundings::new(SurroundingsConfig {
        controls: config.surroundings.controls(remote),
        resolvers: config.surroundings.resolvers(remote),
        timeout_ms: config.surroundings.timeout_ms,
        user_agent: config.net.user_agent.clone(),
        ca_file: config.net.ca_certificates.clone(),
        // Its address is the operator's own word, not an app's.
        allow_private: true,
    })
}

/// Waits; false when the server stops.
async fn pause(time: Duration, shutdown: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = sleep(time) => true,
        _ = shutdown.changed() => false,
    }
}
