//! What comes in: raw webhooks until they are worked off, and messages once per provider id.

use super::accept::keep_body;
use super::{WriteError, after_key, all, count, one, page, run};
use crate::rows::id_at;
use crate::rows::inbound::{INBOUND_COLUMNS, RAW_COLUMNS, inbound_from, raw_from};
use crate::sqlite::cluster::{in_partitions, set};
use holdline_core::ChannelKind;
use holdline_core::id::InboundId;
use holdline_engine::ports::records::{InboundRecord, RawInbound};
use holdline_engine::ports::{Conflict, Partitions};
use rusqlite::{Connection, Result, params};

pub(super) fn keep_raw(c: &Connection, raw: &RawInbound) -> Result<()> {
    run(
        c,
        "INSERT OR IGNORE INTO raw_inbound (id, channel, received_at, query, body)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            raw.id.to_be_bytes(),
            raw.channel.as_str(),
            raw.received_at.0,
            raw.query,
            &raw.body.expose()[..],
        ],
    )
}

pub(super) fn raw_done(c: &Connection, id: u128) -> Result<()> {
    run(
        c,
        "UPDATE raw_inbound SET done = 1 WHERE id = ?1",
        [id.to_be_bytes()],
    )
}

pub(super) fn take(c: &Connection, record: &InboundRecord) -> Result<(), WriteError> {
    let sql = "SELECT id FROM inbound WHERE channel = ?1 AND provider_id = ?2";
    let place = params![record.channel.as_str(), record.provider_id];
    match one(c, sql, place, |row| id_at(row, 0))? {
        Some(known) if known == record.id.0 => Ok(()),
        Some(_) => Err(WriteError::Conflict(Conflict::Repeated)),
        None if insert(c, record)? => Ok(keep_body(c, record.id.0, record.payload.expose())?),
        None => Ok(()),
    }
}

pub(in crate::sqlite) fn raw_open(
    c: &Connection,
    partitions: Partitions,
    after: Option<u128>,
    limit: usize,
) -> Result<Vec<RawInbound>> {
    let mine = in_partitions("id", "?3");
    let sql = format!(
        "SELECT {RAW_COLUMNS} FROM raw_inbound INDEXED BY raw_inbound_open
         WHERE done = 0 AND id > ?1 AND {mine} ORDER BY id LIMIT ?2"
    );
    let values = params![after_key(after), page(limit), set(partitions)];
    all(c, &sql, values, raw_from)
}

pub(in crate::sqlite) fn by_id(c: &Connection, id: InboundId) -> Result<Option<InboundRecord>> {
    let sql = select("i.id = ?1");
    one(c, &sql, [id.bytes()], inbound_from)
}

pub(in crate::sqlite) fn by_provider_id(
    c: &Connection,
    channel: ChannelKind,
    provider_id: &str,
) -> Result<Option<InboundRecord>> {
    let sql = select("i.channel = ?1 AND i.provider_id = ?2");
    one(
        c,
        &sql,
        params![channel.as_str(), provider_id],
        inbound_from,
    )
}

fn select(condition: &str) -> String {
    format!(
        "SELECT {INBOUND_COLUMNS}
         FROM inbound i LEFT JOIN body b ON b.id = i.id WHERE {condition}"
    )
}

fn insert(c: &Connection, record: &InboundRecord) -> Result<bool> {
    let inserted = count(
        c,
        "INSERT OR IGNORE INTO inbound (id, channel, provider_id, contact, sender, sent_from, at,
             received_at, context, kind, media)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            record.id.bytes(),
            record.channel.as_str(),
            record.provider_id,
            record.contact.bytes(),
            record.sender,
            record.from.expose(),
            record.at.0,
            record.received_at.0,
            record.context.map(|id| id.bytes()),
            record.kind,
            record.media,
        ],
    )?;
    Ok(inserted == 1)
}
