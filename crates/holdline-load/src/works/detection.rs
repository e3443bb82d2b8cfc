//! Detection under load: WhatsApp fails while messages leave at a fixed rate. How many calls until
//! it is left alone, and how long until the first leaves by SMS.

use super::failover::NO_PATIENCE;
use super::ground::{Bench, Ground, Runs, senders};
use super::steady::Mail;
use crate::offer::{Order, Tally, offer};
use crate::row::Row;
use crate::sink::{Form, Manner, Sink};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const PER_S: u64 = 200;
const LANES: usize = 64;
/// Well before it fails.
const WELL: u64 = 5 * PER_S;
/// Enough by SMS to see that it goes on.
const MOVED: u64 = PER_S;
const LOOK: Duration = Duration::from_millis(5);
const FAILING_MAX: Duration = Duration::from_secs(30);
/// No call for so long: it is left alone, forty times as long as between two messages. The trickle
/// that tests it is four a second.
const QUIET: Duration = Duration::from_millis(200);
const CALLS_MAX: f64 = 10.0;
const STOPS_MS_MAX: f64 = 100.0;
const HANG_S_MAX: f64 = 5.0;

#[derive(Clone, Copy, Debug)]
struct Detected {
    calls: f64,
    /// From when it began to fail.
    last_call_ms: f64,
    first_by_sms_ms: f64,
}

pub(super) async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let refusing = several(bench, Manner::Refuses).await?;
    let hanging = several(bench, Manner::Hangs).await?;
    let of = |runs: &[Detected], figure: fn(&Detected) -> f64| Runs::of(runs, figure);
    let stops = of(&refusing, |it| it.last_call_ms);
    let calls = of(&refusing, |it| it.calls);
    // Either will do: few calls, or a short time.
    let calls_max = match stops.median() <= STOPS_MS_MAX {
        true => f64::INFINITY,
        false => CALLS_MAX,
    };
    Ok(vec![
        calls
            .row("detection, WhatsApp at 503: calls until it stops", "")
            .at_most(calls_max)
            .on(format!(
                "{} calls or {STOPS_MS_MAX} ms at {PER_S}/s; the last after {}",
                CALLS_MAX,
                stops.text("ms")
            )),
        of(&refusing, |it| it.first_by_sms_ms)
            .row("detection, WhatsApp at 503: first by SMS after", "ms"),
        of(&hanging, |it| it.first_by_sms_ms / 1e3)
            .row("detection, WhatsApp hangs: first by SMS after", "s")
            .at_most(HANG_S_MAX)
            .on(format!(
                "{} until then",
                of(&hanging, |it| it.calls).text("calls")
            )),
    ])
}

async fn several(bench: &Bench, manner: Manner) -> anyhow::Result<Vec<Detected>> {
    let mut runs = Vec::new();
    for _ in 0..bench.runs {
        let run = once(bench, manner).await?;
        eprintln!("detection, {manner:?}: {run:?}");
        runs.push(run);
    }
    Ok(runs)
}

async fn once(bench: &Bench, manner: Manner) -> anyhow::Result<Detected> {
    let folder = bench.folder()?;
    let total = WELL + FAILING_MAX.as_secs() * PER_S;
    let whatsapp = Sink::start(Form::CloudApi, total, None).await?;
    let sms = Sink::start(Form::Sms, total, None).await?;
    let senders = senders(&whatsapp, bench.rate_per_s, (&sms, bench.rate_per_s));
    let setting = bench.setting(&folder, &(senders + NO_PATIENCE))?;
    let ground = Ground::start(&setting).await?;
    let mail = Mail::new(setting.address, &ground.token);
    let order = Order {
        rate_per_s: PER_S as f64,
        total,
        lanes: LANES,
        first: 0,
    };
    let load = tokio::spawn(offer(order, setting.address, Arc::new(mail), Tally::new()?));
    while whatsapp.taken() < WELL {
        anyhow::ensure!(!load.is_finished(), "the messages did not leave");
        sleep(LOOK).await;
    }
    let begun = Instant::now();
    whatsapp.becomes(manner);
    whatsapp.seen().watch();
    while sms.taken() < MOVED && begun.elapsed() < FAILING_MAX {
        sleep(LOOK).await;
    }
    load.abort();
    let first_by_sms = sms.seen().first();
    let calls = until_quiet(begun, whatsapp.seen().watched());
    Ok(Detected {
        calls: calls.len() as f64,
        last_call_ms: calls.last().map_or(0.0, |last| ms(begun, *last)),
        first_by_sms_ms: first_by_sms.map_or(f64::NAN, |first| ms(begun, first)),
    })
}

/// The calls before the first long pause.
fn until_quiet(begun: Instant, calls: &[Instant]) -> Vec<Instant> {
    let mut before = begun;
    let goes_on = |at: &&Instant| {
        let pause = at.saturating_duration_since(before);
        before = **at;
        pause < QUIET
    };
    calls.iter().take_while(goes_on).copied().collect()
}

fn ms(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_after_a_long_pause_are_tests_of_the_route() {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let calls = [at(5), at(10), at(200), at(450), at(455)];
        assert_eq!(until_quiet(begun, &calls), calls[..3]);
        assert!(until_quiet(begun, &[at(600)]).is_empty());
    }
}
