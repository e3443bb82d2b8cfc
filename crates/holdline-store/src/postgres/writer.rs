//! The tasks that write, each on a connection of its own. Commits that queued while the last one
//! ran share the next transaction, and so its one sync.
//!
//! Before COMMIT is sent nothing has happened: a transaction that lost its connection or met
//! another is made again, for a bounded time. From then on only its answer tells: without one the
//! commit is ambiguous.

use super::connect::{Connector, Link, PostgresOptions};
use super::error::Fault;
use super::write;
use holdline_engine::ports::ops::{GroupResult, Groups};
use holdline_engine::ports::store::{COMMIT_GROUPS_MAX, StoreResult};
use holdline_engine::ports::{Group, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::sync::{Mutex, oneshot};
use tokio::time::{Instant, sleep, timeout};

/// Most jobs that wait for the writers.
pub(super) const JOBS_MAX: usize = 256;
/// Times that a transaction is made at most when others are in the way.
const TRIES_MAX: u32 = 8;
const PAUSE_MS: u64 = 5;
/// Longest time for what comes before COMMIT.
const WORK_MS_MAX: u64 = 30_000;

/// Begins a transaction that waits for no lock and no client for long, whatever the server's own
/// settings are, and that is synced.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED;
     SET LOCAL lock_timeout = 5000; SET LOCAL idle_in_transaction_session_timeout = 30000";
const SYNCED: &str = "; SET LOCAL synchronous_commit = on";
/// Where statements are kept, so are their plans. They find rows one by one by an index, which is
/// right for any number of them, also when the plan was made while the tables were small.
const BY_INDEX: &str = "; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off;
     SET LOCAL enable_mergejoin = off";

/// Groups to commit, and where the answer goes.
pub(super) struct Commit {
    pub(super) groups: Groups,
    pub(super) answer: oneshot::Sender<StoreResult<Vec<GroupResult>>>,
}

/// The queue that all writers take from.
pub(super) type Queue = Arc<Mutex<Receiver<Commit>>>;

pub(super) struct Writer {
    connector: Connector,
    link: Option<Link>,
    begin: String,
    notify: bool,
    commit_max: Duration,
}

impl Writer {
    /// `synced`: the server would not sync by itself.
    pub(super) fn new(connector: Connector, options: &PostgresOptions, synced: bool) -> Self {
        let mut begin = String::from(BEGIN);
        begin.push_str(if synced { SYNCED } else { "" });
        begin.push_str(if options.prepared_statements {
            BY_INDEX
        } else {
            ""
        });
        Self {
            connector,
            link: None,
            begin,
            notify: options.notify,
            commit_max: Duration::from_millis(options.commit_ms_max),
        }
    }

    /// Works until nobody is left to ask. Who no longer waits for an answer gets none.
    pub(super) async fn run(mut self, queue: Queue) {
        let mut left = None;
        loop {
            let Some(batch) = gather(&queue, &mut left).await else {
                return;
            };
            self.answer(batch).await;
        }
    }

    async fn answer(&mut self, batch: Vec<Commit>) {
        match self.commit(&batch).await {
            Ok(results) => hand_out(batch, results),
            Err(error) if batch.len() > 1 && is_perhaps_of_one(&error) => {
                for one in batch {
                    let result = self.commit(std::slice::from_ref(&one)).await;
                    let _ = one.answer.send(result);
                }
            }
            Err(error) => {
                for one in batch {
                    let _ = one.answer.send(Err(error.clone()));
                }
            }
        }
    }

    async fn commit(&mut self, batch: &[Commit]) -> StoreResult<Vec<GroupResult>> {
        let groups: Vec<&Group> = batch.iter().flat_map(|one| &*one.groups).collect();
        let deadline = self.connector.deadline();
        let mut tries = 0;
        loop {
            tries += 1;
            let fault = match self.try_once(&groups, deadline).await {
                Ok(answered) => return answered,
                Err(fault) => fault,
            };
            let again = match &fault {
                Fault::Raced(_) => tries < TRIES_MAX,
                Fault::Lost(_) => tries < TRIES_MAX && Instant::now() < deadline,
                Fault::Refused(_) => false,
            };
            if !again {
                return Err(fault.into_store());
            }
            tracing::debug!(?fault, tries, "a transaction is made again");
            sleep(Duration::from_millis(PAUSE_MS << tries.min(6))).await;
        }
    }

    /// An `Err` means that nothing was committed.
    async fn try_once(
        &mut self,
        groups: &[&Group],
        deadline: Instant,
    ) -> Result<StoreResult<Vec<GroupResult>>, Fault> {
        let link = match self.link.take() {
            Some(link) if link.is_ready().await => link,
            Some(_) | None => self.connector.connect_by(deadline).await?,
        };
        let work = Duration::from_millis(WORK_MS_MAX);
        let applying = write::apply(link.client(), &self.begin, groups);
        let applied = match timeout(work, applying).await {
            Ok(Ok(applied)) => applied,
            Ok(Err(fault)) => {
                self.roll_back(link, &fault).await;
                return Err(fault);
            }
            Err(_) => {
                link.cut();
                return Err(Fault::Lost(format!("no answer in {WORK_MS_MAX} ms")));
            }
        };
        let notify = self.notify && applied.hands_over;
        let committed = self.send_commit(link, notify).await;
        Ok(committed.map(|()| applied.results))
    }

    async fn roll_back(&mut self, link: Link, fault: &Fault) {
        let is_lost = match fault {
            Fault::Lost(_) => true,
            Fault::Raced(_) | Fault::Refused(_) => false,
        };
        let max = self.commit_max;
        let back =
            !is_lost && ends_well(timeout(max, link.client().batch_execute("ROLLBACK")).await);
        if back {
            self.link = Some(link);
        } else {
            link.cut();
        }
    }

    async fn send_commit(&mut self, link: Link, notify: bool) -> StoreResult<()> {
        link.take_warning();
        let sql = if notify {
            "NOTIFY holdline; COMMIT"
        } else {
            "COMMIT"
        };
        let answer = timeout(self.commit_max, link.client().batch_execute(sql)).await;
        let why = match answer {
            Ok(Ok(())) if !link.take_warning() => {
                self.link = Some(link);
                return Ok(());
            }
            // A commit that was cut short while it waited for a standby says so by a warning only.
            Ok(Ok(())) => {
                "the server warned while it committed; perhaps no standby has it".to_owned()
            }
            Ok(Err(error)) => match Fault::from(error) {
                Fault::Refused(error @ StoreError::Full(_)) => {
                    link.cut();
                    return Err(error);
                }
                fault @ (Fault::Raced(_) | Fault::Lost(_) | Fault::Refused(_)) => {
                    fault.into_store().to_string()
                }
            },
            Err(_) => format!(
                "no answer to COMMIT in {} ms; is a synchronous standby missing?",
                self.commit_max.as_millis()
            ),
        };
        link.cut();
        Err(StoreError::Ambiguous(why))
    }
}

fn ends_well<T, E, F>(ended: Result<Result<T, E>, F>) -> bool {
    matches!(ended, Ok(Ok(_)))
}

fn hand_out(batch: Vec<Commit>, results: Vec<GroupResult>) {
    let mut results = results.into_iter();
    for one in batch {
        let own = results.by_ref().take(one.groups.len()).collect();
        let _ = one.answer.send(Ok(own));
    }
}

/// One group that cannot be written must not fail those of others.
fn is_perhaps_of_one(error: &StoreError) -> bool {
    match error {
        StoreError::Full(_) | StoreError::Unreachable(_) | StoreError::Ambiguous(_) => false,
        StoreError::Unavailable(_) | StoreError::Corrupt(_) => true,
    }
}

/// What fits into one transaction; what did not begins the next one.
async fn gather(queue: &Queue, left: &mut Option<Commit>) -> Option<Vec<Commit>> {
    let mut waiting = match left {
        Some(_) => None,
        None => Some(queue.lock().await),
    };
    let first = match (left.take(), &mut waiting) {
        (Some(first), _) => first,
        (None, Some(waiting)) => waiting.recv().await?,
        (None, None) => return None,
    };
    let mut count = first.groups.len();
    let mut batch = vec![first];
    while count < COMMIT_GROUPS_MAX {
        let Some(more) = waiting.as_mut().and_then(|it| it.try_recv().ok()) else {
            break;
        };
        if count + more.groups.len() > COMMIT_GROUPS_MAX {
            *left = Some(more);
            break;
        }
        count += more.groups.len();
        batch.push(more);
    }
    Some(batch)
}
