//! Reads of messages, deliveries and what happened to them.

use super::{first_id_of, in_partitions, page, set};
use crate::postgres::connect::Client;
use crate::postgres::statement::{Statement, small, text, uuid};
use crate::rows::access::console::fate_from;
use crate::rows::codes::{PLACED, WAITING, end_code, priority_code, state_code_of_name};
use crate::rows::message::plan::plan_begins;
use crate::rows::message::timeline::{
    ATTEMPT_COLUMNS, DECISION_COLUMNS, RECEIPT_COLUMNS, attempt_from, decision_from, key_from,
    receipt_from,
};
use crate::rows::message::{DELIVERY_COLUMNS, MESSAGE_COLUMNS, message_from, stored_from};
use crate::rows::{Result, RowError};
use holdline_core::message::{End, Priority};
use holdline_core::{AttemptKey, ChannelKind, ContactId, MessageId, Timestamp};
use holdline_engine::ports::Partitions;
use holdline_engine::ports::records::{MessageRecord, StoredMessage, Timeline};
use holdline_engine::ports::store::{Fate, MessageFilter};
use std::collections::BTreeMap;

pub(in crate::postgres) async fn under_way(
    c: &Client,
    partitions: Partitions,
    after: Option<MessageId>,
    limit: usize,
) -> Result<Vec<StoredMessage>> {
    let condition = "d.state BETWEEN 1 AND 3 AND ($3 IS NULL OR d.id > $3)";
    let statement = select_open(condition, "d.id", partitions, limit);
    let statement = statement.one(after.map(|id| uuid(id.0)));
    statement.all(c, stored_from).await
}

pub(in crate::postgres) async fn waiting(
    c: &Client,
    partitions: Partitions,
    priority: Priority,
    after: Option<MessageId>,
    limit: usize,
) -> Result<Vec<StoredMessage>> {
    let condition = "d.state = 0 AND d.priority = $4 AND ($3 IS NULL OR d.id > $3)";
    let statement = select_open(condition, "d.id", partitions, limit)
        .one(after.map(|id| uuid(id.0)))
        .one(small(priority_code(priority)));
    statement.all(c, stored_from).await
}

pub(in crate::postgres) async fn waiting_expired(
    c: &Client,
    partitions: Partitions,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<StoredMessage>> {
    let condition = "d.state = 0 AND d.expires_at <= $3";
    let statement = select_open(condition, "d.expires_at, d.id", partitions, limit);
    statement.one(now.0).all(c, stored_from).await
}

pub(in crate::postgres) async fn count_waiting(
    c: &Client,
    partitions: Partitions,
) -> Result<usize> {
    let of = in_partitions("partition", "$1");
    let sql = format!("SELECT count(*) FROM delivery WHERE state = 0 AND {of}");
    let statement = Statement::new(sql).one(set(partitions));
    let count: Option<i64> = statement.first(c, |row| row.get(0)).await?;
    Ok(usize::try_from(count.unwrap_or_default()).unwrap_or_default())
}

/// Parameters: 1 the partitions, 2 the page, others by the condition. The message is looked up for
/// each delivery, as a page is short.
fn select_open(
    condition: &str,
    order: &str,
    partitions: Partitions,
    limit: usize,
) -> Statement<'static> {
    let of = in_partitions("d.partition", "$1");
    let sql = format!(
        "SELECT {MESSAGE_COLUMNS}, NULL::bytea, {DELIVERY_COLUMNS}
         FROM (SELECT * FROM delivery d WHERE {condition} AND {of} ORDER BY {order} LIMIT $2) d
         JOIN message m ON m.id = d.id ORDER BY {order}"
    );
    Statement::new(sql).one(set(partitions)).one(page(limit))
}

pub(in crate::postgres) async fn by_ids(
    c: &Client,
    ids: &[MessageId],
) -> Result<Vec<MessageRecord>> {
    let sql = format!(
        "SELECT {MESSAGE_COLUMNS}, b.bytes
         FROM message m LEFT JOIN body b ON b.id = m.id WHERE m.id = ANY ($1)"
    );
    let statement = Statement::new(sql).many(ids.iter().map(|id| uuid(id.0)));
    let found = statement.all(c, message_from).await?;
    let found: BTreeMap<u128, MessageRecord> =
        found.into_iter().map(|one| (one.id.0, one)).collect();
    let wanted = ids.iter().filter_map(|id| found.get(&id.0));
    Ok(wanted.cloned().collect())
}

pub(in crate::postgres) async fn by_id(c: &Client, id: MessageId) -> Result<Option<StoredMessage>> {
    let sql = format!(
        "SELECT {MESSAGE_COLUMNS}, b.bytes, {DELIVERY_COLUMNS}
         FROM message m JOIN delivery d ON d.id = m.id LEFT JOIN body b ON b.id = m.id
         WHERE m.id = $1"
    );
    Statement::new(sql)
        .one(uuid(id.0))
        .first(c, stored_from)
        .await
}

/// All three parts in one transaction, sent at once.
pub(in crate::postgres) async fn timeline(c: &Client, id: MessageId) -> Result<Timeline> {
    let select = |columns: &str, table: &str, order: &str| {
        let sql = format!("SELECT {columns} FROM {table} WHERE message = $1 ORDER BY {order}");
        Statement::new(sql).one(uuid(id.0))
    };
    let bracket = async |sql: &'static str| c.batch_execute(sql).await.map_err(RowError::Postgres);
    let (_, attempts, receipts, decisions, _) = tokio::try_join!(
        biased;
        bracket("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"),
        select(ATTEMPT_COLUMNS, "attempt", "number").all(c, attempt_from),
        select(RECEIPT_COLUMNS, "receipt", "place").all(c, receipt_from),
        select(DECISION_COLUMNS, "decision", "place").all(c, decision_from),
        bracket("COMMIT"),
    )?;
    Ok(Timeline {
        attempts,
        receipts,
        decisions,
    })
}

pub(in crate::postgres) async fn list(
    c: &Client,
    filter: &MessageFilter,
    limit: usize,
) -> Result<Vec<StoredMessage>> {
    let state = filter.state.as_deref().map(state_code_of_name);
    if state == Some(None) {
        return Ok(Vec::new());
    }
    let mut statement = Statement::new("")
        .one(filter.before.map(|id| uuid(id.0)))
        .one(page(limit));
    let mut conditions = String::new();
    let mut next = |statement: &Statement<'_>, condition: &str| {
        let mark = format!("${}", statement.count() + 1);
        conditions.push_str(" AND ");
        conditions.push_str(&condition.replace('?', &mark));
    };
    if let Some(contact) = filter.contact {
        next(&statement, "d.contact = ?");
        statement = statement.one(uuid(contact.0));
    }
    if let Some(app) = &filter.app {
        next(&statement, "m.app = ?");
        statement = statement.one(text(app));
    }
    if let Some(senders) = &filter.senders {
        next(&statement, "m.sender = ANY (?)");
        statement = statement.many(senders.iter().map(|sender| text(sender)));
    }
    if let Some(since) = filter.since {
        next(&statement, "d.id >= ?");
        statement = statement.one(first_id_of(since));
    }
    if let Some(until) = filter.until {
        next(&statement, "d.id < ?");
        statement = statement.one(first_id_of(until));
    }
    if let Some(channel) = filter.channel {
        let tried = "EXISTS (SELECT 1 FROM attempt a WHERE a.message = d.id AND a.channel = ?)";
        next(&statement, tried);
        statement = statement.one(channel.as_str().to_owned());
    }
    if let Some(code) = state.flatten() {
        next(&statement, state_condition(code));
        statement = statement.one(small(code));
    }
    let sql = format!(
        "SELECT {MESSAGE_COLUMNS}, b.bytes, {DELIVERY_COLUMNS}
         FROM message m JOIN delivery d ON d.id = m.id LEFT JOIN body b ON b.id = m.id
         WHERE ($1 IS NULL OR d.id < $1) {conditions} ORDER BY d.id DESC LIMIT $2"
    );
    statement.with(sql).all(c, stored_from).await
}

/// Names the partial index that holds the state, where there is one.
const fn state_condition(code: i64) -> &'static str {
    if code == WAITING {
        "d.state = ?"
    } else if code <= PLACED {
        "d.state BETWEEN 1 AND 3 AND d.state = ?"
    } else if code > end_code(End::Delivered) {
        "d.state > 4 AND d.state = ?"
    } else {
        "d.state = ?"
    }
}

pub(in crate::postgres) async fn fates(
    c: &Client,
    first: ChannelKind,
    (since, until): (Timestamp, Timestamp),
    limit: usize,
) -> Result<Vec<Fate>> {
    let sql = "SELECT state, channel, COUNT(*) FROM (
             SELECT d.state, (SELECT a.channel FROM attempt a WHERE a.message = d.id
                 ORDER BY a.number DESC LIMIT 1) AS channel
             FROM (SELECT id, state FROM delivery WHERE id >= $1 AND id < $2
                 ORDER BY id DESC LIMIT $3) d JOIN message m ON m.id = d.id
             WHERE left(m.plan, length($4)) = $4) v
         GROUP BY state, channel";
    let statement = Statement::new(sql)
        .one(first_id_of(since))
        .one(first_id_of(until))
        .one(i64::try_from(limit).unwrap_or(i64::MAX))
        .one(plan_begins(first));
    let mut fates = statement.all(c, fate_from).await?;
    fates.sort();
    Ok(fates)
}

pub(in crate::postgres) async fn attempt_by_provider_id(
    c: &Client,
    channel: ChannelKind,
    provider_id: &str,
) -> Result<Option<AttemptKey>> {
    let sql = "SELECT message, number FROM attempt WHERE channel = $1 AND provider_id = $2
         ORDER BY message DESC, number DESC LIMIT 1";
    let statement = Statement::new(sql).one(channel.as_str());
    statement.one(text(provider_id)).first(c, key_from).await
}

pub(in crate::postgres) async fn provider_id_of(
    c: &Client,
    message: MessageId,
    channel: ChannelKind,
) -> Result<Option<String>> {
    let sql = "SELECT provider_id FROM attempt
         WHERE message = $1 AND channel = $2 AND provider_id IS NOT NULL
         ORDER BY number DESC LIMIT 1";
    let statement = Statement::new(sql).one(uuid(message.0));
    let statement = statement.one(channel.as_str());
    statement.first(c, |row| row.get(0)).await
}

pub(in crate::postgres) async fn recent(
    c: &Client,
    contact: ContactId,
    channel: ChannelKind,
    since: Timestamp,
    limit: usize,
) -> Result<Vec<MessageRecord>> {
    let sql = format!(
        "SELECT {MESSAGE_COLUMNS}, b.bytes
         FROM delivery d JOIN message m ON m.id = d.id LEFT JOIN body b ON b.id = m.id
         WHERE d.contact = $1 AND d.id >= $2 AND m.created_at >= $3
             AND EXISTS (SELECT 1 FROM attempt a WHERE a.message = d.id AND a.channel = $4
                 AND (a.outcome IS NULL OR a.outcome NOT IN ('rejected', 'throttled')))
         ORDER BY d.id DESC LIMIT $5"
    );
    let statement = Statement::new(sql)
        .one(uuid(contact.0))
        .one(first_id_of(since))
        .one(since.0)
        .one(channel.as_str())
        .one(page(limit));
    statement.all(c, message_from).await
}
