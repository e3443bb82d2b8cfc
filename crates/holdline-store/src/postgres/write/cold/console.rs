//! People who may sign in, their sessions, the log of what happened, traffic, evidence.

use super::upserted;
use crate::postgres::statement::{Statement, text, uuid};
use crate::rows::access::console::{
    EVIDENCE_COLUMNS, SESSION_COLUMNS, TRAFFIC_COLUMNS, USER_COLUMNS,
};
use crate::rows::finite;
use holdline_engine::ports::records::{
    Activity, EvidenceRecord, SessionRecord, TrafficRecord, UserRecord,
};

/// Changes one row, or none where it is not the next version.
pub(in crate::postgres::write) fn save_user(record: &UserRecord) -> Statement<'_> {
    let sql = format!(
        "INSERT INTO console_user AS u ({USER_COLUMNS}) SELECT $1, $2, $3, $4, $5, $6, $7, $8
         WHERE $8 = 1 OR EXISTS (SELECT 1 FROM console_user WHERE name = $1)
         ON CONFLICT (name) DO UPDATE SET role = excluded.role, password = excluded.password,
             totp = excluded.totp, totp_step = excluded.totp_step,
             disabled_at = excluded.disabled_at, version = excluded.version
         WHERE u.version = excluded.version - 1"
    );
    Statement::new(sql)
        .one(text(&record.name))
        .one(record.role.name())
        .one(text(record.password.expose()))
        .one(record.totp.as_ref().map(|it| text(it.expose())))
        .one(record.totp_step)
        .one(record.created_at.0)
        .one(record.disabled_at.map(|at| at.0))
        .one(record.version)
}

pub(super) fn save_session(record: &SessionRecord) -> Statement<'_> {
    upserted("console_session", "hash", SESSION_COLUMNS)
        .one(&record.hash[..])
        .one(text(&record.user))
        .one(record.created_at.0)
        .one(record.seen_at.0)
        .one(record.expires_at.0)
        .one(text(&record.address))
        .one(text(&record.agent))
}

/// Who has the lock numbers its line and commits before the next does: "activity" in ASCII.
pub(super) fn log(activity: &Activity) -> Statement<'_> {
    let sql = "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(7017580640680375417))
         INSERT INTO activity (at, kind, subject, words) SELECT $1, $2, $3, $4 FROM turn";
    Statement::new(sql)
        .one(activity.at.0)
        .one(activity.kind.name())
        .one(text(&activity.subject))
        .one(text(&activity.words))
}

pub(super) fn add_traffic(more: &TrafficRecord) -> Statement<'_> {
    let sql = format!(
        "INSERT INTO traffic AS t ({TRAFFIC_COLUMNS}) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (minute, channel) DO UPDATE SET sends = t.sends + excluded.sends,
             receipts = t.receipts + excluded.receipts,
             failures = t.failures + excluded.failures"
    );
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    Statement::new(sql)
        .one(more.minute.0)
        .one(more.channel.as_str())
        .one(number(more.sends))
        .one(number(more.receipts))
        .one(number(more.failures))
}

pub(super) fn save_evidence(record: &EvidenceRecord) -> Statement<'_> {
    upserted("evidence", "outage, at", EVIDENCE_COLUMNS)
        .one(uuid(record.outage.0))
        .one(record.at.0)
        .one(text(&record.signal))
        .one(finite(record.nats))
        .one(finite(record.threshold))
}
