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
    Attempt { channel: Channel, outcome: &'static str }
    Receipt { channel: Channel, status: &'static str }
    Failover { from: Channel, to: Channel }
    Webhook { result: &'static str }
    HookIn { channel: Channel, result: &'static str }
    Open { state: &'static str }
    Health { route: String, state: &'static str }
    OfChannel { channel: Channel }
}

/// Every metric; cheap to clone, all clones count together.
#[derive(Clone, Debug, Default)]
struct Families {
    messages_accepted: Counter,
    attempts: Family<Attempt, Counter>,
    receipts: Family<Receipt, Counter>,
    failovers: Family<Failover, Counter>,
    webhooks: Family<Webhook, Counter>,
    hooks_in: Family<HookIn, Counter>,
    deliveries_open: Family<Open, Gauge>,
    oldest_waiting_seconds: Gauge<f64, AtomicU64>,
    route_health: Family<Health, Gauge>,
}

/// The registry that `/metrics` prints.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    families: Families,
    accept_seconds: Histogram,
    delivery_seconds: Family<OfChannel, Histogram>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let families = Families::default();
        let mut registry = Registry::with_prefix("holdline");
        families.register(&mut registry);
        let accept_seconds = Histogram::new(exponential_buckets(0.000_5, 2.0, 14));
        let help = "Time from a request to its durable acceptance";
        registry.register("accept_seconds", help, accept_seconds.clone());
        let delivery_seconds = Family::new_with_constructor(delivery_histogram as fn() -> _);
        let help = "Time from acceptance to the receipt of delivery";
        registry.register("delivery_seconds", help, delivery_seconds.clone());
        Self {
            registry,
            families,
            accept_seconds,
            delivery_seconds,
        }
    }

    /// The metrics in the OpenMetrics text form.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }

    pub(crate) fn message_accepted(&self, seconds: f64) {
        self.families.messages_accepted.inc();
        self.accept_seconds.observe(seconds);
    }

    pub(crate) fn attempt(&self, channel: ChannelKind, outcome: &'static str) {
        let labels = Attempt {
            channel: Channel(channel),
            outcome,
        };
        self.families.attempts.get_or_create(&labels).inc();
    }

    pub(crate) fn receipt(&self, channel: ChannelKind, status: &'static str) {
        let labels = Receipt {
            channel: Channel(channel),
            status,
        };
        self.families.receipts.get_or_create(&labels).inc();
    }

    pub(crate) fn delivered(&self, channel: ChannelKind, seconds: f64) {
        let labels = OfChannel {
            channel: Channel(channel),
        };
        self.delivery_seconds
            .get_or_create(&labels)
            .observe(seconds);
    }

    pub(crate) fn failover(&self, from: ChannelKind, to: ChannelKind) {
        let labels = Failover {
            from: Channel(from),
            to: Channel(to),
        };
        self.families.failovers.get_or_create(&labels).inc();
    }

    /// A webhook that we sent to an app.
    pub(crate) fn webhook(&self, result: &'static str) {
        self.families
            .webhooks
            .get_or_create(&Webhook { result })
            .inc();
    }

    /// A webhook that a provider sent to us.
    pub(crate) fn hook_in(&self, channel: ChannelKind, result: &'static str) {
        let labels = HookIn {
            channel: Channel(channel),
            result,
        };
        self.families.hooks_in.get_or_create(&labels).inc();
    }

    pub(crate) fn deliveries_open(&self, state: &'static str, count: u64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.families
            .deliveries_open
            .get_or_create(&Open { state })
            .set(count);
    }

    pub(crate) fn oldest_waiting(&self, seconds: f64) {
        self.families.oldest_waiting_seconds.set(seconds);
    }

    /// One for the state the route is in, zero for the one it left.
    pub(crate) fn route_health(&self, route: &str, left: Option<&'static str>, now: &'static str) {
        for (state, value) in left.map(|state| (state, 0)).into_iter().chain([(now, 1)]) {
            let labels = Health {
                route: route.to_owned(),
                state,
            };
            self.families.route_health.get_or_create(&labels).set(value);
        }
    }
}

impl Families {
    fn register(&self, to: &mut Registry) {
        let it = self.clone();
        to.register(
            "messages_accepted",
            "Messages accepted durably",
            it.messages_accepted,
        );
        to.register("attempts", "Tries by channel and outcome", it.attempts);
        to.register("receipts", "Receipts by channel and status", it.receipts);
        to.register(
            "failovers",
            "Messages moved to another channel",
            it.failovers,
        );
        to.register("webhooks", "Webhooks sent to apps by result", it.webhooks);
        to.register("hooks_in", "Webhooks of providers by result", it.hooks_in);
        to.register(
            "deliveries_open",
            "Deliveries not ended, by state",
            it.deliveries_open,
        );
        let help = "Age of the oldest message that waits";
        to.register("oldest_waiting_seconds", help, it.oldest_waiting_seconds);
        to.register(
            "route_health",
            "1 for the state that a route is in",
            it.route_health,
        );
    }
}

fn delivery_histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.1, 2.0, 18))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_exposed_under_its_documented_name() {
        let metrics = Metrics::new();
        metrics.message_accepted(0.003);
        metrics.attempt(ChannelKind::WHATSAPP, "accepted");
        metrics.attempt(ChannelKind::WHATSAPP, "accepted");
        metrics.receipt(ChannelKind::SMS, "delivered");
        metrics.delivered(ChannelKind::SMS, 2.5);
        metrics.failover(ChannelKind::WHATSAPP, ChannelKind::SMS);
        metrics.webhook("ok");
        metrics.hook_in(ChannelKind::EMAIL, "stored");
        metrics.deliveries_open("waiting", 7);
        metrics.oldest_waiting(1.5);
        metrics.route_health("whatsapp:1", None, "up");
        metrics.route_health("whatsapp:1", Some("up"), "down");
        let text = metrics.text();
        for line in [
            "holdline_messages_accepted_total 1",
            "holdline_attempts_total{channel=\"whatsapp\",outcome=\"accepted\"} 2",
            "holdline_receipts_total{channel=\"sms\",status=\"delivered\"} 1",
            "holdline_failovers_total{from=\"whatsapp\",to=\"sms\"} 1",
            "holdline_webhooks_total{result=\"ok\"} 1",
            "holdline_hooks_in_total{channel=\"email\",result=\"stored\"} 1",
            "holdline_deliveries_open{state=\"waiting\"} 7",
            "holdline_oldest_waiting_seconds 1.5",
            "holdline_route_health{route=\"whatsapp:1\",state=\"up\"} 0",
            "holdline_route_health{route=\"whatsapp:1\",state=\"down\"} 1",
            "holdline_accept_seconds_count 1",
            "holdline_delivery_seconds_count{channel=\"sms\"} 1",
        ] {
            assert!(
                text.lines().any(|it| it == line),
                "{line} is not in\n{text}"
            );
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
