//! What comes in: messages of apps, once per idempotency key; messages of people, once per
//! provider's id; raw webhooks until they are worked off.

use super::batch::Counted;
use super::known::key_pair;
use crate::postgres::statement::{Statement, insert_many, maybe_text, small, text, uuid};
use crate::rows::codes::{duplicate_rule_code, priority_code, progress_code};
use crate::rows::message::plan::plan_text;
use crate::rows::message::{packed_tries, state_columns};
use holdline_core::Timestamp;
use holdline_engine::ports::Partition;
use holdline_engine::ports::ops::{Accept, Idempotency};
use holdline_engine::ports::records::{InboundRecord, RawInbound};
use std::collections::BTreeMap;

/// Expired keys forgotten for each new one.
const FORGOTTEN_PER_KEY: i64 = 2;

#[derive(Default)]
pub(super) struct Accepted<'a> {
    messages: Vec<&'a Accept>,
    keys: BTreeMap<(String, String), (&'a Accept, &'a Idempotency)>,
    inbound: BTreeMap<u128, &'a InboundRecord>,
    raws: Vec<&'a RawInbound>,
    raws_done: Vec<u128>,
}

impl<'a> Accepted<'a> {
    pub(super) fn accept(&mut self, accept: &'a Accept) {
        if let Some(key) = &accept.idempotency {
            self.keys.insert(key_pair(key), (accept, key));
        }
        self.messages.push(accept);
    }

    /// A message of a person that nobody else has brought.
    pub(super) fn take(&mut self, record: &'a InboundRecord) {
        self.inbound.entry(record.id.0).or_insert(record);
    }

    pub(super) fn keep_raw(&mut self, raw: &'a RawInbound) {
        self.raws.push(raw);
    }

    pub(super) fn raw_done(&mut self, id: u128) {
        self.raws_done.push(id);
    }

    pub(super) fn statements(self) -> Vec<Counted<'a>> {
        let mut all = Vec::new();
        if !self.keys.is_empty() {
            let count = self.keys.len() as u64;
            all.push(self.replaced_keys().into());
            all.push(Counted::exactly(count, self.new_keys()));
            all.push(self.forgotten_keys().into());
        }
        if !self.messages.is_empty() {
            all.push(self.new_messages().into());
            all.push(self.new_deliveries().into());
        }
        if !self.inbound.is_empty() {
            all.push(self.new_inbound().into());
        }
        all.extend(self.new_bodies().map(Counted::from));
        all.extend(raw_statements(&self.raws, &self.raws_done));
        all
    }

    /// Keys that are over, or are of the same message made again.
    fn replaced_keys(&self) -> Statement<'a> {
        let sql = "DELETE FROM idempotency i USING unnest($1, $2, $3, $4)
                 AS v(scope, key, message, now)
             WHERE i.scope = v.scope AND i.key = v.key
                 AND (i.expires_at <= v.now OR i.message = v.message)";
        let used = || self.keys.values();
        Statement::new(sql)
            .many(self.keys.keys().map(|(scope, _)| scope.clone()))
            .many(self.keys.keys().map(|(_, key)| key.clone()))
            .many(used().map(|(accept, _)| uuid(accept.message.id.0)))
            .many(used().map(|(accept, _)| accept.message.created_at.0))
    }

    fn new_keys(&self) -> Statement<'a> {
        let columns = "scope, key, body_hash, answer, message, expires_at";
        let sql = format!(
            "{} ON CONFLICT (scope, key) DO NOTHING",
            insert_many("idempotency", columns)
        );
        let used = || self.keys.values();
        Statement::new(sql)
            .many(self.keys.keys().map(|(scope, _)| scope.clone()))
            .many(self.keys.keys().map(|(_, key)| key.clone()))
            .many(used().map(|(_, key)| &key.body_hash[..]))
            .many(used().map(|(_, key)| &key.answer[..]))
            .many(used().map(|(accept, _)| uuid(accept.message.id.0)))
            .many(used().map(|(_, key)| key.expires_at.0))
    }

    /// A few keys that are over go with each commit that brings new ones: no sweep is needed.
    fn forgotten_keys(&self) -> Statement<'a> {
        let times = self
            .keys
            .values()
            .map(|(accept, _)| accept.message.created_at);
        let newest = times.max().unwrap_or(Timestamp(i64::MIN));
        let count = i64::try_from(self.keys.len()).unwrap_or(i64::MAX);
        expired_keys(newest, count.saturating_mul(FORGOTTEN_PER_KEY))
    }

    fn new_messages(&self) -> Statement<'a> {
        let columns = "id, app, sender, contact, to_input, kind, opaque, priority, \
             duplicate_rule, data_class, created_at, expires_at, plan";
        let sql = format!(
            "{} ON CONFLICT (id) DO NOTHING",
            insert_many("message", columns)
        );
        let all = || self.messages.iter().map(|accept| &accept.message);
        Statement::new(sql)
            .many(all().map(|it| uuid(it.id.0)))
            .many(all().map(|it| text(&it.app)))
            .many(all().map(|it| text(&it.sender)))
            .many(all().map(|it| uuid(it.contact.0)))
            .many(all().map(|it| text(it.to_input.expose())))
            .many(all().map(|it| text(&it.kind)))
            .many(all().map(|it| maybe_text(it.opaque.as_deref())))
            .many(all().map(|it| small(priority_code(it.priority))))
            .many(all().map(|it| small(duplicate_rule_code(it.duplicate_rule))))
            .many(all().map(|it| text(&it.data_class)))
            .many(all().map(|it| it.created_at.0))
            .many(all().map(|it| it.expires_at.0))
            .many(all().map(|it| plan_text(&it.plan)))
    }

    fn new_deliveries(&self) -> Statement<'a> {
        let columns = "id, contact, partition, state, since, until, hop, hop_since, tries, \
             attempts, spent, told, told_failed, priority, expires_at";
        let sql = format!(
            "{} ON CONFLICT (id) DO NOTHING",
            insert_many("delivery", columns)
        );
        let messages = || self.messages.iter().map(|accept| &accept.message);
        let contacts = || messages().map(|it| it.contact);
        let states = || self.messages.iter().map(|accept| &accept.delivery);
        let columns = || states().map(|it| state_columns(it.state));
        Statement::new(sql)
            .many(messages().map(|it| uuid(it.id.0)))
            .many(contacts().map(|id| uuid(id.0)))
            .many(contacts().map(|id| small(Partition::of_contact(id).number())))
            .many(columns().map(|(code, _, _)| small(code)))
            .many(columns().map(|(_, since, _)| since))
            .many(columns().map(|(_, _, until)| until))
            .many(states().map(|it| small(it.hop)))
            .many(states().map(|it| it.hop_since.0))
            .many(states().map(|it| small(it.tries)))
            .many(states().map(|it| packed_tries(&it.attempts)))
            .many(states().map(|it| small(it.spent)))
            .many(states().map(|it| small(progress_code(it.told))))
            .many(states().map(|it| it.told_failed))
            .many(messages().map(|it| small(priority_code(it.priority))))
            .many(messages().map(|it| it.expires_at.0))
    }

    fn new_inbound(&self) -> Statement<'a> {
        let columns = "id, channel, provider_id, contact, sender, sent_from, at, received_at, \
             context, kind, media";
        // Whoever brought the same provider's id at the same time is heard of as a violation.
        let sql = format!(
            "{} ON CONFLICT (id) DO NOTHING",
            insert_many("inbound", columns)
        );
        let all = || self.inbound.values();
        Statement::new(sql)
            .many(all().map(|it| uuid(it.id.0)))
            .many(all().map(|it| it.channel.as_str().to_owned()))
            .many(all().map(|it| text(&it.provider_id)))
            .many(all().map(|it| uuid(it.contact.0)))
            .many(all().map(|it| text(&it.sender)))
            .many(all().map(|it| text(it.from.expose())))
            .many(all().map(|it| it.at.0))
            .many(all().map(|it| it.received_at.0))
            .many(all().map(|it| it.context.map(|id| uuid(id.0))))
            .many(all().map(|it| text(&it.kind)))
            .many(all().map(|it| maybe_text(it.media.as_deref())))
    }

    /// What people and apps wrote, unless there is nothing.
    fn new_bodies(&self) -> Option<Statement<'a>> {
        let ours = self.messages.iter().map(|it| {
            let message = &it.message;
            (message.id.0, &message.body.expose()[..])
        });
        let theirs = self
            .inbound
            .values()
            .map(|it| (it.id.0, &it.payload.expose()[..]));
        let written: Vec<(u128, &'a [u8])> = ours
            .chain(theirs)
            .filter(|(_, bytes)| !bytes.is_empty())
            .collect();
        let sql = format!(
            "{} ON CONFLICT (id) DO NOTHING",
            insert_many("body", "id, bytes")
        );
        let statement = || {
            Statement::new(sql)
                .many(written.iter().map(|(id, _)| uuid(*id)))
                .many(written.iter().map(|(_, bytes)| *bytes))
        };
        (!written.is_empty()).then(statement)
    }
}

/// Forgets keys that were over before an instant.
pub(super) fn expired_keys<'a>(before: Timestamp, limit: i64) -> Statement<'a> {
    let sql = "DELETE FROM idempotency WHERE (scope, key) IN (
             SELECT scope, key FROM idempotency WHERE expires_at < $1
             ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)";
    Statement::new(sql).one(before.0).one(limit)
}

fn raw_statements<'a>(raws: &[&'a RawInbound], done: &[u128]) -> Vec<Counted<'a>> {
    let mut all = Vec::new();
    if !raws.is_empty() {
        let columns = "id, channel, received_at, partition, query, body";
        let sql = format!(
            "{} ON CONFLICT (id) DO NOTHING",
            insert_many("raw_inbound", columns)
        );
        let statement = Statement::new(sql)
            .many(raws.iter().map(|raw| uuid(raw.id)))
            .many(raws.iter().map(|raw| raw.channel.as_str().to_owned()))
            .many(raws.iter().map(|raw| raw.received_at.0))
            .many(raws.iter().map(|raw| small(Partition::of(raw.id).number())))
            .many(raws.iter().map(|raw| text(&raw.query)))
            .many(raws.iter().map(|raw| &raw.body.expose()[..]));
        all.push(statement.into());
    }
    if !done.is_empty() {
        let sql = "UPDATE raw_inbound SET done = true WHERE id = ANY ($1) AND NOT done";
        let statement = Statement::new(sql).many(done.iter().map(|id| uuid(*id)));
        all.push(statement.into());
    }
    all
}
