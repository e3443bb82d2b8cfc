//! Groups with an operation that must see what came before it: a person saved as somebody writes
//! them, an endpoint deleted with its events. Such a group is written by itself, operation by
//! operation, and taken back by itself when it conflicts.

use super::batch::Batch;
use super::cold;
use super::known::Known;
use super::people::add_addresses;
use crate::postgres::connect::Client;
use crate::postgres::error::Fault;
use crate::postgres::statement::{Statement, maybe_text, text, upsert, uuid};
use crate::rows::contact::{ADDRESS_COLUMNS, address_from};
use crate::rows::{Row, channel_at, id_at};
use holdline_core::ContactId;
use holdline_engine::ports::ops::ContactSave;
use holdline_engine::ports::records::{ContactRecord, UserRecord};
use holdline_engine::ports::{Conflict, Group, Op};

/// Why a group was not written.
pub(super) enum Undone {
    Conflict(Conflict),
    Fault(Fault),
}

impl<T: Into<Fault>> From<T> for Undone {
    fn from(fault: T) -> Self {
        Self::Fault(fault.into())
    }
}

pub(super) fn is_alone(op: &Op) -> bool {
    matches!(op, Op::ContactSave(_) | Op::EndpointDelete(_) | Op::User(_))
}

pub(super) async fn apply(c: &Client, known: &Known, group: &Group) -> Result<(), Undone> {
    // A person is looked for before anything is changed: only behind something is there anything
    // to take back.
    let is_guarded = group
        .0
        .iter()
        .skip(1)
        .any(|op| matches!(op, Op::ContactSave(_) | Op::User(_)));
    if is_guarded {
        c.batch_execute("SAVEPOINT one_group").await?;
    }
    let done = apply_in_order(c, known, group).await;
    match &done {
        Ok(()) if is_guarded => c.batch_execute("RELEASE one_group").await?,
        Err(Undone::Conflict(_)) if is_guarded => {
            let back = "ROLLBACK TO one_group; RELEASE one_group";
            c.batch_execute(back).await?;
        }
        Ok(()) | Err(_) => {}
    }
    done
}

async fn apply_in_order(c: &Client, known: &Known, group: &Group) -> Result<(), Undone> {
    let mut batch = Batch::default();
    for op in &group.0 {
        if let Op::ContactSave(person) = op {
            batch.flush(c, known).await?;
            save(c, person).await?;
        } else if let Op::EndpointDelete(id) = op {
            batch.flush(c, known).await?;
            delete_endpoint(c, id).await?;
        } else if let Op::User(record) = op {
            batch.flush(c, known).await?;
            save_user(c, record).await?;
        } else {
            batch.add(op);
        }
    }
    Ok(batch.flush(c, known).await?)
}

async fn delete_endpoint(c: &Client, id: &str) -> Result<(), Fault> {
    let deleted = Statement::new("DELETE FROM endpoint WHERE id = $1").one(text(id));
    deleted.run(c).await?;
    let sql = "DELETE FROM hook WHERE endpoint = $1 AND dropped_at IS NULL";
    Statement::new(sql).one(text(id)).run(c).await?;
    Ok(())
}

/// The next version, or it conflicts.
async fn save_user(c: &Client, record: &UserRecord) -> Result<(), Undone> {
    match cold::save_user(record).run(c).await? {
        0 => Err(Undone::Conflict(Conflict::Repeated)),
        _ => Ok(()),
    }
}

async fn save(c: &Client, save: &ContactSave) -> Result<(), Undone> {
    let record = &save.contact;
    check_owners(c, record).await?;
    let sql = format!(
        "SELECT {ADDRESS_COLUMNS} FROM address WHERE contact = $1 ORDER BY place FOR UPDATE"
    );
    let known = Statement::new(sql).one(uuid(record.id.0));
    let known = known.all(c, address_from).await.map_err(Fault::from)?;
    let addresses = save.addresses(&known);
    save_person(record).run(c).await?;
    let sql = "DELETE FROM address WHERE contact = $1";
    Statement::new(sql).one(uuid(record.id.0)).run(c).await?;
    let kept = addresses.iter().map(|address| (record.id, address));
    let kept = kept.collect();
    if let Some(statement) = add_addresses(kept) {
        let wanted = addresses.len() as u64;
        if statement.run(c).await? != wanted {
            let why = "another node gave one of the addresses to somebody else".to_owned();
            return Err(Undone::Fault(Fault::Raced(why)));
        }
    }
    Ok(())
}

/// The first address, in the order given, that somebody else has.
async fn check_owners(c: &Client, record: &ContactRecord) -> Result<(), Undone> {
    let sql = "SELECT a.channel, a.contact
         FROM unnest($1, $2) WITH ORDINALITY AS v(channel, value, ordinal)
         JOIN address a ON a.channel = v.channel AND a.value = v.value
         WHERE a.contact <> $3 ORDER BY v.ordinal LIMIT 1";
    let all = || record.addresses.iter();
    let statement = Statement::new(sql)
        .many(all().map(|it| it.channel.as_str().to_owned()))
        .many(all().map(|it| text(it.value.expose())))
        .one(uuid(record.id.0));
    let read = |row: &Row<'_>| Ok((channel_at(row, 0)?, id_at(row, 1)?));
    let taken = statement.first(c, read).await.map_err(Fault::from)?;
    taken.map_or(Ok(()), |(channel, owner)| {
        let owner = ContactId(owner);
        Err(Undone::Conflict(Conflict::AddressTaken { channel, owner }))
    })
}

fn save_person(record: &ContactRecord) -> Statement<'_> {
    let columns = "id, name, external_id, created_at, updated_at";
    Statement::new(upsert("contact", "id", columns))
        .one(uuid(record.id.0))
        .one(record.name.as_ref().map(|name| text(name.expose())))
        .one(maybe_text(record.external_id.as_deref()))
        .one(record.created_at.0)
        .one(record.updated_at.0)
}
