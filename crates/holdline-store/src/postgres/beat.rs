//! A node's sign of life: one transaction, by the database's own clock.
//!
//! How long a node's leases last stands in its own row, so that a sign of life waits for no writer.
//! A lease changes hands in its own row, which a write under it has locked until its commit:
//! whoever takes it passes a locked one by and finds it next time.

use super::error::Fault;
use super::read::cluster::CLOCK;
use super::statement::{Statement, text};
use crate::postgres::connect::Client;
use crate::rows::cluster::held_from;
use holdline_engine::ports::cluster::{Beat, Lease, LeaseHeld};

/// A node that was not heard of for so long is forgotten.
const FORGOTTEN_MS: i64 = 86_400_000;

/// Inside a transaction.
pub(super) async fn beat(c: &Client, beat: &Beat) -> Result<Vec<LeaseHeld>, Fault> {
    keep_node(c, beat).await?;
    let own = "UPDATE lease SET node = '' WHERE node = $1 AND ($2 OR name = ANY ($3))";
    let given = Statement::new(own)
        .one(text(&beat.node))
        .one(beat.leaves)
        .many(beat.give.iter().map(Lease::to_string));
    given.run(c).await?;
    if !beat.leaves && !beat.take.is_empty() {
        take(c, beat).await?;
    }
    let sql = "SELECT name, epoch FROM lease WHERE node = $1";
    let mut held = Statement::new(sql)
        .one(text(&beat.node))
        .all(c, held_from)
        .await?;
    held.sort_by_key(|held| held.lease);
    Ok(held)
}

async fn keep_node(c: &Client, beat: &Beat) -> Result<(), Fault> {
    if beat.leaves {
        let sql = "DELETE FROM node WHERE node = $1";
        Statement::new(sql).one(text(&beat.node)).run(c).await?;
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO node (node, url, until) VALUES ($1, $2, {CLOCK} + $3)
         ON CONFLICT (node) DO UPDATE SET url = excluded.url, until = excluded.until"
    );
    let lasts = i64::try_from(beat.ttl_ms)
        .unwrap_or(FORGOTTEN_MS)
        .min(FORGOTTEN_MS);
    let kept = Statement::new(sql)
        .one(text(&beat.node))
        .one(text(&beat.url));
    kept.one(lasts).run(c).await?;
    let sql = format!("DELETE FROM node WHERE until < {CLOCK} - $1");
    Statement::new(sql).one(FORGOTTEN_MS).run(c).await?;
    Ok(())
}

async fn take(c: &Client, beat: &Beat) -> Result<(), Fault> {
    let mut wanted: Vec<String> = beat.take.iter().map(Lease::to_string).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let sql = format!(
        "UPDATE lease SET node = $1, epoch = epoch + 1 WHERE name IN (
             SELECT l.name FROM lease l WHERE l.name = ANY ($2) AND l.node <> $1
                 AND NOT EXISTS (
                     SELECT 1 FROM node n WHERE n.node = l.node AND n.until > {CLOCK})
             ORDER BY l.name FOR UPDATE SKIP LOCKED)"
    );
    let taken = Statement::new(sql)
        .one(text(&beat.node))
        .many(wanted.iter().cloned());
    taken.run(c).await?;
    let sql = "INSERT INTO lease (name, node, epoch)
         SELECT name, $1, 1 FROM unnest($2) AS v(name) ORDER BY name ON CONFLICT (name) DO NOTHING";
    let new = Statement::new(sql).one(text(&beat.node)).many(wanted);
    new.run(c).await?;
    Ok(())
}
