//! Settings of the SMS channel. Plain values; checked when the channel is made.

use holdline_core::Redacted;
use std::path::PathBuf;

/// Most parts that a message may be cut into, by default.
pub(super) const SEGMENTS_MAX_DEFAULT: u16 = 10;

#[derive(Clone, Debug)]
pub struct SmsConfig {
    /// Of the provider, without the path: `https://api.twilio.com`.
    pub base_url: String,
    pub account_sid: String,
    pub auth_token: Redacted<String>,
    /// Where the provider reaches us, without the path.
    pub public_url: String,
    /// Our numbers or messaging services; the first one is used where a hop names none.
    pub senders: Vec<String>,
    /// Longer messages are refused, in parts of the network's size.
    pub segments_max: u16,
    /// Replaces typographic quotes and dashes, which would make a message cost more parts.
    pub simplify: bool,
    /// Sends files as MMS; otherwise as links.
    pub mms: bool,
    pub user_agent: String,
    pub timeout_ms: u32,
    pub connect_timeout_ms: u32,
    pub in_flight_max: u32,
    /// PEM file whose certificates are trusted in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// Files of incoming MMS may lie in a private network.
    pub allow_private_networks: bool,
}

impl Default for SmsConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.twilio.com".into(),
            account_sid: String::new(),
            auth_token: Redacted::new(String::new()),
            public_url: String::new(),
            senders: Vec::new(),
            segments_max: SEGMENTS_MAX_DEFAULT,
            simplify: true,
            mms: false,
            user_agent: concat!("holdline/", env!("CARGO_PKG_VERSION")).into(),
            timeout_ms: 15_000,
            connect_timeout_ms: 5_000,
            in_flight_max: 64,
            ca_file: None,
            allow_private_networks: false,
        }
    }
}
