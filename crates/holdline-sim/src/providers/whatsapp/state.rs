//! What the virtual platform remembers: numbers, templates, media, messages and where webhooks go.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use serde_json::Value;

use crate::config::{Number, WhatsappConfig};
use crate::draws::Draws;
use crate::hooks::HookState;
use crate::people::ReplyOption;
use crate::providers::whatsapp::send::Limits;
use crate::ring::Ring;
use crate::text::digits;

/// Messages remembered for statuses and history.
pub(crate) const MESSAGES_MAX: usize = 200_000;
/// Templates of all accounts together.
pub(crate) const TEMPLATES_MAX: usize = 10_000;
/// Handshakes under way.
pub(crate) const HANDSHAKES_MAX: usize = 256;

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) base_url: String,
    pub(crate) app_webhook: Option<String>,
    pub(crate) numbers: Vec<NumberState>,
    pub(crate) wabas: BTreeMap<String, Waba>,
    pub(crate) templates: Vec<Template>,
    pub(crate) media: super::media::Shelf,
    pub(crate) limits: Limits,
    pub(crate) handshakes: BTreeMap<u64, HandshakeFor>,
    pub(crate) last_ticket: u64,
    messages: Ring<Sent>,
    by_wamid: HashMap<String, u64>,
}

#[derive(Debug)]
pub(crate) struct NumberState {
    pub(crate) number: Number,
    pub(crate) webhook: Option<String>,
    pub(crate) profile: Value,
    pub(crate) registered: bool,
}

#[derive(Debug)]
pub(crate) struct Waba {
    pub(crate) subscribed: bool,
    pub(crate) webhook: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) id: u64,
    pub(crate) waba_id: String,
    pub(crate) name: String,
    pub(crate) language: String,
    pub(crate) category: String,
    pub(crate) status: String,
    pub(crate) components: Value,
    pub(crate) parameter_format: String,
    pub(crate) ttl_s: Option<i64>,
}

/// Whose webhook address a handshake confirms.
#[derive(Debug, Clone)]
pub(crate) enum HandshakeFor {
    App { url: String },
    Waba { waba_id: String, url: String },
    Number { number_id: String, url: String },
}

/// An accepted message.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) wamid: String,
    pub(crate) number_id: String,
    pub(crate) waba_id: String,
    /// Digits of the phone, or the user id when nobody knows the phone.
    pub(crate) to: String,
    pub(crate) kind: String,
    /// Lower-case template category, or `service`.
    pub(crate) category: String,
    pub(crate) text: String,
    pub(crate) options: Vec<ReplyOption>,
    pub(crate) raw: Value,
    pub(crate) opaque: Option<String>,
    pub(crate) is_template: bool,
    pub(crate) history: Vec<HistoryEvent>,
}

#[derive(Debug)]
pub(crate) struct HistoryEvent {
    pub(crate) status: &'static str,
    pub(crate) at_ms: u64,
    pub(crate) hook: HookState,
    /// Why the message failed.
    pub(crate) error: Option<String>,
}

impl State {
    pub(crate) fn new(config: &WhatsappConfig, draws: &mut Draws) -> Self {
        let mut state = Self {
            base_url: String::new(),
            app_webhook: config.webhook_url.clone(),
            numbers: config
                .numbers
                .iter()
                .cloned()
                .map(NumberState::new)
                .collect(),
            wabas: BTreeMap::new(),
            templates: Vec::new(),
            media: super::media::Shelf::default(),
            limits: Limits::default(),
            handshakes: BTreeMap::new(),
            last_ticket: 0,
            messages: Ring::new(MESSAGES_MAX),
            by_wamid: HashMap::new(),
        };
        for number in &config.numbers {
            let waba = Waba {
                subscribed: true,
                webhook: None,
            };
            if state.wabas.insert(number.waba_id.clone(), waba).is_none() {
                state.seed_templates(&number.waba_id, config, draws);
            }
        }
        state
    }

    pub(crate) fn number(&self, id: &str) -> Option<&NumberState> {
        self.numbers.iter().find(|state| state.number.id == id)
    }

    /// The business number that a message from another one of them is for.
    pub(crate) fn other_number(&self, from_id: &str, to: &str) -> Option<&NumberState> {
        let is_for = |state: &&NumberState| digits(&state.number.display_phone_number) == to;
        self.numbers
            .iter()
            .filter(is_for)
            .find(|state| state.number.id != from_id)
    }

    pub(crate) fn number_mut(&mut self, id: &str) -> Option<&mut NumberState> {
        self.numbers.iter_mut().find(|state| state.number.id == id)
    }

    pub(crate) fn template(&self, waba: &str, name: &str, language: &str) -> Option<&Template> {
        self.templates
            .iter()
            .find(|t| t.waba_id == waba && t.name == name && t.language == language)
    }

    /// Where events of this number are posted: the number's own address, else its account's,
    /// else the app's; nowhere when the account is not subscribed.
    pub(crate) fn webhook_of(&self, number_id: &str, waba_id: &str) -> Option<String> {
        let waba = self.wabas.get(waba_id).filter(|waba| waba.subscribed)?;
        let own = self
            .number(number_id)
            .and_then(|state| state.webhook.clone());
        own.or_else(|| waba.webhook.clone())
            .or_else(|| self.app_webhook.clone())
    }

    pub(crate) fn remember(&mut self, sent: Sent) -> u64 {
        let wamid = sent.wamid.clone();
        let (key, evicted) = self.messages.push(sent);
        if let Some(old) = evicted {
            self.by_wamid.remove(&old.wamid);
        }
        self.by_wamid.insert(wamid, key);
        key
    }

    pub(crate) fn message(&self, key: u64) -> Option<&Sent> {
        self.messages.get(key)
    }

    pub(crate) fn message_mut(&mut self, key: u64) -> Option<&mut Sent> {
        self.messages.get_mut(key)
    }

    pub(crate) fn by_wamid(&self, wamid: &str) -> Option<(u64, &Sent)> {
        let key = *self.by_wamid.get(wamid)?;
        Some((key, self.messages.get(key)?))
    }

    fn seed_templates(&mut self, waba_id: &str, config: &WhatsappConfig, draws: &mut Draws) {
        for seed in &config.templates {
            self.templates.push(Template {
                id: draws.digits(16).parse().unwrap_or(1),
                waba_id: waba_id.to_owned(),
                name: seed.name.clone(),
                language: seed.language.clone(),
                category: seed.category.to_ascii_uppercase(),
                status: seed.status.to_ascii_uppercase(),
                components: seed.components.clone(),
                parameter_format: "POSITIONAL".into(),
                ttl_s: None,
            });
        }
    }
}

impl NumberState {
    fn new(number: Number) -> Self {
        let profile = serde_json::json!({
            "about": "Sandbox", "address": "", "description": "", "email": "",
            "websites": [], "vertical": "OTHER", "messaging_product": "whatsapp"
        });
        Self {
            number,
            webhook: None,
            profile,
            registered: true,
        }
    }
}

/// A stored file.
#[derive(Debug, Clone)]
pub(crate) struct StoredMedia {
    pub(crate) mime_type: String,
    pub(crate) bytes: Bytes,
    pub(crate) sha256: String,
}
