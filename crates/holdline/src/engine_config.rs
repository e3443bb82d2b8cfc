//! From the configuration to the numbers the engine runs by. Decides nothing itself.

use crate::config::Config;
use crate::http::auth::{DEFAULT_APP, app_may_use};
use holdline_core::ChannelKind;
use holdline_core::health::BoardConfig;
use holdline_core::message::Priority;
use holdline_core::routing::{GateConfig, Policy};
use holdline_engine::EngineConfig;
use holdline_engine::config::{HookPolicy, RouteConfig, WINDOW_MAX};
use std::collections::BTreeMap;

const DAY_MS: u64 = 86_400_000;
/// The sender name of a channel that has only one identity.
pub(crate) const ONLY_SENDER: &str = "default";

pub(crate) fn engine_config(config: &Config) -> EngineConfig {
    let failover = &config.failover;
    let order = failover
        .order
        .iter()
        .filter_map(|name| ChannelKind::new(name))
        .collect();
    EngineConfig {
        policy: policy(config),
        order,
        receipt_wait_ms: [
            short(failover.receipt_wait_emergency_ms),
            short(failover.receipt_wait_urgent_ms),
            short(failover.receipt_wait_service_ms),
            short(failover.receipt_wait_bulk_ms),
        ],
        expiry_ms: Priority::ALL.map(|_| failover.expires_after_s * 1_000),
        open_messages_max: config.limits.open_messages_max,
        window_max: WINDOW_MAX,
        routes: routes(config),
        board: board(config),
        sms_from_whatsapp: config.sms.derive_from_whatsapp,
        sms_help_text: config.sms.help_text.clone(),
        wabas: config
            .whatsapp_senders
            .iter()
            .map(|sender| (sender.phone_number_id.clone(), sender.waba_id.clone()))
            .collect(),
        app_senders: app_senders(config),
        key_kept_ms: u64::from(config.retention.idempotency_days) * DAY_MS,
        hooks: HookPolicy::default(),
        cluster: None,
    }
}

/// The senders of every app there is.
fn app_senders(config: &Config) -> BTreeMap<String, Vec<String>> {
    let configured = config.apps.iter().map(|app| app.id.as_str());
    let senders_of = |app: &str| {
        let all = config.whatsapp_senders.iter();
        let usable = all.filter(|sender| app_may_use(config, app, sender));
        usable.map(|it| it.phone_number_id.clone()).collect()
    };
    configured
        .chain([DEFAULT_APP])
        .map(|app| (app.to_owned(), senders_of(app)))
        .collect()
}

/// How SMS is sent from: a number, a name or a messaging service.
pub(crate) fn sms_sender(config: &Config) -> String {
    let sms = &config.sms;
    let service = || sms.messaging_service_sid.clone();
    sms.from
        .clone()
        .or_else(service)
        .unwrap_or_else(|| ONLY_SENDER.to_owned())
}

pub(crate) fn email_sender(config: &Config) -> String {
    config
        .email
        .from
        .clone()
        .unwrap_or_else(|| ONLY_SENDER.to_owned())
}

fn policy(config: &Config) -> Policy {
    let failover = &config.failover;
    let ambiguity_ms = [
        failover.ambiguity_emergency_ms,
        failover.ambiguity_urgent_ms,
        failover.ambiguity_service_ms,
        failover.patience_bulk_ms,
    ];
    Policy {
        patience_ms: [
            failover.patience_emergency_ms,
            failover.patience_urgent_ms,
            failover.patience_service_ms,
            failover.patience_bulk_ms,
        ],
        ambiguity_ms,
        bulk_hold_ms: failover.patience_bulk_ms,
        retry_base_ms: failover.retry_base_ms,
        retry_max_ms: failover.retry_max_ms,
        tries_max: u8::try_from(failover.tries_max).unwrap_or(u8::MAX),
        ..Policy::default()
    }
}

fn board(config: &Config) -> BoardConfig {
    let health = &config.health;
    BoardConfig {
        mtbfa_s: f64::from(health.false_alarm_days) * 86_400.0,
        dwell_ms: health.dwell_ms,
        hold_down_ms: health.hold_down_ms,
        hold_down_max_ms: health.hold_down_max_ms.max(health.hold_down_ms),
        probe_every_ms: health.probe_every_ms,
        probe_burst_ms: health.probe_burst_ms,
        probe_down_ms: health.probe_down_ms,
    }
}

fn routes(config: &Config) -> Vec<RouteConfig> {
    let whatsapp = config.whatsapp_senders.iter().map(|sender| {
        let (slots, rate) = (config.whatsapp.in_flight_max, config.whatsapp.rate_per_s);
        route(
            config,
            ChannelKind::WHATSAPP,
            &sender.phone_number_id,
            (slots, rate),
        )
    });
    let sms = config.sms.enabled.then(|| {
        let limits = (config.sms.in_flight_max, config.sms.rate_per_s);
        route(config, ChannelKind::SMS, &sms_sender(config), limits)
    });
    let email = config.email.enabled.then(|| {
        let limits = (config.email.in_flight_max, config.email.rate_per_s);
        route(config, ChannelKind::EMAIL, &email_sender(config), limits)
    });
    whatsapp.chain(sms).chain(email).collect()
}

fn route(
    config: &Config,
    channel: ChannelKind,
    sender: &str,
    (in_flight_max, rate_per_s): (u32, u32),
) -> RouteConfig {
    let health = &config.health;
    RouteConfig {
        channel,
        sender: sender.to_owned(),
        gate: GateConfig {
            in_flight_max,
            in_flight_sick_max: in_flight_max.min(8),
            rate_per_s: f64::from(rate_per_s),
            trickle_per_s: f64::from(health.test_per_s),
            ramp_doubling_ms: health.ramp_double_ms,
            ..GateConfig::default()
        },
    }
}

fn short(ms: u64) -> u32 {
    u32::try_from(ms).unwrap_or(u32::MAX)
}
