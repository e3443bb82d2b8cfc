//! Takes a message in, once per idempotency key.

use super::{WriteError, count, one, run};
use crate::rows::codes::{duplicate_rule_code, priority_code, progress_code};
use crate::rows::message::plan::plan_text;
use crate::rows::message::{packed_tries, state_columns};
use crate::rows::{self, Row};
use bytes::Bytes;
use holdline_core::{MessageId, Timestamp};
use holdline_engine::ports::ops::{Accept, Idempotency};
use holdline_engine::ports::records::{DeliveryState, MessageRecord};
use holdline_engine::ports::{Conflict, Group, Op};
use rusqlite::{Connection, Result, params};

/// Expired keys forgotten for each new one.
const FORGOTTEN_PER_KEY: usize = 2;

/// With the delivery in this state. False when the message is there already: the same commit, made
/// again.
pub(super) fn accept(
    c: &Connection,
    accept: &Accept,
    state: &DeliveryState,
) -> Result<bool, WriteError> {
    let message = &accept.message;
    if let Some(key) = &accept.idempotency {
        take_key(c, key, message.id, message.created_at)?;
    }
    let inserted = insert_message(c, message)?;
    if inserted {
        insert_delivery(c, message, state)?;
        keep_body(c, message.id.0, message.body.expose())?;
    }
    Ok(inserted)
}

/// Keeps what a person or an app wrote, unless there is nothing.
pub(super) fn keep_body(c: &Connection, id: u128, bytes: &[u8]) -> Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    let sql = "INSERT OR IGNORE INTO body (id, bytes) VALUES (?1, ?2)";
    run(c, sql, params![id.to_be_bytes(), bytes])
}

/// A few keys that are over go with each commit that brings new ones: no sweep is needed.
pub(in crate::sqlite) fn forget_expired_keys<'a>(
    c: &Connection,
    groups: impl Iterator<Item = &'a Group>,
) -> Result<()> {
    let keyed = groups
        .flat_map(|group| &group.0)
        .filter_map(accepted_with_key);
    let (keys, newest) = keyed.fold((0, Timestamp(i64::MIN)), |(keys, newest), at| {
        (keys + 1, newest.max(at))
    });
    if keys == 0 {
        return Ok(());
    }
    expire_keys(c, newest, keys * FORGOTTEN_PER_KEY).map(drop)
}

/// Forgets keys that were over before an instant; gives how many.
pub(super) fn expire_keys(c: &Connection, before: Timestamp, limit: usize) -> Result<usize> {
    count(
        c,
        "DELETE FROM idempotency WHERE (scope, key) IN (
             SELECT scope, key FROM idempotency INDEXED BY idempotency_expiry
             WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)",
        params![before.0, i64::try_from(limit).unwrap_or(i64::MAX)],
    )
}

fn accepted_with_key(op: &Op) -> Option<Timestamp> {
    if let Op::Accept(accept) = op {
        accept
            .idempotency
            .is_some()
            .then_some(accept.message.created_at)
    } else {
        None
    }
}

fn take_key(
    c: &Connection,
    key: &Idempotency,
    message: MessageId,
    now: Timestamp,
) -> Result<(), WriteError> {
    let taken = count(
        c,
        "INSERT INTO idempotency (scope, key, body_hash, answer, message, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (scope, key) DO UPDATE SET body_hash = excluded.body_hash,
             answer = excluded.answer, message = excluded.message,
             expires_at = excluded.expires_at
         WHERE idempotency.expires_at <= ?7",
        params![
            key.scope,
            key.key,
            key.body_hash,
            &key.answer[..],
            message.bytes(),
            key.expires_at.0,
            now.0,
        ],
    )?;
    if taken == 1 {
        return Ok(());
    }
    let known = one(
        c,
        "SELECT message, body_hash, answer FROM idempotency WHERE scope = ?1 AND key = ?2",
        params![key.scope, key.key],
        |row| known_key(row, key),
    )?;
    match known {
        Some((known, conflict)) if known != message => Err(WriteError::Conflict(conflict)),
        Some(_) | None => Ok(()),
    }
}

fn known_key(row: &Row<'_>, key: &Idempotency) -> rows::Result<(MessageId, Conflict)> {
    let message = MessageId::from_bytes(row.get(0)?);
    let conflict = Conflict::Idempotency {
        message,
        same_body: row.get::<[u8; 32]>(1)? == key.body_hash,
        answer: Bytes::from(row.get::<Vec<u8>>(2)?),
    };
    Ok((message, conflict))
}

fn insert_message(c: &Connection, message: &MessageRecord) -> Result<bool> {
    let inserted = count(
        c,
        "INSERT OR IGNORE INTO message (id, app, sender, contact, to_input, kind, opaque, priority,
             duplicate_rule, data_class, created_at, expires_at, plan)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        params![
            message.id.bytes(),
            message.app,
            message.sender,
            message.contact.bytes(),
            message.to_input.expose(),
            message.kind,
            message.opaque,
            priority_code(message.priority),
            duplicate_rule_code(message.duplicate_rule),
            message.data_class,
            message.created_at.0,
            message.expires_at.0,
            plan_text(&message.plan),
        ],
    )?;
    Ok(inserted == 1)
}

fn insert_delivery(c: &Connection, message: &MessageRecord, state: &DeliveryState) -> Result<()> {
    let (code, since, until) = state_columns(state.state);
    run(
        c,
        "INSERT OR IGNORE INTO delivery (id, contact, state, since, until, hop, hop_since, tries,
             attempts, spent, told, told_failed, priority, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        params![
            message.id.bytes(),
            message.contact.bytes(),
            code,
            since,
            until,
            state.hop,
            state.hop_since.0,
            state.tries,
            packed_tries(&state.attempts),
            state.spent,
            progress_code(state.told),
            state.told_failed,
            priority_code(message.priority),
            message.expires_at.0,
        ],
    )
}
