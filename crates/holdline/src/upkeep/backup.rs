//! Keeps backups of the database while the server runs: a whole one from time to time, and what
//! changed in between at an interval. A fault of the backup never holds messages up.

use crate::clock::SystemClock;
use crate::config::{Backup, Storage};
use crate::http::api::values::rfc3339;
use holdline_core::Timestamp;
use holdline_engine::ports::Clock as _;
use holdline_engine::ports::StoreError;
use holdline_store::sqlite::upkeep::backup::{Archive, BackupOrder, LogCopies};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep;

/// The log is read so often; what it holds is written at the configured interval.
const LOOK: Duration = Duration::from_millis(500);
/// Pause after a whole backup that failed.
const BASE_AGAIN_MS: u64 = 60_000;

/// What is known of the backups of this server.
#[derive(Debug, Default)]
pub(crate) struct BackupState {
    base_at: AtomicI64,
    written_at: AtomicI64,
    failing: AtomicBool,
}

impl BackupState {
    /// When the last whole one was complete, and until when changes are safe; 0 = never.
    pub(crate) fn instants(&self) -> (i64, i64) {
        let read = |cell: &AtomicI64| cell.load(Ordering::Relaxed);
        (read(&self.base_at), read(&self.written_at))
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }
}

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// A name that sorts by time and is a file name everywhere.
pub(crate) fn backup_name(at: Timestamp) -> String {
    rfc3339(at).replace(':', "")
}

/// Backs up into a folder until the server stops.
#[derive(Clone)]
pub(crate) struct Keeper {
    archive: Arc<Archive>,
    order: BackupOrder,
    base_every_ms: u64,
    state: Arc<BackupState>,
}

impl Keeper {
    /// `None` when no folder is configured.
    pub(crate) fn of(
        backup: &Backup,
        storage: &Storage,
        copies: &Arc<LogCopies>,
        state: &Arc<BackupState>,
    ) -> Option<Self> {
        let to: PathBuf = backup.folder.clone()?;
        let every_ms = u64::from(backup.every_s) * 1_000;
        let media_dir = storage.media_dir.clone();
        let copies = Arc::clone(copies);
        Some(Self {
            archive: Arc::new(Archive::new(
                copies,
                to.clone(),
                media_dir.clone(),
                every_ms,
            )),
            order: BackupOrder {
                database: storage.sqlite_path()?,
                media_dir,
                to,
                name: String::new(),
                clock: now,
                keep: Some(backup.keep as usize),
            },
            base_every_ms: u64::from(backup.whole_every_s) * 1_000,
            state: Arc::clone(state),
        })
    }

    pub(crate) async fn run(self, mut shutdown: watch::Receiver<bool>) {
        let mut base: Option<JoinHandle<bool>> = None;
        let mut base_due = now();
        loop {
            if base.is_none() && now() >= base_due {
                base = Some(self.begin_base());
                base_due = now().plus_ms(self.base_every_ms);
            }
            if let Some(done) = base.take_if(|it| it.is_finished())
                && !done.await.unwrap_or(false)
            {
                base_due = now().plus_ms(BASE_AGAIN_MS);
            }
            let archive = Arc::clone(&self.archive);
            // Before there is a whole one, nothing leads anywhere.
            if self.state.instants().0 != 0 && !self.look(move || archive.tick(now())).await {
                base_due = base_due.min(now().plus_ms(BASE_AGAIN_MS));
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                _ = shutdown.changed() => break,
            }
        }
        let archive = Arc::clone(&self.archive);
        if self.state.instants().0 != 0 {
            self.look(move || archive.flush(now())).await;
        }
    }

    /// False when the chain of increments is broken.
    async fn look(&self, look: impl FnOnce() -> Result<bool, StoreError> + Send + 'static) -> bool {
        let looked = spawn_blocking(look).await;
        match looked {
            Ok(Ok(whole)) => {
                self.well(whole);
                whole
            }
            Ok(Err(error)) => {
                self.ill(&error.to_string());
                true
            }
            Err(_) => true,
        }
    }

    fn begin_base(&self) -> JoinHandle<bool> {
        let keeper = self.clone();
        let mut order = self.order.clone();
        order.name = backup_name(now());
        spawn_blocking(move || match keeper.archive.base(order, &mut |_, _| {}) {
            Ok(made) => {
                let path = made.path.display().to_string();
                tracing::info!(path, "the database is backed up");
                keeper.state.base_at.store(now().0, Ordering::Relaxed);
                keeper.well(true);
                true
            }
            Err(error) => {
                keeper.ill(&error.to_string());
                false
            }
        })
    }

    fn well(&self, whole: bool) {
        if whole {
            self.state.written_at.store(now().0, Ordering::Relaxed);
        }
        self.state.failing.store(!whole, Ordering::Relaxed);
    }

    fn ill(&self, error: &str) {
        if !self.state.failing.swap(true, Ordering::Relaxed) {
            tracing::error!(error, "the backup cannot be written; tried again");
        }
    }
}
