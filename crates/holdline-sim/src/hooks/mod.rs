//! Webhooks waiting to be posted: batching, retries and a log, all bounded. Decides when; the
//! shell posts and reports the answer. Never opens a connection.

mod batch;

use std::collections::HashMap;

use bytes::Bytes;
use serde::Serialize;

pub(crate) use batch::{Added, Batches, Change, body_of};

use crate::config::WebhookConfig;
use crate::outage::Provider;
use crate::ring::Ring;

/// Posts waiting or being retried; above this new ones are dropped and counted.
pub(crate) const WEBHOOKS_WAITING_MAX: usize = 100_000;
/// Rows kept of the delivery log.
pub(crate) const WEBHOOK_LOG_MAX: usize = 50_000;

/// A post to perform. The body is shared, not copied, between tries.
#[derive(Debug, Clone)]
pub struct Post {
    pub id: u64,
    pub provider: Provider,
    pub url: String,
    pub content_type: &'static str,
    pub signature_header: &'static str,
    pub signature: String,
    pub body: Bytes,
    pub timeout_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HookState {
    Waiting,
    Retrying,
    Delivered,
    /// Given up after the last try.
    Failed,
}

/// One line of the delivery log.
#[derive(Debug, Clone, Serialize)]
pub struct HookRow {
    pub id: u64,
    pub provider: Provider,
    pub url: String,
    pub state: HookState,
    /// Status of the last answer; none when there was no answer.
    pub status: Option<u16>,
    pub tries: u32,
    pub at_ms: u64,
}

/// What a post tells about: a message of a provider and the place of the event in its history.
pub(crate) type Covered = (u64, usize);

#[derive(Debug)]
struct Waiting {
    post: Post,
    tries: u32,
    covers: Vec<Covered>,
}

#[derive(Debug)]
pub(crate) struct Hooks {
    waiting: HashMap<u64, Waiting>,
    log: Ring<HookRow>,
    pub(crate) batches: Batches,
    pub(crate) dropped: u64,
}

/// What follows from an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AfterAnswer {
    Done(Vec<Covered>),
    RetryIn(u64, Vec<Covered>),
    GivenUp(Vec<Covered>),
    Forgotten,
}

impl Hooks {
    pub(crate) fn new() -> Self {
        Self {
            waiting: HashMap::new(),
            log: Ring::new(WEBHOOK_LOG_MAX),
            batches: Batches::default(),
            dropped: 0,
        }
    }

    /// Takes a post in charge and gives it its number; none when the queue is full.
    pub(crate) fn add(&mut self, post: Post, covers: Vec<Covered>, now_ms: u64) -> Option<u64> {
        if self.waiting.len() >= WEBHOOKS_WAITING_MAX {
            self.dropped += 1;
            return None;
        }
        let id = self.log.next_seq();
        let post = Post { id, ..post };
        self.log.push(HookRow {
            id,
            provider: post.provider,
            url: post.url.clone(),
            state: HookState::Waiting,
            status: None,
            tries: 0,
            at_ms: now_ms,
        });
        self.waiting.insert(
            id,
            Waiting {
                post,
                tries: 0,
                covers,
            },
        );
        Some(id)
    }

    /// The post to perform now, counted as a try.
    pub(crate) fn take(&mut self, id: u64) -> Option<Post> {
        let waiting = self.waiting.get_mut(&id)?;
        waiting.tries += 1;
        Some(waiting.post.clone())
    }

    pub(crate) fn answered(
        &mut self,
        id: u64,
        status: Option<u16>,
        config: &WebhookConfig,
    ) -> AfterAnswer {
        let Some(waiting) = self.waiting.get(&id) else {
            return AfterAnswer::Forgotten;
        };
        let (tries, covers) = (waiting.tries, waiting.covers.clone());
        let done = is_success(waiting.post.provider, status);
        let state = match (done, tries >= config.tries_max) {
            (true, _) => HookState::Delivered,
            (false, true) => HookState::Failed,
            (false, false) => HookState::Retrying,
        };
        self.note(id, state, status, tries);
        if state == HookState::Retrying {
            return AfterAnswer::RetryIn(retry_wait_ms(config, tries), covers);
        }
        self.waiting.remove(&id);
        if done {
            AfterAnswer::Done(covers)
        } else {
            AfterAnswer::GivenUp(covers)
        }
    }

    /// Newest first.
    pub(crate) fn rows(&self, max: usize) -> Vec<HookRow> {
        self.log.after(0).rev().take(max).cloned().collect()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn note(&mut self, id: u64, state: HookState, status: Option<u16>, tries: u32) {
        if let Some(row) = self.log.get_mut(id) {
            row.state = state;
            row.status = status;
            row.tries = tries;
        }
    }
}

/// WhatsApp counts exactly 200 as received, the SMS provider any 2xx.
fn is_success(provider: Provider, status: Option<u16>) -> bool {
    match provider {
        Provider::Whatsapp => status == Some(200),
        Provider::Sms | Provider::Email => status.is_some_and(|s| (200..300).contains(&s)),
    }
}

/// The first retry is immediate, the following ones grow.
fn retry_wait_ms(config: &WebhookConfig, tries: u32) -> u64 {
    if tries <= 1 {
        return 0;
    }
    let factor = config
        .retry_factor
        .powi(i32::try_from(tries - 2).unwrap_or(i32::MAX));
    ((config.retry_first_ms as f64 * factor) as u64).min(config.retry_max_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(provider: Provider) -> Post {
        Post {
            id: 0,
            provider,
            url: "http://localhost/hook".into(),
            content_type: "application/json",
            signature_header: "x-hub-signature-256",
            signature: String::new(),
            body: Bytes::new(),
            timeout_ms: 1_000,
        }
    }

    #[test]
    fn only_200_counts_and_waits_grow_until_given_up() {
        let config = WebhookConfig {
            tries_max: 4,
            ..WebhookConfig::default()
        };
        let mut hooks = Hooks::new();
        let id = hooks
            .add(post(Provider::Whatsapp), vec![(5, 0)], 1)
            .unwrap();
        let mut waits = Vec::new();
        let end = loop {
            hooks.take(id).unwrap();
            match hooks.answered(id, Some(204), &config) {
                AfterAnswer::RetryIn(wait, _) => waits.push(wait),
                end @ (AfterAnswer::Done(_) | AfterAnswer::GivenUp(_) | AfterAnswer::Forgotten) => {
                    break end;
                }
            }
        };
        assert_eq!(waits, [0, 100, 200]);
        assert_eq!(end, AfterAnswer::GivenUp(vec![(5, 0)]));
        assert_eq!(hooks.rows(1)[0].state, HookState::Failed);
        assert_eq!(hooks.waiting(), 0);
    }

    #[test]
    fn any_2xx_satisfies_the_sms_provider() {
        let mut hooks = Hooks::new();
        let id = hooks.add(post(Provider::Sms), Vec::new(), 1).unwrap();
        hooks.take(id).unwrap();
        let after = hooks.answered(id, Some(204), &WebhookConfig::default());
        assert_eq!(after, AfterAnswer::Done(Vec::new()));
    }
}
