//! Bytes of files: streamed in and out, never held whole by the store.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

/// Why a file could not be kept or read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BlobError {
    #[error("no such file")]
    Missing,
    #[error("larger than the {0} bytes allowed")]
    TooLarge(u64),
    #[error("the sender broke off: {0}")]
    Source(String),
    #[error("no space, or the file system is read-only: {0}")]
    Full(String),
    #[error("{0}")]
    Io(String),
}

/// Size and SHA-256 (lower-case hexadecimal) of what was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub size: u64,
    pub sha256: String,
}

/// A stream of pieces of a file.
pub type Pieces = BoxStream<'static, Result<Bytes, String>>;

/// Keeps files by id. `put` has synced the file to disk when it returns.
#[async_trait]
pub trait Blobs: Send + Sync {
    async fn put(&self, id: &str, pieces: Pieces, size_max: u64) -> Result<Kept, BlobError>;

    async fn get(&self, id: &str) -> Result<Pieces, BlobError>;

    async fn delete(&self, id: &str) -> Result<(), BlobError>;
}
