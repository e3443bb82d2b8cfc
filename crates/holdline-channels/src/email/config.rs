//! Settings of the e-mail channel. Plain values; checked when the channel is made.

use holdline_core::Redacted;
use std::path::PathBuf;

/// Largest sum of attached files, by default, in bytes; more goes as links.
pub(super) const ATTACHMENT_BYTES_MAX_DEFAULT: u64 = 15 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// Begins in the clear and goes over to TLS before anything is said; never goes on without.
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// In the clear: for a server on the same machine.
    None,
}

#[derive(Clone, Debug)]
pub struct Login {
    pub username: String,
    pub password: Redacted<String>,
}

#[derive(Clone, Debug)]
pub struct EmailConfig {
    pub host: String,
    pub port: u16,
    pub tls: TlsMode,
    /// PEM file whose certificates are trusted in place of the system's.
    pub ca_file: Option<PathBuf>,
    pub login: Option<Login>,
    /// `Name <mailbox@example.com>` or the bare address. A hop may name another mailbox.
    pub from: String,
    pub reply_to: Option<String>,
    /// Used where a message gives no line of its own.
    pub subject: String,
    /// An https or mailto address, for mail that people may want to be rid of.
    pub list_unsubscribe: Option<String>,
    /// How we name ourselves to the server.
    pub hello_name: String,
    /// For one whole submission.
    pub timeout_ms: u32,
    pub connect_timeout_ms: u32,
    /// Connections at once, and kept open between messages.
    pub in_flight_max: u32,
    pub idle_ms_max: u32,
    pub attachment_bytes_max: u64,
}

impl Default for EmailConfig {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 587,
            tls: TlsMode::StartTls,
            ca_file: None,
            login: None,
            from: String::new(),
            reply_to: None,
            subject: "Message for you".into(),
            list_unsubscribe: None,
            hello_name: "localhost".into(),
            timeout_ms: 30_000,
            connect_timeout_ms: 5_000,
            in_flight_max: 8,
            idle_ms_max: 20_000,
            attachment_bytes_max: ATTACHMENT_BYTES_MAX_DEFAULT,
        }
    }
}
