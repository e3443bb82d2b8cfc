//! Reads of nodes, leases and what nodes hand each other. The clock is the database's.

use super::page;
use crate::postgres::connect::Client;
use crate::postgres::statement::Statement;
use crate::rows::cluster::{HANDOFF_COLUMNS, NODE_COLUMNS, handoff_from, lease_from, node_from};
use crate::rows::{Result, RowError, time_at};
use holdline_engine::ports::cluster::{ClusterView, HandoffRecord, Lease};

/// The database's clock in milliseconds.
pub(in crate::postgres) const CLOCK: &str =
    "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

pub(in crate::postgres) async fn view(c: &Client) -> Result<ClusterView> {
    let bracket = async |sql: &'static str| c.batch_execute(sql).await.map_err(RowError::Postgres);
    let leases = "SELECT l.name, l.node, l.epoch, COALESCE(n.until, 0)
         FROM lease l LEFT JOIN node n ON n.node = l.node";
    let (_, now, nodes, mut leases, _) = tokio::try_join!(
        biased;
        bracket("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"),
        Statement::new(format!("SELECT {CLOCK}")).first(c, |row| time_at(row, 0)),
        Statement::new(format!("SELECT {NODE_COLUMNS} FROM node ORDER BY node")).all(c, node_from),
        Statement::new(leases).all(c, lease_from),
        bracket("COMMIT"),
    )?;
    leases.sort_by_key(|record| record.lease);
    Ok(ClusterView {
        now: now.unwrap_or_default(),
        nodes,
        leases,
    })
}

pub(in crate::postgres) async fn handoffs(
    c: &Client,
    leases: &[Lease],
    limit: usize,
) -> Result<Vec<HandoffRecord>> {
    let sql = format!(
        "SELECT {HANDOFF_COLUMNS} FROM handoff WHERE lease = ANY ($1) ORDER BY id LIMIT $2"
    );
    let statement = Statement::new(sql).many(leases.iter().map(Lease::to_string));
    statement.one(page(limit)).all(c, handoff_from).await
}
