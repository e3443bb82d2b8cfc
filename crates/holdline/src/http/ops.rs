//! For operators: `/healthz` (the process is alive), `/readyz` (it can take work), `/metrics`.
//! Needs no token and tells nothing of messages or people.

use super::state::AppState;
use crate::telemetry::METRICS_CONTENT_TYPE;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use holdline_core::Timestamp;
use holdline_core::health::Health;
use holdline_engine::Counts;
use std::time::Duration;
use tokio::time::timeout;

/// Longest wait for the store's answer.
const STORE_WAIT: Duration = Duration::from_secs(2);
/// The driver ends a turn at least once a second; after so long it hangs.
const TURN_MS_MAX: u64 = 10_000;

const PREFIX: &str = "holdline_engine_";
/// The last line of an exposition.
const END: &str = "# EOF\n";

pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

async fn alive() -> &'static str {
    "ok\n"
}

/// 200 when all is well, else 503 with a line for each fault.
async fn ready(State(state): State<AppState>) -> Response {
    let faults: Vec<&str> = [
        store_fault(&state).await,
        driver_fault(state.engine.turned_at(), state.engine.now()),
    ]
    .into_iter()
    .flatten()
    .collect();
    if faults.is_empty() {
        return "ready\n".into_response();
    }
    let retry = [(header::RETRY_AFTER, "5")];
    (
        StatusCode::SERVICE_UNAVAILABLE,
        retry,
        format!("{}\n", faults.join("\n")),
    )
        .into_response()
}

async fn metrics(State(state): State<AppState>) -> Response {
    let engine = &state.engine;
    let totals = engine.totals();
    for (name, count) in [
        ("waiting", totals.waiting),
        ("in_flight", totals.in_flight),
        ("in_doubt", totals.in_doubt),
        ("placed", totals.placed),
    ] {
        state.metrics.deliveries_open(name, count as u64);
    }
    let oldest_ms = totals
        .oldest_waiting_at
        .map_or(0, |at| engine.now().since_ms(at));
    state.metrics.oldest_waiting(oldest_ms as f64 / 1_000.0);
    for route in engine.routes() {
        for health in Health::ALL {
            let is = health == route.health;
            state.metrics.route_health(&route.name, health.name(), is);
        }
    }
    let text = joined(&state.metrics.text(), &counts_text(&engine.counts()));
    ([(header::CONTENT_TYPE, METRICS_CONTENT_TYPE)], text).into_response()
}

/// Two expositions as one: only the last ends the file.
fn joined(first: &str, last: &str) -> String {
    format!("{}{last}", first.strip_suffix(END).unwrap_or(first))
}

/// What the engine counted since it started.
fn counts_text(counts: &Counts) -> String {
    let mut text = String::new();
    let attempts = counts.attempts.iter().map(|((channel, outcome), count)| {
        (
            format!("channel=\"{channel}\",outcome=\"{outcome}\""),
            *count,
        )
    });
    family(
        &mut text,
        "attempts",
        "Tries by channel and outcome",
        attempts,
    );
    let inbound = counts
        .inbound
        .iter()
        .map(|((channel, what), count)| (format!("channel=\"{channel}\",what=\"{what}\""), *count));
    family(
        &mut text,
        "inbound",
        "What providers told us, by channel",
        inbound,
    );
    let hooks = counts
        .hooks
        .iter()
        .map(|(result, count)| (format!("result=\"{result}\""), *count));
    family(
        &mut text,
        "posts",
        "Posts of events to apps, by result",
        hooks,
    );
    let totals = [
        ("accepted", "Messages accepted durably", counts.accepted),
        (
            "failovers",
            "Messages moved to another channel",
            counts.failovers,
        ),
        (
            "duplicates",
            "Messages that a person got twice",
            counts.duplicates,
        ),
    ];
    for (name, help, count) in totals {
        family(
            &mut text,
            name,
            help,
            std::iter::once((String::new(), count)),
        );
    }
    text + END
}

fn family(text: &mut String, name: &str, help: &str, rows: impl Iterator<Item = (String, u64)>) {
    text.push_str(&format!(
        "# HELP {PREFIX}{name} {help}.\n# TYPE {PREFIX}{name} counter\n"
    ));
    for (labels, count) in rows {
        let labels = if labels.is_empty() {
            labels
        } else {
            format!("{{{labels}}}")
        };
        text.push_str(&format!("{PREFIX}{name}_total{labels} {count}\n"));
    }
}

async fn store_fault(state: &AppState) -> Option<&'static str> {
    match timeout(STORE_WAIT, state.engine.store().setting("ready")).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the store cannot be read");
            Some("the store cannot be read")
        }
        Err(_) => Some("the store does not answer"),
    }
}

fn driver_fault(turned_at: Timestamp, now: Timestamp) -> Option<&'static str> {
    (now.since_ms(turned_at) > TURN_MS_MAX).then_some("deliveries do not move")
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdline_core::ChannelKind;

    #[test]
    fn counts_are_written_as_one_exposition_with_the_rest() {
        let mut counts = Counts {
            accepted: 7,
            ..Counts::default()
        };
        counts.attempts.insert((ChannelKind::SMS, "accepted"), 3);
        let text = joined(
            "# TYPE a counter\na_total 1\n# EOF\n",
            &counts_text(&counts),
        );
        assert!(text.starts_with("# TYPE a counter\na_total 1\n# HELP holdline_engine_attempts "));
        let row = "\nholdline_engine_attempts_total{channel=\"sms\",outcome=\"accepted\"} 3\n";
        assert!(text.contains(row));
        assert!(text.contains("\nholdline_engine_accepted_total 7\n"));
        assert_eq!(text.matches("# EOF").count(), 1);
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn a_driver_that_has_not_turned_for_long_is_a_fault() {
        assert_eq!(driver_fault(Timestamp(0), Timestamp(10_000)), None);
        assert!(driver_fault(Timestamp(0), Timestamp(10_001)).is_some());
        assert_eq!(driver_fault(Timestamp(10), Timestamp(0)), None);
    }
}
