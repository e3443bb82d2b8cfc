//! Sends a webhook on its way: at once, late, twice, or not at all, as outages of the webhooks
//! will have it. Decides only.

use super::{Event, World};
use crate::hooks::{Covered, HookState, Post};
use crate::outage::{Behaviour, OutageId, Subject};
use crate::providers::whatsapp;

/// Longest wait of one copy when webhooks come in disorder.
const DISORDER_MS_MAX: u64 = 1_500;

impl World {
    /// Posts a webhook, unless an outage of the webhooks has other plans for it.
    pub(crate) fn post(
        &mut self,
        post: Post,
        covers: Vec<Covered>,
        subject: &Subject<'_>,
        now_ms: u64,
    ) {
        let provider = post.provider;
        let hit = self.outage(provider, subject, is_webhook_fault);
        match hit.map(|(id, behaviour, delay_ms)| (behaviour, id, delay_ms)) {
            Some((Behaviour::DropWebhooks, ..)) => {
                whatsapp::note_hooks(self, &covers, HookState::Failed);
            }
            Some((Behaviour::DisorderWebhooks, ..)) => {
                self.queue_post(post.clone(), covers.clone(), now_ms, Wait::Drawn);
                self.queue_post(post, covers, now_ms, Wait::Drawn);
            }
            Some((_, outage, None)) => self.queue_post(post, covers, now_ms, Wait::Held(outage)),
            Some((_, _, Some(ms))) => self.queue_post(post, covers, now_ms, Wait::For(ms)),
            None => self.queue_post(post, covers, now_ms, Wait::For(0)),
        }
    }

    fn queue_post(&mut self, post: Post, covers: Vec<Covered>, now_ms: u64, wait: Wait) {
        let Some(id) = self.hooks.add(post, covers, now_ms) else {
            return;
        };
        match wait {
            Wait::For(ms) => self.schedule(now_ms, ms, Event::PostHook(id)),
            Wait::Drawn => {
                let ms = self.draws.up_to(DISORDER_MS_MAX);
                let ms = self.scaled(ms);
                self.schedule(now_ms, ms, Event::PostHook(id));
            }
            Wait::Held(outage) => self.hold(outage, Event::PostHook(id)),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Wait {
    For(u64),
    Drawn,
    Held(OutageId),
}

fn is_webhook_fault(behaviour: Behaviour) -> bool {
    matches!(
        behaviour,
        Behaviour::DropWebhooks | Behaviour::DelayWebhooks | Behaviour::DisorderWebhooks
    )
}
