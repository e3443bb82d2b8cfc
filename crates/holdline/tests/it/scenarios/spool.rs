//! A database that goes away under load: no request is refused, and what was accepted meanwhile
//! ends once, by the word of the providers' ledger.

use super::load::{Load, options};
use super::{quick, until_ended};
use crate::stack::{Options, Stack, free_address, until};
use holdline_servers::Postgres;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinSet, block_in_place};

/// Without optimisation, what two cores bear beside a database.
const PER_S: u32 = if cfg!(debug_assertions) { 40 } else { 400 };
const SECONDS: u32 = 20;
/// From when to when the database is away.
const AWAY_S: (u32, u32) = (5, 12);
/// Clients give up after 5 s.
const ANSWER_MS_MAX: u64 = 4_000;

fn on(mut options: Options, url: String) -> Options {
    options.env.push(("HOLDLINE_STORAGE_URL".to_owned(), url));
    options
}

/// Status and text of an address for operators.
async fn ask(stack: &Stack, path: &str) -> (u16, String) {
    let answer = stack.http.get(format!("{}{path}", stack.url)).send().await;
    let answer = answer.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.text().await.expect("text"))
}

async fn number(stack: &Stack, name: &str) -> f64 {
    let (_, text) = ask(stack, "/metrics").await;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.unwrap_or_else(|| panic!("no {name} in {text}"));
    value.trim().parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_stopped_and_started_under_load_costs_no_request_and_no_message() {
    let mut database = block_in_place(Postgres::start);
    let url = database.url(&database.new_database());
    // With one channel there is no failover: a second copy could only be the spool's.
    let options = options().with("failover", "order = [\"whatsapp\"]");
    let stack = Stack::start_with(on(options, url)).await;
    let (load, senders) = Load::begin(&stack, &stack.url, PER_S, PER_S * SECONDS);
    load.until_sent(PER_S * AWAY_S.0).await;
    block_in_place(|| database.kill());
    load.until_sent(PER_S * (AWAY_S.0 + 4)).await;

    let (status, text) = ask(&stack, "/readyz").await;
    assert_eq!(status, 200, "{text}");
    assert!(
        text.starts_with("ready\n") && text.contains("in the spool"),
        "{text}"
    );
    assert!(number(&stack, "holdline_spool_records ").await > 0.0);
    let posting = stack.http.post(format!("{}/1/messages", stack.url));
    let stranger = posting
        .bearer_auth("nobody")
        .send()
        .await
        .expect("an answer");
    assert_eq!(stranger.status(), 503, "it may be a good token");
    assert!(stranger.headers().contains_key("retry-after"));

    load.until_sent(PER_S * AWAY_S.1).await;
    block_in_place(|| database.restart());
    load.until_sent(PER_S * SECONDS).await;
    // What is in the spool is open, but in no list.
    until("the spool is drained", || async {
        (number(&stack, "holdline_spool_records ").await == 0.0).then_some(())
    })
    .await;
    let verdict = load.judge(&stack, senders).await;
    println!("{verdict}; refused {}", verdict.refused);
    assert_eq!((verdict.refused, verdict.doubled), (0, 0), "{verdict}");
    assert!(verdict.longest_answer_ms < ANSWER_MS_MAX, "{verdict}");
    assert!(number(&stack, "holdline_spool_drained_total ").await > 0.0);
    assert_eq!(number(&stack, "holdline_spool_records ").await, 0.0);
    until("everything goes to the database again", || async {
        (ask(&stack, "/readyz").await == (200, "ready\n".to_owned())).then_some(())
    })
    .await;
}

/// The way to a database, which can be blocked: then bytes wait, and no connection ends.
struct Way {
    address: SocketAddr,
    open: watch::Sender<bool>,
    _serving: JoinSet<()>,
}

impl Way {
    async fn start(port: u16) -> Self {
        let listener = TcpListener::bind(free_address()).await.expect("free");
        let address = listener.local_addr().expect("bound");
        let open = watch::Sender::new(true);
        let gate = open.subscribe();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut ways = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", port)).await;
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.expect("the database").into_split();
                ways.spawn(carry(from_client, to_server, gate.clone()));
                ways.spawn(carry(from_server, to_client, gate.clone()));
            }
        });
        Self {
            address,
            open,
            _serving: serving,
        }
    }
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut gate: watch::Receiver<bool>,
) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let is_open = gate.wait_for(|open| *open).await.is_ok();
        if !is_open || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_says_nothing_costs_one_wait_and_a_crash_meanwhile_loses_nothing() {
    let database = block_in_place(Postgres::start);
    let way = Way::start(database.port()).await;
    let name = database.new_database();
    let url = format!("postgres://holdline@{}/{name}?sslmode=disable", way.address);
    let mut stack = Stack::start_with(on(quick(), url)).await;
    let person = super::person(1);
    let before = stack.send_text(&person, "0").await;
    until_ended(&stack, &before).await;

    way.open.send_replace(false);
    let mut ids = Vec::new();
    for n in 1..=5 {
        let begin = Instant::now();
        ids.push(stack.send_text(&person, &n.to_string()).await);
        let limit_ms = if n == 1 { ANSWER_MS_MAX } else { 1_000 };
        let took = begin.elapsed();
        assert!(took < Duration::from_millis(limit_ms), "{n}: {took:?}");
    }
    stack.kill();
    way.open.send_replace(true);
    stack.serve().await;
    for id in &ids {
        let message = until("the message is in the database", || async {
            let message = stack.message(id).await;
            message["state"].is_string().then_some(message)
        });
        message.await;
        assert_eq!(until_ended(&stack, id).await["state"], "delivered");
    }
    let mut left = Vec::new();
    for id in &ids {
        let message = stack.message(id).await;
        let attempts = message["timeline"]["attempts"].as_array().expect("a list");
        assert_eq!(attempts.len(), 1, "{message}");
        left.push(
            attempts[0]["started_at"]
                .as_str()
                .expect("a time")
                .to_owned(),
        );
    }
    assert!(left.is_sorted(), "{left:?}");
    let got = stack.received(&person);
    let mut texts: Vec<&str> = got.iter().map(|(_, text)| text.as_str()).collect();
    texts.sort_unstable();
    assert_eq!(texts, ["0", "1", "2", "3", "4", "5"]);
}
