//! Rows of `message`, `body` and `delivery`; below it, what belongs to a message.

pub(crate) mod plan;
pub(crate) mod timeline;

use super::codes::{
    IN_DOUBT, IN_FLIGHT, PLACED, WAITING, duplicate_rule_of, end_code, end_of, priority_of,
    progress_code, progress_of,
};
use super::{Result, Row, code_at, id_at, time_at, unreadable};
use bytes::Bytes;
use holdline_core::message::State;
use holdline_core::message::delivery::Try;
use holdline_core::{ContactId, MessageId, Redacted, Timestamp};
use holdline_engine::ports::records::{DeliveryState, MessageRecord, StoredMessage};
use plan::plan_at;

/// The columns that [`message_from`] reads; `m` is `message`, the last is the body or NULL.
pub(crate) const MESSAGE_COLUMNS: &str = "m.id, m.app, m.sender, m.contact, m.to_input, m.kind, \
     m.opaque, m.priority, m.duplicate_rule, m.data_class, m.created_at, m.expires_at, m.plan";
/// The columns that [`stored_from`] reads after a message and its body; `d` is `delivery`.
pub(crate) const DELIVERY_COLUMNS: &str = "d.state, d.since, d.until, d.hop, d.hop_since, \
     d.tries, d.attempts, d.spent, d.told, d.told_failed";

const BODY: usize = 13;
const FAILED: u8 = 0x80;

pub(crate) fn message_from(row: &Row<'_>) -> Result<MessageRecord> {
    let body = row.bytes(BODY)?;
    Ok(MessageRecord {
        id: MessageId(id_at(row, 0)?),
        app: row.get(1)?,
        sender: row.get(2)?,
        contact: ContactId(id_at(row, 3)?),
        to_input: Redacted::new(row.get(4)?),
        kind: row.get(5)?,
        body: Redacted::new(Bytes::copy_from_slice(body.unwrap_or_default())),
        opaque: row.get(6)?,
        priority: code_at(row, 7, priority_of)?,
        duplicate_rule: code_at(row, 8, duplicate_rule_of)?,
        data_class: row.get(9)?,
        created_at: time_at(row, 10)?,
        expires_at: time_at(row, 11)?,
        plan: plan_at(row, 12)?,
    })
}

pub(crate) fn stored_from(row: &Row<'_>) -> Result<StoredMessage> {
    let message = message_from(row)?;
    let at = BODY + 1;
    let delivery = DeliveryState {
        id: message.id,
        state: state_at(row, at)?,
        hop: row.get(at + 3)?,
        hop_since: time_at(row, at + 4)?,
        tries: row.get(at + 5)?,
        attempts: tries_at(row, at + 6)?,
        spent: row.get(at + 7)?,
        told: code_at(row, at + 8, progress_of)?,
        told_failed: row.get(at + 9)?,
    };
    Ok(StoredMessage { message, delivery })
}

/// (code, since, until) of a state; what a state does not have is 0.
pub(crate) fn state_columns(state: State) -> (i64, i64, i64) {
    match state {
        State::Waiting { due } => (WAITING, 0, due.0),
        State::InFlight { since } => (IN_FLIGHT, since.0, 0),
        State::InDoubt { since, until } => (IN_DOUBT, since.0, until.0),
        State::Placed { since, until } => (PLACED, since.0, until.0),
        State::Ended { end, at } => (end_code(end), at.0, 0),
    }
}

/// Two bytes a try: its hop; how far it got, and a bit for failed.
pub(crate) fn packed_tries(tries: &[Try]) -> Vec<u8> {
    let pack = |one: &Try| {
        let reached = u8::try_from(progress_code(one.reached)).unwrap_or_default();
        [one.hop, reached | if one.failed { FAILED } else { 0 }]
    };
    tries.iter().flat_map(pack).collect()
}

fn state_at(row: &Row<'_>, column: usize) -> Result<State> {
    let code: i64 = row.get(column)?;
    let (since, until) = (time_at(row, column + 1)?, time_at(row, column + 2)?);
    state_of(code, since, until).ok_or_else(|| unreadable(column, "a known state"))
}

fn state_of(code: i64, since: Timestamp, until: Timestamp) -> Option<State> {
    match code {
        WAITING => Some(State::Waiting { due: until }),
        IN_FLIGHT => Some(State::InFlight { since }),
        IN_DOUBT => Some(State::InDoubt { since, until }),
        PLACED => Some(State::Placed { since, until }),
        _ => end_of(code).map(|end| State::Ended { end, at: since }),
    }
}

fn tries_at(row: &Row<'_>, column: usize) -> Result<Vec<Try>> {
    let unreadable = || unreadable(column, "a list of tries");
    let bytes = row.bytes(column)?.ok_or_else(unreadable)?;
    let (pairs, []) = bytes.as_chunks::<2>() else {
        return Err(unreadable());
    };
    let unpack = |[hop, rest]: &[u8; 2]| {
        let reached = progress_of(i64::from(rest & !FAILED))?;
        Some(Try {
            hop: *hop,
            reached,
            failed: rest & FAILED != 0,
        })
    };
    pairs
        .iter()
        .map(unpack)
        .collect::<Option<_>>()
        .ok_or_else(unreadable)
}
