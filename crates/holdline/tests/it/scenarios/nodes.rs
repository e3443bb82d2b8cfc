//! Several servers on one PostgreSQL with a synchronous standby: servers are killed one after the
//! other, then the primary, under load through an address that leads to whichever server lives.

use super::load::{Load, options};
use crate::stack::{Stack, free_address};
use holdline_servers::Postgres;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinSet, block_in_place};

/// For a minute; without optimisation, what two cores bear beside two databases.
const PER_S: u32 = if cfg!(debug_assertions) { 40 } else { 200 };
const STEP_S: u32 = 10;
const STEPS: u32 = 6;
const MESSAGES: u32 = STEPS * STEP_S * PER_S;
/// At the begin of which steps a server is killed.
const KILLS: [u32; 3] = [1, 2, 3];
const OUTAGE: (u32, u32, &str) = (1, 3, "server_errors");
const PRIMARY_DIES: u32 = 4;
/// That a killed server stays away: longer than others wait before they take over.
const AWAY: Duration = Duration::from_secs(7);

/// An address that leads to whichever server takes the connection.
struct Balancer {
    address: SocketAddr,
    _serving: JoinSet<()>,
}

impl Balancer {
    async fn start(servers: [SocketAddr; 3]) -> Self {
        let listener = TcpListener::bind(free_address()).await.expect("free");
        let address = listener.local_addr().expect("bound");
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let next = Arc::new(AtomicUsize::new(0));
            let mut open = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                open.spawn(lead(client, servers, Arc::clone(&next)));
                while open.try_join_next().is_some() {}
            }
        });
        Self {
            address,
            _serving: serving,
        }
    }
}

async fn lead(mut client: TcpStream, servers: [SocketAddr; 3], next: Arc<AtomicUsize>) {
    for _ in 0..servers.len() {
        let server = servers[next.fetch_add(1, Ordering::Relaxed) % servers.len()];
        if let Ok(mut server) = TcpStream::connect(server).await {
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_servers_and_a_primary_are_killed_and_nothing_is_lost() {
    let mut primary = block_in_place(Postgres::start);
    let database = primary.new_database();
    let standby = block_in_place(|| primary.standby("second"));
    let url = format!(
        "postgres://holdline@127.0.0.1:{},127.0.0.1:{}/{database}",
        primary.port(),
        standby.port()
    );
    let mut options = options().with("failover", "receipt_wait_service_ms = 40000");
    options.env.push(("HOLDLINE_STORAGE_URL".to_owned(), url));
    let mut stack = Stack::start_with(options).await;
    let addresses = [stack.address(), free_address(), free_address()];
    for address in &addresses[1..] {
        stack.serve_beside(*address).await;
    }
    let balancer = Balancer::start(addresses).await;
    let shared = format!("http://{}", balancer.address);
    stack.webhooks_to(&shared);
    let (load, senders) = Load::begin(&stack, &shared, PER_S, MESSAGES);
    for step in 0..STEPS {
        load.until_sent(STEP_S * PER_S * step).await;
        if step == OUTAGE.0 {
            stack.outage(OUTAGE.2);
        } else if step == OUTAGE.1 {
            stack.mend();
        }
        if let Some(which) = KILLS.iter().position(|it| *it == step) {
            stack.kill_at(addresses[which]);
            tokio::time::sleep(AWAY).await;
            stack.serve_beside(addresses[which]).await;
        }
        if step == PRIMARY_DIES {
            block_in_place(|| primary.kill());
            block_in_place(|| standby.promote());
        }
    }
    let verdict = load.judge(&stack, senders).await;
    println!("{verdict}");
    let now_ms = "floor(extract(epoch FROM clock_timestamp()) * 1000)";
    let living = format!("SELECT count(*) FROM node WHERE until > {now_ms}");
    let nodes = standby.sql(&database, &living);
    assert_eq!(nodes, "3", "servers that live");
}
