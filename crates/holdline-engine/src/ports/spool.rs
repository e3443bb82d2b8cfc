//! A queue on the node's own disk, for what is accepted while the store cannot be reached. Knows
//! no message: records are bytes. Never reorders, and forgets a record only when told to.

use async_trait::async_trait;
use bytes::Bytes;
use holdline_core::Redacted;
use std::sync::Arc;

/// Largest record, in bytes.
pub const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why the spool could not do it. Nothing was kept then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    /// At its bound, or no space on the disk.
    #[error("the spool is full: {0}")]
    Full(String),
    #[error("the spool cannot be used: {0}")]
    Io(String),
}

/// A record with its place: places count up, and a later record has a higher one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spooled {
    pub place: u64,
    pub record: Redacted<Bytes>,
}

/// What waits in a spool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolSize {
    pub records: u64,
    /// On the disk, drained records in a file with others that wait too.
    pub bytes: u64,
    pub bytes_max: u64,
    /// Records that nothing could be made of, kept in files of their own.
    pub aside: u64,
}

/// The two queues of a node: receipts and replies never wait behind messages.
#[derive(Clone)]
pub struct Spools {
    pub messages: Arc<dyn Spool>,
    pub webhooks: Arc<dyn Spool>,
}

impl std::fmt::Debug for Spools {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spools")
            .field("messages", &self.messages.size())
            .field("webhooks", &self.webhooks.size())
            .finish()
    }
}

#[async_trait]
pub trait Spool: Send + Sync + 'static {
    /// Puts a record behind all others; it is synced when this returns its place.
    async fn append(&self, record: Redacted<Bytes>) -> Result<u64, SpoolError>;

    /// Records in order, from after `after` or from the front: at most `limit` of them, and about
    /// one MiB.
    async fn read(&self, after: Option<u64>, limit: usize) -> Result<Vec<Spooled>, SpoolError>;

    /// Forgets all records up to and with this place.
    async fn drained(&self, through: u64) -> Result<(), SpoolError>;

    /// Keeps a copy of a record for people to look at; it still has to be drained.
    async fn set_aside(&self, record: &Spooled) -> Result<(), SpoolError>;

    fn size(&self) -> SpoolSize;
}
