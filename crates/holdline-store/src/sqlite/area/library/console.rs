//! People who may sign in, their sessions, the log of what happened, traffic, evidence.

use super::super::WriteError;
use super::{all, count, one, page, run};
use crate::rows::access::console::{
    ACTIVITY_COLUMNS, EVIDENCE_COLUMNS, SESSION_COLUMNS, TRAFFIC_COLUMNS, USER_COLUMNS,
    activity_from, evidence_from, session_from, traffic_from, user_from,
};
use crate::rows::finite;
use holdline_core::Timestamp;
use holdline_core::id::OutageId;
use holdline_engine::ports::records::{
    Activity, ActivityRecord, EvidenceRecord, SessionRecord, TrafficRecord, UserRecord,
};
use holdline_engine::ports::store::PAGE_MAX;
use holdline_engine::ports::{Conflict, Op};
use rusqlite::{Connection, Result, params};

/// Writes an operation of this area; others do nothing.
pub(in crate::sqlite::area) fn apply(c: &Connection, op: &Op) -> Result<()> {
    if let Op::Session(record) = op {
        return save_session(c, record);
    }
    if let Op::SessionEnd(hash) = op {
        return run(c, "DELETE FROM console_session WHERE hash = ?1", [hash]);
    }
    if let Op::Activity(activity) = op {
        return log(c, activity);
    }
    if let Op::Traffic(more) = op {
        return add_traffic(c, more);
    }
    if let Op::Evidence(record) = op {
        return save_evidence(c, record);
    }
    Ok(())
}

/// The next version, or it conflicts.
pub(in crate::sqlite::area) fn save_user(
    c: &Connection,
    record: &UserRecord,
) -> std::result::Result<(), WriteError> {
    let sql = format!(
        "INSERT INTO console_user ({USER_COLUMNS}) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
         WHERE ?8 = 1 OR EXISTS (SELECT 1 FROM console_user WHERE name = ?1)
         ON CONFLICT (name) DO UPDATE SET role = excluded.role, password = excluded.password,
             totp = excluded.totp, totp_step = excluded.totp_step,
             disabled_at = excluded.disabled_at, version = excluded.version
         WHERE version = excluded.version - 1"
    );
    let written = count(
        c,
        &sql,
        params![
            record.name,
            record.role.name(),
            record.password.expose(),
            record.totp.as_ref().map(|it| it.expose()),
            record.totp_step,
            record.created_at.0,
            record.disabled_at.map(|at| at.0),
            record.version,
        ],
    )?;
    match written {
        0 => Err(WriteError::Conflict(Conflict::Repeated)),
        _ => Ok(()),
    }
}

fn save_session(c: &Connection, record: &SessionRecord) -> Result<()> {
    let sql = format!(
        "INSERT OR REPLACE INTO console_session ({SESSION_COLUMNS})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
    );
    run(
        c,
        &sql,
        params![
            record.hash,
            record.user,
            record.created_at.0,
            record.seen_at.0,
            record.expires_at.0,
            record.address,
            record.agent,
        ],
    )
}

fn log(c: &Connection, activity: &Activity) -> Result<()> {
    let sql = "INSERT INTO activity (at, kind, subject, words) VALUES (?1, ?2, ?3, ?4)";
    let Activity {
        at,
        kind,
        subject,
        words,
    } = activity;
    run(c, sql, params![at.0, kind.name(), subject, words])
}

fn add_traffic(c: &Connection, more: &TrafficRecord) -> Result<()> {
    let sql = format!(
        "INSERT INTO traffic ({TRAFFIC_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (minute, channel) DO UPDATE SET sends = sends + excluded.sends,
             receipts = receipts + excluded.receipts, failures = failures + excluded.failures"
    );
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    run(
        c,
        &sql,
        params![
            more.minute.0,
            more.channel.as_str(),
            number(more.sends),
            number(more.receipts),
            number(more.failures),
        ],
    )
}

fn save_evidence(c: &Connection, record: &EvidenceRecord) -> Result<()> {
    let sql =
        format!("INSERT OR REPLACE INTO evidence ({EVIDENCE_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5)");
    run(
        c,
        &sql,
        params![
            record.outage.0.to_be_bytes(),
            record.at.0,
            record.signal,
            finite(record.nats),
            finite(record.threshold),
        ],
    )
}

pub(in crate::sqlite) fn users(c: &Connection) -> Result<Vec<UserRecord>> {
    let sql = format!("SELECT {USER_COLUMNS} FROM console_user ORDER BY name LIMIT ?1");
    all(c, &sql, [page(PAGE_MAX)], user_from)
}

pub(in crate::sqlite) fn session(c: &Connection, hash: &[u8; 32]) -> Result<Option<SessionRecord>> {
    let sql = format!("SELECT {SESSION_COLUMNS} FROM console_session WHERE hash = ?1");
    one(c, &sql, [hash], session_from)
}

pub(in crate::sqlite) fn sessions(c: &Connection) -> Result<Vec<SessionRecord>> {
    let sql = format!(
        "SELECT {SESSION_COLUMNS} FROM console_session ORDER BY seen_at DESC, hash LIMIT ?1"
    );
    all(c, &sql, [page(PAGE_MAX)], session_from)
}

pub(in crate::sqlite) fn activity(
    c: &Connection,
    after: Option<i64>,
    limit: usize,
) -> Result<Vec<ActivityRecord>> {
    if let Some(after) = after {
        let sql =
            format!("SELECT {ACTIVITY_COLUMNS} FROM activity WHERE seq > ?1 ORDER BY seq LIMIT ?2");
        return all(c, &sql, params![after, page(limit)], activity_from);
    }
    let sql = format!("SELECT {ACTIVITY_COLUMNS} FROM activity ORDER BY seq DESC LIMIT ?1");
    let mut newest = all(c, &sql, [page(limit)], activity_from)?;
    newest.reverse();
    Ok(newest)
}

pub(in crate::sqlite) fn traffic(
    c: &Connection,
    since: Timestamp,
    limit: usize,
) -> Result<Vec<TrafficRecord>> {
    let sql = format!(
        "SELECT {TRAFFIC_COLUMNS} FROM traffic WHERE minute >= ?1
         ORDER BY minute, channel LIMIT ?2"
    );
    all(c, &sql, params![since.0, page(limit)], traffic_from)
}

pub(in crate::sqlite) fn evidence(
    c: &Connection,
    outage: OutageId,
    limit: usize,
) -> Result<Vec<EvidenceRecord>> {
    let sql =
        format!("SELECT {EVIDENCE_COLUMNS} FROM evidence WHERE outage = ?1 ORDER BY at LIMIT ?2");
    let values = params![outage.0.to_be_bytes(), page(limit)];
    all(c, &sql, values, evidence_from)
}

/// Sessions go with their own end, the rest as outages do.
pub(in crate::sqlite::area) fn expire(
    c: &Connection,
    before: Timestamp,
    limit: usize,
) -> Result<usize> {
    let mut left = limit;
    for sql in [
        "DELETE FROM activity WHERE seq IN (
             SELECT seq FROM activity WHERE at < ?1 ORDER BY seq LIMIT ?2)",
        "DELETE FROM traffic WHERE (minute, channel) IN (
             SELECT minute, channel FROM traffic WHERE minute < ?1 ORDER BY minute LIMIT ?2)",
        "DELETE FROM evidence WHERE (outage, at) IN (
             SELECT outage, at FROM evidence WHERE at < ?1 LIMIT ?2)",
        "DELETE FROM console_session WHERE hash IN (
             SELECT hash FROM console_session WHERE expires_at < ?1 LIMIT ?2)",
    ] {
        let rows = i64::try_from(left).unwrap_or(i64::MAX);
        left -= count(c, sql, params![before.0, rows])?;
    }
    Ok(limit - left)
}
