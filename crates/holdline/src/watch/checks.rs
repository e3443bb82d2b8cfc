//! Answers what the engine wants looked at, a few at a time, and looks at the control hosts
//! regularly, so that their later silence means something.

use super::look::{Lookout, Seen};
use super::pause;
use super::turns::Turns;
use holdline_core::ChannelKind;
use holdline_engine::request::Check;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

/// Looks under way at a time.
const UNDER_WAY_MAX: usize = 4;
/// Longest look.
const LOOK_MAX: Duration = Duration::from_secs(30);
/// A wait that ends by something else.
const LONG: Duration = Duration::from_secs(3_600);

/// Takes questions until the engine ends or the server stops.
pub(super) async fn answer(
    lookout: Lookout,
    mut checks: mpsc::Receiver<Check>,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut turns = Turns::default();
    let mut under_way = JoinSet::new();
    loop {
        while under_way.len() < UNDER_WAY_MAX
            && let Some(check) = turns.take(Instant::now())
        {
            under_way.spawn(one(lookout.clone(), check));
        }
        let full = under_way.len() >= UNDER_WAY_MAX;
        let next_at = turns.next_at().filter(|_| !full);
        let next_at = next_at.unwrap_or_else(|| Instant::now() + LONG);
        tokio::select! {
            check = checks.recv() => match check {
                Some(check) => turns.ask(check, Instant::now()),
                None => return,
            },
            Some(done) = under_way.join_next() => {
                if let Ok(Some(check)) = done {
                    turns.repeat(check);
                }
            }
            () = sleep_until(next_at) => {}
            _ = shutdown.changed() => return,
        }
    }
}

/// The question again, when the look told nothing yet.
async fn one(lookout: Lookout, check: Check) -> Option<Check> {
    let seen = timeout(LOOK_MAX, lookout.look(&check)).await;
    (seen == Ok(Seen::NotYet)).then_some(check)
}

/// Looks at once, then every so often, where there is anything to look at.
pub(super) async fn look_regularly(lookout: Lookout, mut shutdown: watch::Receiver<bool>) {
    let config = &lookout.state.config;
    let controls = config.surroundings.controls(config.is_remote());
    let every = Duration::from_secs(config.surroundings.look_every_s);
    let routes = lookout.state.engine.routes();
    let first = routes.first().map(|route| route.channel);
    let whatsapp = routes
        .iter()
        .any(|route| route.channel == ChannelKind::WHATSAPP);
    let channel = first.map(|first| match whatsapp {
        true => ChannelKind::WHATSAPP,
        false => first,
    });
    let Some(channel) = channel.filter(|_| !controls.is_empty()) else {
        return;
    };
    loop {
        let _ = timeout(LOOK_MAX, lookout.network(channel)).await;
        if !pause(every, &mut shutdown).await {
            return;
        }
    }
}
