//! Keeps what the engine commits: the only place with SQL, and the files beside it.
//!
//! Knows no rule about messages: what is written is decided by the engine, as
//! [`Op`](holdline_engine::ports::Op)s; what is read is what was written.

pub mod blobs;
pub mod postgres;
mod rows;
pub mod spool;
pub mod sqlite;
pub mod transfer;

pub use blobs::FileBlobs;
pub use postgres::{PostgresOptions, PostgresStore};
pub use spool::FileSpool;
pub use sqlite::{SqliteOptions, SqliteStore};

use holdline_engine::ports::StoreError;

/// Whether a URL names a database of PostgreSQL.
#[must_use]
pub fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// The options that a URL of SQLite stands for.
pub fn options_of(url: &str) -> Result<SqliteOptions, StoreError> {
    let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
    let path = rest.strip_prefix("//").unwrap_or(rest);
    match scheme {
        "sqlite" if !path.is_empty() => Ok(SqliteOptions::new(path)),
        "sqlite" => Err(refused(
            "names no file; write sqlite:PATH, such as sqlite:data/holdline.db",
        )),
        "postgres" | "postgresql" => Err(refused(
            "names a database of PostgreSQL, and this is only for a file of SQLite",
        )),
        _ => Err(refused(
            "is of no known kind; write sqlite:PATH or postgres://USER@HOST/DATABASE",
        )),
    }
}

/// The URL itself may hold a password: it is not repeated.
fn refused(why: &str) -> StoreError {
    StoreError::Unavailable(format!("storage.url {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_url_names_a_file() {
        for (url, path) in [
            ("sqlite:data/h.db", "data/h.db"),
            ("sqlite:/var/h.db", "/var/h.db"),
            ("sqlite:///var/h.db", "/var/h.db"),
            ("sqlite://h.db", "h.db"),
        ] {
            assert_eq!(options_of(url).unwrap().path, Path::new(path), "{url}");
        }
    }

    #[test]
    fn other_urls_are_refused_and_not_repeated() {
        for (url, says) in [
            ("sqlite:", "names no file"),
            ("postgres://u:pass@h/db", "PostgreSQL"),
            ("mysql://u:pass@h/db", "no known kind"),
            ("h.db", "no known kind"),
        ] {
            let error = options_of(url).unwrap_err().to_string();
            assert!(
                error.contains(says) && !error.contains("pass"),
                "{url}: {error}"
            );
        }
    }
}
