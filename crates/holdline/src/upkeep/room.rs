//! Watches the room on the disk of the database. New messages are refused while less is left than
//! is kept back for what was accepted already: outcomes, receipts, replies. Goes on by itself when
//! there is room again, and says both.

use crate::config::Storage;
use crate::http::state::AppState;
use holdline_engine::ports::Op;
use holdline_engine::ports::records::AuditRecord;
use rustix::fs::statvfs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

const LOOK: Duration = Duration::from_millis(500);
const MIB: u64 = 1024 * 1024;

/// Bytes that are free, as last seen; `u64::MAX` before that.
#[derive(Debug)]
pub(crate) struct Room(AtomicU64);

impl Default for Room {
    fn default() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }
}

impl Room {
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|free| *free != u64::MAX)
    }
}

/// Looks until the server stops.
pub(crate) async fn watch_room(state: AppState, mut shutdown: watch::Receiver<bool>) {
    let folder = folder_of(&state.config.storage);
    let mut closed = false;
    let mut faulty = false;
    loop {
        if let Some(Ok(disk)) = folder.as_ref().map(statvfs) {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            state.room.0.store(free, Ordering::Relaxed);
            let close = is_short(free, state.config.storage.reserve_mb, closed);
            if close != closed {
                closed = close;
                turn(&state, closed, free);
            }
        }
        if state.engine.store_fault().is_some() && state.engine.probe_store().await.is_err() {
            faulty = true;
        } else if std::mem::take(&mut faulty) {
            keep_audit(&state).await;
        }
        tokio::select! {
            () = sleep(LOOK) => {}
            _ = shutdown.changed() => return,
        }
    }
}

/// Once closed it takes a quarter more to open again, so that it does not flutter.
fn is_short(free_bytes: u64, reserve_mb: u32, closed: bool) -> bool {
    let reserve = u64::from(reserve_mb) * MIB;
    let limit = if closed {
        reserve + reserve / 4
    } else {
        reserve
    };
    free_bytes < limit
}

fn turn(state: &AppState, closed: bool, free_bytes: u64) {
    let free_mb = free_bytes / MIB;
    let reserve_mb = state.config.storage.reserve_mb;
    if closed {
        tracing::error!(
            free_mb,
            reserve_mb,
            "the disk of the database runs out of room: new messages are refused; make room"
        );
        let why = format!("the disk of the database has only {free_mb} MiB of room left");
        state.engine.close_intake(Some(why));
    } else {
        tracing::info!(free_mb, "there is room again: new messages are taken");
        state.engine.close_intake(None);
    }
}

/// What nobody could write down while it lasted.
async fn keep_audit(state: &AppState) {
    let record = AuditRecord {
        id: state.engine.new_id(),
        at: state.engine.now(),
        actor: "holdline".to_owned(),
        action: "store.recovered".to_owned(),
        subject: "store".to_owned(),
        reason: "the store takes writes again after it refused them".to_owned(),
        detail: String::new(),
    };
    if let Err(error) = state.engine.commit(vec![Op::Audit(record)]).await {
        tracing::warn!(%error, "the end of the store's trouble could not be kept");
    }
}

/// `None` when the database is elsewhere: its own disk is not ours to see.
fn folder_of(storage: &Storage) -> Option<PathBuf> {
    let path = storage.sqlite_path()?;
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
    Some(parent.unwrap_or(Path::new(".")).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_closes_below_the_reserve_and_opens_a_quarter_above() {
        for (free_mib, closed, expect) in [
            (100, false, false),
            (99, false, true),
            (100, true, true),
            (124, true, true),
            (125, true, false),
        ] {
            assert_eq!(is_short(free_mib * MIB, 100, closed), expect, "{free_mib}");
        }
        assert!(!is_short(0, 0, false), "without a reserve it never closes");
    }
}
