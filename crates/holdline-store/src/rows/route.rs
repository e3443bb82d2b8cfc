//! Rows of `route` and `outage`.

use super::{id_at, maybe_time_at, time_at, unreadable};
use holdline_core::health::Health;
use holdline_core::id::OutageId;
use holdline_engine::ports::records::{OutageRecord, RouteRecord};
use rusqlite::{Result, Row};

/// The columns that [`route_from`] reads.
pub(crate) const ROUTE_COLUMNS: &str = "name, health, since, reason";
/// The columns that [`outage_from`] reads.
pub(crate) const OUTAGE_COLUMNS: &str = "id, route, onset, opened_at, recovered_at, reason, moved";

pub(crate) fn route_from(row: &Row<'_>) -> Result<RouteRecord> {
    let health: String = row.get(1)?;
    Ok(RouteRecord {
        name: row.get(0)?,
        health: Health::parse(&health).ok_or_else(|| unreadable(1, "a health"))?,
        since: time_at(row, 2)?,
        reason: row.get(3)?,
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
        moved: row.get::<_, i64>(6)?.unsigned_abs(),
    })
}
