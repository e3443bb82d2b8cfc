//! Nodes, leases and what nodes hand each other. Time is the caller's: one machine has one clock.

use super::area::{WriteError, all, one, page, run};
use crate::rows::cluster::{
    HANDOFF_COLUMNS, LEASE_COLUMNS, NODE_COLUMNS, handoff_from, held_from, lease_from, node_from,
};
use crate::rows::words_text;
use holdline_core::Timestamp;
use holdline_engine::ports::Conflict;
use holdline_engine::ports::cluster::{
    Beat, ClusterView, HandoffRecord, Lease, LeaseHeld, Partition, Partitions,
};
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, Result, params};

/// SQL condition: the id in a column is of the partitions bound to a parameter.
pub(super) fn in_partitions(column: &str, parameter: &str) -> String {
    format!("({parameter} = -1 OR in_partitions({column}, {parameter}))")
}

/// A set of partitions as a parameter; -1 = all.
#[expect(clippy::cast_possible_wrap, reason = "the bits are what counts")]
pub(super) const fn set(partitions: Partitions) -> i64 {
    partitions.0 as i64
}

/// Lets a connection call `in_partitions(id, set)`.
pub(super) fn add_function(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("in_partitions", 2, flags, |context| {
        let id: [u8; 16] = context.get(0)?;
        let set: i64 = context.get(1)?;
        Ok(Partitions(set.cast_unsigned()).has(Partition::of(u128::from_be_bytes(id))))
    })
}

pub(super) fn check_fence(c: &Connection, lease: Lease, epoch: i64) -> Result<(), WriteError> {
    let sql = "SELECT 1 FROM lease WHERE name = ?1 AND epoch = ?2";
    let held = one(c, sql, params![lease.to_string(), epoch], |_| Ok(()))?;
    held.ok_or(WriteError::Conflict(Conflict::Fenced { lease }))
}

pub(super) fn hand_off(c: &Connection, record: &HandoffRecord) -> Result<()> {
    run(
        c,
        "INSERT OR IGNORE INTO handoff (id, lease, at, event) VALUES (?1, ?2, ?3, ?4)",
        params![
            record.id.to_be_bytes(),
            record.lease.to_string(),
            record.at.0,
            record.event
        ],
    )
}

pub(super) fn handoff_done(c: &Connection, id: u128) -> Result<()> {
    run(c, "DELETE FROM handoff WHERE id = ?1", [id.to_be_bytes()])
}

pub(super) fn handoffs(
    c: &Connection,
    leases: &[Lease],
    limit: usize,
) -> Result<Vec<HandoffRecord>> {
    let names: Vec<String> = leases.iter().map(Lease::to_string).collect();
    let sql = format!(
        "SELECT {HANDOFF_COLUMNS} FROM handoff
         WHERE lease IN (SELECT value FROM json_each(?1)) ORDER BY id LIMIT ?2"
    );
    let values = params![words_text(&names), page(limit)];
    all(c, &sql, values, handoff_from)
}

/// Inside the writer's transaction.
pub(super) fn beat(c: &Connection, beat: &Beat) -> Result<Vec<LeaseHeld>> {
    let until = beat.now.plus_ms(beat.ttl_ms);
    keep_node(c, beat, until)?;
    let given = beat.give.iter().map(Lease::to_string).collect::<Vec<_>>();
    let sql = "UPDATE lease SET node = '' WHERE node = ?1
         AND (?2 OR name IN (SELECT value FROM json_each(?3)))";
    run(c, sql, params![beat.node, beat.leaves, words_text(&given)])?;
    let sql = "UPDATE lease SET until = ?2 WHERE node = ?1";
    run(c, sql, params![beat.node, until.0])?;
    for lease in beat.take.iter().filter(|_| !beat.leaves) {
        let sql = "INSERT INTO lease (name, node, epoch, until) VALUES (?1, ?2, 1, ?3)
             ON CONFLICT (name) DO UPDATE SET node = ?2, epoch = epoch + 1, until = ?3
             WHERE node != ?2 AND (node = '' OR until <= ?4)";
        let values = params![lease.to_string(), beat.node, until.0, beat.now.0];
        run(c, sql, values)?;
    }
    let sql = "SELECT name, epoch FROM lease WHERE node = ?1";
    let mut held = all(c, sql, [&beat.node], held_from)?;
    held.sort_by_key(|held| held.lease);
    Ok(held)
}

fn keep_node(c: &Connection, beat: &Beat, until: Timestamp) -> Result<()> {
    if beat.leaves {
        return run(c, "DELETE FROM node WHERE node = ?1", [&beat.node]);
    }
    run(
        c,
        "INSERT OR REPLACE INTO node (node, url, until) VALUES (?1, ?2, ?3)",
        params![beat.node, beat.url, until.0],
    )
}

pub(super) fn view(c: &Connection, now: Timestamp) -> Result<ClusterView> {
    let sql = format!("SELECT {NODE_COLUMNS} FROM node ORDER BY node");
    let nodes = all(c, &sql, [], node_from)?;
    let sql = format!("SELECT {LEASE_COLUMNS} FROM lease");
    let mut leases = all(c, &sql, [], lease_from)?;
    leases.sort_by_key(|record| record.lease);
    Ok(ClusterView { now, nodes, leases })
}
