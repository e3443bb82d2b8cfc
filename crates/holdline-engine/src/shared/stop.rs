//! The way to an orderly end: no new work, what is in flight ends or is left to be recovered.

use holdline_core::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::watch;

#[derive(Debug)]
pub(crate) struct Stop {
    tx: watch::Sender<bool>,
    over_at: AtomicI64,
}

impl Default for Stop {
    fn default() -> Self {
        Self {
            tx: watch::Sender::new(false),
            over_at: AtomicI64::new(i64::MAX),
        }
    }
}

impl Stop {
    /// From now on nothing new; at `over_at` everything ends, done or not.
    pub(crate) fn stop(&self, over_at: Timestamp) {
        self.over_at.store(over_at.0, Ordering::SeqCst);
        self.tx.send_replace(true);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.tx.borrow()
    }

    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        now.0 >= self.over_at.load(Ordering::SeqCst)
    }

    /// Returns when the stop comes; never, if it has come already (loops then only drain).
    pub(crate) async fn cancelled_once(&self) {
        if self.is_stopped() {
            return std::future::pending().await;
        }
        self.stopped().await;
    }

    /// Returns once the stop has come.
    pub(crate) async fn stopped(&self) {
        let mut rx = self.tx.subscribe();
        let _ = rx.wait_for(|stopped| *stopped).await;
    }
}
