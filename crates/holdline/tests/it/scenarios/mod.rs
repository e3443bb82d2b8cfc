//! Outages of every class, end to end: what the person gets, what the app is told, and what the
//! route is called meanwhile.

mod crash;
mod faults;
mod load;
mod moving;
mod nodes;
mod outages;
mod receipts;
mod spool;

use crate::stack::{Options, Stack, until};

/// Timers short enough for a test.
pub(super) fn quick() -> Options {
    Options::default()
        .with("failover", "receipt_wait_service_ms = 1500")
        .with("failover", "receipt_wait_urgent_ms = 1000")
        .with("failover", "ambiguity_service_ms = 1500")
        .with("failover", "ambiguity_urgent_ms = 500")
        .with("failover", "retry_base_ms = 50")
        .with("health", "dwell_ms = 500")
        .with("health", "hold_down_ms = 200")
        .with("health", "test_per_s = 50")
        .with("health", "probe_every_ms = 500")
        .with("health", "probe_burst_ms = 100")
        .with("health", "probe_down_ms = 100")
        .with("health", "ramp_double_ms = 200")
}

/// Waits for a route to be in this state.
pub(super) async fn until_health(stack: &Stack, channel: &str, wanted: &str) {
    until(&format!("{channel} is {wanted}"), || async {
        (stack.health(channel).await == wanted).then_some(())
    })
    .await;
}

/// Waits until the message has ended, and gives it with its timeline.
pub(super) async fn until_ended(stack: &Stack, wamid: &str) -> serde_json::Value {
    until("the message ends", || async {
        let message = stack.message(wamid).await;
        let state = message["state"].as_str().unwrap_or_default();
        ["delivered", "expired", "failed", "cancelled"]
            .contains(&state)
            .then_some(message)
    })
    .await
}

/// A number nobody else in the test has.
pub(super) fn person(number: u32) -> String {
    format!("+1650555{:04}", 2_000 + number)
}
