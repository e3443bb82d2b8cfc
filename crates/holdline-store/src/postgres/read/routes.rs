//! Reads of routes, outages, baselines, the word of operators, the audit, and settings.

use super::page;
use crate::postgres::connect::Client;
use crate::postgres::statement::{Statement, text, uuid};
use crate::rows::Result;
use crate::rows::route::{
    AUDIT_COLUMNS, BASELINE_COLUMNS, HOLD_COLUMNS, OUTAGE_COLUMNS, ROUTE_COLUMNS, audit_from,
    baseline_from, hold_from, outage_from, route_from,
};
use holdline_core::id::OutageId;
use holdline_engine::ports::records::{
    AuditRecord, BaselineRecord, HoldRecord, OutageRecord, RouteRecord,
};

pub(in crate::postgres) async fn all_routes(c: &Client) -> Result<Vec<RouteRecord>> {
    let sql = format!("SELECT {ROUTE_COLUMNS} FROM route ORDER BY name");
    Statement::new(sql).all(c, route_from).await
}

pub(in crate::postgres) async fn outages(c: &Client, limit: usize) -> Result<Vec<OutageRecord>> {
    let sql =
        format!("SELECT {OUTAGE_COLUMNS} FROM outage ORDER BY opened_at DESC, id DESC LIMIT $1");
    let statement = Statement::new(sql).one(page(limit));
    statement.all(c, outage_from).await
}

pub(in crate::postgres) async fn outage(c: &Client, id: OutageId) -> Result<Option<OutageRecord>> {
    let sql = format!("SELECT {OUTAGE_COLUMNS} FROM outage WHERE id = $1");
    let statement = Statement::new(sql).one(uuid(id.0));
    statement.first(c, outage_from).await
}

pub(in crate::postgres) async fn baselines(
    c: &Client,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<BaselineRecord>> {
    let sql = format!(
        "SELECT {BASELINE_COLUMNS} FROM baseline WHERE $1 IS NULL OR key > $1
         ORDER BY key LIMIT $2"
    );
    let statement = Statement::new(sql).one(after.map(text)).one(page(limit));
    statement.all(c, baseline_from).await
}

pub(in crate::postgres) async fn holds(c: &Client) -> Result<Vec<HoldRecord>> {
    let sql = format!("SELECT {HOLD_COLUMNS} FROM route_hold ORDER BY scope");
    Statement::new(sql).all(c, hold_from).await
}

pub(in crate::postgres) async fn audit(
    c: &Client,
    before: Option<u128>,
    limit: usize,
) -> Result<Vec<AuditRecord>> {
    let sql = format!(
        "SELECT {AUDIT_COLUMNS} FROM audit WHERE $1 IS NULL OR id < $1
         ORDER BY id DESC LIMIT $2"
    );
    let statement = Statement::new(sql).one(before.map(uuid)).one(page(limit));
    statement.all(c, audit_from).await
}

pub(in crate::postgres) async fn setting(c: &Client, key: &str) -> Result<Option<String>> {
    let statement = Statement::new("SELECT value FROM setting WHERE key = $1");
    statement.one(text(key)).first(c, |row| row.get(0)).await
}
