//! For operators: `/healthz` (the process is alive), `/readyz` (it can take work), `/metrics`.
//! Needs no token and tells nothing of messages or people.

mod counts;
mod scopes;

use crate::http::state::AppState;
use crate::telemetry::METRICS_CONTENT_TYPE;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use holdline_core::Timestamp;
use holdline_core::health::Health;
use holdline_engine::SpoolStatus;
use holdline_engine::ports::records::HoldRecord;
use std::time::Duration;
use tokio::time::timeout;

/// Longest wait for the store's answer.
const STORE_WAIT: Duration = Duration::from_secs(2);
/// The driver ends a turn at least once a second; after so long it hangs.
const TURN_MS_MAX: u64 = 10_000;

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
    let read_fault = store_fault(&state).await;
    if let Some(status) = state.engine.spool().filter(|it| it.in_use) {
        return spooling(&status, state.engine.now());
    }
    let faults: Vec<&str> = [
        read_fault,
        write_fault(&state),
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

/// While the store is away the node takes work as long as its spool has room.
fn spooling(status: &SpoolStatus, now: Timestamp) -> Response {
    let (size, mib) = (status.size, 1024.0 * 1024.0);
    let oldest_s = status.oldest_at.map_or(0, |at| now.since_ms(at) / 1_000);
    let line = format!(
        "{} records in the spool until the database has them: {:.1} of {:.0} MiB, the oldest \
         {oldest_s} s old\n",
        size.records,
        size.bytes as f64 / mib,
        size.bytes_max as f64 / mib,
    );
    if status.is_full {
        let retry = [(header::RETRY_AFTER, "5")];
        return (StatusCode::SERVICE_UNAVAILABLE, retry, line).into_response();
    }
    format!("ready\n{line}").into_response()
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
    let now = engine.now();
    let last = [
        scopes::text(&engine.routes(), &holds(&state, now).await, now),
        store_text(&state),
        state
            .engine
            .spool()
            .map_or_else(String::new, |it| spool_text(&it, now)),
        counts::text(&engine.counts()),
    ];
    let text = counts::joined(&state.metrics.text(), &last.concat());
    ([(header::CONTENT_TYPE, METRICS_CONTENT_TYPE)], text).into_response()
}

/// Whether the store takes writes, the room it has, and how far its backups are.
fn store_text(state: &AppState) -> String {
    let (base_at, written_at) = state.backup.instants();
    let seconds = |ms: i64| ms as f64 / 1_000.0;
    let mut rows = vec![
        (
            "store_writable",
            f64::from(u8::from(write_fault(state).is_none())),
        ),
        (
            "backup_failing",
            f64::from(u8::from(state.backup.is_failing())),
        ),
        ("backup_whole_timestamp_seconds", seconds(base_at)),
        ("backup_changes_timestamp_seconds", seconds(written_at)),
    ];
    rows.extend(
        state
            .room
            .free_bytes()
            .map(|free| ("disk_free_bytes", free as f64)),
    );
    let one = |(name, value): (&str, f64)| {
        format!("# TYPE holdline_{name} gauge\nholdline_{name} {value}\n")
    };
    rows.into_iter().map(one).collect()
}

fn spool_text(status: &SpoolStatus, now: Timestamp) -> String {
    let oldest_ms = status.oldest_at.map_or(0, |at| now.since_ms(at));
    let gauges = [
        ("spool_in_use", f64::from(u8::from(status.in_use))),
        ("spool_records", status.size.records as f64),
        ("spool_bytes", status.size.bytes as f64),
        ("spool_bytes_max", status.size.bytes_max as f64),
        ("spool_oldest_age_seconds", oldest_ms as f64 / 1_000.0),
        ("spool_set_aside", status.size.aside as f64),
    ];
    let gauge = |(name, value): (&str, f64)| {
        format!("# TYPE holdline_{name} gauge\nholdline_{name} {value}\n")
    };
    let text: String = gauges.into_iter().map(gauge).collect();
    let drained = status.drained;
    format!("{text}# TYPE holdline_spool_drained counter\nholdline_spool_drained_total {drained}\n")
}

/// What operators say now; nothing while the store does not answer.
async fn holds(state: &AppState, now: Timestamp) -> Vec<HoldRecord> {
    let found = timeout(STORE_WAIT, state.engine.store().holds()).await;
    let mut holds = found.ok().and_then(Result::ok).unwrap_or_default();
    holds.retain(|hold| hold.until > now);
    holds
}

async fn store_fault(state: &AppState) -> Option<&'static str> {
    let asking = state.engine.look(state.engine.store().setting("ready"));
    match timeout(STORE_WAIT, asking).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the store cannot be read");
            Some("the store cannot be read")
        }
        Err(_) => Some("the store does not answer"),
    }
}

/// Whoever sends traffic here should know before a message is refused.
fn write_fault(state: &AppState) -> Option<&'static str> {
    match state.engine.store_fault() {
        Some(fault) if fault.full => Some("the store has no room: new messages are refused"),
        Some(_) => Some("the store takes no writes: new messages are refused"),
        None if state.engine.refuses().is_some() => {
            Some("the disk of the database runs out of room: new messages are refused")
        }
        None => None,
    }
}

fn driver_fault(turned_at: Timestamp, now: Timestamp) -> Option<&'static str> {
    (now.since_ms(turned_at) > TURN_MS_MAX).then_some("deliveries do not move")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_with_room_in_its_spool_is_ready_and_says_what_waits() {
        let mut status = SpoolStatus {
            in_use: true,
            oldest_at: Some(Timestamp(1_000)),
            ..SpoolStatus::default()
        };
        (status.size.records, status.size.bytes_max) = (7, 8 << 20);
        let answer = |status: &SpoolStatus| spooling(status, Timestamp(61_000)).status();
        assert_eq!(answer(&status), StatusCode::OK);
        let text = spool_text(&status, Timestamp(61_000));
        for line in [
            "holdline_spool_in_use 1",
            "holdline_spool_records 7",
            "holdline_spool_oldest_age_seconds 60",
            "holdline_spool_drained_total 0",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}: {text}");
        }
        status.is_full = true;
        assert_eq!(answer(&status), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn a_driver_that_has_not_turned_for_long_is_a_fault() {
        assert_eq!(driver_fault(Timestamp(0), Timestamp(10_000)), None);
        assert!(driver_fault(Timestamp(0), Timestamp(10_001)).is_some());
        assert_eq!(driver_fault(Timestamp(10), Timestamp(0)), None);
    }
}
