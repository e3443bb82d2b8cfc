//! One connection: how it comes to be, who listens to what the server says unasked, and how it
//! ends.

mod client;
mod options;
mod pool;
mod tls;

pub(super) use client::Client;
pub use options::PostgresOptions;
pub(super) use pool::{Pool, in_time, in_transaction, on};

use super::error::{Fault, words};
use holdline_engine::ports::StoreError;
use options::refused;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_postgres::error::Severity;
use tokio_postgres::{AsyncMessage, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A statement that is kept by one who reads is planned each time all the same: a plan for any
/// number of rows is a poor one for few. Said after the connection is made, not with it: proxies
/// refuse settings that they do not know.
const PLAN_EACH_TIME: &str = "SET plan_cache_mode = force_custom_plan";
/// Longest time for the server to take statements that it is to keep.
const KEEP_MAX: Duration = Duration::from_secs(1);
const PAUSE_MS_MIN: u64 = 20;
const PAUSE_MS_MAX: u64 = 1_000;

/// Makes connections.
#[derive(Clone)]
pub(super) struct Connector {
    config: tokio_postgres::Config,
    tls: Option<MakeRustlsConnect>,
    patience: Duration,
    keeps_statements: bool,
    plans_each_time: bool,
}

/// A connection in use.
#[derive(Debug)]
pub(super) struct Link {
    client: Client,
    said: Arc<Said>,
    driver: AbortHandle,
}

/// What the server said unasked.
#[derive(Debug, Default)]
struct Said {
    warned: AtomicBool,
    /// A notification came, or the connection has ended.
    notified: Notify,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

impl Connector {
    pub(super) fn new(options: &PostgresOptions) -> Result<Self, StoreError> {
        Ok(Self {
            config: options.config.clone(),
            tls: tls::connector(&options.tls)?,
            patience: Duration::from_millis(options.patience_ms),
            keeps_statements: options.prepared_statements,
            plans_each_time: options.prepared_statements,
        })
    }

    /// For those whose statements have one plan for any number of rows.
    pub(super) fn keeping_plans(&self) -> Self {
        Self {
            plans_each_time: false,
            ..self.clone()
        }
    }

    /// The end of a wait that begins now.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.patience
    }

    /// Tries until it succeeds, with growing pauses, but not beyond `deadline`. What no waiting
    /// mends is said at once.
    pub(super) async fn connect_by(&self, deadline: Instant) -> Result<Link, Fault> {
        let mut pause = PAUSE_MS_MIN;
        loop {
            let why = match timeout_at(deadline, self.connect()).await {
                Ok(Ok(link)) => return Ok(link),
                Ok(Err(Fault::Refused(error))) => return Err(Fault::Refused(error)),
                Ok(Err(Fault::Lost(why) | Fault::Raced(why))) => why,
                Err(_) => "no answer from the server".to_owned(),
            };
            let next = Instant::now() + Duration::from_millis(pause);
            if next >= deadline {
                return Err(Fault::Lost(format!("cannot connect: {why}")));
            }
            sleep(Duration::from_millis(pause)).await;
            pause = (pause * 2).min(PAUSE_MS_MAX);
        }
    }

    async fn connect(&self) -> Result<Link, Fault> {
        let link = match self.tls.clone() {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls).await?;
                Link::start(self.client(client), connection)
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                Link::start(self.client(client), connection)
            }
        };
        if self.plans_each_time {
            link.client().batch_execute(PLAN_EACH_TIME).await?;
        }
        Ok(link)
    }

    fn client(&self, client: tokio_postgres::Client) -> Client {
        Client::new(client, self.keeps_statements)
    }
}

impl Link {
    fn start<S, T>(client: Client, connection: Connection<S, T>) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let said = Arc::new(Said::default());
        let driving = tokio::spawn(drive(connection, Arc::clone(&said)));
        Self {
            client,
            said,
            driver: driving.abort_handle(),
        }
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// Usable, and the server keeps what it is to keep. Where that fails, or waits for a lock, a
    /// new connection sends everything without a name at first.
    pub(super) async fn is_ready(&self) -> bool {
        let keeping = timeout(KEEP_MAX, self.client.keep());
        self.is_usable() && keeping.await.is_ok_and(|kept| kept.is_ok())
    }

    pub(super) fn is_usable(&self) -> bool {
        !self.client.is_closed()
    }

    /// Whether the server has warned since this was last asked.
    pub(super) fn take_warning(&self) -> bool {
        self.said.warned.swap(false, Ordering::AcqRel)
    }

    /// Waits for a notification or the end of the connection.
    pub(super) async fn notified(&self) {
        self.said.notified.notified().await;
    }

    /// Closes the socket at once, whatever is under way.
    pub(super) fn cut(self) {
        self.driver.abort();
    }
}

/// Moves bytes until the connection ends. A warning is noted before the answer that follows it.
async fn drive<S, T>(mut connection: Connection<S, T>, said: Arc<Said>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
        match message {
            Ok(AsyncMessage::Notice(notice)) => {
                if notice.parsed_severity() == Some(Severity::Warning) {
                    said.warned.store(true, Ordering::Release);
                    tracing::warn!(said = notice.message(), "PostgreSQL warns");
                }
            }
            Ok(AsyncMessage::Notification(_)) => said.notified.notify_one(),
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(error = words(&error), "a PostgreSQL connection ended");
                break;
            }
        }
    }
    said.notified.notify_one();
}

/// What matters of a server's settings.
pub(super) struct Server {
    /// Commits wait for the disk.
    pub(super) syncs: bool,
}

/// Refuses a database that cannot hold every text, and tells of settings that lose what is
/// committed.
pub(super) async fn check_server(link: &Link) -> Result<Server, StoreError> {
    let sql = "SELECT current_setting('server_encoding'), current_setting('server_version_num'),
         current_setting('fsync'), current_setting('synchronous_commit')";
    let rows = link.client.query_typed(sql, &[]).await;
    let rows = rows.map_err(|error| Fault::from(error).into_store())?;
    let said = |column: usize| -> &str {
        let first = rows.first().and_then(|row| row.try_get(column).ok());
        first.unwrap_or_default()
    };
    if said(0) != "UTF8" {
        return Err(refused(&format!(
            "leads to a database in the encoding {}; make one in UTF8: \
             createdb --encoding=UTF8 --template=template0 NAME",
            said(0)
        )));
    }
    if said(1).parse().unwrap_or(0) < VERSION_MIN {
        return Err(refused(
            "leads to a PostgreSQL older than 13; use a newer one",
        ));
    }
    if said(2) == "off" {
        tracing::warn!("PostgreSQL runs with fsync=off: a crash of its machine loses messages");
    }
    Ok(Server {
        syncs: said(3) != "off",
    })
}

/// The oldest version that serves: 13.
pub(super) const VERSION_MIN: u32 = 130_000;
