//! The start with everything that waits, and the first half minute of sending.

use super::mail::Mail;
use super::mb;
use crate::offer::{Ask as _, Lane, Order, Tally, offer};
use crate::sink::Sink;
use crate::stage::{Server, Setting};
use anyhow::Context as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// To the first accept and the first send.
pub(super) const FIRST_S: f64 = 5.0;
/// What the server may take in any case: its caches, and what is under way.
pub(super) const BASE_MB: f64 = 200.0;
pub(super) const BYTES_PER_WAITING: f64 = 200.0;
pub(super) const DISK_BYTES: f64 = 1_200.0;
/// New messages while it sends.
pub(super) const MEANWHILE_PER_S: u64 = 50;

pub(super) const SENDING: Duration = Duration::from_secs(30);
/// Longest wait for the first of anything.
const FIRST_MAX: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(5);
const VITALS_EVERY: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) listens_s: f64,
    pub(crate) accepts_s: f64,
    pub(crate) sends_s: f64,
    pub(crate) waiting: f64,
    pub(crate) listening_mb: f64,
    pub(crate) first_mb: f64,
    pub(crate) peak_mb: f64,
    pub(crate) disk_bytes: u64,
    pub(crate) sent: u64,
    pub(crate) sending_s: f64,
    pub(crate) doubled: u64,
    pub(crate) accept_p99_ms: f64,
    pub(crate) cpu_s: f64,
    /// 1 if the route of every class is up.
    pub(crate) up: f64,
}

pub(crate) async fn start(
    setting: &Setting,
    sink: &Sink,
    waiting: u64,
    sending: Duration,
) -> anyhow::Result<Started> {
    setting.write()?;
    // Made before the start, which is what is measured.
    let mail = Arc::new(Mail::new(setting.address, setting.token()?, waiting));
    sink.seen().forget_first();
    let begin = Instant::now();
    let accepting = tokio::spawn(first_accept(setting.clone(), Arc::clone(&mail), waiting));
    let server = setting.start().await?;
    let listens_s = server.listening_after.as_secs_f64();
    let listening_mb = mb(server.vitals()?.rss_kib);
    let disk_bytes = server.disk_bytes();
    let first = timeout(FIRST_MAX, first_send(sink)).await;
    let first = first.context("nothing was sent")?;
    let first_mb = mb(server.vitals()?.rss_kib);
    let metrics = server.metrics().await?;
    let accepted_at = timeout(FIRST_MAX, accepting).await???;
    let cpu_s = server.vitals()?.cpu_s;
    let (sent, sending_s, accept_p99_ms) =
        send(&server, (setting, mail), sink, (first, waiting), sending).await?;
    let vitals = server.vitals()?;
    let up = up(&server).await?;
    Ok(Started {
        listens_s,
        accepts_s: (accepted_at - begin).as_secs_f64(),
        sends_s: (first - begin).as_secs_f64(),
        waiting: metrics
            .get("holdline_deliveries_open{state=\"waiting\"}")
            .copied()
            .unwrap_or(f64::NAN),
        listening_mb,
        first_mb,
        peak_mb: mb(vitals.peak_kib),
        disk_bytes: disk_bytes.0 + disk_bytes.1,
        sent,
        sending_s,
        doubled: sink.seen().doubled,
        accept_p99_ms,
        cpu_s: vitals.cpu_s - cpu_s,
        up,
    })
}

/// Asks again until the server takes a message; gives when it did.
async fn first_accept(setting: Setting, mail: Arc<Mail>, number: u64) -> anyhow::Result<Instant> {
    loop {
        let mut lane = Lane::new(setting.address);
        match lane.send(mail.request(number)).await {
            Ok(answer) if answer.status.is_success() => return Ok(Instant::now()),
            Ok(_) | Err(_) => sleep(LOOK).await,
        }
    }
}

async fn first_send(sink: &Sink) -> Instant {
    loop {
        let first = sink.seen().first();
        if let Some(first) = first {
            return first;
        }
        sleep(LOOK).await;
    }
}

/// Lets it send, with a few new messages meanwhile; gives how many, in which time, and the p99 of
/// the accepts in milliseconds.
async fn send(
    server: &Server,
    (setting, mail): (&Setting, Arc<Mail>),
    sink: &Sink,
    (first, waiting): (Instant, u64),
    sending: Duration,
) -> anyhow::Result<(u64, f64, f64)> {
    let tally = Tally::new()?;
    let order = Order {
        rate_per_s: MEANWHILE_PER_S as f64,
        total: MEANWHILE_PER_S * sending.as_secs(),
        lanes: 16,
        first: waiting + 1,
    };
    let load = tokio::spawn(offer(order, setting.address, mail, Arc::clone(&tally)));
    let (from, begin) = (sink.taken(), Instant::now());
    let mut at = begin;
    while at < first + sending && sink.taken() < waiting {
        at += VITALS_EVERY;
        sleep_until(at).await;
        let vitals = server.vitals()?;
        let tenth = (at - begin).as_millis() % 5_000 < VITALS_EVERY.as_millis();
        if tenth {
            let (sent, rss_mb) = (sink.taken() - from, mb(vitals.rss_kib));
            let at_s = (at - begin).as_secs_f64();
            eprintln!("{at_s:>5.1} s  sent {sent:>8}  RSS {rss_mb:.1} MB");
        }
    }
    let (sent, sending_s) = (sink.taken() - from, begin.elapsed().as_secs_f64());
    load.await??;
    Ok((sent, sending_s, tally.latency_ms(0.99)))
}

async fn up(server: &Server) -> anyhow::Result<f64> {
    let metrics = server.metrics().await?;
    let mut up = metrics
        .iter()
        .filter(|(name, _)| name.contains("route_health{") && name.contains("state=\"up\""));
    Ok(f64::from(u8::from(up.all(|(_, is)| *is > 0.0))))
}
