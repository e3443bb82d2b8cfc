//! What a sandbox is made of: addresses to listen on, identities, templates, latencies, limits.
//! Only data and defaults; nothing here listens or decides.

mod samples;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;
use serde_json::Value;

/// A secret of the sandbox. Debug never shows it; there is no Display.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxConfig {
    pub listen: Listen,
    pub whatsapp: WhatsappConfig,
    pub sms: SmsConfig,
    pub email: EmailConfig,
    pub timing: Timing,
    pub webhooks: WebhookConfig,
    /// Seed of every random draw.
    pub seed: u64,
    /// People that answer by themselves.
    pub auto_reply: Vec<AutoReply>,
    /// How long after its beginning an outage of WhatsApp is on the status page, and how long
    /// after its end it goes.
    pub feed_lag_ms: u64,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            listen: Listen::default(),
            whatsapp: WhatsappConfig::default(),
            sms: SmsConfig::default(),
            email: EmailConfig::default(),
            timing: Timing::default(),
            webhooks: WebhookConfig::default(),
            seed: 0,
            auto_reply: Vec::new(),
            feed_lag_ms: 600_000,
        }
    }
}

/// Where each provider listens. Port 0 takes a free one.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    pub whatsapp: SocketAddr,
    pub sms: SocketAddr,
    pub smtp: SocketAddr,
    pub control: SocketAddr,
    /// The platform's status page.
    pub status: SocketAddr,
}

impl Default for Listen {
    fn default() -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            whatsapp: free,
            sms: free,
            smtp: free,
            control: free,
            status: free,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WhatsappConfig {
    /// Where webhooks go until a subscription or override says otherwise.
    pub webhook_url: Option<String>,
    pub app_id: String,
    pub app_secret: Secret,
    pub verify_token: Secret,
    pub access_tokens: Vec<Secret>,
    /// What one of them writes to another comes in there.
    pub numbers: Vec<Number>,
    pub templates: Vec<TemplateSeed>,
    /// Messages a number may send a second; more is answered with 130429.
    pub throughput_per_s: u32,
    pub pair: PairLimit,
    /// Refuse free-form messages to people who have not written within 24 hours (131047).
    pub enforce_window: bool,
    /// Leave `contacts` out of failed statuses, as the platform documents it.
    pub strict_failed: bool,
    /// Approve new templates after a while, with a webhook.
    pub approve_templates: bool,
}

impl Default for WhatsappConfig {
    fn default() -> Self {
        Self {
            webhook_url: None,
            app_id: "670843887433847".into(),
            app_secret: Secret::new("app-secret"),
            verify_token: Secret::new("verify-token"),
            access_tokens: vec![Secret::new("sandbox-token")],
            numbers: vec![Number::default()],
            templates: TemplateSeed::samples(),
            throughput_per_s: 80,
            pair: PairLimit::default(),
            enforce_window: false,
            strict_failed: true,
            approve_templates: true,
        }
    }
}

/// A business phone number.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Number {
    pub id: String,
    pub display_phone_number: String,
    pub waba_id: String,
    pub verified_name: String,
}

impl Default for Number {
    fn default() -> Self {
        Self {
            id: "106540352242922".into(),
            display_phone_number: "15550783881".into(),
            waba_id: "102290129340398".into(),
            verified_name: "Holdline Sandbox".into(),
        }
    }
}

impl Number {
    /// Another number of the same account, for messages between two numbers of one's own.
    #[must_use]
    pub fn second() -> Self {
        Self {
            id: "106540352242923".into(),
            display_phone_number: "15550783882".into(),
            verified_name: "Holdline Sandbox Two".into(),
            ..Self::default()
        }
    }
}

/// How often one person may be written to from one number. The platform's own figures are
/// [`PairLimit::PLATFORM`]; the default leaves room for a busy demonstration.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PairLimit {
    pub burst: u32,
    pub one_per_ms: u64,
}

impl PairLimit {
    pub const PLATFORM: Self = Self {
        burst: 45,
        one_per_ms: 6_000,
    };
}

impl Default for PairLimit {
    fn default() -> Self {
        Self {
            burst: 450,
            one_per_ms: 600,
        }
    }
}

/// A template that exists from the start.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateSeed {
    pub name: String,
    pub language: String,
    pub category: String,
    #[serde(default = "approved")]
    pub status: String,
    pub components: Value,
}

fn approved() -> String {
    "APPROVED".into()
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmsConfig {
    pub account_sid: String,
    pub auth_token: Secret,
    pub from: String,
    /// Where texts written by people are posted.
    pub inbound_url: Option<String>,
    pub throughput_per_s: u32,
}

impl Default for SmsConfig {
    fn default() -> Self {
        Self {
            account_sid: "AC0123456789abcdef0123456789abcdef".into(),
            auth_token: Secret::new("sandbox-auth-token"),
            from: "+15005550006".into(),
            inbound_url: None,
            throughput_per_s: 200,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmailConfig {
    pub hostname: String,
    /// When set, AUTH must match; otherwise any is accepted and none is needed.
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub size_max_bytes: usize,
}

impl Default for EmailConfig {
    fn default() -> Self {
        Self {
            hostname: "mail.sandbox.test".into(),
            username: None,
            password: None,
            size_max_bytes: 30 * 1024 * 1024,
        }
    }
}

/// Median waits; each wait is drawn log-normally around its median and multiplied by `scale`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timing {
    pub scale: f64,
    pub sigma: f64,
    pub reply_ms: u64,
    pub sent_ms: u64,
    pub delivered_ms: u64,
    pub read_ms: u64,
    pub read_percent: u8,
    pub sms_sent_ms: u64,
    pub sms_delivered_ms: u64,
    pub mail_ms: u64,
    pub template_review_ms: u64,
    /// What an ended outage withheld comes out evenly over this time.
    pub release_spread_ms: u64,
    /// An unanswered request is dropped after this time, or when its outage ends.
    pub hang_max_ms: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            scale: 1.0,
            sigma: 0.35,
            reply_ms: 15,
            sent_ms: 80,
            delivered_ms: 400,
            read_ms: 3_000,
            read_percent: 30,
            sms_sent_ms: 100,
            sms_delivered_ms: 800,
            mail_ms: 20,
            template_review_ms: 500,
            release_spread_ms: 2_000,
            hang_max_ms: 120_000,
        }
    }
}

/// How posts to receivers are batched, timed out and retried. The platform retries for 7 days;
/// here the same pattern runs on a faster clock.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookConfig {
    /// Events in one post; 1 posts each alone, more collects for `batch_wait_ms`.
    pub batch_max: usize,
    pub batch_wait_ms: u64,
    pub timeout_ms: u64,
    pub retry_first_ms: u64,
    pub retry_factor: f64,
    pub retry_max_ms: u64,
    pub tries_max: u32,
    pub in_flight_max: usize,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self {
            batch_max: 1,
            batch_wait_ms: 50,
            timeout_ms: 10_000,
            retry_first_ms: 100,
            retry_factor: 2.0,
            retry_max_ms: 5_000,
            tries_max: 200,
            in_flight_max: 128,
        }
    }
}

/// A person who answers what arrives.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoReply {
    pub address: String,
    /// Text to write back; when the message has buttons and `press` is set, the press wins.
    pub text: String,
    #[serde(default)]
    pub press: Option<String>,
    #[serde(default = "reply_wait")]
    pub after_ms: u64,
}

fn reply_wait() -> u64 {
    500
}
