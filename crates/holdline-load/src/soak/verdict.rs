//! What a run came to, line by line, each against what it must keep to.

use super::book::Sums;
use super::sample::Sample;
use super::trend::{median, slope};
use super::weather::Weather;
use crate::offer::Tally;
use crate::row::Row;

/// A leak of one object for each message takes 32 bytes at least, which is the smallest piece that
/// the allocator of Linux gives out. Half of that is below any such leak and above the noise of an
/// hour at 200 messages a second.
const LEAK_BYTES_PER_MESSAGE: f64 = 16.0;
/// At rest there are a few more than before the first message: readers of the database, connections
/// that are kept for probes.
const HANDLES_GROWTH_MAX: f64 = 16.0;
/// What may wait at the end of a calm: so many seconds of the load.
const CALM_WAITING_S: f64 = 5.0;

/// How the run ended.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) drained: bool,
    pub(super) drain_s: f64,
    pub(super) open: [f64; 4],
    /// Of those that were doubled, how many no rule explains.
    pub(super) doubled_against_rule: usize,
    /// The same of those that ended as failed.
    pub(super) failed_against_rule: usize,
    pub(super) webhooks_dropped: f64,
    pub(super) bad_webhooks: f64,
    pub(super) by_sms: u64,
    pub(super) copies: u64,
    pub(super) webhooks: f64,
    pub(super) inbound: f64,
    /// Changes of health.
    pub(super) verdicts: f64,
    /// Handles before the first message, and at rest after the last.
    pub(super) handles: (f64, f64),
}

pub(super) fn rows(
    samples: &[Sample],
    sums: &Sums,
    end: &End,
    tally: &Tally,
    weather: Weather,
    offered: (u64, f64),
) -> Vec<Row> {
    let mut rows = promises(sums, end, tally, offered.0);
    rows.extend(growth(samples, end, weather, offered.1));
    rows.extend(queues(samples, end, weather, offered.1));
    rows.extend(costs(samples, tally, sums));
    rows
}

fn promises(sums: &Sums, end: &End, tally: &Tally, offered: u64) -> Vec<Row> {
    let (accepted, doubled) = (sums.accepted, sums.doubled.len());
    let none = |name, figure: f64| Row::told(name, figure, "").at_most(0.0);
    vec![
        none("offered, not accepted", (offered - accepted) as f64).on(format!(
            "of {offered}; refused {}, errors {} {}, each asked again",
            Tally::count(&tally.refused),
            Tally::count(&tally.errors),
            tally.first_error()
        )),
        none("lost", sums.lost as f64).on(format!("of {accepted} accepted")),
        none("app not told of the end", (accepted - sums.told) as f64)
            .on(format!("{} posts to the app", end.webhooks)),
        none("failed against the rule", end.failed_against_rule as f64).on(format!(
            "{} failed in all, the others by an outcome that stayed unknown",
            sums.failed.len()
        )),
        none("doubled against the rule", end.doubled_against_rule as f64).on(format!(
            "{doubled} doubled in all, the others after an unknown outcome, or where two are \
             tolerated after a receipt that was overdue"
        )),
        none("webhooks with a fault", end.bad_webhooks)
            .on(format!("{} messages of people among them", end.inbound)),
        none("webhooks that the providers dropped", end.webhooks_dropped),
        Row::told(
            "by SMS",
            end.by_sms as f64 * 100.0 / end.copies.max(1) as f64,
            "%",
        )
        .on(format!("of {} copies", end.copies)),
        Row::told("changes of health", end.verdicts, ""),
    ]
}

fn growth(samples: &[Sample], end: &End, weather: Weather, rate_per_s: f64) -> Vec<Row> {
    let warm_s = weather.warm_after().as_secs_f64();
    let warm: Vec<&Sample> = samples.iter().filter(|it| it.at_s >= warm_s).collect();
    let points: Vec<(f64, f64)> = warm
        .iter()
        .map(|it| (it.at_s / 3_600.0, it.rss_mb()))
        .collect();
    let leak_mb_per_h = LEAK_BYTES_PER_MESSAGE * rate_per_s * 3_600.0 / 1e6;
    let of_round = |round: u32, figure: fn(&Sample) -> f64| {
        median(
            warm.iter()
                .filter(|it| it.phase.round == round)
                .map(|it| figure(it)),
        )
    };
    let last = weather.rounds() - 1;
    let (before, at_rest) = end.handles;
    let handles: fn(&Sample) -> f64 = |it| it.vitals.handles as f64;
    let (handles_1, handles_n) = (of_round(1, handles), of_round(last, handles));
    let (rss_1, rss_n) = (of_round(1, Sample::rss_mb), of_round(last, Sample::rss_mb));
    let peak = samples
        .last()
        .map_or(f64::NAN, |it| it.vitals.peak_kib as f64);
    vec![
        Row::told("RSS: growth", slope(&points), "MB/h")
            .at_most(leak_mb_per_h)
            .on(format!(
                "{} samples after a warm-up of {warm_s:.0} s; {LEAK_BYTES_PER_MESSAGE} B a message",
                points.len()
            )),
        Row::told("RSS: median of the last round", rss_n, "MB").on(format!(
            "{rss_1:.1} MB in the second round; peak {:.1} MB",
            peak * 1_024.0 / 1e6
        )),
        Row::told("handles: growth at rest", at_rest - before, "")
            .at_most(HANDLES_GROWTH_MAX)
            .on(format!(
                "{before} before, {at_rest} after; medians under load {handles_1} in the second \
                 round, {handles_n} in the last"
            )),
    ]
}

fn queues(samples: &[Sample], end: &End, weather: Weather, rate_per_s: f64) -> Vec<Row> {
    let ends_of_calms: Vec<&Sample> = samples
        .windows(2)
        .filter(|two| two[0].phase.is_calm() && two[1].phase != two[0].phase)
        .map(|two| &two[0])
        .collect();
    let worst = |figure: fn(&Sample) -> f64| {
        let figures = ends_of_calms.iter().map(|it| figure(it));
        figures.fold(0.0, f64::max)
    };
    let (left, left_s) = (worst(Sample::waiting), worst(|it| it.oldest_waiting_s));
    let most = samples.iter().map(Sample::waiting).fold(0.0, f64::max);
    let oldest = samples
        .iter()
        .map(|it| it.oldest_waiting_s)
        .fold(0.0, f64::max);
    let drained = if end.drained { "" } else { "NOT drained; " };
    let [waiting, in_flight, in_doubt, placed] = end.open;
    vec![
        Row::told("waiting at the end of a calm, oldest", left_s, "s")
            .at_most(weather.phase().as_secs_f64() / 2.0)
            .on("nothing stays behind that could have gone"),
        Row::told("waiting at the end of a calm, most", left, "")
            .at_most(CALM_WAITING_S * rate_per_s)
            .on(format!("most at any time {most}, oldest {oldest:.0} s")),
        Row::told("open after the drain", end.open.iter().sum(), "")
            .at_most(0.0)
            .on(format!(
                "{drained}waiting {waiting}, in flight {in_flight}, in doubt {in_doubt}, placed \
                 {placed}; drain {:.1} s",
                end.drain_s
            )),
    ]
}

fn costs(samples: &[Sample], tally: &Tally, sums: &Sums) -> Vec<Row> {
    let accepted = sums.accepted.max(1) as f64;
    let Some(last) = samples.last() else {
        return Vec::new();
    };
    let log = samples.iter().map(|it| it.log_bytes).max().unwrap_or(0) as f64;
    let probe = samples.iter().map(|it| it.probe_ms).fold(0.0, f64::max);
    vec![
        Row::told("accept: p50", tally.latency_ms(0.5), "ms").on("from when it was due"),
        Row::told("accept: p99", tally.latency_ms(0.99), "ms"),
        Row::told("accept: slowest", tally.latency_ms(1.0), "ms"),
        Row::told("a question that needs nothing: slowest", probe, "ms"),
        Row::told("processor", last.vitals.cpu_s * 1_000.0 / accepted, "s/1k"),
        Row::told("database", last.database_bytes as f64 / accepted, "B/msg")
            .on(format!("its log at most {:.1} MB", log / 1e6)),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::weather::Phase;
    use super::*;
    use crate::stage::Vitals;
    use std::time::Duration;

    /// An hour of samples, with so much memory and so many waiting.
    fn samples(weather: Weather, rss_mb: fn(f64) -> f64, waiting: fn(Phase) -> f64) -> Vec<Sample> {
        let phases: Vec<Phase> = weather.phases().collect();
        let at = |at_s: f64| {
            let now = phases
                .iter()
                .rev()
                .find(|it| it.begins.as_secs_f64() < at_s);
            let phase = *now.expect("a phase");
            let rss_kib = (rss_mb(at_s) * 1e6 / 1_024.0) as u64;
            Sample::quiet(at_s, phase, rss_kib, waiting(phase))
        };
        (1..=360).map(|tenth| at(f64::from(tenth) * 10.0)).collect()
    }

    fn fallen(rows: &[Row]) -> Vec<&str> {
        let fallen = rows.iter().filter(|row| !row.holds());
        fallen.map(Row::name).collect()
    }

    #[test]
    fn memory_that_grows_at_first_and_stops_is_flat() {
        let weather = Weather::of(Duration::from_secs(3_600));
        let at_first = |at_s: f64| 40.0 + at_s.min(1_000.0) / 20.0;
        let rows = growth(
            &samples(weather, at_first, |_| 0.0),
            &End::clean(),
            weather,
            200.0,
        );
        assert!(fallen(&rows).is_empty(), "{rows:?}");
    }

    #[test]
    fn one_small_object_lost_with_each_message_is_growth() {
        let weather = Weather::of(Duration::from_secs(3_600));
        let leaks = |at_s: f64| 80.0 + at_s * 200.0 * 32.0 / 1e6;
        let rows = growth(
            &samples(weather, leaks, |_| 0.0),
            &End::clean(),
            weather,
            200.0,
        );
        assert_eq!(fallen(&rows), ["RSS: growth"]);
    }

    #[test]
    fn a_backlog_that_outlives_the_calm_is_seen() {
        let weather = Weather::of(Duration::from_secs(3_600));
        let end = End::clean();
        let flat = |_: f64| 80.0;
        let outages = samples(weather, flat, |it| if it.is_calm() { 0.0 } else { 9_000.0 });
        assert!(fallen(&queues(&outages, &end, weather, 200.0)).is_empty());
        let many = samples(weather, flat, |_| 1_001.0);
        let rows = queues(&many, &end, weather, 200.0);
        assert_eq!(fallen(&rows), ["waiting at the end of a calm, most"]);
        let mut stuck = samples(weather, flat, |_| 1.0);
        stuck.iter_mut().for_each(|it| it.oldest_waiting_s = 61.0);
        let rows = queues(&stuck, &end, weather, 200.0);
        assert_eq!(fallen(&rows), ["waiting at the end of a calm, oldest"]);
    }

    impl Sample {
        fn quiet(at_s: f64, phase: Phase, rss_kib: u64, waiting: f64) -> Self {
            Self {
                at_s,
                phase,
                vitals: Vitals {
                    rss_kib,
                    ..Vitals::default()
                },
                open: [waiting, 0.0, 0.0, 0.0],
                oldest_waiting_s: 0.0,
                database_bytes: 0,
                log_bytes: 0,
                probe_ms: 0.0,
                webhooks_waiting: 0.0,
                accepted: 0.0,
                refused: 0.0,
                errors: 0.0,
            }
        }
    }

    impl End {
        fn clean() -> Self {
            Self {
                drained: true,
                drain_s: 1.0,
                open: [0.0; 4],
                doubled_against_rule: 0,
                failed_against_rule: 0,
                webhooks_dropped: 0.0,
                bad_webhooks: 0.0,
                by_sms: 0,
                copies: 0,
                webhooks: 0.0,
                inbound: 0.0,
                verdicts: 0.0,
                handles: (20.0, 30.0),
            }
        }
    }
}
