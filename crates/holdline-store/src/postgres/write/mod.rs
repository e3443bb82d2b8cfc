//! SQL of the writes. The groups of a transaction go through three hands: `known` reads at once all
//! that a group may conflict with and judges the groups in order; `batch` gathers what those that
//! hold write, a statement per table for all of them; `alone` takes the few operations that must
//! see what came before them.
//!
//! Order holds between operations on the same row where it matters: the last state of a delivery,
//! setting or retry wins, the first insert of a message or person does.

mod accept;
mod advance;
mod alone;
mod batch;
mod cold;
mod hooks;
mod known;
mod people;
pub(super) mod retention;

use super::error::Fault;
use super::statement::Statement;
use crate::postgres::connect::Client;
use alone::Undone;
use batch::Batch;
use holdline_engine::ports::ops::GroupResult;
use holdline_engine::ports::{Group, Op};
use known::Known;

/// Statements under way at once.
const PIPELINE_MAX: usize = 24;

/// What came of the groups of one transaction that is still open.
pub(super) struct Applied {
    pub(super) results: Vec<GroupResult>,
    /// Something was handed over to another node.
    pub(super) hands_over: bool,
}

/// Writes the groups in an open transaction, in order; `begin` opens it.
pub(super) async fn apply(c: &Client, begin: &str, groups: &[&Group]) -> Result<Applied, Fault> {
    let mut known = Known::load(c, begin, groups).await?;
    let mut batch = Batch::default();
    let mut results = Vec::with_capacity(groups.len());
    let mut hands_over = false;
    for group in groups {
        let claims = match known.judge(group) {
            Ok(claims) => claims,
            Err(conflict) => {
                results.push(Err(conflict));
                continue;
            }
        };
        if group.0.iter().any(alone::is_alone) {
            batch.flush(c, &known).await?;
            match alone::apply(c, &known, group).await {
                Ok(()) => {}
                Err(Undone::Conflict(conflict)) => {
                    results.push(Err(conflict));
                    continue;
                }
                Err(Undone::Fault(fault)) => return Err(fault),
            }
        } else {
            group.0.iter().for_each(|op| batch.add(op));
        }
        hands_over |= group.0.iter().any(|op| matches!(op, Op::Handoff(_)));
        known.take(claims);
        results.push(Ok(()));
    }
    batch.flush(c, &known).await?;
    Ok(Applied {
        results,
        hands_over,
    })
}

/// Sends statements in order, many at once; gives how many rows each changed.
async fn run_all(c: &Client, statements: Vec<Statement<'_>>) -> Result<Vec<u64>, Fault> {
    let mut counts = Vec::with_capacity(statements.len());
    let mut rest = statements.into_iter();
    loop {
        let next: Vec<_> = rest.by_ref().take(PIPELINE_MAX).collect();
        if next.is_empty() {
            return Ok(counts);
        }
        let sent = next.into_iter().map(|statement| statement.run(c));
        counts.extend(futures_util::future::try_join_all(sent).await?);
    }
}
