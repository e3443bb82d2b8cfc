//! Rows of `route`, `outage`, `baseline`, `route_hold` and `audit`.

use super::{Result, Row, id_at, maybe_time_at, time_at, unreadable};
use holdline_core::health::Health;
use holdline_core::id::OutageId;
use holdline_engine::ports::records::{
    AuditRecord, BaselineRecord, HoldKind, HoldRecord, OutageRecord, RouteRecord,
};

/// The columns that [`route_from`] reads.
pub(crate) const ROUTE_COLUMNS: &str = "name, health, since, reason, state";
/// The columns that [`outage_from`] reads.
pub(crate) const OUTAGE_COLUMNS: &str = "id, route, onset, opened_at, recovered_at, reason, moved, \
    scope, signal, suspect_at, degraded_at, recovering_at, nats, bound, ratio, feed, feed_at";
/// The columns that [`baseline_from`] reads.
pub(crate) const BASELINE_COLUMNS: &str = "key, saved_at, bytes";
/// The columns that [`hold_from`] reads.
pub(crate) const HOLD_COLUMNS: &str = "scope, kind, reason, actor, set_at, until";
/// The columns that [`audit_from`] reads.
pub(crate) const AUDIT_COLUMNS: &str = "id, at, actor, action, subject, reason, detail";

pub(crate) fn route_from(row: &Row<'_>) -> Result<RouteRecord> {
    let health: String = row.get(1)?;
    Ok(RouteRecord {
        name: row.get(0)?,
        health: Health::parse(&health).ok_or_else(|| unreadable(1, "a health"))?,
        since: time_at(row, 2)?,
        reason: row.get(3)?,
        state: row.get(4)?,
    })
}

pub(crate) fn outage_from(row: &Row<'_>) -> Result<OutageRecord> {
    Ok(OutageRecord {
        id: OutageId(id_at(row, 0)?),
        route: row.get(1)?,
        onset: maybe_time_at(row, 2)?,
        opened_at: time_at(row, 3)?,
        recovered_at: maybe_time_at(row, 4)?,
        reason: row.get(5)?,
        moved: row.get::<i64>(6)?.unsigned_abs(),
        scope: row.get(7)?,
        signal: row.get(8)?,
        suspect_at: maybe_time_at(row, 9)?,
        degraded_at: maybe_time_at(row, 10)?,
        recovering_at: maybe_time_at(row, 11)?,
        nats: row.get(12)?,
        bound: row.get(13)?,
        ratio: row.get(14)?,
        feed: row.get(15)?,
        feed_at: maybe_time_at(row, 16)?,
    })
}

pub(crate) fn baseline_from(row: &Row<'_>) -> Result<BaselineRecord> {
    Ok(BaselineRecord {
        key: row.get(0)?,
        saved_at: time_at(row, 1)?,
        values: row.get(2)?,
    })
}

pub(crate) fn hold_from(row: &Row<'_>) -> Result<HoldRecord> {
    let kind: String = row.get(1)?;
    Ok(HoldRecord {
        scope: row.get(0)?,
        kind: HoldKind::parse(&kind).ok_or_else(|| unreadable(1, "a hold"))?,
        reason: row.get(2)?,
        actor: row.get(3)?,
        set_at: time_at(row, 4)?,
        until: time_at(row, 5)?,
    })
}

pub(crate) fn audit_from(row: &Row<'_>) -> Result<AuditRecord> {
    Ok(AuditRecord {
        id: id_at(row, 0)?,
        at: time_at(row, 1)?,
        actor: row.get(2)?,
        action: row.get(3)?,
        subject: row.get(4)?,
        reason: row.get(5)?,
        detail: row.get(6)?,
    })
}
