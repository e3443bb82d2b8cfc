//! Rows of `node`, `lease` and `handoff`.

use super::{Result, Row, id_at, time_at, unreadable};
use holdline_engine::ports::cluster::{HandoffRecord, Lease, LeaseHeld, LeaseRecord, NodeRecord};

/// The columns that [`node_from`] reads.
pub(crate) const NODE_COLUMNS: &str = "node, url, until";
/// The columns that [`lease_from`] reads.
pub(crate) const LEASE_COLUMNS: &str = "name, node, epoch, until";
/// The columns that [`handoff_from`] reads.
pub(crate) const HANDOFF_COLUMNS: &str = "id, lease, at, event";

pub(crate) fn node_from(row: &Row<'_>) -> Result<NodeRecord> {
    Ok(NodeRecord {
        node: row.get(0)?,
        url: row.get(1)?,
        until: time_at(row, 2)?,
    })
}

pub(crate) fn lease_from(row: &Row<'_>) -> Result<LeaseRecord> {
    Ok(LeaseRecord {
        lease: lease_at(row, 0)?,
        node: row.get(1)?,
        epoch: row.get(2)?,
        until: time_at(row, 3)?,
    })
}

/// From `name, epoch`.
pub(crate) fn held_from(row: &Row<'_>) -> Result<LeaseHeld> {
    Ok(LeaseHeld {
        lease: lease_at(row, 0)?,
        epoch: row.get(1)?,
    })
}

pub(crate) fn handoff_from(row: &Row<'_>) -> Result<HandoffRecord> {
    Ok(HandoffRecord {
        id: id_at(row, 0)?,
        lease: lease_at(row, 1)?,
        at: time_at(row, 2)?,
        event: row.get(3)?,
    })
}

fn lease_at(row: &Row<'_>, column: usize) -> Result<Lease> {
    let name = row.text(column)?;
    Lease::from_name(name).ok_or_else(|| unreadable(column, "the name of a lease"))
}
