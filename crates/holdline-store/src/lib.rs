//! Keeps what the engine commits: the only place with SQL, and the files beside it.
//!
//! Knows no rule about messages: what is written is decided by the engine, as
//! [`Op`](holdline_engine::ports::Op)s; what is read is what was written.

pub mod blobs;
mod rows;
pub mod sqlite;

pub use blobs::FileBlobs;
pub use sqlite::{SqliteOptions, SqliteStore};

use holdline_engine::ports::{Store, StoreError};
use std::sync::Arc;

/// Opens the store that a URL names: `sqlite:PATH`. `exclusive` is for the one process that serves.
pub async fn open_url(url: &str, exclusive: bool) -> Result<Arc<dyn Store>, StoreError> {
    let options = SqliteOptions {
        exclusive,
        leave_log: !exclusive,
        ..options_of(url)?
    };
    Ok(Arc::new(sqlite::open(options).await?))
}

/// The options that a URL stands for.
pub fn options_of(url: &str) -> Result<SqliteOptions, StoreError> {
    let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
    let path = rest.strip_prefix("//").unwrap_or(rest);
    match scheme {
        "sqlite" if !path.is_empty() => Ok(SqliteOptions::new(path)),
        "sqlite" => Err(refused(
            "names no file; write sqlite:PATH, such as sqlite:data/holdline.db",
        )),
        "postgres" | "postgresql" => Err(refused(
            "asks for PostgreSQL, which this build does not have; write sqlite:PATH",
        )),
        _ => Err(refused("is of no known kind; write sqlite:PATH")),
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
