//! Routes, outages, baselines, the word of operators, the audit, and settings.

use super::{all, before_key, one, page, run};
use crate::rows::finite;
use crate::rows::route::{
    AUDIT_COLUMNS, BASELINE_COLUMNS, HOLD_COLUMNS, OUTAGE_COLUMNS, ROUTE_COLUMNS, audit_from,
    baseline_from, hold_from, outage_from, route_from,
};
use holdline_core::id::OutageId;
use holdline_engine::ports::records::{
    AuditRecord, BaselineRecord, HoldRecord, OutageRecord, RouteRecord,
};
use rusqlite::{Connection, Result, params};

pub(super) fn save(c: &Connection, record: &RouteRecord) -> Result<()> {
    run(
        c,
        "INSERT OR REPLACE INTO route (name, health, since, reason, state)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            record.name,
            record.health.name(),
            record.since.0,
            record.reason,
            record.state,
        ],
    )
}

pub(super) fn forget(c: &Connection, name: &str) -> Result<()> {
    run(c, "DELETE FROM route WHERE name = ?1", [name])
}

pub(super) fn save_outage(c: &Connection, record: &OutageRecord) -> Result<()> {
    run(
        c,
        "INSERT OR REPLACE INTO outage (id, route, onset, opened_at, recovered_at, reason, moved,
             scope, signal, suspect_at, degraded_at, recovering_at, nats, bound, ratio, feed,
             feed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        params![
            record.id.bytes(),
            record.route,
            record.onset.map(|at| at.0),
            record.opened_at.0,
            record.recovered_at.map(|at| at.0),
            record.reason,
            i64::try_from(record.moved).unwrap_or(i64::MAX),
            record.scope,
            record.signal,
            record.suspect_at.map(|at| at.0),
            record.degraded_at.map(|at| at.0),
            record.recovering_at.map(|at| at.0),
            finite(record.nats),
            record.bound,
            record.ratio,
            record.feed,
            record.feed_at.map(|at| at.0),
        ],
    )
}

pub(super) fn save_baseline(c: &Connection, record: &BaselineRecord) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO baseline (key, saved_at, bytes) VALUES (?1, ?2, ?3)";
    run(
        c,
        sql,
        params![record.key, record.saved_at.0, record.values],
    )
}

pub(super) fn hold(c: &Connection, record: &HoldRecord) -> Result<()> {
    run(
        c,
        "INSERT OR REPLACE INTO route_hold (scope, kind, reason, actor, set_at, until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            record.scope,
            record.kind.name(),
            record.reason,
            record.actor,
            record.set_at.0,
            record.until.0,
        ],
    )
}

pub(super) fn release(c: &Connection, scope: &str) -> Result<()> {
    run(c, "DELETE FROM route_hold WHERE scope = ?1", [scope])
}

pub(super) fn keep_audit(c: &Connection, record: &AuditRecord) -> Result<()> {
    run(
        c,
        "INSERT OR IGNORE INTO audit (id, at, actor, action, subject, reason, detail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            record.id.to_be_bytes(),
            record.at.0,
            record.actor,
            record.action,
            record.subject,
            record.reason,
            record.detail,
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

pub(in crate::sqlite) fn outage(c: &Connection, id: OutageId) -> Result<Option<OutageRecord>> {
    let sql = format!("SELECT {OUTAGE_COLUMNS} FROM outage WHERE id = ?1");
    one(c, &sql, [id.0.to_be_bytes()], outage_from)
}

pub(in crate::sqlite) fn baselines(
    c: &Connection,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<BaselineRecord>> {
    let (is, key) = after.map_or((">=", ""), |after| (">", after));
    let sql =
        format!("SELECT {BASELINE_COLUMNS} FROM baseline WHERE key {is} ?1 ORDER BY key LIMIT ?2");
    all(c, &sql, params![key, page(limit)], baseline_from)
}

pub(in crate::sqlite) fn holds(c: &Connection) -> Result<Vec<HoldRecord>> {
    let sql = format!("SELECT {HOLD_COLUMNS} FROM route_hold ORDER BY scope");
    all(c, &sql, [], hold_from)
}

pub(in crate::sqlite) fn audit(
    c: &Connection,
    before: Option<u128>,
    limit: usize,
) -> Result<Vec<AuditRecord>> {
    let sql = format!("SELECT {AUDIT_COLUMNS} FROM audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2");
    all(
        c,
        &sql,
        params![before_key(before), page(limit)],
        audit_from,
    )
}

pub(in crate::sqlite) fn setting(c: &Connection, key: &str) -> Result<Option<String>> {
    one(
        c,
        "SELECT value FROM setting WHERE key = ?1",
        [key],
        |row| row.get(0),
    )
}
