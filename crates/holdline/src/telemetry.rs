//! What the program tells about itself: log lines and metrics. Never holds bodies, addresses or
//! secrets; labels come from closed lists and from the configuration, so their number is bounded.

use crate::config::{Log, LogFormat};
use holdline_core::ChannelKind;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::fmt::{self, Write as _};
use std::io::IsTerminal as _;
use std::sync::atomic::AtomicU64;
use tracing_subscriber::EnvFilter;

/// The content type of [`Metrics::text`].
pub(crate) const METRICS_CONTENT_TYPE: &str =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Sends log lines to the standard error output: text for people, JSON for machines.
///
/// # Errors
/// When the level cannot be read, or logging was started before.
pub(crate) fn start_logs(log: &Log) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&log.level)?;
    let terminal = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let json = match log.format {
        LogFormat::Auto => !terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let started = if json {
        lines.json().flatten_event(true).try_init()
    } else {
        lines.with_ansi(terminal).try_init()
    };
    started.map_err(|error| anyhow::anyhow!("logging cannot start: {error}"))
}

/// A channel's name as a label, without an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Channel(ChannelKind);

impl EncodeLabelValue for Channel {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(self.0.as_str())
    }
}

macro_rules! labels {
    ($($name:ident { $($label:ident: $type:ty),+ })+) => {
        $(#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
        struct $name { $($label: $type),+ })+
    };
}

labels! {
    HookIn { channel: Channel, result: &'static str }
    Open { state: &'static str }
    Health { route: String, state: &'static str }
}

/// What this program counts beside the engine's own counters, as `/metrics` prints it.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    accept_seconds: Histogram,
    hooks_in: Family<HookIn, Counter>,
    deliveries_open: Family<Open, Gauge>,
    oldest_waiting_seconds: Gauge<f64, AtomicU64>,
    route_health: Family<Health, Gauge>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("holdline"),
            accept_seconds: Histogram::new(exponential_buckets(0.000_5, 2.0, 14)),
            hooks_in: Family::default(),
            deliveries_open: Family::default(),
            oldest_waiting_seconds: Gauge::default(),
            route_health: Family::default(),
        };
        metrics.register();
        metrics
    }

    /// The metrics in the OpenMetrics text form.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }

    pub(crate) fn message_accepted(&self, seconds: f64) {
        self.accept_seconds.observe(seconds);
    }

    /// A webhook that a provider sent to us.
    pub(crate) fn hook_in(&self, channel: ChannelKind, result: &'static str) {
        let labels = HookIn {
            channel: Channel(channel),
            result,
        };
        self.hooks_in.get_or_create(&labels).inc();
    }

    pub(crate) fn deliveries_open(&self, state: &'static str, count: u64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.deliveries_open
            .get_or_create(&Open { state })
            .set(count);
    }

    pub(crate) fn oldest_waiting(&self, seconds: f64) {
        self.oldest_waiting_seconds.set(seconds);
    }

    /// One for the state the route is in, zero for one that it is not in.
    pub(crate) fn route_health(&self, route: &str, state: &'static str, is: bool) {
        let labels = Health {
            route: route.to_owned(),
            state,
        };
        self.route_health.get_or_create(&labels).set(i64::from(is));
    }

    fn register(&mut self) {
        let to = &mut self.registry;
        let help = "Time from a request to its durable acceptance";
        to.register("accept_seconds", help, self.accept_seconds.clone());
        let help = "Webhooks of providers by result";
        to.register("hooks_in", help, self.hooks_in.clone());
        let help = "Deliveries not ended, by state";
        to.register("deliveries_open", help, self.deliveries_open.clone());
        let help = "Age of the oldest message that waits";
        let oldest = self.oldest_waiting_seconds.clone();
        to.register("oldest_waiting_seconds", help, oldest);
        let help = "1 for the state that a route is in";
        to.register("route_health", help, self.route_health.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_exposed_under_its_documented_name() {
        let metrics = Metrics::new();
        metrics.message_accepted(0.003);
        metrics.hook_in(ChannelKind::EMAIL, "stored");
        metrics.deliveries_open("waiting", 7);
        metrics.oldest_waiting(1.5);
        metrics.route_health("whatsapp:1", "up", true);
        metrics.route_health("whatsapp:1", "up", false);
        metrics.route_health("whatsapp:1", "down", true);
        let text = metrics.text();
        for line in [
            "holdline_hooks_in_total{channel=\"email\",result=\"stored\"} 1",
            "holdline_deliveries_open{state=\"waiting\"} 7",
            "holdline_oldest_waiting_seconds 1.5",
            "holdline_route_health{route=\"whatsapp:1\",state=\"up\"} 0",
            "holdline_route_health{route=\"whatsapp:1\",state=\"down\"} 1",
            "holdline_accept_seconds_count 1",
        ] {
            assert!(
                text.lines().any(|it| it == line),
                "{line} is not in\n{text}"
            );
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
