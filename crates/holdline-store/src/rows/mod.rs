//! Rows <-> records: one file per group of tables. No SQL and no decisions.

pub(crate) mod access;
pub(crate) mod codes;
pub(crate) mod contact;
pub(crate) mod event;
pub(crate) mod inbound;
pub(crate) mod message;
pub(crate) mod plan;
pub(crate) mod route;
pub(crate) mod timeline;

use holdline_core::{ChannelKind, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Error, Result, Row};

/// A list of words as one column.
pub(crate) fn words_text(words: &[String]) -> String {
    serde_json::Value::from(words).to_string()
}

pub(crate) fn id_at(row: &Row<'_>, column: usize) -> Result<u128> {
    row.get::<_, [u8; 16]>(column).map(u128::from_be_bytes)
}

pub(crate) fn time_at(row: &Row<'_>, column: usize) -> Result<Timestamp> {
    row.get(column).map(Timestamp)
}

pub(crate) fn maybe_time_at(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp))
}

pub(crate) fn channel_at(row: &Row<'_>, column: usize) -> Result<ChannelKind> {
    let name = row
        .get_ref(column)?
        .as_str()
        .map_err(|_| unreadable(column, "a channel name"))?;
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
    let text = row
        .get_ref(column)?
        .as_str()
        .map_err(|_| unreadable(column, "a text"))?;
    serde_json::from_str(text).map_err(|_| unreadable(column, "well-formed"))
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

/// A column that does not hold what it should. Says where, never what.
pub(crate) fn unreadable(column: usize, what: &'static str) -> Error {
    Error::FromSqlConversionFailure(column, Type::Text, format!("not {what}").into())
}
