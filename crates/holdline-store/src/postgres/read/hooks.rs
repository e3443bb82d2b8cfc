//! Reads of the queue of events to apps, and of the endpoints they go to.

use super::{in_partitions, page, set};
use crate::postgres::connect::Client;
use crate::postgres::statement::{Statement, text};
use crate::rows::access::console::{OPEN_HOOK_COLUMNS, open_hook_from};
use crate::rows::access::{ENDPOINT_COLUMNS, endpoint_from};
use crate::rows::event::{HOOK_COLUMNS, hook_from};
use crate::rows::{Result, time_at};
use holdline_core::Timestamp;
use holdline_engine::ports::Partitions;
use holdline_engine::ports::records::{EndpointRecord, HookRecord, OpenHook};

/// Two commits at once may each have made its event the head: only the older one counts.
const FIRST_OPEN: &str = "NOT EXISTS (SELECT 1 FROM hook o WHERE o.endpoint = h.endpoint
     AND o.subject = h.subject AND o.dropped_at IS NULL AND o.seq < h.seq)";

pub(in crate::postgres) async fn due(
    c: &Client,
    partitions: Partitions,
    now: Timestamp,
    without: &[String],
    limit: usize,
) -> Result<Vec<HookRecord>> {
    let of = in_partitions("h.partition", "$1");
    let sql = format!(
        "SELECT {HOOK_COLUMNS} FROM hook h
         WHERE h.head AND h.due_at <= $2 AND {of} AND h.endpoint <> ALL ($3) AND {FIRST_OPEN}
         ORDER BY h.due_at, h.seq LIMIT $4"
    );
    let statement = Statement::new(sql)
        .one(set(partitions))
        .one(now.0)
        .many(without.iter().map(|endpoint| text(endpoint)))
        .one(page(limit));
    statement.all(c, hook_from).await
}

pub(in crate::postgres) async fn next_due(
    c: &Client,
    partitions: Partitions,
) -> Result<Option<Timestamp>> {
    let of = in_partitions("h.partition", "$1");
    let sql = format!(
        "SELECT h.due_at FROM hook h WHERE h.head AND {of} AND {FIRST_OPEN}
         ORDER BY h.due_at LIMIT 1"
    );
    let statement = Statement::new(sql).one(set(partitions));
    statement.first(c, |row| time_at(row, 0)).await
}

/// By number: few events are open or given up at a time.
pub(in crate::postgres) async fn open(
    c: &Client,
    endpoint: &str,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<OpenHook>> {
    let sql = format!(
        "SELECT {HOOK_COLUMNS}, {OPEN_HOOK_COLUMNS} FROM hook
         WHERE endpoint = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3"
    );
    let statement = Statement::new(sql)
        .one(text(endpoint))
        .one(before.unwrap_or(i64::MAX))
        .one(page(limit));
    statement.all(c, open_hook_from).await
}

pub(in crate::postgres) async fn endpoints(c: &Client) -> Result<Vec<EndpointRecord>> {
    let sql = format!("SELECT {ENDPOINT_COLUMNS} FROM endpoint ORDER BY id");
    Statement::new(sql).all(c, endpoint_from).await
}
