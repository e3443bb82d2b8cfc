//! The queue of events to apps, and the endpoints they go to. Only the head of each (endpoint,
//! subject) may be posted; whoever leaves the queue makes the next one the head.

use super::{all, one, page, run};
use crate::rows::access::console::{OPEN_HOOK_COLUMNS, open_hook_from};
use crate::rows::access::{ENDPOINT_COLUMNS, endpoint_from};
use crate::rows::codes::form_code;
use crate::rows::event::{HOOK_COLUMNS, event_text, hook_from};
use crate::rows::{time_at, words_text};
use crate::sqlite::cluster::in_partitions;
use holdline_core::Timestamp;
use holdline_engine::ports::Op;
use holdline_engine::ports::records::{EndpointRecord, Event, HookRecord, OpenHook};
use rusqlite::{Connection, Params, Result, params};

/// Writes an operation on the queue; others do nothing.
pub(super) fn apply(c: &Connection, op: &Op) -> Result<()> {
    if let Op::Hook {
        endpoint,
        subject,
        event,
        due_at,
    } = op
    {
        return queue(c, endpoint, *subject, event, *due_at);
    }
    if let Op::HookDone(seq) = op {
        return done(c, *seq);
    }
    if let Op::HookRetry {
        seq,
        due_at,
        tries,
        error,
    } = op
    {
        return retry(c, *seq, *due_at, *tries, error);
    }
    if let Op::HookDropped { seq, at, error } = op {
        return dropped(c, *seq, *at, error);
    }
    if let Op::HookForget(seq) = op {
        return forget(c, *seq);
    }
    Ok(())
}

fn queue(
    c: &Connection,
    endpoint: &str,
    subject: u128,
    event: &Event,
    due_at: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO hook (endpoint, subject, event, created_at, due_at, tries, head)
         VALUES (?1, ?2, ?3, ?4, ?4, 0, NOT EXISTS (
             SELECT 1 FROM hook WHERE endpoint = ?1 AND subject = ?2 AND dropped_at IS NULL))";
    run(
        c,
        sql,
        params![endpoint, subject.to_be_bytes(), event_text(event), due_at.0],
    )
}

fn done(c: &Connection, seq: i64) -> Result<()> {
    let sql = "DELETE FROM hook WHERE seq = ?1 AND dropped_at IS NULL RETURNING endpoint, subject";
    leave(c, sql, [seq])
}

fn retry(c: &Connection, seq: i64, due_at: Timestamp, tries: u32, error: &str) -> Result<()> {
    let sql = "UPDATE hook SET due_at = ?2, tries = ?3, error = ?4
         WHERE seq = ?1 AND dropped_at IS NULL";
    run(c, sql, params![seq, due_at.0, tries, error])
}

fn dropped(c: &Connection, seq: i64, at: Timestamp, error: &str) -> Result<()> {
    let sql = "UPDATE hook SET dropped_at = ?2, error = ?3, head = 0
         WHERE seq = ?1 AND dropped_at IS NULL RETURNING endpoint, subject";
    leave(c, sql, params![seq, at.0, error])
}

pub(super) fn save_endpoint(c: &Connection, record: &EndpointRecord) -> Result<()> {
    run(
        c,
        "INSERT OR REPLACE INTO endpoint (id, app, form, url, secret, verify_token, scope, fields,
             created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            record.id,
            record.app,
            form_code(record.form),
            record.url,
            record.secret.expose(),
            record.verify_token.as_ref().map(|token| token.expose()),
            record.scope,
            words_text(&record.fields),
            record.created_at.0,
        ],
    )
}

pub(super) fn delete_endpoint(c: &Connection, id: &str) -> Result<()> {
    run(c, "DELETE FROM endpoint WHERE id = ?1", [id])?;
    run(
        c,
        "DELETE FROM hook WHERE endpoint = ?1 AND dropped_at IS NULL",
        [id],
    )
}

fn forget(c: &Connection, seq: i64) -> Result<()> {
    let sql = "DELETE FROM hook WHERE seq = ?1 AND dropped_at IS NOT NULL";
    run(c, sql, [seq])
}

/// By number: few events are open or given up at a time.
pub(in crate::sqlite) fn open(
    c: &Connection,
    endpoint: &str,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<OpenHook>> {
    let sql = format!(
        "SELECT {HOOK_COLUMNS}, {OPEN_HOOK_COLUMNS} FROM hook NOT INDEXED
         WHERE endpoint = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3"
    );
    let values = params![endpoint, before.unwrap_or(i64::MAX), page(limit)];
    all(c, &sql, values, open_hook_from)
}

pub(in crate::sqlite) fn due(
    c: &Connection,
    partitions: i64,
    now: Timestamp,
    without: &str,
    limit: usize,
) -> Result<Vec<HookRecord>> {
    let mine = in_partitions("subject", "?4");
    let sql = format!(
        "SELECT {HOOK_COLUMNS} FROM hook INDEXED BY hook_due
         WHERE head = 1 AND due_at <= ?1
             AND endpoint NOT IN (SELECT value FROM json_each(?3)) AND {mine}
         ORDER BY due_at, seq LIMIT ?2"
    );
    let values = params![now.0, page(limit), without, partitions];
    all(c, &sql, values, hook_from)
}

pub(in crate::sqlite) fn next_due(c: &Connection, partitions: i64) -> Result<Option<Timestamp>> {
    let mine = in_partitions("subject", "?1");
    let sql = format!(
        "SELECT due_at FROM hook INDEXED BY hook_due
         WHERE head = 1 AND {mine} ORDER BY due_at LIMIT 1"
    );
    one(c, &sql, [partitions], |row| time_at(row, 0))
}

pub(in crate::sqlite) fn endpoints(c: &Connection) -> Result<Vec<EndpointRecord>> {
    let sql = format!("SELECT {ENDPOINT_COLUMNS} FROM endpoint ORDER BY id");
    all(c, &sql, [], endpoint_from)
}

fn leave(c: &Connection, sql: &str, params: impl Params) -> Result<()> {
    let left = one(c, sql, params, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some((endpoint, subject)): Option<(String, [u8; 16])> = left else {
        return Ok(());
    };
    let sql = "UPDATE hook SET head = 1 WHERE seq = (
             SELECT MIN(seq) FROM hook
             WHERE endpoint = ?1 AND subject = ?2 AND dropped_at IS NULL)";
    run(c, sql, params![endpoint, subject])
}
