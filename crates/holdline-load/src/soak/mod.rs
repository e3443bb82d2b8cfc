//! `soak`: the real server under a steady load for a long time, while WhatsApp fails and mends.
//! At the end everything accepted has ended, nothing is lost, and nothing grew but the database.

mod book;
mod mail;
mod sample;
mod trend;
mod verdict;
mod weather;

use crate::offer::{Lane, Order, Tally, offer};
use crate::row::Row;
use crate::stage::{App, Providers, Server, Setting, free_address, target_folder};
use crate::stage::{empty_log, sections, sms_section};
use anyhow::Context as _;
use book::Book;
use clap::Args;
use mail::Mail;
use sample::{Sample, Sheet};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, sleep, sleep_until};
use verdict::End;
use weather::{Phase, Weather};

const LANES: usize = 64;
const SAMPLE_EVERY: Duration = Duration::from_secs(10);
/// So many samples at least, also in a short run.
const SAMPLES_MIN: u32 = 60;
const LEDGER_EVERY: Duration = Duration::from_millis(500);
/// Longest time for all to end after the load: what may never be sent again while its outcome is
/// unknown ends when it expires, five minutes after its acceptance.
const DRAIN_MAX: Duration = Duration::from_secs(660);
/// Longest time until connections that nobody uses are closed.
const REST_MAX: Duration = Duration::from_secs(120);
/// Messages that are looked up one by one.
const LOOKED_UP_MAX: usize = 20_000;
const DOUBLED: &str = "doubled";

#[derive(Debug, Args)]
pub(crate) struct SoakArgs {
    /// Messages a second
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// How long, in minutes
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=10_080))]
    minutes: u32,
    /// Print the verdict as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Timers that fit outages of two minutes; all else as it comes.
const SECTIONS: &str = "\
[failover]
expires_after_s = 300
[health]
hold_down_ms = 2000
hold_down_max_ms = 10000
probe_every_ms = 5000
test_per_s = 10
ramp_double_ms = 2000
";

/// All that runs at the same time.
struct Run {
    weather: Weather,
    server: Server,
    providers: Arc<Providers>,
    app: App,
    mail: Arc<Mail>,
    tally: Arc<Tally>,
    copies: Arc<Copies>,
    /// Before the first message.
    handles: u64,
    sheet: Sheet,
    _folder: tempfile::TempDir,
}

/// What was read of the ledger.
#[derive(Debug, Default)]
struct Copies {
    read: AtomicU64,
    by_sms: AtomicU64,
    stop: AtomicBool,
}

pub(crate) async fn run(args: &SoakArgs) -> anyhow::Result<Vec<Row>> {
    let whole = Duration::from_secs(u64::from(args.minutes) * 60);
    let total = u64::from(args.rate) * whole.as_secs();
    let mut run = Run::start(whole, total).await?;
    eprintln!("samples: {}", run.sheet.path.display());
    let order = Order {
        rate_per_s: f64::from(args.rate),
        total,
        lanes: LANES,
        first: 0,
    };
    let ledger = tokio::spawn(read_ledger(
        Arc::clone(&run.providers),
        Arc::clone(&run.mail.book),
        Arc::clone(&run.copies),
    ));
    let begin = Instant::now();
    let address = run.mail.server;
    let (ask, tally) = (Arc::clone(&run.mail), Arc::clone(&run.tally));
    let load = tokio::spawn(offer(order, address, ask, tally));
    let mut samples = run.watch(begin, whole).await?;
    load.await??;
    let end = run.end(begin, &mut samples, ledger).await?;
    let sums = run.mail.book.sums();
    let offered = (total, order.rate_per_s);
    let rows = verdict::rows(&samples, &sums, &end, &run.tally, run.weather, offered);
    run.server.stop().await?;
    Ok(rows)
}

impl Run {
    async fn start(whole: Duration, total: u64) -> anyhow::Result<Self> {
        let run = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let out = target_folder()?.join("soak");
        let log = empty_log(&out, &format!("server-{run}.log"))?;
        let folder = tempfile::Builder::new()
            .prefix("holdline-soak-")
            .tempdir()?;
        let address = free_address()?;
        let book = Arc::new(Book::new(total));
        let app = App::start(Arc::clone(&book)).await?;
        let providers = Providers::start(address, &mail::who_answer()).await?;
        let whatsapp = sections(&providers.whatsapp, 1_000, Some(&app.url()));
        let sms = sms_section(&providers.sms, 1_000);
        let setting = Setting {
            folder: folder.path().to_owned(),
            log,
            address,
            sections: whatsapp + &sms + SECTIONS,
            env: Vec::new(),
        };
        setting.write()?;
        let server = setting.start().await?;
        let token = setting.token()?;
        Ok(Self {
            weather: Weather::of(whole),
            handles: server.vitals()?.handles,
            server,
            providers: Arc::new(providers),
            app,
            mail: Arc::new(Mail {
                server: address,
                token,
                run,
                book,
            }),
            tally: Tally::new()?,
            copies: Arc::default(),
            sheet: Sheet::new(&out, run)?,
            _folder: folder,
        })
    }

    /// Makes the weather and samples until the end of the load.
    async fn watch(&mut self, begin: Instant, whole: Duration) -> anyhow::Result<Vec<Sample>> {
        let every = (whole / SAMPLES_MIN).min(SAMPLE_EVERY);
        let mut phases = self.weather.phases().peekable();
        let mut phase = phases.next().context("no weather")?;
        let mut samples = Vec::new();
        let mut at = Duration::ZERO;
        while at < whole {
            let next = phases.peek().map_or(whole, |next| next.begins);
            let sampled = at + every;
            at = sampled.min(next).min(whole);
            sleep_until(begin + at).await;
            samples.push(self.sample(begin, phase).await?);
            if at >= next
                && let Some(new) = phases.next()
            {
                samples.last().inspect(|it| eprintln!("{}", it.line()));
                phase = new;
                self.change(phase).await?;
            }
        }
        samples.last().inspect(|it| eprintln!("{}", it.line()));
        Ok(samples)
    }

    async fn sample(&mut self, begin: Instant, phase: Phase) -> anyhow::Result<Sample> {
        let at_s = begin.elapsed().as_secs_f64();
        let (server, providers) = (&self.server, &self.providers);
        let sample = Sample::take(at_s, phase, server, providers, &self.tally).await?;
        self.sheet.add(&sample)?;
        Ok(sample)
    }

    async fn change(&self, phase: Phase) -> anyhow::Result<()> {
        self.providers.end_outages().await?;
        match phase.order() {
            Some(order) => self.providers.begin_outage(&order).await,
            None => Ok(()),
        }
    }

    /// Mends everything, waits until nothing is open and the app was told all, reads the ledger
    /// to its end and looks at what was doubled.
    async fn end(
        &mut self,
        begin: Instant,
        samples: &mut Vec<Sample>,
        ledger: tokio::task::JoinHandle<anyhow::Result<()>>,
    ) -> anyhow::Result<End> {
        self.providers.end_outages().await?;
        let drain = Instant::now();
        let last = samples.last().context("no sample was taken")?;
        let calm = last.phase.calmed();
        let (sample, drained) = loop {
            let sample = self.sample(begin, calm).await?;
            let sums = self.mail.book.sums();
            let settled = sums.told == sums.accepted && sample.webhooks_waiting == 0.0;
            let drained = settled && sample.open.iter().sum::<f64>() == 0.0;
            if drained || drain.elapsed() > DRAIN_MAX {
                break (sample, drained);
            }
            sleep(Duration::from_secs(1)).await;
        };
        let drain_s = drain.elapsed().as_secs_f64();
        self.copies.stop.store(true, Ordering::Relaxed);
        ledger.await??;
        samples.push(sample);
        let sums = self.mail.book.sums();
        let counts = &self.app.counts;
        let metrics = self.server.metrics().await?;
        let verdicts = metrics
            .iter()
            .filter(|(name, _)| name.contains("_verdicts_total{"));
        Ok(End {
            drained,
            drain_s,
            open: sample.open,
            doubled_against_rule: self.against_rule(DOUBLED, &sums.doubled).await?,
            failed_against_rule: self.against_rule("failed", &sums.failed).await?,
            webhooks_dropped: self.providers.webhooks().await?.1,
            bad_webhooks: Tally::count(&counts.bad),
            by_sms: self.copies.by_sms.load(Ordering::Relaxed),
            copies: self.copies.read.load(Ordering::Relaxed),
            webhooks: Tally::count(&counts.posts),
            inbound: Tally::count(&counts.inbound),
            verdicts: verdicts.map(|(_, count)| count).sum(),
            handles: (self.handles as f64, self.handles_at_rest().await? as f64),
        })
    }

    /// The fewest handles after the load.
    async fn handles_at_rest(&self) -> anyhow::Result<u64> {
        let begin = Instant::now();
        let mut fewest = u64::MAX;
        while fewest > self.handles && begin.elapsed() < REST_MAX {
            fewest = fewest.min(self.server.vitals()?.handles);
            sleep(Duration::from_secs(1)).await;
        }
        Ok(fewest)
    }

    /// How many of these no rule explains. The id is asked for with the same key again, which gives
    /// the stored answer.
    async fn against_rule(&self, what: &str, numbers: &[u64]) -> anyhow::Result<usize> {
        use crate::offer::Ask as _;
        let mut lane = Lane::new(self.mail.server);
        let mut against = numbers.len().saturating_sub(LOOKED_UP_MAX);
        for number in numbers.iter().take(LOOKED_UP_MAX) {
            let answer = lane.send(self.mail.request(*number)).await?;
            let said: Value = serde_json::from_slice(&answer.body)?;
            let id = said["messages"][0]["id"].as_str().unwrap_or_default();
            let path = format!("/messages/{id}");
            let message = self.server.api(&path, &self.mail.token).await?;
            if !is_by_rule(what, &message) {
                against += 1;
                eprintln!("{what} against the rule: number {number}: {message}");
            }
        }
        Ok(against)
    }
}

/// A second copy, or an end without one, after an attempt of unknown outcome; and a second copy of
/// a message whose rule tolerates one, after a receipt that did not come in time.
fn is_by_rule(what: &str, message: &Value) -> bool {
    let decisions = message["timeline"]["decisions"].as_array();
    let has = |code: &str| decisions.is_some_and(|all| all.iter().any(|it| it["code"] == code));
    let tolerates = what == DOUBLED && message["duplicate_rule"] == "tolerate";
    has("in_doubt") || (tolerates && has("receipt_overdue"))
}

/// Follows the ledger, which lets old rows go, until it is told to stop; then to its end.
async fn read_ledger(
    providers: Arc<Providers>,
    book: Arc<Book>,
    copies: Arc<Copies>,
) -> anyhow::Result<()> {
    let mut after = 0;
    loop {
        let last = copies.stop.load(Ordering::Relaxed);
        let page = providers.copies(&mut after).await?;
        for copy in &page {
            copies.read.fetch_add(1, Ordering::Relaxed);
            copies
                .by_sms
                .fetch_add(u64::from(copy.by_sms), Ordering::Relaxed);
            copy.number.into_iter().for_each(|it| book.copied(it));
        }
        if page.is_empty() {
            if last {
                return Ok(());
            }
            sleep(LEDGER_EVERY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_a_rule_explains_is_excused() {
        let message = |rule: &str, code: &str| {
            let decisions = json!([{"code": code}]);
            json!({"duplicate_rule": rule, "timeline": {"decisions": decisions}})
        };
        assert!(is_by_rule(DOUBLED, &message("never", "in_doubt")));
        assert!(is_by_rule("failed", &message("never", "in_doubt")));
        assert!(is_by_rule(DOUBLED, &message("tolerate", "receipt_overdue")));
        assert!(!is_by_rule(
            DOUBLED,
            &message("reconcile", "receipt_overdue")
        ));
        assert!(!is_by_rule(
            "failed",
            &message("tolerate", "receipt_overdue")
        ));
        assert!(!is_by_rule(DOUBLED, &message("tolerate", "preferred")));
    }
}
