//! The detector over the real sandbox, end to end through the binary: every class of failure ends
//! in the right state, with the right scope and in the right words.

mod account;
mod inbound;
mod outages;
mod restart;
mod traffic;

use crate::stack::{Options, Stack, until};
use serde_json::Value;

/// Timers short enough for a test; what is learned and what is concluded is the product's own.
pub(super) fn quick() -> Options {
    Options::default()
        .with("failover", "receipt_wait_service_ms = 20000")
        .with("failover", "ambiguity_service_ms = 1500")
        .with("failover", "retry_base_ms = 50")
        .with("whatsapp", "timeout_ms = 3000")
        .with("health", "dwell_ms = 1000")
        .with("health", "hold_down_ms = 200")
        .with("health", "test_per_s = 50")
        .with("health", "probe_every_ms = 1000")
        .with("health", "probe_burst_ms = 200")
        .with("health", "probe_down_ms = 200")
        .with("health", "ramp_double_ms = 200")
}

/// The row of a channel's first sender.
pub(super) async fn row(stack: &Stack, channel: &str) -> Value {
    let routes = stack.api("/routes").await;
    let rows = routes["data"].as_array().cloned().unwrap_or_default();
    rows.into_iter()
        .find(|row| row["channel"] == channel)
        .unwrap_or_default()
}

/// Every scope of WhatsApp that is not as it should be.
pub(super) async fn scopes(stack: &Stack) -> Vec<Value> {
    row(stack, "whatsapp").await["scopes"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

/// Waits for a scope whose name ends like this to be in this state, and gives it.
pub(super) async fn until_scope(stack: &Stack, name: &str, health: &str) -> Value {
    until(&format!("{name} is {health}"), || async {
        scopes(stack).await.into_iter().find(|scope| {
            let named = scope["name"]
                .as_str()
                .is_some_and(|known| known.ends_with(name));
            named && scope["health"] == health
        })
    })
    .await
}

/// The reason of a scope, in words.
pub(super) fn words(scope: &Value) -> String {
    scope["reason"].as_str().unwrap_or_default().to_owned()
}
