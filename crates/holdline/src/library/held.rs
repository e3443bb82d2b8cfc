//! Bounds how many bytes of files are held whole at a time: a file takes its room before it is
//! read, and gives it back when the last copy of its bytes is gone. Never reads a file.

use super::FileError;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most bytes of files that are held whole at a time.
pub(super) const HELD_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Longest wait for room; then the attempt is for later.
const ROOM_WAIT_MAX: Duration = Duration::from_secs(20);
const KIB: u64 = 1024;

/// The room for files that are held whole.
pub(super) struct Held {
    kib: Arc<Semaphore>,
    kib_max: u32,
}

/// Room for one file.
pub(super) struct Room(OwnedSemaphorePermit);

/// Bytes with their room.
struct Kept {
    bytes: Bytes,
    _room: Room,
}

impl Held {
    pub(super) fn new(bytes_max: u64) -> Self {
        let kib_max = u32::try_from(bytes_max / KIB).unwrap_or(u32::MAX);
        Self {
            kib: Arc::new(Semaphore::new(kib_max as usize)),
            kib_max,
        }
    }

    /// Waits until there is room for a file of this size.
    pub(super) async fn room(&self, bytes: u64) -> Result<Room, FileError> {
        let kib = u32::try_from(bytes.div_ceil(KIB)).unwrap_or(u32::MAX);
        let kib = kib.clamp(1, self.kib_max);
        let taking = Arc::clone(&self.kib).acquire_many_owned(kib);
        match tokio::time::timeout(ROOM_WAIT_MAX, taking).await {
            Ok(Ok(permit)) => Ok(Room(permit)),
            Ok(Err(_)) | Err(_) => Err(FileError::Busy),
        }
    }
}

impl Room {
    /// The bytes, which keep the room as long as anybody has them.
    pub(super) fn keep(self, bytes: Bytes) -> Bytes {
        debug_assert!(self.0.num_permits() > 0);
        Bytes::from_owner(Kept { bytes, _room: self })
    }
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn room_comes_back_with_the_last_copy() {
        let held = Held::new(10 * KIB);
        let first = held.room(6 * KIB + 1).await.unwrap();
        let first = first.keep(Bytes::from_static(b"first"));
        let copy = first.slice(1..);
        assert!(held.room(4 * KIB).now_or_never().is_none());
        drop(first);
        assert!(held.room(4 * KIB).now_or_never().is_none());
        assert_eq!(copy, "irst");
        drop(copy);
        let all = held.room(u64::MAX).now_or_never();
        assert!(all.is_some_and(|room| room.is_ok()), "one file always fits");
    }
}
