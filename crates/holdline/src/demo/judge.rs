//! The judgement: what the app was promised against what every person really got, by the
//! providers' own ledger; and the times that matter.

use super::Order;
use super::app::App;
use super::stage::{LEDGER_MAX, Stage, name_of};
use holdline_core::ChannelKind;
use holdline_core::health::Health;
use holdline_engine::ports::store::MessageFilter;
use holdline_engine::request::RouteStatus;
use serde::Serialize;
use std::collections::BTreeMap;

/// Messages looked at in one read.
const PAGE: usize = 500;

/// When things happened.
pub(super) struct Marks {
    pub(super) broke_at_ms: i64,
    pub(super) mended_at_ms: i64,
    /// The WhatsApp route was taken out of use at some time.
    pub(super) was_down: bool,
    pub(super) back_at_ms: Option<i64>,
}

/// What the demo came to.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verdict {
    pub(crate) profile: String,
    pub(crate) accepted: usize,
    pub(crate) refused: u64,
    pub(crate) delivered: BTreeMap<&'static str, usize>,
    pub(crate) lost: usize,
    pub(crate) duplicates: usize,
    pub(crate) unknown_resolved: usize,
    /// From the break to the first message that reached somebody by another channel.
    pub(crate) first_failover_s: Option<f64>,
    /// From the mending until the route was fully trusted again.
    pub(crate) back_s: Option<f64>,
    pub(crate) latency_ms: BTreeMap<&'static str, Percentiles>,
    /// Statuses with a wrong signature, or for ids that the app was never given.
    pub(crate) webhook_faults: usize,
}

/// From the app's request to the person's phone or mailbox.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: Option<i64>,
    pub(crate) p95: Option<i64>,
}

impl Verdict {
    pub(crate) fn is_good(&self) -> bool {
        let faults = self.lost + self.duplicates + self.webhook_faults;
        faults == 0 && self.refused == 0 && self.accepted > 0
    }
}

impl Marks {
    pub(super) fn new(now_ms: i64) -> Self {
        Self {
            broke_at_ms: now_ms,
            mended_at_ms: i64::MAX,
            was_down: false,
            back_at_ms: None,
        }
    }

    /// Looks whether the WhatsApp route has gone or come back.
    pub(super) fn look(&mut self, routes: &[RouteStatus], now_ms: i64) {
        let whatsapp = routes
            .iter()
            .find(|route| route.channel == ChannelKind::WHATSAPP);
        let Some(route) = whatsapp else { return };
        match route.health {
            Health::Down | Health::AccountFault => {
                self.was_down = true;
                self.back_at_ms = None;
            }
            Health::Up if self.was_down && now_ms >= self.mended_at_ms => {
                self.back_at_ms
                    .get_or_insert(route.since.0.max(self.mended_at_ms));
            }
            Health::Up
            | Health::Suspect
            | Health::Degraded
            | Health::Recovering
            | Health::SelfImpaired => {}
        }
    }
}

pub(super) async fn judge(
    stage: &Stage,
    app: &App,
    marks: &Marks,
    order: &Order,
) -> anyhow::Result<Verdict> {
    let arrivals = arrivals(stage);
    let unknown_resolved = unknown_resolved(stage).await?;
    let strangers = app.strangers();
    let seen = app.seen();
    let mut latencies: BTreeMap<&'static str, Vec<i64>> = BTreeMap::new();
    for (marker, (_, asked_at)) in &seen.accepted {
        if let Some(first) = arrivals.get(marker).and_then(|rows| rows.first()) {
            latencies
                .entry(phase(*asked_at, marks))
                .or_default()
                .push(first.at_ms - asked_at);
        }
    }
    let missing = seen
        .accepted
        .keys()
        .filter(|marker| !arrivals.contains_key(marker))
        .count();
    let doubles: usize = arrivals.values().map(|rows| rows.len() - 1).sum();
    Ok(Verdict {
        profile: order.profile.clone(),
        accepted: seen.accepted.len(),
        refused: seen.refused,
        delivered: stage.delivered(),
        lost: missing,
        duplicates: doubles,
        unknown_resolved,
        first_failover_s: first_failover(&arrivals, marks),
        back_s: marks.back_at_ms.map(|at| seconds(at - marks.mended_at_ms)),
        latency_ms: latencies
            .into_iter()
            .map(|(phase, all)| (phase, percentiles(all)))
            .collect(),
        webhook_faults: strangers + seen.bad_signatures,
    })
}

struct Arrival {
    channel: &'static str,
    at_ms: i64,
}

/// What reached people, by the marker in the text.
fn arrivals(stage: &Stage) -> BTreeMap<u32, Vec<Arrival>> {
    let mut arrivals: BTreeMap<u32, Vec<Arrival>> = BTreeMap::new();
    for row in stage.sandbox.ledger(0, LEDGER_MAX) {
        if let Some(marker) = marker_in(&row.text) {
            let at_ms = i64::try_from(row.at_ms).unwrap_or(i64::MAX);
            arrivals.entry(marker).or_default().push(Arrival {
                channel: name_of(row.channel),
                at_ms,
            });
        }
    }
    arrivals
}

fn marker_in(text: &str) -> Option<u32> {
    text.match_indices('#')
        .find_map(|(at, _)| text.get(at + 1..at + 7)?.parse().ok())
}

fn first_failover(arrivals: &BTreeMap<u32, Vec<Arrival>>, marks: &Marks) -> Option<f64> {
    arrivals
        .values()
        .flatten()
        .filter(|arrival| arrival.channel != "whatsapp" && arrival.at_ms >= marks.broke_at_ms)
        .map(|arrival| arrival.at_ms)
        .min()
        .map(|at| seconds(at - marks.broke_at_ms))
}

/// Messages whose outcome was unknown for a time and then settled.
async fn unknown_resolved(stage: &Stage) -> anyhow::Result<usize> {
    let store = stage.server.engine.store();
    let mut filter = MessageFilter::default();
    let mut resolved = 0;
    loop {
        let page = store.list_messages(&filter, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(resolved);
        };
        filter.before = Some(last.message.id);
        for stored in &page {
            let timeline = store.timeline(stored.message.id).await?;
            let doubted = timeline
                .decisions
                .iter()
                .any(|decision| decision.code == "in_doubt");
            resolved += usize::from(doubted && stored.delivery.state.is_ended());
        }
    }
}

fn phase(asked_at_ms: i64, marks: &Marks) -> &'static str {
    if asked_at_ms < marks.broke_at_ms {
        "before"
    } else if asked_at_ms < marks.mended_at_ms {
        "during"
    } else {
        "after"
    }
}

fn percentiles(mut all: Vec<i64>) -> Percentiles {
    all.sort_unstable();
    let at = |share: usize| all.get(all.len().saturating_sub(1) * share / 100).copied();
    Percentiles {
        p50: at(50),
        p95: at(95),
    }
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_found_wherever_it_stands_in_the_text() {
        assert_eq!(marker_in("Your order #000042 is on its way."), Some(42));
        assert_eq!(marker_in("no. #1, but #000007"), Some(7));
        assert_eq!(marker_in("Your order is on its way. #"), None);
    }

    #[test]
    fn percentiles_of_nothing_are_nothing() {
        assert_eq!(percentiles(vec![]).p50, None);
        assert_eq!(percentiles((1..=100).collect()).p95, Some(95));
    }
}
