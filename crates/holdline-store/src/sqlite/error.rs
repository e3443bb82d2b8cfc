//! What SQLite says, in the words of the Store port. Decides whether a failed commit may have
//! happened all the same.

use holdline_engine::ports::StoreError;
use rusqlite::{Error, ErrorCode, ffi};

/// An error of a read, or of a write that was rolled back.
pub(crate) fn store_error(error: &Error) -> StoreError {
    let text = error.to_string();
    let Some(failure) = error.sqlite_error() else {
        return if is_about_content(error) {
            StoreError::Corrupt(text)
        } else {
            StoreError::Unavailable(text)
        };
    };
    let corrupt = [ErrorCode::DatabaseCorrupt, ErrorCode::NotADatabase];
    if is_full(failure) {
        StoreError::Full(text)
    } else if corrupt.contains(&failure.code) {
        StoreError::Corrupt(text)
    } else {
        StoreError::Unavailable(text)
    }
}

/// An error of COMMIT itself: when the last sync failed, the pages may be on the disk or not.
pub(crate) fn commit_error(error: &Error) -> StoreError {
    let known = |failure: &ffi::Error| {
        is_full(failure) || failure.code == ErrorCode::DatabaseBusy || !is_io(failure)
    };
    if error.sqlite_error().is_none_or(known) {
        store_error(error)
    } else {
        StoreError::Ambiguous(error.to_string())
    }
}

fn is_full(failure: &ffi::Error) -> bool {
    let no_room = [ErrorCode::DiskFull, ErrorCode::ReadOnly];
    let unwritten = [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_SHMSIZE];
    no_room.contains(&failure.code) || unwritten.contains(&failure.extended_code)
}

fn is_io(failure: &ffi::Error) -> bool {
    failure.code == ErrorCode::SystemIoFailure
}

fn is_about_content(error: &Error) -> bool {
    matches!(
        error,
        Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(extended_code: i32) -> Error {
        Error::SqliteFailure(ffi::Error::new(extended_code), None)
    }

    #[test]
    fn a_lack_of_room_is_told_from_other_trouble() {
        for code in [
            ffi::SQLITE_FULL,
            ffi::SQLITE_READONLY,
            ffi::SQLITE_IOERR_WRITE,
        ] {
            assert!(
                matches!(store_error(&failure(code)), StoreError::Full(_)),
                "{code}"
            );
            assert!(
                matches!(commit_error(&failure(code)), StoreError::Full(_)),
                "{code}"
            );
        }
        for code in [
            ffi::SQLITE_BUSY,
            ffi::SQLITE_IOERR_READ,
            ffi::SQLITE_CANTOPEN,
        ] {
            assert!(
                matches!(store_error(&failure(code)), StoreError::Unavailable(_)),
                "{code}"
            );
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB] {
            assert!(
                matches!(store_error(&failure(code)), StoreError::Corrupt(_)),
                "{code}"
            );
        }
    }

    #[test]
    fn a_sync_that_failed_leaves_the_commit_in_doubt() {
        let doubt = commit_error(&failure(ffi::SQLITE_IOERR_FSYNC));
        assert!(matches!(doubt, StoreError::Ambiguous(_)));
        let busy = commit_error(&failure(ffi::SQLITE_BUSY));
        assert!(matches!(busy, StoreError::Unavailable(_)));
    }
}
