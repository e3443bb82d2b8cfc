//! Settings of the WhatsApp channel. Plain values; checked when the channel is made.

use crate::http::BuildError;
use crate::whatsapp::checks::EchoPair;
use holdline_core::Redacted;
use std::path::PathBuf;

/// One of our numbers.
#[derive(Clone, Debug)]
pub struct WhatsappSender {
    pub phone_number_id: String,
    pub waba_id: String,
    /// In place of the common one.
    pub access_token: Option<Redacted<String>>,
}

/// The provider tries for seven days; one more for clocks and queues.
const WEBHOOK_AGE_MS_MAX_DEFAULT: u64 = 8 * 24 * 3_600_000;

#[derive(Clone, Debug)]
pub struct WhatsappConfig {
    /// Without the version: `https://graph.facebook.com`.
    pub base_url: String,
    /// `v23.0`; empty for none.
    pub version: String,
    pub access_token: Option<Redacted<String>>,
    pub app_secret: Option<Redacted<String>>,
    pub verify_token: Option<Redacted<String>>,
    pub senders: Vec<WhatsappSender>,
    /// Pairs of our numbers that write to each other to test the way: what comes in by them is no
    /// message of a person.
    pub echoes: Vec<EchoPair>,
    /// What a webhook reports of longer ago is passed over: it was told before, or its call was
    /// kept and sent again.
    pub webhook_age_ms_max: u64,
    pub user_agent: String,
    pub timeout_ms: u32,
    pub connect_timeout_ms: u32,
    pub in_flight_max: u32,
    /// PEM file whose certificates are trusted in place of the system's.
    pub ca_file: Option<PathBuf>,
}

impl WhatsappConfig {
    /// The token for a node that is one of our numbers or their account; the common one, or else
    /// the first, for any other.
    #[must_use]
    pub fn token_for(&self, node: &str) -> Option<&str> {
        let own = self.senders.iter().find(|sender| {
            (sender.phone_number_id == node || sender.waba_id == node)
                && sender.access_token.is_some()
        });
        let first = self
            .senders
            .iter()
            .find_map(|sender| sender.access_token.as_ref());
        let token = own.and_then(|sender| sender.access_token.as_ref());
        token
            .or(self.access_token.as_ref())
            .or(first)
            .map(|token| token.expose().as_str())
    }

    pub(super) fn check(&self) -> Result<(), BuildError> {
        let bare = |sender: &&WhatsappSender| sender.access_token.is_none();
        if self.access_token.is_none()
            && (self.senders.is_empty() || self.senders.iter().any(|sender| bare(&sender)))
        {
            let why = "is needed unless every sender has one of its own";
            return Err(BuildError::setting("whatsapp.access_token", why));
        }
        let word = |c: char| c.is_ascii_alphanumeric() || c == '.';
        if !self.version.chars().all(word) {
            return Err(BuildError::setting(
                "whatsapp.version",
                "must look like v23.0",
            ));
        }
        Ok(())
    }
}

impl Default for WhatsappConfig {
    fn default() -> Self {
        Self {
            base_url: "https://graph.facebook.com".into(),
            version: "v23.0".into(),
            access_token: None,
            app_secret: None,
            verify_token: None,
            senders: Vec::new(),
            echoes: Vec::new(),
            webhook_age_ms_max: WEBHOOK_AGE_MS_MAX_DEFAULT,
            user_agent: concat!("holdline/", env!("CARGO_PKG_VERSION")).into(),
            timeout_ms: 15_000,
            connect_timeout_ms: 5_000,
            in_flight_max: 256,
            ca_file: None,
        }
    }
}
