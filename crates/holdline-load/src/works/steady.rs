//! W4: messages come at a fixed rate, leave, are delivered, and the app is told. How long from the
//! app to the provider, and to the app's own webhook. Counts from when a
//! message was due, so that a stall cannot hide the wait of those behind it.

use super::ground::{Bench, Ground, Used};
use crate::offer::{Ask, Order, Tally, offer};
use crate::press::{Template, Write as _};
use crate::row::Row;
use crate::sink::{Form, Sink};
use crate::stage::{App, PHONE_ID, Told, free_address, sections};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const LANES: usize = 64;
const PER_S: f64 = 1_000.0;
const LOOK: Duration = Duration::from_millis(50);
/// Longest time for all to end after the load.
const DRAIN_MAX: Duration = Duration::from_secs(60);

/// Messages for `offer`.
#[derive(Debug)]
pub(super) struct Mail {
    template: Template,
    bearer: String,
    host: String,
    begun: Instant,
    rate_per_s: f64,
    /// Microseconds from the beginning to when the app was told of each.
    told_us: Vec<AtomicU32>,
}

impl Mail {
    pub(super) fn new(server: SocketAddr, token: &str) -> Self {
        Self::counting(server, token, PER_S, 0)
    }

    fn counting(server: SocketAddr, token: &str, rate_per_s: f64, total: u64) -> Self {
        Self {
            template: Template::front_door(server, token, None, 100_000),
            bearer: format!("Bearer {token}"),
            host: server.to_string(),
            begun: Instant::now(),
            rate_per_s,
            told_us: (0..total).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    fn due(&self, number: u64) -> Instant {
        self.begun + Duration::from_secs_f64(number as f64 / self.rate_per_s)
    }

    fn told_at(&self, number: u64) -> Option<Instant> {
        let clock = self.told_us.get(usize::try_from(number).ok()?)?;
        let us = clock.load(Ordering::Relaxed);
        (us > 0).then(|| self.begun + Duration::from_micros(u64::from(us)))
    }

    fn told_of(&self) -> usize {
        let told = |clock: &&AtomicU32| clock.load(Ordering::Relaxed) > 0;
        self.told_us.iter().filter(told).count()
    }
}

impl Ask for Mail {
    fn request(&self, number: u64) -> Request<Full<Bytes>> {
        let mut body = Vec::new();
        self.template.write(number, &mut body);
        let head = body.windows(4).position(|four| four == b"\r\n\r\n");
        let body = body.split_off(head.map_or(0, |at| at + 4));
        Request::post(format!("/v23.0/{PHONE_ID}/messages"))
            .header(header::HOST, &self.host)
            .header(header::AUTHORIZATION, &self.bearer)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::from(body))
            .unwrap_or_default()
    }

    fn accepted(&self, _: u64, _: &[u8]) {}
}

impl Told for Mail {
    fn told(&self, number: u64, status: &str) {
        let place = usize::try_from(number).ok();
        let clock = place.and_then(|place| self.told_us.get(place));
        let us = u32::try_from(self.begun.elapsed().as_micros()).unwrap_or(u32::MAX);
        let order = Ordering::Relaxed;
        if let Some(clock) = clock.filter(|_| status == "delivered") {
            // Only the first time counts.
            let _ = clock.compare_exchange(0, us.max(1), order, order);
        }
    }
}

/// The app's end before the address of the server is known.
#[derive(Debug, Default)]
struct Later(std::sync::OnceLock<Arc<Mail>>);

impl Told for Later {
    fn told(&self, number: u64, status: &str) {
        if let Some(mail) = self.0.get() {
            mail.told(number, status);
        }
    }
}

pub(super) async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let seconds = bench.count(30, 5);
    let mut rows = at(bench, "W4 1,000/s", PER_S, seconds, true).await?;
    match bench.measured.through() {
        Some(most) => {
            let name = "W4 at half of the most";
            rows.extend(at(bench, name, most / 2.0, bench.count(15, 5), false).await?);
        }
        None => eprintln!("W4 at half of the most: only after W1 and W2"),
    }
    Ok(rows)
}

async fn at(
    bench: &Bench,
    name: &str,
    rate_per_s: f64,
    seconds: u64,
    judged: bool,
) -> anyhow::Result<Vec<Row>> {
    let total = (rate_per_s * seconds as f64) as u64;
    eprintln!("{name}: {rate_per_s:.0}/s for {seconds} s");
    let folder = bench.folder()?;
    let address = free_address()?;
    let later = Arc::new(Later::default());
    let app = App::start(Arc::clone(&later)).await?;
    let sink = Sink::start(Form::CloudApi, total, Some(address)).await?;
    let senders = sections(&sink.url(), bench.rate_per_s, Some(&app.url()));
    let mut setting = bench.setting(&folder, &senders)?;
    setting.address = address;
    let ground = Ground::start(&setting).await?;
    let (tally, before) = (Tally::new()?, ground.server.vitals()?);
    // The next thing is the offer, whose first message is due at once.
    let mail = Mail::counting(address, &ground.token, rate_per_s, total);
    let mail = Arc::new(mail);
    let _ = later.0.set(Arc::clone(&mail));
    let order = Order {
        rate_per_s,
        total,
        lanes: LANES,
        first: 0,
    };
    offer(order, address, Arc::clone(&mail), Arc::clone(&tally)).await?;
    let drain = Instant::now();
    while (mail.told_of() as u64) < total && drain.elapsed() < DRAIN_MAX {
        sleep(LOOK).await;
    }
    let used = Used::between(before, ground.server.vitals()?, total);
    Ok(rows_of(name, &mail, &sink, (&tally, used), judged))
}

fn rows_of(
    name: &str,
    mail: &Mail,
    sink: &Sink,
    (tally, used): (&Tally, Used),
    judged: bool,
) -> Vec<Row> {
    let total = mail.told_us.len();
    let seen = sink.seen();
    let since = |at: Instant, number| at.saturating_duration_since(mail.due(number));
    let sent = Quantiles::of(total, |number| Some(since(seen.came(number)?, number)));
    let told = Quantiles::of(total, |number| Some(since(mail.told_at(number)?, number)));
    let judge = |row: Row, target: f64| if judged { row.at_most(target) } else { row };
    let ms = |what: &str, quantile: f64| Row::told(format!("{name}: {what}"), quantile, "ms");
    vec![
        judge(ms("app to provider, p50", sent.ms(0.5)), 5.0),
        judge(ms("app to provider, p99", sent.ms(0.99)), 25.0).on(format!(
            "accepted: p50 {:.2} p99 {:.2} ms",
            tally.latency_ms(0.5),
            tally.latency_ms(0.99)
        )),
        ms("app to its webhook `delivered`, p50", told.ms(0.5)),
        ms("app to its webhook `delivered`, p99", told.ms(0.99)),
        Row::told(format!("{name}: processor"), used.cpu_s_per_1k, "s/1k").on(format!(
            "receipts and webhooks included; RSS peak {:.1} MB",
            used.peak_mb
        )),
        Row::told(
            format!("{name}: the app was not told"),
            (total - told.0.len()) as f64,
            "",
        )
        .at_most(0.0),
    ]
}

/// Sorted.
#[derive(Debug)]
struct Quantiles(Vec<Duration>);

impl Quantiles {
    fn of(total: usize, one: impl Fn(u64) -> Option<Duration>) -> Self {
        let mut all: Vec<Duration> = (0..total as u64).filter_map(one).collect();
        all.sort_unstable();
        Self(all)
    }

    fn ms(&self, quantile: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        let at = (last as f64 * quantile).ceil() as usize;
        self.0.get(at).map_or(f64::NAN, |it| it.as_secs_f64() * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_never_came_has_no_latency() {
        let ms = |number: u64| (number != 3).then(|| Duration::from_millis(number + 1));
        let all = Quantiles::of(5, ms);
        assert_eq!(all.0.len(), 4);
        assert_eq!((all.ms(0.0), all.ms(1.0)), (1.0, 5.0));
        assert!(Quantiles::of(0, ms).ms(0.5).is_nan());
    }

    #[test]
    fn the_first_time_counts() {
        let server = SocketAddr::from(([127, 0, 0, 1], 80));
        let mail = Mail::counting(server, "token", 2.0, 2);
        mail.told(1, "sent");
        assert_eq!(mail.told_of(), 0);
        mail.told(1, "delivered");
        let at = mail.told_at(1);
        mail.told(1, "delivered");
        assert_eq!((mail.told_of(), mail.told_at(1)), (1, at));
        assert_eq!(mail.due(1) - mail.due(0), Duration::from_millis(500));
        assert_eq!(mail.request(0).headers()["authorization"], "Bearer token");
    }
}
