//! Reads of messages, deliveries and what happened to them.

use super::{after_key, all, before_key, first_id_of, one, page};
use crate::rows::access::console::fate_from;
use crate::rows::codes::{PLACED, WAITING, priority_code, state_code_of_name};
use crate::rows::message::plan::plan_begins;
use crate::rows::message::timeline::{
    ATTEMPT_COLUMNS, DECISION_COLUMNS, RECEIPT_COLUMNS, attempt_from, decision_from, key_from,
    receipt_from,
};
use crate::rows::message::{DELIVERY_COLUMNS, MESSAGE_COLUMNS, message_from, stored_from};
use crate::sqlite::cluster::{in_partitions, set};
use holdline_core::message::{End, Priority};
use holdline_core::{AttemptKey, ChannelKind, ContactId, MessageId, Timestamp};
use holdline_engine::ports::Partitions;
use holdline_engine::ports::records::{MessageRecord, StoredMessage, Timeline};
use holdline_engine::ports::store::{Fate, MessageFilter};
use rusqlite::types::Value;
use rusqlite::{Connection, Result, params, params_from_iter};

pub(in crate::sqlite) fn under_way(
    c: &Connection,
    partitions: Partitions,
    after: Option<MessageId>,
    limit: usize,
) -> Result<Vec<StoredMessage>> {
    let sql = select_open(
        "delivery_under_way",
        "d.state BETWEEN 1 AND 3 AND d.id > ?3",
        "d.id",
    );
    let after = after_key(after.map(|id| id.0));
    all(
        c,
        &sql,
        params![set(partitions), page(limit), after],
        stored_from,
    )
}

pub(in crate::sqlite) fn waiting(
    c: &Connection,
    partitions: Partitions,
    priority: Priority,
    after: Option<MessageId>,
    limit: usize,
) -> Result<Vec<StoredMessage>> {
    let condition = "d.state = 0 AND d.priority = ?4 AND d.id > ?3";
    let sql = select_open("delivery_waiting", condition, "d.id");
    let after = after_key(after.map(|id| id.0));
    let values = params![set(partitions), page(limit), after, priority_code(priority)];
    all(c, &sql, values, stored_from)
}

pub(in crate::sqlite) fn waiting_expired(
    c: &Connection,
    partitions: Partitions,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<StoredMessage>> {
    let condition = "d.state = 0 AND d.expires_at <= ?3";
    let sql = select_open("delivery_expiry", condition, "d.expires_at, d.id");
    all(
        c,
        &sql,
        params![set(partitions), page(limit), now.0],
        stored_from,
    )
}

pub(in crate::sqlite) fn count_waiting(c: &Connection, partitions: Partitions) -> Result<usize> {
    let mine = in_partitions("contact", "?1");
    let sql = format!(
        "SELECT COUNT(*) FROM delivery INDEXED BY delivery_waiting WHERE state = 0 AND {mine}"
    );
    let count: i64 = c
        .prepare_cached(&sql)?
        .query_row([set(partitions)], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Parameters: 1 the partitions, 2 the page, others by the condition.
fn select_open(index: &str, condition: &str, order: &str) -> String {
    let mine = in_partitions("d.contact", "?1");
    format!(
        "SELECT {MESSAGE_COLUMNS}, NULL, {DELIVERY_COLUMNS}
         FROM delivery d INDEXED BY {index} CROSS JOIN message m ON m.id = d.id
         WHERE {condition} AND {mine} ORDER BY {order} LIMIT ?2"
    )
}

pub(in crate::sqlite) fn by_ids(c: &Connection, ids: &[MessageId]) -> Result<Vec<MessageRecord>> {
    let sql = format!(
        "SELECT {MESSAGE_COLUMNS}, b.bytes
         FROM message m LEFT JOIN body b ON b.id = m.id WHERE m.id = ?1"
    );
    let found = ids
        .iter()
        .map(|id| one(c, &sql, [id.bytes()], message_from));
    found.filter_map(Result::transpose).collect()
}

pub(in crate::sqlite) fn by_id(c: &Connection, id: MessageId) -> Result<Option<StoredMessage>> {
    let sql = format!(
        "SELECT {MESSAGE_COLUMNS}, b.bytes, {DELIVERY_COLUMNS}
         FROM message m JOIN delivery d ON d.id = m.id LEFT JOIN body b ON b.id = m.id
         WHERE m.id = ?1"
    );
    one(c, &sql, [id.bytes()], stored_from)
}

pub(in crate::sqlite) fn timeline(c: &Connection, id: MessageId) -> Result<Timeline> {
    let select = |columns: &str, table: &str, order: &str| {
        format!("SELECT {columns} FROM {table} WHERE message = ?1 ORDER BY {order}")
    };
    let key = [id.bytes()];
    Ok(Timeline {
        attempts: all(
            c,
            &select(ATTEMPT_COLUMNS, "attempt", "number"),
            key,
            attempt_from,
        )?,
        receipts: all(
            c,
            &select(RECEIPT_COLUMNS, "receipt", "place"),
            key,
            receipt_from,
        )?,
        decisions: all(
            c,
            &select(DECISION_COLUMNS, "decision", "place"),
            key,
            decision_from,
        )?,
    })
}

pub(in crate::sqlite) fn list(
    c: &Connection,
    filter: &MessageFilter,
    limit: usize,
) -> Result<Vec<StoredMessage>> {
    let state = filter.state.as_deref().map(state_code_of_name);
    if state == Some(None) {
        return Ok(Vec::new());
    }
    let state = state.flatten();
    let (from, id) = source(filter, state);
    let (conditions, mut values) = conditions(filter, state);
    let sql = format!(
        "SELECT {MESSAGE_COLUMNS}, b.bytes, {DELIVERY_COLUMNS}
         FROM {from} LEFT JOIN body b ON b.id = m.id
         WHERE {id} >= ? AND {id} < ? {conditions} ORDER BY {id} DESC LIMIT ?"
    );
    let since = filter.since.map(first_id_of);
    let until = filter.until.map(first_id_of);
    let before = before_key(filter.before.map(|id| id.0));
    let before = until.map_or(before.clone(), |until| before.min(until.to_vec()));
    let since = since.map(|id| id.to_vec()).unwrap_or_default();
    values.splice(0..0, [Value::Blob(since), Value::Blob(before)]);
    values.push(Value::Integer(page(limit)));
    all(c, &sql, params_from_iter(values), stored_from)
}

/// The tables in the order that the filter's best index wants, and the id to sort by.
fn source(filter: &MessageFilter, state: Option<i64>) -> (&'static str, &'static str) {
    const BY_CONTACT: &str =
        "delivery d INDEXED BY delivery_contact CROSS JOIN message m ON m.id = d.id";
    const UNDER_WAY: &str =
        "delivery d INDEXED BY delivery_under_way CROSS JOIN message m ON m.id = d.id";
    const BY_LOST: &str = "delivery d INDEXED BY delivery_lost CROSS JOIN message m ON m.id = d.id";
    const BY_APP: &str = "message m INDEXED BY message_app CROSS JOIN delivery d ON d.id = m.id";
    const BY_ID: &str = "message m CROSS JOIN delivery d ON d.id = m.id";
    match state {
        _ if filter.contact.is_some() => (BY_CONTACT, "d.id"),
        Some(code) if code != WAITING && code <= PLACED => (UNDER_WAY, "d.id"),
        Some(code) if code > delivered() => (BY_LOST, "d.id"),
        _ if filter.app.is_some() => (BY_APP, "m.id"),
        Some(_) | None => (BY_ID, "m.id"),
    }
}

fn conditions(filter: &MessageFilter, state: Option<i64>) -> (String, Vec<Value>) {
    let mut sql = String::new();
    let mut values = Vec::new();
    if let Some(contact) = filter.contact {
        sql.push_str(" AND d.contact = ?");
        values.push(Value::Blob(contact.bytes().to_vec()));
    }
    if let Some(app) = &filter.app {
        sql.push_str(" AND m.app = ?");
        values.push(Value::Text(app.clone()));
    }
    if let Some(senders) = &filter.senders {
        let marks = vec!["?"; senders.len()].join(", ");
        sql.push_str(&format!(" AND m.sender IN ({marks})"));
        values.extend(senders.iter().cloned().map(Value::Text));
    }
    if let Some(channel) = filter.channel {
        sql.push_str(
            " AND EXISTS (SELECT 1 FROM attempt a WHERE a.message = m.id AND +a.channel = ?)",
        );
        values.push(Value::Text(channel.as_str().to_owned()));
    }
    if let Some(code) = state {
        sql.push_str(match code {
            WAITING => " AND d.state = ?",
            code if code <= PLACED => " AND d.state BETWEEN 1 AND 3 AND d.state = ?",
            code if code > delivered() => " AND d.state > 4 AND d.state = ?",
            _ => " AND d.state = ?",
        });
        values.push(Value::Integer(code));
    }
    (sql, values)
}

const fn delivered() -> i64 {
    crate::rows::codes::end_code(End::Delivered)
}

pub(in crate::sqlite) fn fates(
    c: &Connection,
    first: ChannelKind,
    (since, until): (Timestamp, Timestamp),
    limit: usize,
) -> Result<Vec<Fate>> {
    let sql = "SELECT state, channel, COUNT(*) FROM (
             SELECT d.state AS state, (SELECT a.channel FROM attempt a WHERE a.message = d.id
                 ORDER BY a.number DESC LIMIT 1) AS channel
             FROM (SELECT id, state FROM delivery WHERE id >= ?1 AND id < ?2
                 ORDER BY id DESC LIMIT ?3) d JOIN message m ON m.id = d.id
             WHERE substr(m.plan, 1, length(?4)) = ?4)
         GROUP BY state, channel";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let times = (first_id_of(since), first_id_of(until));
    let values = params![times.0, times.1, limit, plan_begins(first)];
    let mut fates = all(c, sql, values, fate_from)?;
    fates.sort();
    Ok(fates)
}

pub(in crate::sqlite) fn attempt_by_provider_id(
    c: &Connection,
    channel: ChannelKind,
    provider_id: &str,
) -> Result<Option<AttemptKey>> {
    let sql = "SELECT message, number FROM attempt WHERE channel = ?1 AND provider_id = ?2
         ORDER BY message DESC, number DESC LIMIT 1";
    one(c, sql, params![channel.as_str(), provider_id], key_from)
}

pub(in crate::sqlite) fn provider_id_of(
    c: &Connection,
    message: MessageId,
    channel: ChannelKind,
) -> Result<Option<String>> {
    let sql = "SELECT provider_id FROM attempt
         WHERE message = ?1 AND +channel = ?2 AND +provider_id IS NOT NULL
         ORDER BY number DESC LIMIT 1";
    one(c, sql, params![message.bytes(), channel.as_str()], |row| {
        row.get(0)
    })
}

pub(in crate::sqlite) fn recent(
    c: &Connection,
    contact: ContactId,
    channel: ChannelKind,
    since: Timestamp,
    limit: usize,
) -> Result<Vec<MessageRecord>> {
    let sql = format!(
        "SELECT {MESSAGE_COLUMNS}, b.bytes
         FROM delivery d INDEXED BY delivery_contact CROSS JOIN message m ON m.id = d.id
             LEFT JOIN body b ON b.id = m.id
         WHERE d.contact = ?1 AND d.id >= ?2 AND m.created_at >= ?3
             AND EXISTS (SELECT 1 FROM attempt a WHERE a.message = d.id AND +a.channel = ?4
                 AND (a.outcome IS NULL OR a.outcome NOT IN ('rejected', 'throttled')))
         ORDER BY d.id DESC LIMIT ?5"
    );
    let first = first_id_of(since);
    let values = params![
        contact.bytes(),
        first,
        since.0,
        channel.as_str(),
        page(limit)
    ];
    all(c, &sql, values, message_from)
}
