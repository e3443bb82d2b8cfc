//! The WhatsApp channel over the Cloud API.

use super::config::WhatsappConfig;
use super::graph::{GraphClient, reply};
use super::{items, send};
use crate::http::{BuildError, Response};
use crate::say;
use crate::whatsapp::classify::{Reply, classify};
use crate::whatsapp::{Update, inbound, signature};
use async_trait::async_trait;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use holdline_core::message::{FaultClass, Outcome, Success};
use holdline_core::{ChannelKind, Timestamp};
use holdline_engine::ports::channel::HookRefusal;
use holdline_engine::ports::records::RawInbound;
use holdline_engine::ports::{Capabilities, Channel, Dispatch, HookRequest, InboundItem, Library};
use serde_json::Value;

/// WhatsApp by one account.
#[derive(Clone, Debug)]
pub struct WhatsappChannel {
    graph: GraphClient,
}

impl WhatsappChannel {
    /// # Errors
    /// When a setting cannot be used.
    pub fn new(config: WhatsappConfig) -> Result<Self, BuildError> {
        Ok(Self {
            graph: GraphClient::new(config)?,
        })
    }

    /// The client that the front door forwards by: the same connections and limits.
    #[must_use]
    pub const fn graph(&self) -> &GraphClient {
        &self.graph
    }
}

#[async_trait]
impl Channel for WhatsappChannel {
    fn kind(&self) -> ChannelKind {
        ChannelKind::WHATSAPP
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            best_receipt: Success::Read,
            inbound: true,
            probe: true,
        }
    }

    async fn send(&self, dispatch: &Dispatch, library: &dyn Library) -> Outcome {
        send::send(&self.graph, dispatch, library)
            .await
            .unwrap_or_else(|outcome| outcome)
    }

    async fn probe(&self, sender: &str) -> Outcome {
        let fields = [("fields", "id,health_status")];
        match self.graph.ask(sender, "/{phone}", &fields).await {
            Ok(answer) => probed(&answer),
            Err(error) => say::of_transport(&error),
        }
    }

    fn verify(&self, request: &HookRequest) -> Result<(), HookRefusal> {
        let Some(secret) = &self.graph.config().app_secret else {
            let why = "calls cannot be checked: set whatsapp.app_secret";
            return Err(HookRefusal::Malformed(why.into()));
        };
        let header = request
            .header(signature::HEADER)
            .ok_or(HookRefusal::NoSignature)?;
        match signature::verify(secret.expose().as_bytes(), request.body.expose(), header) {
            true => Ok(()),
            false => Err(HookRefusal::BadSignature),
        }
    }

    fn handshake(&self, query: &[(String, String)]) -> Option<Result<String, HookRefusal>> {
        let of = |wanted: &str| {
            query
                .iter()
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.as_str())
        };
        let mode = of("hub.mode")?;
        let malformed = |why: &str| Some(Err(HookRefusal::Malformed(why.into())));
        let (Some(token), Some(challenge)) = (of("hub.verify_token"), of("hub.challenge")) else {
            return malformed("hub.verify_token or hub.challenge is missing");
        };
        let Some(ours) = &self.graph.config().verify_token else {
            return malformed("no handshake is possible: set whatsapp.verify_token");
        };
        // Digests have one length, so the comparison tells nothing of ours.
        let hash = |text: &str| digest(&SHA256, text.as_bytes());
        let (ours, given) = (hash(ours.expose()), hash(token));
        let same = verify_slices_are_equal(ours.as_ref(), given.as_ref()).is_ok();
        match mode == "subscribe" && same {
            true => Some(Ok(challenge.into())),
            false => malformed("hub.mode is not subscribe, or the verify token is another"),
        }
    }

    fn read(&self, raw: &RawInbound) -> Result<Vec<InboundItem>, HookRefusal> {
        let updates = inbound::parse(raw.body.expose(), raw.received_at)
            .map_err(|error| HookRefusal::Malformed(error.to_string()))?;
        let config = self.graph.config();
        let all = updates.len();
        let is_news = |it: &Update| it.age_ms(raw.received_at) <= config.webhook_age_ms_max;
        let news: Vec<_> = updates.into_iter().filter(is_news).collect();
        if news.len() < all {
            let count = all - news.len();
            tracing::warn!(count, "updates of long ago were passed over");
        }
        let items = news.into_iter();
        Ok(items
            .flat_map(|update| items::items(update, &config.echoes))
            .collect())
    }

    async fn fetch(&self, remote: &str, size_max: u64) -> Result<(String, Bytes), String> {
        let info = match remote.contains("://") {
            true => Value::Null,
            false => self
                .graph
                .media_info(remote)
                .await
                .map_err(|error| error.to_string())?,
        };
        let text = |key: &str| info.get(key).and_then(Value::as_str);
        let url = text("url").unwrap_or(remote);
        let size_max = usize::try_from(size_max).unwrap_or(usize::MAX);
        let answer = self
            .graph
            .download(url, size_max)
            .await
            .map_err(|error| error.to_string())?;
        if !answer.is_success() {
            return Err(format!("the provider answered {}", answer.status));
        }
        if answer.truncated {
            return Err(format!(
                "the file is larger than the {size_max} bytes allowed"
            ));
        }
        if text("sha256").is_some_and(|digest| !is_digest(digest, &answer.body)) {
            return Err("the file is not the one that the provider announced".into());
        }
        let mime = text("mime_type").or_else(|| answer.header("content-type"));
        let mime = mime.unwrap_or("application/octet-stream").to_owned();
        Ok((mime, answer.body))
    }
}

/// The provider answers for a number of ours; whether the account may send is another question.
fn probed(answer: &Response) -> Outcome {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let has_id = body.as_ref().is_some_and(|body| body.get("id").is_some());
    let may_send = body
        .as_ref()
        .and_then(|body| body.pointer("/health_status/can_send_message"));
    match (
        answer.is_success() && has_id,
        may_send.and_then(Value::as_str),
    ) {
        (true, Some("BLOCKED")) => {
            let why = "the provider has blocked sending: see the number's health_status";
            say::rejected(FaultClass::Account, "health_status", why)
        }
        (true, _) => Outcome::Accepted { provider_id: None },
        // Nobody waits for a probe: there is no time to come back at.
        (false, _) => classify(
            &Reply {
                retry_after: None,
                ..reply(answer)
            },
            Timestamp::default(),
        ),
    }
}

/// In hexadecimal or, as in webhooks, in base64.
fn is_digest(text: &str, bytes: &[u8]) -> bool {
    let made = digest(&SHA256, bytes);
    let hex: String = made
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    text.eq_ignore_ascii_case(&hex) || text == STANDARD.encode(made.as_ref())
}
