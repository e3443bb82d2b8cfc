//! The numbers and lists the engine runs by. Filled by the binary's configuration.

use crate::cluster::ClusterConfig;
use holdline_core::ChannelKind;
use holdline_core::health::BoardConfig;
use holdline_core::message::Priority;
use holdline_core::routing::{GateConfig, Policy};
use std::collections::BTreeMap;

/// Events that may wait for the driver before callers are told to come back.
pub const MAILBOX_MAX: usize = 8_192;
/// Webhooks that may wait in memory between storing and reading; the rest waits in the store.
pub const RAW_QUEUE_MAX: usize = 4_096;
/// Events a driver turn takes at most.
pub const TURN_EVENTS_MAX: usize = 1_024;
/// A message in a pause longer than this is passed by later ones of the same person.
pub const ORDER_WAIT_MAX_MS: u64 = 30_000;
/// Waiting messages of one priority in memory, unless configured otherwise: some 50 MB.
pub const WINDOW_MAX: usize = 50_000;
/// How long an address counts as unreachable after the provider said so.
pub const UNREACHABLE_MS: u64 = 24 * 3_600_000;
/// A conversation stays on the channel where the person last wrote for this long.
pub const STICKY_MS: u64 = 30 * 60_000;
/// How far back a numbered reply is matched with what was asked.
pub const CHOICE_WINDOW_MS: u64 = 72 * 3_600_000;

#[derive(Clone, Debug)]
pub struct EngineConfig {
    pub policy: Policy,
    /// Channels in the order in which they are tried, unless a message has a plan of its own.
    pub order: Vec<ChannelKind>,
    pub receipt_wait_ms: [u32; 4],
    /// Time to live by priority, unless the message names its own.
    pub expiry_ms: [u64; 4],
    pub open_messages_max: usize,
    /// Waiting messages of one priority that are kept in memory; the rest waits in the store.
    pub window_max: usize,
    pub routes: Vec<RouteConfig>,
    pub board: BoardConfig,
    /// An SMS may go to the person's WhatsApp number when no SMS address is known.
    pub sms_from_whatsapp: bool,
    /// Answer to HELP by SMS; without it the provider answers.
    pub sms_help_text: Option<String>,
    /// WABA of each phone-number id.
    pub wabas: BTreeMap<String, String>,
    /// Phone-number ids of each app; an app that is not named has none.
    pub app_senders: BTreeMap<String, Vec<String>>,
    /// How long an idempotency key is remembered.
    pub key_kept_ms: u64,
    pub hooks: HookPolicy,
    /// `None` where one process has the store for itself.
    pub cluster: Option<ClusterConfig>,
}

impl EngineConfig {
    #[must_use]
    pub fn expiry_ms(&self, priority: Priority) -> u64 {
        self.expiry_ms[priority as usize]
    }

    #[must_use]
    pub fn receipt_wait_ms(&self, priority: Priority) -> u32 {
        self.receipt_wait_ms[priority as usize]
    }
}

/// One route: a sender on a channel.
#[derive(Clone, Debug)]
pub struct RouteConfig {
    pub channel: ChannelKind,
    pub sender: String,
    pub gate: GateConfig,
}

/// How events to apps are tried again.
#[derive(Clone, Debug)]
pub struct HookPolicy {
    pub first_gap_ms: u64,
    pub gap_max_ms: u64,
    pub give_up_ms: u64,
    /// Posts under way at once, and of those to one endpoint.
    pub in_flight_max: usize,
    pub per_endpoint_max: usize,
}

impl Default for HookPolicy {
    fn default() -> Self {
        Self {
            first_gap_ms: 1_000,
            gap_max_ms: 3_600_000,
            give_up_ms: 7 * 24 * 3_600_000,
            in_flight_max: 128,
            per_endpoint_max: 64,
        }
    }
}
