//! Rows of the console: people, sessions, the log, traffic, evidence.

use crate::rows::{Result, Row, channel_at, id_at, maybe_time_at, time_at, unreadable};
use holdline_core::id::OutageId;
use holdline_core::{ChannelKind, Redacted};
use holdline_engine::ports::records::{
    Activity, ActivityKind, ActivityRecord, EvidenceRecord, OpenHook, Role, SessionRecord,
    TrafficRecord, UserRecord,
};
use holdline_engine::ports::store::Fate;

/// The columns that [`user_from`] reads.
pub(crate) const USER_COLUMNS: &str =
    "name, role, password, totp, totp_step, created_at, disabled_at, version";
/// The columns that [`session_from`] reads.
pub(crate) const SESSION_COLUMNS: &str =
    "hash, name, created_at, seen_at, expires_at, address, agent";
/// The columns that [`activity_from`] reads.
pub(crate) const ACTIVITY_COLUMNS: &str = "seq, at, kind, subject, words";
/// The columns that [`traffic_from`] reads.
pub(crate) const TRAFFIC_COLUMNS: &str = "minute, channel, sends, receipts, failures";
/// The columns that [`evidence_from`] reads.
pub(crate) const EVIDENCE_COLUMNS: &str = "outage, at, signal, nats, threshold";
/// Columns behind those of a hook, for [`open_hook_from`].
pub(crate) const OPEN_HOOK_COLUMNS: &str = "error, dropped_at";
const OF_HOOK: usize = 7;

pub(crate) fn user_from(row: &Row<'_>) -> Result<UserRecord> {
    Ok(UserRecord {
        name: row.get(0)?,
        role: Role::parse(row.text(1)?).ok_or_else(|| unreadable(1, "a role"))?,
        password: Redacted::new(row.get(2)?),
        totp: row.get::<Option<String>>(3)?.map(Redacted::new),
        totp_step: row.get(4)?,
        created_at: time_at(row, 5)?,
        disabled_at: maybe_time_at(row, 6)?,
        version: row.get(7)?,
    })
}

pub(crate) fn session_from(row: &Row<'_>) -> Result<SessionRecord> {
    Ok(SessionRecord {
        hash: row.get(0)?,
        user: row.get(1)?,
        created_at: time_at(row, 2)?,
        seen_at: time_at(row, 3)?,
        expires_at: time_at(row, 4)?,
        address: row.get(5)?,
        agent: row.get(6)?,
    })
}

pub(crate) fn activity_from(row: &Row<'_>) -> Result<ActivityRecord> {
    let kind = ActivityKind::parse(row.text(2)?);
    Ok(ActivityRecord {
        seq: row.get(0)?,
        activity: Activity {
            at: time_at(row, 1)?,
            kind: kind.ok_or_else(|| unreadable(2, "a kind of activity"))?,
            subject: row.get(3)?,
            words: row.get(4)?,
        },
    })
}

pub(crate) fn traffic_from(row: &Row<'_>) -> Result<TrafficRecord> {
    let count = |column| row.get::<i64>(column).map(i64::unsigned_abs);
    Ok(TrafficRecord {
        minute: time_at(row, 0)?,
        channel: channel_at(row, 1)?,
        sends: count(2)?,
        receipts: count(3)?,
        failures: count(4)?,
    })
}

pub(crate) fn evidence_from(row: &Row<'_>) -> Result<EvidenceRecord> {
    Ok(EvidenceRecord {
        outage: OutageId(id_at(row, 0)?),
        at: time_at(row, 1)?,
        signal: row.get(2)?,
        nats: row.get(3)?,
        threshold: row.get(4)?,
    })
}

pub(crate) fn open_hook_from(row: &Row<'_>) -> Result<OpenHook> {
    Ok(OpenHook {
        hook: crate::rows::event::hook_from(row)?,
        error: row.get(OF_HOOK)?,
        dropped_at: maybe_time_at(row, OF_HOOK + 1)?,
    })
}

/// Reads a state's code, a channel or none, and a count.
pub(crate) fn fate_from(row: &Row<'_>) -> Result<Fate> {
    let state = crate::rows::codes::state_name_of(row.get(0)?);
    let channel: Option<String> = row.get(1)?;
    let channel = match channel {
        None => None,
        Some(name) => Some(ChannelKind::new(&name).ok_or_else(|| unreadable(1, "a channel"))?),
    };
    Ok(Fate {
        state: state.ok_or_else(|| unreadable(0, "a state"))?.to_owned(),
        channel,
        count: row.get::<i64>(2)?.unsigned_abs(),
    })
}
