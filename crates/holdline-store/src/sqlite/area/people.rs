//! People and their addresses: an address belongs to one person.

use super::{WriteError, after_key, all, one, page, run};
use crate::rows::codes::consent_code;
use crate::rows::contact::{ADDRESS_COLUMNS, CONTACT_COLUMNS, address_from, contact_from};
use crate::rows::id_at;
use holdline_core::{ChannelKind, ContactId};
use holdline_engine::ports::Conflict;
use holdline_engine::ports::ops::{AddressNote, ContactSave};
use holdline_engine::ports::records::{AddressRecord, ContactRecord};
use rusqlite::{Connection, Result, params};

pub(super) fn see(c: &Connection, record: &ContactRecord) -> Result<()> {
    let sql = "INSERT OR IGNORE INTO contact (id, name, external_id, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5)";
    insert(c, sql, record)?;
    if let Some(name) = &record.name {
        let sql = "UPDATE contact SET name = ?2 WHERE id = ?1 AND name IS NULL";
        run(c, sql, params![record.id.bytes(), name.expose()])?;
    }
    record
        .addresses
        .iter()
        .try_for_each(|address| add_address(c, record.id, address))
}

pub(super) fn save(c: &Connection, save: &ContactSave) -> Result<(), WriteError> {
    let record = &save.contact;
    for address in &record.addresses {
        let channel = address.channel;
        match owner_of(c, channel, address.value.expose())? {
            Some(owner) if owner != record.id => {
                return Err(WriteError::Conflict(Conflict::AddressTaken {
                    channel,
                    owner,
                }));
            }
            Some(_) | None => {}
        }
    }
    let known = addresses_of(c, record.id)?;
    let sql = "INSERT OR REPLACE INTO contact (id, name, external_id, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5)";
    insert(c, sql, record)?;
    run(
        c,
        "DELETE FROM address WHERE contact = ?1",
        [record.id.bytes()],
    )?;
    for address in &save.addresses(&known) {
        add_address(c, record.id, address)?;
    }
    Ok(())
}

pub(super) fn note(c: &Connection, note: &AddressNote) -> Result<()> {
    run(
        c,
        "UPDATE address SET unreachable_until = COALESCE(?4, unreachable_until),
             last_inbound_at = COALESCE(?5, last_inbound_at), consent = COALESCE(?6, consent)
         WHERE channel = ?1 AND value = ?2 AND contact = ?3",
        params![
            note.channel.as_str(),
            note.value,
            note.contact.bytes(),
            note.unreachable_until.map(|at| at.0),
            note.last_inbound_at.map(|at| at.0),
            note.consent.map(consent_code),
        ],
    )
}

pub(in crate::sqlite) fn by_id(c: &Connection, id: ContactId) -> Result<Option<ContactRecord>> {
    let sql = format!("SELECT {CONTACT_COLUMNS} FROM contact WHERE id = ?1");
    let found = one(c, &sql, [id.bytes()], contact_from)?;
    found.map(|contact| with_addresses(c, contact)).transpose()
}

pub(in crate::sqlite) fn by_addresses(
    c: &Connection,
    addresses: &[(ChannelKind, String)],
) -> Result<Vec<Option<ContactRecord>>> {
    let by_address = |(channel, value): &(ChannelKind, String)| {
        let owner = owner_of(c, *channel, value)?;
        owner.map_or(Ok(None), |owner| by_id(c, owner))
    };
    addresses.iter().map(by_address).collect()
}

pub(in crate::sqlite) fn list(
    c: &Connection,
    after: Option<ContactId>,
    limit: usize,
) -> Result<Vec<ContactRecord>> {
    let sql = format!("SELECT {CONTACT_COLUMNS} FROM contact WHERE id > ?1 ORDER BY id LIMIT ?2");
    let values = params![after_key(after.map(|id| id.0)), page(limit)];
    let found = all(c, &sql, values, contact_from)?;
    found
        .into_iter()
        .map(|contact| with_addresses(c, contact))
        .collect()
}

/// Each part goes by an index: names and external ids by their own, addresses channel by channel.
pub(in crate::sqlite) fn find(
    c: &Connection,
    text: &str,
    after: Option<ContactId>,
    limit: usize,
) -> Result<Vec<ContactRecord>> {
    let sql = format!(
        "WITH RECURSIVE channels (channel) AS (
             SELECT MIN(channel) FROM address
             UNION ALL SELECT (SELECT MIN(a.channel) FROM address a WHERE a.channel > c.channel)
             FROM channels c WHERE c.channel IS NOT NULL),
         found (id) AS (
             SELECT id FROM contact WHERE name >= ?1 COLLATE NOCASE AND name < ?2 COLLATE NOCASE
             UNION SELECT id FROM contact WHERE external_id >= ?1 AND external_id < ?2
             UNION SELECT a.contact FROM channels c JOIN address a
                 ON a.channel = c.channel AND a.value >= ?1 AND a.value < ?2)
         SELECT {CONTACT_COLUMNS} FROM contact
         WHERE id IN (SELECT id FROM found) AND id > ?3 ORDER BY id LIMIT ?4"
    );
    let after = after_key(after.map(|id| id.0));
    let values = params![text, format!("{text}\u{10ffff}"), after, page(limit)];
    let found = all(c, &sql, values, contact_from)?;
    found
        .into_iter()
        .map(|contact| with_addresses(c, contact))
        .collect()
}

fn insert(c: &Connection, sql: &str, record: &ContactRecord) -> Result<()> {
    run(
        c,
        sql,
        params![
            record.id.bytes(),
            record.name.as_ref().map(|name| name.expose()),
            record.external_id,
            record.created_at.0,
            record.updated_at.0,
        ],
    )
}

/// Behind those the person has; nothing when somebody has it.
fn add_address(c: &Connection, contact: ContactId, address: &AddressRecord) -> Result<()> {
    let sql = "INSERT OR IGNORE INTO address (channel, value, contact, place, verified_at, consent,
             unreachable_until, last_inbound_at)
         VALUES (?1, ?2, ?3,
             (SELECT COALESCE(MAX(place) + 1, 0) FROM address WHERE contact = ?3), ?4, ?5, ?6, ?7)";
    let values = params![
        address.channel.as_str(),
        address.value.expose(),
        contact.bytes(),
        address.verified_at.map(|at| at.0),
        consent_code(address.consent),
        address.unreachable_until.map(|at| at.0),
        address.last_inbound_at.map(|at| at.0),
    ];
    run(c, sql, values)
}

fn owner_of(c: &Connection, channel: ChannelKind, value: &str) -> Result<Option<ContactId>> {
    let sql = "SELECT contact FROM address WHERE channel = ?1 AND value = ?2";
    one(c, sql, params![channel.as_str(), value], |row| {
        id_at(row, 0).map(ContactId)
    })
}

fn with_addresses(c: &Connection, mut contact: ContactRecord) -> Result<ContactRecord> {
    contact.addresses = addresses_of(c, contact.id)?;
    Ok(contact)
}

fn addresses_of(c: &Connection, contact: ContactId) -> Result<Vec<AddressRecord>> {
    let sql = format!("SELECT {ADDRESS_COLUMNS} FROM address WHERE contact = ?1 ORDER BY place");
    all(c, &sql, [contact.bytes()], address_from)
}
