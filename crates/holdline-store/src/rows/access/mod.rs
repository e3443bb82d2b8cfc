//! Rows of `endpoint`, `token`, `template` and `media`.

pub(crate) mod console;

use super::codes::form_of;
use super::{Result, Row, channel_at, code_at, json_at, maybe_time_at, time_at};
use holdline_core::Redacted;
use holdline_engine::ports::records::{EndpointRecord, MediaRecord, TemplateRecord, TokenRecord};

/// The columns that [`endpoint_from`] reads.
pub(crate) const ENDPOINT_COLUMNS: &str =
    "id, app, form, url, secret, verify_token, scope, fields, created_at";
/// The columns that [`token_from`] reads.
pub(crate) const TOKEN_COLUMNS: &str = "id, name, hash, app, senders, created_at, revoked_at";
/// The columns that [`template_from`] reads.
pub(crate) const TEMPLATE_COLUMNS: &str =
    "waba, id, name, language, status, category, json, synced_at";
/// The columns that [`media_from`] reads.
pub(crate) const MEDIA_COLUMNS: &str = "id, app, sender, mime, filename, sha256, size, \
     created_at, expires_at, remote_channel, remote";

pub(crate) fn endpoint_from(row: &Row<'_>) -> Result<EndpointRecord> {
    Ok(EndpointRecord {
        id: row.get(0)?,
        app: row.get(1)?,
        form: code_at(row, 2, form_of)?,
        url: row.get(3)?,
        secret: Redacted::new(row.get(4)?),
        verify_token: row.get::<Option<String>>(5)?.map(Redacted::new),
        scope: row.get(6)?,
        fields: json_at(row, 7)?,
        created_at: time_at(row, 8)?,
    })
}

pub(crate) fn token_from(row: &Row<'_>) -> Result<TokenRecord> {
    Ok(TokenRecord {
        id: row.get(0)?,
        name: row.get(1)?,
        hash: row.get(2)?,
        app: row.get(3)?,
        senders: json_at(row, 4)?,
        created_at: time_at(row, 5)?,
        revoked_at: maybe_time_at(row, 6)?,
    })
}

pub(crate) fn template_from(row: &Row<'_>) -> Result<TemplateRecord> {
    Ok(TemplateRecord {
        waba: row.get(0)?,
        id: row.get(1)?,
        name: row.get(2)?,
        language: row.get(3)?,
        status: row.get(4)?,
        category: row.get(5)?,
        json: row.get(6)?,
        synced_at: time_at(row, 7)?,
    })
}

pub(crate) fn media_from(row: &Row<'_>) -> Result<MediaRecord> {
    let remote: Option<String> = row.get(10)?;
    let remote = match remote {
        Some(remote) => Some((channel_at(row, 9)?, Redacted::new(remote))),
        None => None,
    };
    Ok(MediaRecord {
        id: row.get(0)?,
        app: row.get(1)?,
        sender: row.get(2)?,
        mime: row.get(3)?,
        filename: row.get::<Option<String>>(4)?.map(Redacted::new),
        sha256: row.get(5)?,
        size: row.get::<i64>(6)?.unsigned_abs(),
        created_at: time_at(row, 7)?,
        expires_at: time_at(row, 8)?,
        remote,
    })
}
