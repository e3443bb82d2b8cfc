//! Media, templates and tokens.

pub(in crate::sqlite) mod console;

use super::{all, count, one, page, run};
use crate::rows::access::{
    MEDIA_COLUMNS, TEMPLATE_COLUMNS, TOKEN_COLUMNS, media_from, template_from, token_from,
};
use crate::rows::words_text;
use holdline_core::Timestamp;
use holdline_engine::ports::records::{MediaRecord, TemplateRecord, TokenRecord};
use rusqlite::{Connection, Result, params};

pub(super) fn save_media(c: &Connection, record: &MediaRecord) -> Result<()> {
    run(
        c,
        "INSERT OR REPLACE INTO media (id, app, sender, mime, filename, sha256, size, created_at,
             expires_at, remote_channel, remote)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            record.id,
            record.app,
            record.sender,
            record.mime,
            record.filename.as_ref().map(|name| name.expose()),
            record.sha256,
            i64::try_from(record.size).unwrap_or(i64::MAX),
            record.created_at.0,
            record.expires_at.0,
            record.remote.as_ref().map(|(channel, _)| channel.as_str()),
            record.remote.as_ref().map(|(_, remote)| remote.expose()),
        ],
    )
}

pub(super) fn delete_media(c: &Connection, id: &str) -> Result<()> {
    run(c, "DELETE FROM media WHERE id = ?1", [id])?;
    run(c, "DELETE FROM media_alias WHERE media = ?1", [id])
}

pub(super) fn save_alias(
    c: &Connection,
    media: &str,
    sender: &str,
    provider_id: &str,
    until: Timestamp,
) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO media_alias (media, sender, provider_id, until)
         VALUES (?1, ?2, ?3, ?4)";
    run(c, sql, params![media, sender, provider_id, until.0])
}

pub(super) fn replace_templates(
    c: &Connection,
    waba: &str,
    templates: &[TemplateRecord],
) -> Result<()> {
    run(c, "DELETE FROM template WHERE waba = ?1", [waba])?;
    for template in templates {
        run(
            c,
            "INSERT OR REPLACE INTO template (waba, name, language, id, status, category, json,
                 synced_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                waba,
                template.name,
                template.language,
                template.id,
                template.status,
                template.category,
                template.json,
                template.synced_at.0,
            ],
        )?;
    }
    Ok(())
}

pub(super) fn save_token(c: &Connection, record: &TokenRecord) -> Result<()> {
    run(
        c,
        "INSERT OR REPLACE INTO token (id, name, hash, app, senders, created_at, revoked_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            record.id,
            record.name,
            record.hash,
            record.app,
            words_text(&record.senders),
            record.created_at.0,
            record.revoked_at.map(|at| at.0),
        ],
    )
}

pub(super) fn revoke_token(c: &Connection, id: &str, at: Timestamp) -> Result<()> {
    let sql = "UPDATE token SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";
    run(c, sql, params![id, at.0])
}

pub(in crate::sqlite) fn media(c: &Connection, id: &str) -> Result<Option<MediaRecord>> {
    let sql = format!("SELECT {MEDIA_COLUMNS} FROM media WHERE id = ?1");
    one(c, &sql, [id], media_from)
}

pub(in crate::sqlite) fn media_expired(
    c: &Connection,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<MediaRecord>> {
    let sql = format!(
        "SELECT {MEDIA_COLUMNS} FROM media WHERE expires_at < ?1
         ORDER BY expires_at, id LIMIT ?2"
    );
    all(c, &sql, params![now.0, page(limit)], media_from)
}

pub(in crate::sqlite) fn media_alias(
    c: &Connection,
    media: &str,
    sender: &str,
    now: Timestamp,
) -> Result<Option<String>> {
    let sql = "SELECT provider_id FROM media_alias
         WHERE media = ?1 AND sender = ?2 AND until > ?3";
    one(c, sql, params![media, sender, now.0], |row| row.get(0))
}

pub(in crate::sqlite) fn templates(c: &Connection, waba: &str) -> Result<Vec<TemplateRecord>> {
    let sql = format!(
        "SELECT {TEMPLATE_COLUMNS} FROM template WHERE waba = ?1 ORDER BY name, language, id"
    );
    all(c, &sql, [waba], template_from)
}

pub(in crate::sqlite) fn token_by_hash(
    c: &Connection,
    hash: &[u8; 32],
) -> Result<Option<TokenRecord>> {
    let sql = format!("SELECT {TOKEN_COLUMNS} FROM token WHERE hash = ?1 ORDER BY id LIMIT 1");
    one(c, &sql, [hash], token_from)
}

pub(in crate::sqlite) fn tokens(c: &Connection) -> Result<Vec<TokenRecord>> {
    let sql = format!("SELECT {TOKEN_COLUMNS} FROM token ORDER BY id");
    all(c, &sql, [], token_from)
}
