//! What retention no longer allows, a bounded number of rows at a time. A message with all that
//! belongs to it counts as one row; what has not ended stays.

use super::accept::expire_keys;
use super::library::console;
use super::{all, count, first_id_of, run};
use crate::sqlite::writer::Expiry;
use holdline_core::Timestamp;
use rusqlite::{Connection, Result, params};

/// Free pages that stay in the file: what comes next needs them.
const FREE_PAGES_KEPT: u32 = 4_096;
/// Pages given back in one step: some milliseconds of the writer's time.
const GIVEN_BACK_PAGES: u32 = 128;

/// Gives a few free pages back to the disk; true when there are more. Nothing happens in a file
/// that was made before files could shrink.
pub(in crate::sqlite) fn give_back(c: &Connection) -> Result<bool> {
    let pragma = |name: &str| c.pragma_query_value(None, name, |row| row.get::<_, u32>(0));
    let before = pragma("freelist_count")?;
    let spare = before.saturating_sub(FREE_PAGES_KEPT).min(GIVEN_BACK_PAGES);
    if spare == 0 {
        return Ok(false);
    }
    let mut statement = c.prepare(&format!("PRAGMA incremental_vacuum({spare})"))?;
    let mut steps = statement.query([])?;
    while steps.next()?.is_some() {}
    let after = pragma("freelist_count")?;
    Ok(after < before && after > FREE_PAGES_KEPT)
}

pub(in crate::sqlite) fn expire(c: &Connection, terms: Expiry) -> Result<usize> {
    let (bodies, metadata) = (terms.bodies_before, terms.metadata_before);
    let mut left = terms.limit;
    left -= messages(c, metadata, left)?;
    left -= inbound(c, metadata, left)?;
    left -= owned_bodies(c, bodies, left)?;
    left -= raw(c, bodies, left)?;
    left -= dropped_hooks(c, bodies, left)?;
    left -= expire_keys(c, bodies, left)?;
    left -= outages(c, metadata, left)?;
    left -= audit(c, metadata, left)?;
    left -= console::expire(c, metadata, left)?;
    Ok(terms.limit - left)
}

fn messages(c: &Connection, before: Timestamp, limit: usize) -> Result<usize> {
    let sql = "SELECT id FROM message m WHERE id < ?1 AND NOT EXISTS (
             SELECT 1 FROM delivery d WHERE d.id = m.id AND d.state < 4)
         ORDER BY id LIMIT ?2";
    let ids = doomed(c, sql, before, limit)?;
    for id in &ids {
        for sql in [
            "DELETE FROM message WHERE id = ?1",
            "DELETE FROM delivery WHERE id = ?1",
            "DELETE FROM body WHERE id = ?1",
            "DELETE FROM attempt WHERE message = ?1",
            "DELETE FROM receipt WHERE message = ?1",
            "DELETE FROM decision WHERE message = ?1",
        ] {
            run(c, sql, [id])?;
        }
    }
    Ok(ids.len())
}

fn inbound(c: &Connection, before: Timestamp, limit: usize) -> Result<usize> {
    let ids = doomed(
        c,
        "SELECT id FROM inbound WHERE id < ?1 ORDER BY id LIMIT ?2",
        before,
        limit,
    )?;
    for id in &ids {
        run(c, "DELETE FROM inbound WHERE id = ?1", [id])?;
        run(c, "DELETE FROM body WHERE id = ?1", [id])?;
    }
    Ok(ids.len())
}

fn owned_bodies(c: &Connection, before: Timestamp, limit: usize) -> Result<usize> {
    let sql = "DELETE FROM body WHERE id IN (
             SELECT b.id FROM body b WHERE b.id < ?1 AND NOT EXISTS (
                 SELECT 1 FROM delivery d WHERE d.id = b.id AND d.state < 4)
             ORDER BY b.id LIMIT ?2)";
    count(c, sql, params![first_id_of(before), rows(limit)])
}

fn raw(c: &Connection, before: Timestamp, limit: usize) -> Result<usize> {
    let sql = "DELETE FROM raw_inbound WHERE id IN (
             SELECT id FROM raw_inbound WHERE id < ?1 AND done = 1 ORDER BY id LIMIT ?2)";
    count(c, sql, params![first_id_of(before), rows(limit)])
}

fn dropped_hooks(c: &Connection, before: Timestamp, limit: usize) -> Result<usize> {
    let sql = "DELETE FROM hook WHERE seq IN (
             SELECT seq FROM hook WHERE dropped_at < ?1 ORDER BY dropped_at LIMIT ?2)";
    count(c, sql, params![before.0, rows(limit)])
}

fn outages(c: &Connection, before: Timestamp, limit: usize) -> Result<usize> {
    let sql = "DELETE FROM outage WHERE id IN (
             SELECT id FROM outage WHERE recovered_at < ?1 ORDER BY recovered_at LIMIT ?2)";
    count(c, sql, params![before.0, rows(limit)])
}

fn audit(c: &Connection, before: Timestamp, limit: usize) -> Result<usize> {
    let sql = "DELETE FROM audit WHERE id IN (
             SELECT id FROM audit WHERE id < ?1 ORDER BY id LIMIT ?2)";
    count(c, sql, params![first_id_of(before), rows(limit)])
}

fn doomed(c: &Connection, sql: &str, before: Timestamp, limit: usize) -> Result<Vec<[u8; 16]>> {
    all(c, sql, params![first_id_of(before), rows(limit)], |row| {
        row.get(0)
    })
}

fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
