//! Routes, outages and settings.

use super::{all, one, page, run};
use crate::rows::route::{OUTAGE_COLUMNS, ROUTE_COLUMNS, outage_from, route_from};
use holdline_engine::ports::records::{OutageRecord, RouteRecord};
use rusqlite::{Connection, Result, params};

pub(super) fn save(c: &Connection, record: &RouteRecord) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO route (name, health, since, reason) VALUES (?1, ?2, ?3, ?4)";
    let health = record.health.name();
    run(
        c,
        sql,
        params![record.name, health, record.since.0, record.reason],
    )
}

pub(super) fn save_outage(c: &Connection, record: &OutageRecord) -> Result<()> {
    run(
        c,
        "INSERT OR REPLACE INTO outage (id, route, onset, opened_at, recovered_at, reason, moved)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            record.id.bytes(),
            record.route,
            record.onset.map(|at| at.0),
            record.opened_at.0,
            record.recovered_at.map(|at| at.0),
            record.reason,
            i64::try_from(record.moved).unwrap_or(i64::MAX),
        ],
    )
}

pub(super) fn set(c: &Connection, key: &str, value: &str) -> Result<()> {
    run(
        c,
        "INSERT OR REPLACE INTO setting (key, value) VALUES (?1, ?2)",
        [key, value],
    )
}

pub(in crate::sqlite) fn all_routes(c: &Connection) -> Result<Vec<RouteRecord>> {
    let sql = format!("SELECT {ROUTE_COLUMNS} FROM route ORDER BY name");
    all(c, &sql, [], route_from)
}

pub(in crate::sqlite) fn outages(c: &Connection, limit: usize) -> Result<Vec<OutageRecord>> {
    let sql =
        format!("SELECT {OUTAGE_COLUMNS} FROM outage ORDER BY opened_at DESC, id DESC LIMIT ?1");
    all(c, &sql, [page(limit)], outage_from)
}

pub(in crate::sqlite) fn setting(c: &Connection, key: &str) -> Result<Option<String>> {
    one(
        c,
        "SELECT value FROM setting WHERE key = ?1",
        [key],
        |row| row.get(0),
    )
}
