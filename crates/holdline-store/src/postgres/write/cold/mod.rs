//! Writes that come seldom: one statement each, in the order in which they were asked for.

mod console;

pub(super) use console::save_user;

use crate::postgres::statement::{Statement, insert_many, maybe_text, small, text, upsert, uuid};
use crate::rows::codes::form_code;
use crate::rows::{finite, words_text};
use holdline_engine::ports::Op;
use holdline_engine::ports::cluster::HandoffRecord;
use holdline_engine::ports::records::{
    AuditRecord, BaselineRecord, EndpointRecord, HoldRecord, MediaRecord, OutageRecord,
    RouteRecord, TemplateRecord, TokenRecord,
};

/// What an operation is in SQL; nothing for those that stand elsewhere.
pub(super) fn statements(op: &Op) -> Vec<Statement<'_>> {
    let one = match op {
        Op::Handoff(record) => hand_off(record),
        Op::HandoffDone(id) => Statement::new("DELETE FROM handoff WHERE id = $1").one(uuid(*id)),
        Op::HookForget(seq) => {
            let sql = "DELETE FROM hook WHERE seq = $1 AND dropped_at IS NOT NULL";
            Statement::new(sql).one(*seq)
        }
        Op::Endpoint(record) => save_endpoint(record),
        Op::Media(record) => save_media(record),
        Op::MediaDelete(id) => return delete_media(id),
        Op::MediaAlias {
            media,
            sender,
            provider_id,
            until,
        } => upserted(
            "media_alias",
            "media, sender",
            "media, sender, provider_id, until",
        )
        .one(text(media))
        .one(text(sender))
        .one(text(provider_id))
        .one(until.0),
        Op::Templates { waba, templates } => return replace_templates(waba, templates),
        Op::Token(record) => save_token(record),
        Op::TokenRevoke { id, at } => {
            let sql = "UPDATE token SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
            Statement::new(sql).one(text(id)).one(at.0)
        }
        Op::Route(record) => save_route(record),
        Op::RouteGone(name) => delete("route", "name", name),
        Op::Outage(record) => save_outage(record),
        Op::Baseline(record) => save_baseline(record),
        Op::Hold(record) => hold(record),
        Op::HoldRelease(scope) => delete("route_hold", "scope", scope),
        Op::Audit(record) => keep_audit(record),
        Op::Setting { key, value } => upserted("setting", "key", "key, value")
            .one(text(key))
            .one(text(value)),
        Op::Session(record) => console::save_session(record),
        Op::SessionEnd(hash) => {
            Statement::new("DELETE FROM console_session WHERE hash = $1").one(&hash[..])
        }
        Op::Activity(activity) => console::log(activity),
        Op::Traffic(more) => console::add_traffic(more),
        Op::Evidence(record) => console::save_evidence(record),
        Op::Fence { .. }
        | Op::Accept(_)
        | Op::Advance(_)
        | Op::ContactSeen(_)
        | Op::ContactSave(_)
        | Op::AddressNote(_)
        | Op::Raw(_)
        | Op::RawDone(_)
        | Op::Inbound(_)
        | Op::Hook { .. }
        | Op::HookDone(_)
        | Op::HookRetry { .. }
        | Op::HookDropped { .. }
        | Op::EndpointDelete(_)
        | Op::User(_) => return Vec::new(),
    };
    vec![one]
}

fn upserted<'a>(table: &str, key: &str, columns: &str) -> Statement<'a> {
    Statement::new(upsert(table, key, columns))
}

fn delete<'a>(table: &str, column: &str, value: &'a str) -> Statement<'a> {
    Statement::new(format!("DELETE FROM {table} WHERE {column} = $1")).one(text(value))
}

fn hand_off(record: &HandoffRecord) -> Statement<'_> {
    let sql = "INSERT INTO handoff (id, lease, at, event) VALUES ($1, $2, $3, $4)
         ON CONFLICT (id) DO NOTHING";
    Statement::new(sql)
        .one(uuid(record.id))
        .one(record.lease.to_string())
        .one(record.at.0)
        .one(text(&record.event))
}

fn save_endpoint(record: &EndpointRecord) -> Statement<'_> {
    let columns = "id, app, form, url, secret, verify_token, scope, fields, created_at";
    upserted("endpoint", "id", columns)
        .one(text(&record.id))
        .one(text(&record.app))
        .one(small(form_code(record.form)))
        .one(text(&record.url))
        .one(text(record.secret.expose()))
        .one(record.verify_token.as_ref().map(|it| text(it.expose())))
        .one(text(&record.scope))
        .one(words_text(&record.fields))
        .one(record.created_at.0)
}

fn save_media(record: &MediaRecord) -> Statement<'_> {
    let columns = "id, app, sender, mime, filename, sha256, size, created_at, expires_at, \
         remote_channel, remote";
    let remote = record.remote.as_ref();
    upserted("media", "id", columns)
        .one(text(&record.id))
        .one(text(&record.app))
        .one(text(&record.sender))
        .one(text(&record.mime))
        .one(record.filename.as_ref().map(|name| text(name.expose())))
        .one(text(&record.sha256))
        .one(i64::try_from(record.size).unwrap_or(i64::MAX))
        .one(record.created_at.0)
        .one(record.expires_at.0)
        .one(remote.map(|(channel, _)| channel.as_str()))
        .one(remote.map(|(_, remote)| text(remote.expose())))
}

fn delete_media(id: &str) -> Vec<Statement<'_>> {
    vec![
        delete("media", "id", id),
        delete("media_alias", "media", id),
    ]
}

fn replace_templates<'a>(waba: &'a str, templates: &'a [TemplateRecord]) -> Vec<Statement<'a>> {
    let mut all = vec![delete("template", "waba", waba)];
    if templates.is_empty() {
        return all;
    }
    let columns = "waba, name, language, id, status, category, json, synced_at";
    // The last of those with the same key counts.
    let sql = format!(
        "INSERT INTO template ({columns})
         SELECT DISTINCT ON (waba, name, language, id) {columns}
         FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) WITH ORDINALITY AS v({columns}, ordinal)
         ORDER BY waba, name, language, id, ordinal DESC"
    );
    let each = || templates.iter();
    let statement = Statement::new(sql)
        .many(each().map(|_| text(waba)))
        .many(each().map(|it| text(&it.name)))
        .many(each().map(|it| text(&it.language)))
        .many(each().map(|it| text(&it.id)))
        .many(each().map(|it| text(&it.status)))
        .many(each().map(|it| text(&it.category)))
        .many(each().map(|it| text(&it.json)))
        .many(each().map(|it| it.synced_at.0));
    all.push(statement);
    all
}

fn save_token(record: &TokenRecord) -> Statement<'_> {
    let columns = "id, name, hash, app, senders, created_at, revoked_at";
    upserted("token", "id", columns)
        .one(text(&record.id))
        .one(text(&record.name))
        .one(&record.hash[..])
        .one(text(&record.app))
        .one(words_text(&record.senders))
        .one(record.created_at.0)
        .one(record.revoked_at.map(|at| at.0))
}

fn save_route(record: &RouteRecord) -> Statement<'_> {
    upserted("route", "name", "name, health, since, reason, state")
        .one(text(&record.name))
        .one(record.health.name())
        .one(record.since.0)
        .one(text(&record.reason))
        .one(text(&record.state))
}

fn save_outage(record: &OutageRecord) -> Statement<'_> {
    let columns = "id, route, onset, opened_at, recovered_at, reason, moved, scope, signal, \
         suspect_at, degraded_at, recovering_at, nats, bound, ratio, feed, feed_at";
    upserted("outage", "id", columns)
        .one(uuid(record.id.0))
        .one(text(&record.route))
        .one(record.onset.map(|at| at.0))
        .one(record.opened_at.0)
        .one(record.recovered_at.map(|at| at.0))
        .one(text(&record.reason))
        .one(i64::try_from(record.moved).unwrap_or(i64::MAX))
        .one(text(&record.scope))
        .one(text(&record.signal))
        .one(record.suspect_at.map(|at| at.0))
        .one(record.degraded_at.map(|at| at.0))
        .one(record.recovering_at.map(|at| at.0))
        .one(finite(record.nats))
        .one(record.bound)
        .one(record.ratio)
        .one(maybe_text(record.feed.as_deref()))
        .one(record.feed_at.map(|at| at.0))
}

fn save_baseline(record: &BaselineRecord) -> Statement<'_> {
    upserted("baseline", "key", "key, saved_at, bytes")
        .one(text(&record.key))
        .one(record.saved_at.0)
        .one(&record.values[..])
}

fn hold(record: &HoldRecord) -> Statement<'_> {
    let columns = "scope, kind, reason, actor, set_at, until";
    upserted("route_hold", "scope", columns)
        .one(text(&record.scope))
        .one(record.kind.name())
        .one(text(&record.reason))
        .one(text(&record.actor))
        .one(record.set_at.0)
        .one(record.until.0)
}

fn keep_audit(record: &AuditRecord) -> Statement<'_> {
    let columns = "id, at, actor, action, subject, reason, detail";
    let sql = format!(
        "{} ON CONFLICT (id) DO NOTHING",
        insert_many("audit", columns)
    );
    Statement::new(sql)
        .many([uuid(record.id)])
        .many([record.at.0])
        .many([text(&record.actor)])
        .many([text(&record.action)])
        .many([text(&record.subject)])
        .many([text(&record.reason)])
        .many([text(&record.detail)])
}
