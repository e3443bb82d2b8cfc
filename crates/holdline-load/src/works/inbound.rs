//! W6: webhooks of a provider, each signed, stored before its 200 and deduplicated: messages of
//! people and receipts, one and a hundred in a webhook, alone and while messages are sent.

use super::dispatch::until_sent;
use super::ground::{Bench, Ground, Runs, Used};
use crate::offer::{Order, Tally, offer};
use crate::press::{Press, Pressed, Template, Write, press};
use crate::row::Row;
use crate::sink::{Form, Sink, now_s, status, webhook};
use crate::stage::{App, Server, Setting, Told, free_address, sections};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const CONNECTIONS: usize = 64;
const LOOK: Duration = Duration::from_millis(20);
const QUIET: Duration = Duration::from_secs(1);
const WHOLE_MAX: Duration = Duration::from_secs(120);
/// What is sent meanwhile in one of the rows.
const SENDING_PER_S: u64 = 1_000;

#[derive(Clone, Copy, Debug)]
struct Plan {
    name: &'static str,
    /// Receipts of messages that were sent, or messages of people.
    receipts: bool,
    batch: u64,
    total: u64,
    sending: bool,
    target: f64,
}

#[derive(Clone, Copy, Debug)]
struct Taken {
    /// Read, which comes after the answers: with what came before dropped, and applied.
    rate: f64,
    answered: f64,
    p99_ms: f64,
    used: Used,
}

/// Whole requests, made before they are needed.
#[derive(Debug)]
struct Ready(Vec<Vec<u8>>);

impl Write for Ready {
    fn write(&self, number: u64, to: &mut Vec<u8>) {
        let place = usize::try_from(number).ok();
        let request = place.and_then(|place| self.0.get(place));
        to.extend_from_slice(request.map(Vec::as_slice).unwrap_or_default());
    }
}

pub(super) async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let single = bench.count(60_000, 4_000);
    let bulk = bench.count(200_000, 10_000);
    let plan = |name, receipts, batch, total| Plan {
        name,
        receipts,
        batch,
        total,
        sending: false,
        target: 8_000.0,
    };
    let meanwhile = Plan {
        sending: true,
        target: 4_000.0,
        ..plan(
            "W6 receipts, 100 a webhook, while 1,000/s are sent",
            true,
            100,
            bulk,
        )
    };
    let plans = [
        plan("W6 messages, 1 a webhook", false, 1, single),
        plan("W6 messages, 100 a webhook", false, 100, bulk),
        plan("W6 receipts, 1 a webhook", true, 1, single),
        plan("W6 receipts, 100 a webhook", true, 100, bulk),
        meanwhile,
    ];
    let mut rows = Vec::new();
    for plan in plans {
        rows.extend(several(bench, plan).await?);
    }
    rows.push(repeats(bench).await?);
    Ok(rows)
}

async fn several(bench: &Bench, plan: Plan) -> anyhow::Result<Vec<Row>> {
    let mut runs = Vec::new();
    for _ in 0..bench.runs {
        let run = once(bench, plan).await?;
        eprintln!(
            "{}: {:.0}/s, answered {:.0}/s p99 {:.1} ms {:.4} s/1k",
            plan.name, run.rate, run.answered, run.p99_ms, run.used.cpu_s_per_1k
        );
        runs.push(run);
    }
    Ok(vec![
        Runs::of(&runs, |it| it.rate)
            .row(plan.name, "/s")
            .at_least(plan.target)
            .on(format!(
                "answered {}; p99 {} a webhook; {:.4} s/1k",
                Runs::of(&runs, |it| it.answered).text("/s"),
                Runs::of(&runs, |it| it.p99_ms).text("ms"),
                Runs::of(&runs, |it| it.used.cpu_s_per_1k).median()
            )),
    ])
}

async fn once(bench: &Bench, plan: Plan) -> anyhow::Result<Taken> {
    let folder = bench.folder()?;
    let sink = Sink::start(Form::CloudApi, plan.total * 2, None).await?;
    let senders = sections(&sink.url(), bench.rate_per_s, None);
    let setting = bench.setting(&folder, &senders)?;
    let ground = Ground::start(&setting).await?;
    if plan.receipts {
        send(&setting, &ground.token, plan.total).await?;
        until_sent(&sink, plan.total).await?;
    }
    let ask = Arc::new(ready(setting.address, plan));
    let load = plan.sending.then(|| meanwhile(&setting, &ground, plan));
    let before = ground.server.vitals()?;
    let begun = Instant::now();
    let pressed = webhooks(setting.address, plan, ask).await?;
    until_read(&ground.server, plan.total).await?;
    let read_s = begun.elapsed().as_secs_f64();
    let used = Used::between(before, ground.server.vitals()?, plan.total);
    if let Some(load) = load {
        load.abort();
    }
    Ok(Taken {
        rate: plan.total as f64 / read_s,
        answered: pressed.rate_per_s() * plan.batch as f64,
        p99_ms: pressed.latency_ms(0.99),
        used,
    })
}

/// Waits until so many messages and receipts were read.
async fn until_read(server: &Server, total: u64) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let metrics = server.metrics().await?;
        let read = metrics
            .iter()
            .filter(|(name, _)| name.starts_with("holdline_engine_inbound_total{"));
        let read: f64 = read.map(|(_, count)| count).sum();
        if read >= total as f64 {
            return Ok(());
        }
        anyhow::ensure!(
            begun.elapsed() < WHOLE_MAX,
            "{read} of {total} were read in {WHOLE_MAX:?}"
        );
        sleep(LOOK).await;
    }
}

/// So that there is something that receipts can be of.
async fn send(setting: &Setting, token: &str, total: u64) -> anyhow::Result<()> {
    let order = Press {
        connections: CONNECTIONS,
        first: 0,
        total,
    };
    let ask = Template::front_door(setting.address, token, None, total / 4);
    press(order, setting.address, Arc::new(ask)).await?;
    Ok(())
}

/// Longer than the webhooks can take.
fn meanwhile(
    setting: &Setting,
    ground: &Ground,
    plan: Plan,
) -> tokio::task::JoinHandle<anyhow::Result<()>> {
    let order = Order {
        rate_per_s: SENDING_PER_S as f64,
        total: SENDING_PER_S * WHOLE_MAX.as_secs(),
        lanes: CONNECTIONS,
        first: plan.total,
    };
    let ask = super::steady::Mail::new(setting.address, &ground.token);
    let address = setting.address;
    tokio::spawn(async move { offer(order, address, Arc::new(ask), Tally::new()?).await })
}

async fn webhooks(server: SocketAddr, plan: Plan, ask: Arc<Ready>) -> anyhow::Result<Pressed> {
    let order = Press {
        connections: CONNECTIONS,
        first: 0,
        total: plan.total / plan.batch,
    };
    press(order, server, ask).await
}

fn ready(server: SocketAddr, plan: Plan) -> Ready {
    let update = |number: u64| match plan.receipts {
        true => status(number + 1, ""),
        false => message(number),
    };
    let kind = if plan.receipts {
        "statuses"
    } else {
        "messages"
    };
    let request = |batch: u64| {
        let numbers = batch * plan.batch..(batch + 1) * plan.batch;
        let updates: Vec<String> = numbers.map(update).collect();
        webhook(server, kind, &updates)
    };
    Ready((0..plan.total / plan.batch).map(request).collect())
}

/// One of the messages that four times as few people write.
fn message(number: u64) -> String {
    let (person, now) = (number / 4 % 1_000_000, now_s());
    let text = r#""type":"text","text":{"body":"When does my order arrive, please?"}"#;
    let id = format!("wamid.PERSON{number:012}");
    format!(r#"{{"from":"16505{person:06}","id":"{id}","timestamp":"{now}",{text}}}"#)
}

/// An app that counts, which `App` does by itself.
#[derive(Debug)]
struct Counts;

impl Told for Counts {
    fn told(&self, _: u64, _: &str) {}
}

/// Everything comes twice; the app must hear of each once.
async fn repeats(bench: &Bench) -> anyhow::Result<Row> {
    let plan = Plan {
        name: "W6 repeats",
        receipts: false,
        batch: 1,
        total: 1_000,
        sending: false,
        target: 0.0,
    };
    let folder = bench.folder()?;
    let address = free_address()?;
    let app = App::start(Arc::new(Counts)).await?;
    let sink = Sink::start(Form::CloudApi, plan.total, None).await?;
    let senders = sections(&sink.url(), bench.rate_per_s, Some(&app.url()));
    let mut setting = bench.setting(&folder, &senders)?;
    setting.address = address;
    let ground = Ground::start(&setting).await?;
    let ask = Arc::new(ready(address, plan));
    for _ in 0..2 {
        webhooks(address, plan, Arc::clone(&ask)).await?;
    }
    let told = || app.counts.inbound.load(Ordering::Relaxed);
    let (begun, mut before, mut since) = (Instant::now(), 0, Instant::now());
    while told() < plan.total || since.elapsed() < QUIET {
        sleep(LOOK).await;
        if told() != before {
            (before, since) = (told(), Instant::now());
        }
        anyhow::ensure!(begun.elapsed() < WHOLE_MAX, "the app was told of {before}");
    }
    drop(ground);
    let more = told() - plan.total;
    Ok(
        Row::told("W6 told twice of what came twice", more as f64, "")
            .at_most(0.0)
            .on(format!("{} messages", plan.total)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_update_is_in_one_webhook() {
        let plan = Plan {
            name: "",
            receipts: false,
            batch: 10,
            total: 40,
            sending: false,
            target: 0.0,
        };
        let ready = ready(SocketAddr::from(([127, 0, 0, 1], 80)), plan);
        let text: Vec<u8> = ready.0.concat();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(ready.0.len(), 4);
        assert!((0..40).all(|number| text.matches(&format!("PERSON{number:012}\"")).count() == 1));
    }
}
