//! One look outside, of each kind. Asks, and puts the answer into the engine's words; what was not
//! understood or not answered is not told.

use crate::config::Config;
use crate::http::state::AppState;
use holdline_channels::surroundings::Surroundings;
use holdline_channels::whatsapp::{
    AccountHealth, CanSend, GraphClient, MessageFate, Reach, WebhookFate,
};
use holdline_core::health::board::{AccountWord, NetworkSeen};
use holdline_core::{ChannelKind, MessageId, Timestamp};
use holdline_engine::request::{Check, Told};
use std::sync::Arc;
use tokio::sync::Notify;
use url::Url;

/// Messages whose history is asked in one look.
const ASKED_MAX: usize = 5;
/// Messages that must have arrived without a word to us, before it is webhooks that are missing.
const UNHEARD_MIN: usize = 2;
/// A webhook that has not been posted after so long is missing.
const PENDING_MS: u64 = 10_000;

/// Looks at one thing at a time. Cheap to clone.
#[derive(Clone)]
pub(super) struct Lookout {
    pub(super) state: AppState,
    surroundings: Surroundings,
    /// Receipts are missing: our webhook is looked at as well.
    missing: Arc<Notify>,
}

/// Whether a look should be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Enough,
    NotYet,
}

impl Lookout {
    pub(super) fn new(state: AppState, surroundings: Surroundings, missing: Arc<Notify>) -> Self {
        Self {
            state,
            surroundings,
            missing,
        }
    }

    /// Looks, and tells the engine what was seen.
    pub(super) async fn look(&self, check: &Check) -> Seen {
        match check {
            Check::Network { channel, .. } => self.network(*channel).await,
            Check::Account { channel, sender } => self.account(*channel, sender).await,
            Check::History {
                channel,
                sender,
                messages,
            } => {
                self.missing.notify_one();
                return self.history(*channel, sender, messages).await;
            }
        }
        Seen::Enough
    }

    pub(super) async fn network(&self, channel: ChannelKind) {
        let Some((host, port)) = provider_of(&self.state.config, channel) else {
            return;
        };
        // A look says nothing of the time after it began.
        let at = self.state.engine.now();
        let report = self.surroundings.check(&host, port).await;
        let seen = NetworkSeen {
            at,
            controls: report.controls_reached(),
            words: report.words(),
        };
        self.state.engine.tell(Told::Network(seen)).await;
    }

    async fn account(&self, channel: ChannelKind, sender: &str) {
        let Some(graph) = self.graph(channel) else {
            return;
        };
        match graph.account_health(sender).await {
            Ok(health) => {
                if let Some(told) = account_told(channel, sender, &health) {
                    self.state.engine.tell(told).await;
                }
            }
            Err(error) => tracing::debug!(sender, %error, "the account's health is unknown"),
        }
    }

    async fn history(&self, channel: ChannelKind, sender: &str, messages: &[MessageId]) -> Seen {
        let Some(graph) = self.graph(channel) else {
            return Seen::Enough;
        };
        let mut fates = Fates::default();
        for message in messages.iter().take(ASKED_MAX) {
            let id = self.state.engine.store().provider_id_of(*message, channel);
            let Ok(Some(provider_id)) = id.await else {
                continue;
            };
            fates.asked += 1;
            match graph.message_fate(sender, &provider_id).await {
                Ok(fate) => fates.add(fate.as_ref(), self.state.engine.now()),
                Err(error) => tracing::debug!(sender, %error, "a message's history is unknown"),
            }
        }
        tracing::debug!(sender, ?fates, "the provider's history was read");
        if fates.known == 0 {
            return Seen::Enough;
        }
        let delivered = fates.are_unheard();
        let told = Told::History {
            channel,
            sender: sender.to_owned(),
            delivered,
        };
        self.state.engine.tell(told).await;
        match delivered {
            true => Seen::Enough,
            false => Seen::NotYet,
        }
    }

    fn graph(&self, channel: ChannelKind) -> Option<&GraphClient> {
        let graph = self.state.graph.as_deref();
        graph.filter(|_| channel == ChannelKind::WHATSAPP)
    }
}

/// Host and port of the provider behind a channel.
fn provider_of(config: &Config, channel: ChannelKind) -> Option<(String, u16)> {
    let of_url = |url: &Url| Some((url.host_str()?.to_owned(), url.port_or_known_default()?));
    if channel == ChannelKind::WHATSAPP {
        of_url(&config.whatsapp.base_url)
    } else if channel == ChannelKind::SMS {
        of_url(&config.sms.base_url)
    } else {
        let host = config.email.host.clone()?;
        (channel == ChannelKind::EMAIL).then_some((host, config.email.port))
    }
}

fn account_told(channel: ChannelKind, sender: &str, health: &AccountHealth) -> Option<Told> {
    let word = match health.can_send {
        CanSend::Available => AccountWord::Available,
        CanSend::Limited => AccountWord::Limited,
        CanSend::Blocked => AccountWord::Blocked,
        CanSend::Unknown => return None,
    };
    Some(Told::Account {
        channel,
        sender: sender.to_owned(),
        word,
        words: health.words(),
    })
}

/// What the provider's history says of a few messages together.
#[derive(Debug, Default)]
struct Fates {
    asked: usize,
    known: usize,
    /// Arrived, and we were not told.
    unheard: usize,
}

impl Fates {
    fn add(&mut self, fate: Option<&MessageFate>, now: Timestamp) {
        self.known += usize::from(fate.is_some());
        self.unheard += usize::from(fate.is_some_and(|fate| is_unheard(fate, now)));
    }

    fn are_unheard(&self) -> bool {
        self.unheard >= UNHEARD_MIN.min(self.asked.max(1))
    }
}

fn is_unheard(fate: &MessageFate, now: Timestamp) -> bool {
    let arrived = match fate.reached {
        Reach::Delivered | Reach::Read => true,
        Reach::Accepted | Reach::Sent | Reach::Failed => false,
    };
    let old = |at: Timestamp| now.since_ms(at) >= PENDING_MS;
    let untold = match fate.webhook {
        Some(WebhookFate::Failed | WebhookFate::Retrying) => true,
        Some(WebhookFate::Pending) => fate.at.is_some_and(old),
        Some(WebhookFate::Delivered) | None => false,
    };
    arrived && untold
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(100_000);

    fn fate(reached: Reach, webhook: Option<WebhookFate>, ago_ms: i64) -> MessageFate {
        MessageFate {
            reached,
            webhook,
            at: Some(Timestamp(NOW.0 - ago_ms)),
            words: None,
        }
    }

    #[test]
    fn only_what_arrived_and_was_not_told_is_unheard() {
        use WebhookFate::{Delivered, Failed, Pending, Retrying};
        for (reached, webhook, ago_ms, unheard) in [
            (Reach::Delivered, Some(Failed), 0, true),
            (Reach::Read, Some(Retrying), 0, true),
            (Reach::Delivered, Some(Pending), 9_999, false),
            (Reach::Delivered, Some(Pending), 10_000, true),
            (Reach::Delivered, Some(Delivered), 60_000, false),
            (Reach::Delivered, None, 60_000, false),
            (Reach::Sent, Some(Failed), 60_000, false),
            (Reach::Failed, Some(Failed), 60_000, false),
        ] {
            let fate = fate(reached, webhook, ago_ms);
            assert_eq!(is_unheard(&fate, NOW), unheard, "{fate:?}");
        }
    }

    #[test]
    fn two_messages_must_say_so_or_the_only_one() {
        let lost = fate(Reach::Delivered, Some(WebhookFate::Failed), 0);
        let check = |asked: usize, lost_ones: usize| {
            let mut fates = Fates {
                asked,
                ..Fates::default()
            };
            (0..lost_ones).for_each(|_| fates.add(Some(&lost), NOW));
            fates.add(None, NOW);
            fates.are_unheard()
        };
        for (asked, lost, expect) in [
            (1, 1, true),
            (5, 2, true),
            (5, 1, false),
            (2, 1, false),
            (1, 0, false),
            (0, 0, false),
        ] {
            assert_eq!(check(asked, lost), expect, "{lost} of {asked}");
        }
    }

    #[test]
    fn each_channel_has_a_provider_where_it_is_configured() {
        let config = Config::from_toml_str(
            "[whatsapp]\nbase_url = \"http://127.0.0.1:9\"\n\
             [sms]\nbase_url = \"https://sms.example.com\"\n[email]\nport = 25\n",
            &[("HOLDLINE_EMAIL_HOST", "mail.example.com")],
        )
        .unwrap();
        let of = |channel| provider_of(&config, channel);
        assert_eq!(of(ChannelKind::WHATSAPP), Some(("127.0.0.1".into(), 9)));
        assert_eq!(of(ChannelKind::SMS), Some(("sms.example.com".into(), 443)));
        assert_eq!(
            of(ChannelKind::EMAIL),
            Some(("mail.example.com".into(), 25))
        );
    }
}
