//! What is known of everything that the groups of a transaction may conflict with, read at once,
//! and the judgement of each group by it. Leases stay locked until the transaction ends, so that
//! nobody takes them before.

use crate::postgres::connect::Client;
use crate::postgres::error::Fault;
use crate::postgres::statement::{Statement, text, uuid};
use crate::rows::{Result as RowResult, Row, RowError, id_at, time_at};
use bytes::Bytes;
use holdline_core::{MessageId, Timestamp};
use holdline_engine::ports::ops::{Accept, Idempotency};
use holdline_engine::ports::records::InboundRecord;
use holdline_engine::ports::{Conflict, Group, Op};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What an idempotency key was used for.
#[derive(Clone)]
pub(super) struct KeyUse {
    pub(super) message: MessageId,
    body_hash: [u8; 32],
    answer: Bytes,
    expires_at: Timestamp,
}

type Pair = (String, String);

/// Events that are changed or may follow an open one: their rows are locked.
pub(super) struct LockedHook {
    pub(super) seq: i64,
    pub(super) endpoint: String,
    pub(super) subject: u128,
}

pub(super) struct Known {
    leases: BTreeMap<String, i64>,
    keys: BTreeMap<Pair, KeyUse>,
    inbound: BTreeMap<Pair, u128>,
    pub(super) hooks: Vec<LockedHook>,
}

/// What a group takes, should it hold.
#[derive(Default)]
pub(super) struct Claims {
    keys: BTreeMap<Pair, KeyUse>,
    inbound: BTreeMap<Pair, u128>,
}

impl Known {
    /// Begins the transaction and reads, all in one round trip. Locks come in the same order
    /// everywhere: leases by name, then events by number.
    pub(super) async fn load(c: &Client, begin: &str, groups: &[&Group]) -> Result<Self, Fault> {
        let ops = || groups.iter().flat_map(|group| &group.0);
        let begun = async { c.batch_execute(begin).await.map_err(RowError::Postgres) };
        let (_, leases, hooks, keys, inbound) = tokio::try_join!(
            biased;
            begun,
            leases(c, ops()),
            hooks(c, ops()),
            keys(c, ops()),
            inbound(c, ops()),
        )?;
        Ok(Self {
            leases: leases.into_iter().collect(),
            keys: keys.into_iter().collect(),
            inbound: inbound.into_iter().collect(),
            hooks,
        })
    }

    /// What the group claims, or its first conflict.
    pub(super) fn judge(&self, group: &Group) -> Result<Claims, Conflict> {
        let mut claims = Claims::default();
        for op in &group.0 {
            if let Op::Fence { lease, epoch } = op {
                if self.leases.get(&lease.to_string()) != Some(epoch) {
                    return Err(Conflict::Fenced { lease: *lease });
                }
            } else if let Some((accept, key)) = keyed(op) {
                self.judge_key(&mut claims, accept, key)?;
            } else if let Op::Inbound(record) = op {
                self.judge_inbound(&mut claims, record)?;
            }
        }
        Ok(claims)
    }

    fn judge_key(
        &self,
        claims: &mut Claims,
        accept: &Accept,
        key: &Idempotency,
    ) -> Result<(), Conflict> {
        let pair = key_pair(key);
        let known = claims.keys.get(&pair).or_else(|| self.keys.get(&pair));
        let message = &accept.message;
        match known {
            Some(known) if known.expires_at > message.created_at && known.message != message.id => {
                Err(Conflict::Idempotency {
                    message: known.message,
                    same_body: known.body_hash == key.body_hash,
                    answer: known.answer.clone(),
                })
            }
            Some(_) | None => {
                let used = KeyUse {
                    message: message.id,
                    body_hash: key.body_hash,
                    answer: key.answer.clone(),
                    expires_at: key.expires_at,
                };
                claims.keys.insert(pair, used);
                Ok(())
            }
        }
    }

    fn judge_inbound(&self, claims: &mut Claims, record: &InboundRecord) -> Result<(), Conflict> {
        let pair = inbound_pair(record);
        let known = claims
            .inbound
            .get(&pair)
            .or_else(|| self.inbound.get(&pair));
        match known {
            Some(known) if *known != record.id.0 => Err(Conflict::Repeated),
            Some(_) | None => {
                claims.inbound.insert(pair, record.id.0);
                Ok(())
            }
        }
    }

    /// From here on what the group has claimed is known.
    pub(super) fn take(&mut self, claims: Claims) {
        self.keys.extend(claims.keys);
        self.inbound.extend(claims.inbound);
    }
}

/// The message and its key, when it has one.
pub(super) fn keyed(op: &Op) -> Option<(&Accept, &Idempotency)> {
    if let Op::Accept(accept) = op {
        let key = accept.idempotency.as_ref()?;
        Some((accept, key))
    } else {
        None
    }
}

pub(super) fn key_pair(key: &Idempotency) -> Pair {
    (text(&key.scope).into_owned(), text(&key.key).into_owned())
}

pub(super) fn inbound_pair(record: &InboundRecord) -> Pair {
    let provider_id = text(&record.provider_id).into_owned();
    (record.channel.as_str().to_owned(), provider_id)
}

async fn leases(c: &Client, ops: impl Iterator<Item = &Op>) -> RowResult<Vec<(String, i64)>> {
    let mut names: Vec<String> = ops
        .filter_map(|op| {
            if let Op::Fence { lease, .. } = op {
                Some(lease.to_string())
            } else {
                None
            }
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "SELECT name, epoch FROM lease WHERE name = ANY ($1) ORDER BY name FOR SHARE";
    let statement = Statement::new(sql).many(names);
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    statement.all(c, read).await
}

async fn keys(c: &Client, ops: impl Iterator<Item = &Op>) -> RowResult<Vec<(Pair, KeyUse)>> {
    let (scopes, keys): (Vec<_>, Vec<_>) =
        ops.filter_map(keyed).map(|(_, it)| key_pair(it)).unzip();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "SELECT i.scope, i.key, i.message, i.body_hash, i.answer, i.expires_at
         FROM unnest($1, $2) AS v(scope, key)
         JOIN idempotency i ON i.scope = v.scope AND i.key = v.key";
    let statement = Statement::new(sql).many(scopes).many(keys);
    statement.all(c, key_from).await
}

fn key_from(row: &Row<'_>) -> RowResult<(Pair, KeyUse)> {
    let used = KeyUse {
        message: MessageId(id_at(row, 2)?),
        body_hash: row.get(3)?,
        answer: Bytes::from(row.get::<Vec<u8>>(4)?),
        expires_at: time_at(row, 5)?,
    };
    Ok(((row.get(0)?, row.get(1)?), used))
}

async fn inbound(c: &Client, ops: impl Iterator<Item = &Op>) -> RowResult<Vec<(Pair, u128)>> {
    let records = ops.filter_map(|op| {
        if let Op::Inbound(record) = op {
            Some(inbound_pair(record))
        } else {
            None
        }
    });
    let (channels, ids): (Vec<_>, Vec<_>) = records.unzip();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "SELECT i.channel, i.provider_id, i.id
         FROM unnest($1, $2) AS v(channel, provider_id)
         JOIN inbound i ON i.channel = v.channel AND i.provider_id = v.provider_id";
    let statement = Statement::new(sql).many(channels).many(ids);
    let read = |row: &Row<'_>| Ok(((row.get(0)?, row.get(1)?), id_at(row, 2)?));
    statement.all(c, read).await
}

/// Locks the events that are to leave the queue or to be put off, and the oldest open one of every
/// queue that grows: whoever lets it leave must see what was put behind it.
async fn hooks(c: &Client, ops: impl Iterator<Item = &Op>) -> RowResult<Vec<LockedHook>> {
    let mut changed: Vec<i64> = Vec::new();
    let (mut endpoints, mut subjects): (Vec<String>, Vec<Uuid>) = Default::default();
    for op in ops {
        if let Op::HookDone(seq) | Op::HookRetry { seq, .. } | Op::HookDropped { seq, .. } = op {
            changed.push(*seq);
        } else if let Op::Hook {
            endpoint, subject, ..
        } = op
        {
            endpoints.push(text(endpoint).into_owned());
            subjects.push(uuid(*subject));
        }
    }
    if changed.is_empty() && subjects.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "SELECT seq, endpoint, subject FROM hook WHERE seq IN (
             SELECT unnest($1) UNION ALL
             SELECT f.seq FROM (SELECT DISTINCT * FROM unnest($2, $3)) AS v(endpoint, subject)
             CROSS JOIN LATERAL (SELECT h.seq FROM hook h WHERE h.endpoint = v.endpoint
                 AND h.subject = v.subject AND h.dropped_at IS NULL ORDER BY h.seq LIMIT 1) f)
         ORDER BY seq FOR UPDATE";
    let statement = Statement::new(sql)
        .many(changed)
        .many(endpoints)
        .many(subjects);
    let read = |row: &Row<'_>| {
        Ok(LockedHook {
            seq: row.get(0)?,
            endpoint: row.get(1)?,
            subject: id_at(row, 2)?,
        })
    };
    statement.all(c, read).await
}
