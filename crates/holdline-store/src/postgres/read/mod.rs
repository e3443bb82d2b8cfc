//! SQL of the reads, by area. Each sees one state of the database: it is one statement.

pub(super) mod cluster;
pub(super) mod console;
pub(super) mod hooks;
pub(super) mod inbound;
pub(super) mod library;
pub(super) mod messages;
pub(super) mod people;
pub(super) mod routes;

use holdline_core::Timestamp;
use holdline_engine::ports::Partitions;
use holdline_engine::ports::store::PAGE_MAX;

/// A page's LIMIT.
fn page(limit: usize) -> i64 {
    i64::try_from(limit.min(PAGE_MAX)).unwrap_or(i64::MAX)
}

/// The smallest id of an instant: ids begin with their milliseconds.
pub(super) fn first_id_of(at: Timestamp) -> uuid::Uuid {
    let ms = u128::from(at.0.max(0).unsigned_abs()).min((1 << 48) - 1);
    uuid::Uuid::from_u128(ms << 80)
}

/// A set of partitions as a parameter; -1 = all.
#[expect(clippy::cast_possible_wrap, reason = "the bits are what counts")]
const fn set(partitions: Partitions) -> i64 {
    partitions.0 as i64
}

/// SQL condition: the partition in a column is of the set bound to a parameter.
fn in_partitions(column: &str, parameter: &str) -> String {
    format!("({parameter} = -1 OR ({parameter} >> {column}::int) & 1 = 1)")
}
