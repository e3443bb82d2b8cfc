//! SQL by area: each write of the engine, each read of the port. Writes happen inside the writer's
//! transaction; each looks for its conflicts before it changes anything.

pub(super) mod accept;
mod advance;
pub(super) mod hooks;
pub(super) mod inbound;
pub(super) mod library;
pub(super) mod messages;
pub(super) mod people;
pub(super) mod retention;
pub(super) mod routes;

use super::cluster;
use crate::rows::{self, Row};
use holdline_core::{MessageId, Timestamp};
use holdline_engine::ports::records::DeliveryState;
use holdline_engine::ports::store::PAGE_MAX;
use holdline_engine::ports::{Conflict, Group, Op};
use rusqlite::{Connection, OptionalExtension, Params, Result};

/// Why a write did not happen.
#[derive(Debug)]
pub(super) enum WriteError {
    Conflict(Conflict),
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// A delivery that moves more than once in a group is written once, in its last state.
pub(super) fn apply_all(c: &Connection, group: &Group) -> Result<(), WriteError> {
    let mut inserted = None;
    for (at, op) in group.0.iter().enumerate() {
        apply(c, op, &group.0[at + 1..], &mut inserted)?;
    }
    Ok(())
}

/// The state that the last of these operations gives a delivery.
fn last_state(ops: &[Op], id: MessageId) -> Option<&DeliveryState> {
    ops.iter().rev().find_map(|op| {
        if let Op::Advance(advance) = op {
            (advance.state.id == id).then_some(&advance.state)
        } else {
            None
        }
    })
}

/// `inserted`: the message that this group brought, in its last state already.
fn apply(
    c: &Connection,
    op: &Op,
    later: &[Op],
    inserted: &mut Option<MessageId>,
) -> Result<(), WriteError> {
    match op {
        Op::Fence { lease, epoch } => return cluster::check_fence(c, *lease, *epoch),
        Op::Handoff(record) => cluster::hand_off(c, record),
        Op::HandoffDone(id) => cluster::handoff_done(c, *id),
        Op::Accept(accept) => {
            let id = accept.message.id;
            let state = last_state(later, id).unwrap_or(&accept.delivery);
            if accept::accept(c, accept, state)? {
                *inserted = Some(id);
            }
            return Ok(());
        }
        Op::ContactSave(record) => return people::save(c, record),
        Op::Inbound(record) => return inbound::take(c, record),
        Op::Advance(advance) => {
            let id = advance.state.id;
            let is_last = *inserted != Some(id) && last_state(later, id).is_none();
            advance::advance(c, advance, is_last)
        }
        Op::ContactSeen(record) => people::see(c, record),
        Op::AddressNote(note) => people::note(c, note),
        Op::Raw(raw) => inbound::keep_raw(c, raw),
        Op::RawDone(id) => inbound::raw_done(c, *id),
        Op::Hook { .. }
        | Op::HookDone(_)
        | Op::HookRetry { .. }
        | Op::HookDropped { .. }
        | Op::HookForget(_) => hooks::apply(c, op),
        Op::Endpoint(record) => hooks::save_endpoint(c, record),
        Op::EndpointDelete(id) => hooks::delete_endpoint(c, id),
        Op::Media(record) => library::save_media(c, record),
        Op::MediaDelete(id) => library::delete_media(c, id),
        Op::MediaAlias {
            media,
            sender,
            provider_id,
            until,
        } => library::save_alias(c, media, sender, provider_id, *until),
        Op::Templates { waba, templates } => library::replace_templates(c, waba, templates),
        Op::Token(record) => library::save_token(c, record),
        Op::TokenRevoke { id, at } => library::revoke_token(c, id, *at),
        Op::Route(record) => routes::save(c, record),
        Op::RouteGone(name) => routes::forget(c, name),
        Op::Outage(record) => routes::save_outage(c, record),
        Op::Baseline(record) => routes::save_baseline(c, record),
        Op::Hold(record) => routes::hold(c, record),
        Op::HoldRelease(scope) => routes::release(c, scope),
        Op::Audit(record) => routes::keep_audit(c, record),
        Op::Setting { key, value } => routes::set(c, key, value),
        Op::User(record) => return library::console::save_user(c, record),
        Op::Session(_) | Op::SessionEnd(_) | Op::Activity(_) | Op::Traffic(_) | Op::Evidence(_) => {
            library::console::apply(c, op)
        }
    }
    .map_err(WriteError::Sql)
}

pub(super) fn run(c: &Connection, sql: &str, params: impl Params) -> Result<()> {
    c.prepare_cached(sql)?.execute(params).map(drop)
}

/// As `run`; gives how many rows it changed.
fn count(c: &Connection, sql: &str, params: impl Params) -> Result<usize> {
    c.prepare_cached(sql)?.execute(params)
}

pub(super) fn one<T>(
    c: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> rows::Result<T>,
) -> Result<Option<T>> {
    let mut statement = c.prepare_cached(sql)?;
    let read = |row: &rusqlite::Row<'_>| Ok(read(&Row::sqlite(row))?);
    statement.query_row(params, read).optional()
}

pub(super) fn all<T>(
    c: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&Row<'_>) -> rows::Result<T>,
) -> Result<Vec<T>> {
    let mut statement = c.prepare_cached(sql)?;
    let rows = statement.query_map(params, |row| Ok(read(&Row::sqlite(row))?))?;
    rows.collect()
}

/// A page's LIMIT.
pub(super) fn page(limit: usize) -> i64 {
    i64::try_from(limit.min(PAGE_MAX)).unwrap_or(i64::MAX)
}

/// Where a page begins: what sorts before every id when there is none.
fn after_key(id: Option<u128>) -> Vec<u8> {
    id.map(|id| id.to_be_bytes().to_vec()).unwrap_or_default()
}

/// Where a page from the newest begins: what sorts after every id when there is none.
fn before_key(id: Option<u128>) -> Vec<u8> {
    id.map_or_else(|| vec![0xff; 17], |id| id.to_be_bytes().to_vec())
}

/// The smallest id of an instant: ids begin with their milliseconds.
fn first_id_of(at: Timestamp) -> [u8; 16] {
    let ms = u128::from(at.0.max(0).unsigned_abs()).min((1 << 48) - 1);
    (ms << 80).to_be_bytes()
}
