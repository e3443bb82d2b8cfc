//! What the demo shows while it runs: on a terminal a line that is kept up to date, elsewhere a
//! line every few seconds. Prints to the standard error only.

use super::Order;
use super::app::App;
use super::judge::Verdict;
use holdline_core::health::Health;
use holdline_engine::request::{RouteStatus, Totals};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

/// Pause between lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

pub(super) struct Show {
    bar: ProgressBar,
    total: u64,
    terminal: bool,
    quiet: bool,
    health: BTreeMap<String, Health>,
    said_at: Instant,
}

impl Show {
    pub(super) fn new(order: &Order) -> Self {
        let terminal = std::io::stderr().is_terminal() && !order.quiet;
        let total = order.duration.as_secs() * u64::from(order.rate);
        let bar = if terminal {
            ProgressBar::new(total)
        } else {
            ProgressBar::hidden()
        };
        let style = ProgressStyle::with_template("{elapsed:>4} {bar:20} {pos}/{len}  {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let said_at = Instant::now();
        Self {
            bar,
            total,
            terminal,
            quiet: order.quiet,
            health: BTreeMap::new(),
            said_at,
        }
    }

    /// One line that stays.
    pub(super) fn say(&self, line: &str) {
        let stamp = format!("{:>5.1} s  {line}", self.bar.elapsed().as_secs_f64());
        if self.terminal {
            self.bar.println(stamp);
        } else if !self.quiet {
            eprintln!("{stamp}");
        }
    }

    pub(super) fn draw(
        &mut self,
        routes: &[RouteStatus],
        totals: &Totals,
        app: &App,
        delivered: &BTreeMap<&'static str, usize>,
        now_ms: i64,
    ) {
        for route in routes {
            if self.health.insert(route.name.clone(), route.health) != Some(route.health) {
                let why = if route.reason.is_empty() { "" } else { ": " };
                let state = route.health.name();
                self.say(&format!(
                    "{} is {state}{why}{}",
                    route.channel, route.reason
                ));
            }
        }
        let sent = app.seen().accepted.len() as u64;
        self.bar.set_position(sent.min(self.total));
        let line = counts(totals, delivered, now_ms);
        self.bar.set_message(line.clone());
        if !self.terminal && self.said_at.elapsed() >= LINE_EVERY {
            self.said_at = Instant::now();
            self.say(&format!("accepted {sent}  {line}"));
        }
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

fn counts(totals: &Totals, delivered: &BTreeMap<&'static str, usize>, now_ms: i64) -> String {
    let by_channel: Vec<String> = delivered
        .iter()
        .map(|(channel, count)| format!("{channel} {count}"))
        .collect();
    let oldest_s = totals
        .oldest_waiting_at
        .map_or(0.0, |at| (now_ms - at.0) as f64 / 1_000.0);
    format!(
        "delivered: {}  waiting {}, oldest {oldest_s:.1} s  unknown {}",
        by_channel.join(" "),
        totals.waiting + totals.in_flight,
        totals.in_doubt
    )
}

/// The verdict as people read it.
pub(crate) fn table(verdict: &Verdict) -> String {
    let seconds = |value: Option<f64>| value.map_or_else(|| "-".into(), |s| format!("{s:.1} s"));
    let mut rows = vec![
        ("profile", verdict.profile.clone()),
        ("accepted", verdict.accepted.to_string()),
        ("refused", verdict.refused.to_string()),
    ];
    for (channel, count) in &verdict.delivered {
        rows.push((channel, format!("{count} delivered")));
    }
    rows.extend([
        ("lost", verdict.lost.to_string()),
        ("duplicates", verdict.duplicates.to_string()),
        ("unknown resolved", verdict.unknown_resolved.to_string()),
        ("first failover", seconds(verdict.first_failover_s)),
        ("time back", seconds(verdict.back_s)),
    ]);
    for (phase, latency) in &verdict.latency_ms {
        let ms = |value: Option<i64>| value.map_or_else(|| "-".into(), |ms| format!("{ms} ms"));
        let words = format!(
            "{} / {} (p50 / p95 to delivery)",
            ms(latency.p50),
            ms(latency.p95)
        );
        rows.push((phase, words));
    }
    let cells = rows
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value]);
    crate::cli::table(&["", "RESULT"], cells)
}
