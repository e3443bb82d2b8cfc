//! What retention no longer allows, a bounded number of rows at a time. A message with all that
//! belongs to it counts as one row; what has not ended stays.

use super::accept::expired_keys;
use super::hooks::heads_of;
use crate::postgres::connect::Client;
use crate::postgres::error::Fault;
use crate::postgres::read::first_id_of;
use crate::postgres::statement::Statement;
use crate::rows::Row;
use holdline_core::Timestamp;

/// Queues whose head is looked after in one round.
const QUEUES_MAX: i64 = 1_000;

pub(in crate::postgres) async fn expire(
    c: &Client,
    bodies: Timestamp,
    metadata: Timestamp,
    limit: usize,
) -> Result<usize, Fault> {
    let mut left = i64::try_from(limit).unwrap_or(i64::MAX);
    let all = left;
    left -= messages(c, metadata, left).await?;
    left -= inbound(c, metadata, left).await?;
    let by_id = [(OWNED_BODIES, bodies), (RAW, bodies)];
    for (sql, before) in by_id {
        left -= count(c, Statement::new(sql).one(first_id_of(before)).one(left)).await?;
    }
    left -= count(c, Statement::new(DROPPED_HOOKS).one(bodies.0).one(left)).await?;
    left -= count(c, expired_keys(bodies, left)).await?;
    left -= count(c, Statement::new(OUTAGES).one(metadata.0).one(left)).await?;
    let audit = Statement::new(AUDIT).one(first_id_of(metadata)).one(left);
    left -= count(c, audit).await?;
    for sql in CONSOLE {
        left -= count(c, Statement::new(sql).one(metadata.0).one(left)).await?;
    }
    mend_queues(c).await?;
    Ok(usize::try_from(all - left).unwrap_or_default())
}

const OWNED_BODIES: &str = "DELETE FROM body WHERE id IN (
     SELECT b.id FROM body b WHERE b.id < $1 AND NOT EXISTS (
         SELECT 1 FROM delivery d WHERE d.id = b.id AND d.state < 4)
     ORDER BY b.id LIMIT $2)";

const RAW: &str = "DELETE FROM raw_inbound WHERE id IN (
     SELECT id FROM raw_inbound WHERE id < $1 AND done ORDER BY id LIMIT $2)";

const DROPPED_HOOKS: &str = "DELETE FROM hook WHERE seq IN (
     SELECT seq FROM hook WHERE dropped_at < $1 ORDER BY dropped_at LIMIT $2)";

const OUTAGES: &str = "DELETE FROM outage WHERE id IN (
     SELECT id FROM outage WHERE recovered_at < $1 ORDER BY recovered_at LIMIT $2)";

const AUDIT: &str = "DELETE FROM audit WHERE id IN (
     SELECT id FROM audit WHERE id < $1 ORDER BY id LIMIT $2)";

/// Sessions go with their own end, the rest as outages do.
const CONSOLE: [&str; 4] = [
    "DELETE FROM activity WHERE seq IN (
         SELECT seq FROM activity WHERE at < $1 ORDER BY seq LIMIT $2)",
    "DELETE FROM traffic WHERE (minute, channel) IN (
         SELECT minute, channel FROM traffic WHERE minute < $1 ORDER BY minute LIMIT $2)",
    "DELETE FROM evidence WHERE (outage, at) IN (
         SELECT outage, at FROM evidence WHERE at < $1 LIMIT $2)",
    "DELETE FROM console_session WHERE hash IN (
         SELECT hash FROM console_session WHERE expires_at < $1 LIMIT $2)",
];

async fn messages(c: &Client, before: Timestamp, limit: i64) -> Result<i64, Fault> {
    let sql = "SELECT id FROM message m WHERE id < $1 AND NOT EXISTS (
             SELECT 1 FROM delivery d WHERE d.id = m.id AND d.state < 4)
         ORDER BY id LIMIT $2";
    let tables = [
        ("message", "id"),
        ("delivery", "id"),
        ("body", "id"),
        ("attempt", "message"),
        ("receipt", "message"),
        ("decision", "message"),
    ];
    delete_with(c, sql, before, limit, &tables).await
}

async fn inbound(c: &Client, before: Timestamp, limit: i64) -> Result<i64, Fault> {
    let sql = "SELECT id FROM inbound WHERE id < $1 ORDER BY id LIMIT $2";
    delete_with(c, sql, before, limit, &[("inbound", "id"), ("body", "id")]).await
}

/// Deletes the rows of the ids that `sql` finds from all the tables.
async fn delete_with(
    c: &Client,
    sql: &str,
    before: Timestamp,
    limit: i64,
    tables: &[(&str, &str)],
) -> Result<i64, Fault> {
    let statement = Statement::new(sql).one(first_id_of(before)).one(limit);
    let read = |row: &Row<'_>| row.get::<[u8; 16]>(0);
    let ids = statement.all(c, read).await?;
    for (table, column) in tables {
        let sql = format!("DELETE FROM {table} WHERE {column} = ANY ($1)");
        let ids = ids.iter().map(|id| uuid::Uuid::from_bytes(*id));
        Statement::new(sql).many(ids).run(c).await?;
    }
    Ok(i64::try_from(ids.len()).unwrap_or_default())
}

async fn count(c: &Client, statement: Statement<'_>) -> Result<i64, Fault> {
    let deleted = statement.run(c).await?;
    Ok(i64::try_from(deleted).unwrap_or_default())
}

/// Locks make sure that a queue always has a head; should one have lost it all the same, it stops
/// until it is given one here.
async fn mend_queues(c: &Client) -> Result<(), Fault> {
    let queues = "SELECT h.endpoint, h.subject FROM hook h
         WHERE h.dropped_at IS NULL AND NOT h.head AND NOT EXISTS (
             SELECT 1 FROM hook o WHERE o.endpoint = h.endpoint AND o.subject = h.subject
                 AND o.dropped_at IS NULL AND o.head)
         GROUP BY h.endpoint, h.subject LIMIT $1";
    let mended = Statement::new(heads_of(queues))
        .one(QUEUES_MAX)
        .run(c)
        .await?;
    if mended > 0 {
        tracing::warn!(queues = mended, "queues of events had no head");
    }
    Ok(())
}
