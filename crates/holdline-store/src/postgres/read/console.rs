//! Reads of people who may sign in, their sessions, the log, traffic and evidence.

use super::page;
use crate::postgres::connect::Client;
use crate::postgres::statement::{Statement, uuid};
use crate::rows::Result;
use crate::rows::access::console::{
    ACTIVITY_COLUMNS, EVIDENCE_COLUMNS, SESSION_COLUMNS, TRAFFIC_COLUMNS, USER_COLUMNS,
    activity_from, evidence_from, session_from, traffic_from, user_from,
};
use holdline_core::Timestamp;
use holdline_core::id::OutageId;
use holdline_engine::ports::records::{
    ActivityRecord, EvidenceRecord, SessionRecord, TrafficRecord, UserRecord,
};
use holdline_engine::ports::store::PAGE_MAX;

pub(in crate::postgres) async fn users(c: &Client) -> Result<Vec<UserRecord>> {
    let sql = format!("SELECT {USER_COLUMNS} FROM console_user ORDER BY name LIMIT $1");
    Statement::new(sql)
        .one(page(PAGE_MAX))
        .all(c, user_from)
        .await
}

pub(in crate::postgres) async fn session(
    c: &Client,
    hash: &[u8; 32],
) -> Result<Option<SessionRecord>> {
    let sql = format!("SELECT {SESSION_COLUMNS} FROM console_session WHERE hash = $1");
    let statement = Statement::new(sql).one(&hash[..]);
    statement.first(c, session_from).await
}

pub(in crate::postgres) async fn sessions(c: &Client) -> Result<Vec<SessionRecord>> {
    let sql = format!(
        "SELECT {SESSION_COLUMNS} FROM console_session ORDER BY seen_at DESC, hash LIMIT $1"
    );
    Statement::new(sql)
        .one(page(PAGE_MAX))
        .all(c, session_from)
        .await
}

pub(in crate::postgres) async fn activity(
    c: &Client,
    after: Option<i64>,
    limit: usize,
) -> Result<Vec<ActivityRecord>> {
    if let Some(after) = after {
        let sql =
            format!("SELECT {ACTIVITY_COLUMNS} FROM activity WHERE seq > $1 ORDER BY seq LIMIT $2");
        let statement = Statement::new(sql).one(after).one(page(limit));
        return statement.all(c, activity_from).await;
    }
    let sql = format!("SELECT {ACTIVITY_COLUMNS} FROM activity ORDER BY seq DESC LIMIT $1");
    let mut newest = Statement::new(sql)
        .one(page(limit))
        .all(c, activity_from)
        .await?;
    newest.reverse();
    Ok(newest)
}

pub(in crate::postgres) async fn traffic(
    c: &Client,
    since: Timestamp,
    limit: usize,
) -> Result<Vec<TrafficRecord>> {
    let sql = format!(
        "SELECT {TRAFFIC_COLUMNS} FROM traffic WHERE minute >= $1
         ORDER BY minute, channel LIMIT $2"
    );
    let statement = Statement::new(sql).one(since.0).one(page(limit));
    statement.all(c, traffic_from).await
}

pub(in crate::postgres) async fn evidence(
    c: &Client,
    outage: OutageId,
    limit: usize,
) -> Result<Vec<EvidenceRecord>> {
    let sql =
        format!("SELECT {EVIDENCE_COLUMNS} FROM evidence WHERE outage = $1 ORDER BY at LIMIT $2");
    let statement = Statement::new(sql).one(uuid(outage.0)).one(page(limit));
    statement.all(c, evidence_from).await
}
