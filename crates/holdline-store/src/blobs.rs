//! Files beside the database: written whole and synced before they get their name, read in pieces.
//! Knows ids only; what a file is and who may read it stands in the store.

use async_trait::async_trait;
use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use holdline_engine::ports::blobs::{Kept, Pieces};
use holdline_engine::ports::{BlobError, Blobs};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PIECE_BYTES: usize = 64 * 1024;
const ID_BYTES_MAX: usize = 64;
/// The end of the name of a file that is not whole yet.
const PART: &str = "part";

/// Keeps each file under its id in one directory.
#[derive(Debug)]
pub struct FileBlobs {
    directory: PathBuf,
    parts: AtomicU64,
}

impl FileBlobs {
    /// Makes the directory where missing and clears away what a crash left half written. One
    /// process at a time may use it.
    pub async fn open(directory: impl Into<PathBuf>) -> Result<Self, BlobError> {
        let directory = directory.into();
        make_directory(&directory)
            .await
            .map_err(|error| blob_error(&error))?;
        clear_parts(&directory)
            .await
            .map_err(|error| blob_error(&error))?;
        Ok(Self {
            directory,
            parts: AtomicU64::new(0),
        })
    }

    fn path_of(&self, id: &str) -> Result<PathBuf, BlobError> {
        let plain = id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if id.is_empty() || id.len() > ID_BYTES_MAX || !plain {
            return Err(BlobError::Missing);
        }
        Ok(self.directory.join(id))
    }

    fn part_of(&self, id: &str) -> Part {
        let number = self.parts.fetch_add(1, Ordering::Relaxed);
        Part {
            path: self.directory.join(format!("{id}-{number}.{PART}")),
            whole: false,
        }
    }
}

#[async_trait]
impl Blobs for FileBlobs {
    async fn put(&self, id: &str, pieces: Pieces, size_max: u64) -> Result<Kept, BlobError> {
        let path = self.path_of(id)?;
        let mut part = self.part_of(id);
        let kept = write(&part.path, pieces, size_max).await?;
        let named = fs::rename(&part.path, &path).await;
        named.map_err(|error| blob_error(&error))?;
        part.whole = true;
        sync_directory(&self.directory)
            .await
            .map_err(|error| blob_error(&error))?;
        Ok(kept)
    }

    async fn get(&self, id: &str) -> Result<Pieces, BlobError> {
        let file = File::open(self.path_of(id)?)
            .await
            .map_err(|error| blob_error(&error))?;
        Ok(stream::unfold(Some(file), next_piece).boxed())
    }

    async fn delete(&self, id: &str) -> Result<(), BlobError> {
        match fs::remove_file(self.path_of(id)?).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(blob_error(&error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// A file being written; gone again unless it became whole, however the writing ends.
struct Part {
    path: PathBuf,
    whole: bool,
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.whole {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

async fn write(path: &Path, mut pieces: Pieces, size_max: u64) -> Result<Kept, BlobError> {
    let mut file = create(path).await.map_err(|error| blob_error(&error))?;
    let mut hash = Context::new(&SHA256);
    let mut size = 0_u64;
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(BlobError::Source)?;
        size = size.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if size > size_max {
            return Err(BlobError::TooLarge(size_max));
        }
        hash.update(&piece);
        file.write_all(&piece)
            .await
            .map_err(|error| blob_error(&error))?;
    }
    file.flush().await.map_err(|error| blob_error(&error))?;
    file.sync_all().await.map_err(|error| blob_error(&error))?;
    Ok(Kept {
        size,
        sha256: hex(hash.finish().as_ref()),
    })
}

async fn create(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    #[cfg(unix)]
    options.mode(0o600);
    options.write(true).create_new(true).open(path).await
}

async fn next_piece(file: Option<File>) -> Option<(Result<Bytes, String>, Option<File>)> {
    let mut file = file?;
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    let room = u64::try_from(PIECE_BYTES).unwrap_or(u64::MAX);
    match (&mut file).take(room).read_to_end(&mut piece).await {
        Ok(0) => None,
        Ok(_) => Some((Ok(Bytes::from(piece)), Some(file))),
        Err(error) => Some((Err(error.to_string()), None)),
    }
}

async fn make_directory(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    builder.mode(0o700);
    builder.recursive(true).create(directory).await
}

async fn clear_parts(directory: &Path) -> io::Result<()> {
    let mut entries = fs::read_dir(directory).await?;
    while let Some(entry) = entries.next_entry().await? {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == PART) {
            fs::remove_file(path).await?;
        }
    }
    Ok(())
}

/// The new name is safe only once the directory is.
async fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory).await?.sync_all().await
}

fn blob_error(error: &io::Error) -> BlobError {
    let no_room = [
        ErrorKind::StorageFull,
        ErrorKind::QuotaExceeded,
        ErrorKind::ReadOnlyFilesystem,
    ];
    let kind = error.kind();
    if kind == ErrorKind::NotFound {
        BlobError::Missing
    } else if no_room.contains(&kind) {
        BlobError::Full(error.to_string())
    } else {
        BlobError::Io(error.to_string())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "blobs_tests.rs"]
mod tests;
