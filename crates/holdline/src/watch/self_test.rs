//! Calls our own webhook at its public address, as the provider does when it is set up. Two
//! failures in a row mean that it is not reached, unless the provider's calls come in meanwhile.

use crate::http::state::AppState;
use holdline_channels::surroundings::{SelfTest as Answer, Surroundings};
use holdline_core::{ChannelKind, Redacted};
use holdline_engine::request::Told;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use url::Url;

/// Failures in a row that mean something.
const FAILURES_MIN: u32 = 2;
/// After the first failure; no two calls are nearer to each other.
const SOON: Duration = Duration::from_secs(2);
/// While it is not reached, if that is more often than usual.
const FAILING: Duration = Duration::from_secs(30);
const CALL_MAX: Duration = Duration::from_secs(40);

/// The loop.
pub(super) struct SelfTest {
    state: AppState,
    surroundings: Surroundings,
    url: Url,
    token: Redacted<String>,
    every: Duration,
    course: Course,
}

/// How the last calls went.
#[derive(Clone, Copy, Debug, Default)]
struct Course {
    failures: u32,
    /// Webhooks of the provider that had come by the last call.
    heard: u64,
}

/// What is told, if anything, and how long it waits then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Next {
    reached: Option<bool>,
    wait: Duration,
}

impl SelfTest {
    /// `None` where it is switched off, or nothing is known by which to call ourselves.
    pub(super) fn new(state: &AppState, surroundings: Surroundings) -> Option<Self> {
        let config = &state.config;
        let base = config.http.public_url.as_ref()?;
        let base = base.as_str().trim_end_matches('/');
        let every_s = config.health.self_test_every_s;
        let wanted = every_s > 0 && !config.whatsapp_senders.is_empty();
        Some(Self {
            url: Url::parse(&format!("{base}/hooks/whatsapp"))
                .ok()
                .filter(|_| wanted)?,
            token: config.whatsapp.verify_token.as_ref()?.redacted(),
            every: Duration::from_secs(every_s),
            state: state.clone(),
            surroundings,
            course: Course::default(),
        })
    }

    /// `missing`: receipts are, so that it is worth a call at once.
    pub(super) async fn run(mut self, missing: Arc<Notify>, mut shutdown: watch::Receiver<bool>) {
        loop {
            let called_at = Instant::now();
            let wait = tokio::select! {
                wait = self.call() => wait,
                _ = shutdown.changed() => return,
            };
            let asked = async {
                missing.notified().await;
                sleep_until(called_at + SOON).await;
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = asked => {}
                _ = shutdown.changed() => return,
            }
        }
    }

    /// Calls, tells, and gives the wait until the next call.
    async fn call(&mut self) -> Duration {
        let call = self.surroundings.self_test(&self.url, self.token.expose());
        let answer = timeout(CALL_MAX, call).await;
        let answer = answer.unwrap_or_else(|_| Answer::Unreachable("no answer in time".into()));
        let heard = self.heard();
        let next = self
            .course
            .next(answer == Answer::Answered, heard, self.every);
        if let Some(reached) = next.reached {
            let told = Told::Webhook {
                channel: ChannelKind::WHATSAPP,
                reached,
                words: answer.to_string(),
            };
            self.state.engine.tell(told).await;
        }
        next.wait
    }

    /// Webhooks of the provider so far.
    fn heard(&self) -> u64 {
        let counts = self.state.engine.counts().inbound;
        let of_whatsapp = counts
            .iter()
            .filter(|((channel, _), _)| *channel == ChannelKind::WHATSAPP);
        of_whatsapp.map(|(_, count)| count).sum()
    }
}

impl Course {
    fn next(&mut self, answered: bool, heard: u64, every: Duration) -> Next {
        let comes_in = self.failures > 0 && heard > self.heard;
        self.heard = heard;
        if answered || comes_in {
            // Where only our own call fails, it fails by the way back to ourselves.
            self.failures = u32::from(!answered);
            return Next {
                reached: Some(true),
                wait: every,
            };
        }
        self.failures = self.failures.saturating_add(1);
        let means_it = self.failures >= FAILURES_MIN;
        Next {
            reached: means_it.then_some(false),
            wait: every.min(if means_it { FAILING } else { SOON }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(300);

    fn check(calls: &[(bool, u64)], expect: &[(Option<bool>, Duration)]) {
        let mut course = Course::default();
        let told: Vec<(Option<bool>, Duration)> = calls
            .iter()
            .map(|(answered, heard)| course.next(*answered, *heard, EVERY))
            .map(|next| (next.reached, next.wait))
            .collect();
        assert_eq!(told, expect, "{calls:?}");
    }

    #[test]
    fn two_failures_mean_that_it_is_not_reached_until_it_answers() {
        let (no, yes) = ((false, 0), (true, 0));
        check(
            &[yes, no, no, no, yes, no],
            &[
                (Some(true), EVERY),
                (None, SOON),
                (Some(false), FAILING),
                (Some(false), FAILING),
                (Some(true), EVERY),
                (None, SOON),
            ],
        );
    }

    #[test]
    fn it_is_reached_where_only_our_own_call_fails() {
        check(
            &[(false, 7), (false, 9), (false, 12), (false, 12)],
            &[
                (None, SOON),
                (Some(true), EVERY),
                (Some(true), EVERY),
                (Some(false), FAILING),
            ],
        );
    }
}
