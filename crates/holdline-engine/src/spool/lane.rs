//! One queue of the spool, with what of it is known in memory: whether anything waits or is about
//! to, since when, and which records may have been handed in before.

use crate::ports::spool::{Spool, SpoolError, SpoolSize};
use bytes::Bytes;
use holdline_core::{Redacted, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Records read at a time when the process starts.
const PAGE: usize = 1_000;
/// An ordinary request fits into that.
const ROOM: u64 = 64 * 1024;

pub(crate) struct Lane {
    pub(super) spool: Arc<dyn Spool>,
    /// Appends under way.
    appending: AtomicU64,
    oldest_at: AtomicI64,
    /// Up to this place records may be in the store: those of an earlier run, and those that were
    /// handed in.
    handed_in: AtomicU64,
}

/// An append under way, until it is dropped.
struct Appending<'a>(&'a AtomicU64);

impl Drop for Appending<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Lane {
    /// Shows each record that is there.
    pub(super) async fn open(
        spool: Arc<dyn Spool>,
        see: impl Fn(&Redacted<Bytes>) + Send,
    ) -> Result<Self, SpoolError> {
        let mut last = None;
        loop {
            let page = spool.read(last, PAGE).await?;
            page.iter().for_each(|spooled| see(&spooled.record));
            match page.last() {
                Some(spooled) => last = Some(spooled.place),
                None => break,
            }
        }
        Ok(Self {
            spool,
            appending: AtomicU64::new(0),
            oldest_at: AtomicI64::new(i64::MAX),
            handed_in: AtomicU64::new(last.unwrap_or(0)),
        })
    }

    pub(super) async fn append(
        &self,
        record: Redacted<Bytes>,
        now: Timestamp,
    ) -> Result<(), SpoolError> {
        self.appending.fetch_add(1, Ordering::SeqCst);
        let _appending = Appending(&self.appending);
        self.oldest_at.fetch_min(now.0, Ordering::Relaxed);
        self.spool.append(record).await.map(drop)
    }

    /// Records wait, or are about to.
    pub(crate) fn waits(&self) -> bool {
        self.appending.load(Ordering::SeqCst) > 0 || self.len() > 0
    }

    pub(super) fn len(&self) -> u64 {
        self.size().records
    }

    pub(super) fn size(&self) -> SpoolSize {
        self.spool.size()
    }

    pub(super) fn oldest_at(&self) -> Option<Timestamp> {
        let at = self.oldest_at.load(Ordering::Relaxed);
        (at != i64::MAX && self.len() > 0).then_some(Timestamp(at))
    }

    pub(super) fn set_oldest(&self, at: Option<Timestamp>) {
        let at = at.map_or(i64::MAX, |at| at.0);
        self.oldest_at.store(at, Ordering::Relaxed);
    }

    pub(super) fn may_be_known(&self, place: u64) -> bool {
        place <= self.handed_in.load(Ordering::Relaxed)
    }

    pub(super) fn hand_in(&self, through: u64) {
        self.handed_in.fetch_max(through, Ordering::Relaxed);
    }
}

pub(super) const fn is_full(size: &SpoolSize) -> bool {
    size.bytes + ROOM > size.bytes_max
}
