//! Rows <-> records: one file per group of tables. No SQL and no decisions.

pub(crate) mod access;
pub(crate) mod cluster;
pub(crate) mod codes;
pub(crate) mod contact;
pub(crate) mod event;
pub(crate) mod inbound;
pub(crate) mod message;
pub(crate) mod route;
mod row;

use holdline_core::{ChannelKind, Timestamp};
pub(crate) use row::Row;

pub(crate) type Result<T> = std::result::Result<T, RowError>;

/// Why a row cannot be read.
#[derive(Debug)]
pub(crate) enum RowError {
    Sqlite(rusqlite::Error),
    Postgres(tokio_postgres::Error),
    /// Says where, never what.
    Unreadable {
        column: usize,
        what: &'static str,
    },
}

/// A list of words as one column.
pub(crate) fn words_text(words: &[String]) -> String {
    serde_json::Value::from(words).to_string()
}

pub(crate) fn id_at(row: &Row<'_>, column: usize) -> Result<u128> {
    row.get::<[u8; 16]>(column).map(u128::from_be_bytes)
}

pub(crate) fn time_at(row: &Row<'_>, column: usize) -> Result<Timestamp> {
    row.get(column).map(Timestamp)
}

pub(crate) fn maybe_time_at(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>> {
    Ok(row.get::<Option<i64>>(column)?.map(Timestamp))
}

pub(crate) fn channel_at(row: &Row<'_>, column: usize) -> Result<ChannelKind> {
    let name = row.text(column)?;
    ChannelKind::new(name).ok_or_else(|| unreadable(column, "a channel name"))
}

/// Reads a column by one of the decoders of [`codes`].
pub(crate) fn code_at<T>(
    row: &Row<'_>,
    column: usize,
    decode: impl Fn(i64) -> Option<T>,
) -> Result<T> {
    decode(row.get(column)?).ok_or_else(|| unreadable(column, "a known code"))
}

pub(crate) fn json_at<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T> {
    serde_json::from_str(row.text(column)?).map_err(|_| unreadable(column, "well-formed"))
}

/// Evidence that no column or JSON text can hold must not make its row unreadable. The bounds are
/// whole numbers, so that they come back from a text as they are.
pub(crate) fn finite(nats: f64) -> f64 {
    const NATS_MAX: f64 = 1e15;
    match nats.is_nan() {
        true => 0.0,
        false => nats.clamp(-NATS_MAX, NATS_MAX),
    }
}

/// A column that does not hold what it should.
pub(crate) const fn unreadable(column: usize, what: &'static str) -> RowError {
    RowError::Unreadable { column, what }
}
