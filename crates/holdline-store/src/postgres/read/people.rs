//! Reads of people with their addresses.

use super::page;
use crate::postgres::connect::Client;
use crate::postgres::statement::{Statement, text, uuid};
use crate::rows::contact::{ADDRESS_COLUMNS, CONTACT_COLUMNS, address_from, contact_from};
use crate::rows::{Result, Row};
use holdline_core::{ChannelKind, ContactId};
use holdline_engine::ports::records::{AddressRecord, ContactRecord};
use holdline_engine::ports::store::PAGE_MAX;

const CONTACT_COUNT: usize = 5;

pub(in crate::postgres) async fn by_id(c: &Client, id: ContactId) -> Result<Option<ContactRecord>> {
    let statement = Statement::new(select("id = $1")).one(uuid(id.0));
    Ok(found(c, statement).await?.pop())
}

pub(in crate::postgres) async fn by_addresses(
    c: &Client,
    addresses: &[(ChannelKind, String)],
) -> Result<Vec<Option<ContactRecord>>> {
    let addresses = &addresses[..addresses.len().min(PAGE_MAX)];
    let owners = "id IN (SELECT contact FROM address
         WHERE (channel, value) IN (SELECT * FROM unnest($1, $2)))";
    let statement = Statement::new(select(owners))
        .many(addresses.iter().map(|(channel, _)| channel.as_str()))
        .many(addresses.iter().map(|(_, value)| text(value)));
    let people = found(c, statement).await?;
    let owner = |(channel, value): &(ChannelKind, String)| {
        let value = text(value);
        let has = |it: &AddressRecord| it.channel == *channel && *it.value.expose() == value;
        let mut owners = people.iter().filter(|it| it.addresses.iter().any(has));
        owners.next().cloned()
    };
    Ok(addresses.iter().map(owner).collect())
}

pub(in crate::postgres) async fn list(
    c: &Client,
    after: Option<ContactId>,
    limit: usize,
) -> Result<Vec<ContactRecord>> {
    let statement = Statement::new(select("($1 IS NULL OR id > $1) ORDER BY id LIMIT $2"));
    let after = after.map(|id| uuid(id.0));
    found(c, statement.one(after).one(page(limit))).await
}

/// Each part goes by an index: names and external ids by their own, addresses channel by channel.
pub(in crate::postgres) async fn find(
    c: &Client,
    start: &str,
    after: Option<ContactId>,
    limit: usize,
) -> Result<Vec<ContactRecord>> {
    let which = "id IN (
             WITH RECURSIVE channels (channel) AS (
                 SELECT MIN(channel) FROM address
                 UNION ALL
                 SELECT (SELECT MIN(a.channel) FROM address a WHERE a.channel > c.channel)
                 FROM channels c WHERE c.channel IS NOT NULL)
             SELECT id FROM contact WHERE lower(name) >= $1 AND lower(name) < $2
             UNION SELECT id FROM contact WHERE external_id >= $3 AND external_id < $4
             UNION SELECT a.contact FROM channels c JOIN address a
                 ON a.channel = c.channel AND a.value >= $3 AND a.value < $4)
         AND ($5 IS NULL OR id > $5) ORDER BY id LIMIT $6";
    let start = text(start);
    let low = start.to_ascii_lowercase();
    let end = |start: &str| format!("{start}\u{10ffff}");
    let statement = Statement::new(select(which))
        .one(low.clone())
        .one(end(&low))
        .one(start.clone())
        .one(end(&start))
        .one(after.map(|id| uuid(id.0)))
        .one(page(limit));
    found(c, statement).await
}

/// A row per address; one with NULLs for who has none.
fn select(which: &str) -> String {
    format!(
        "SELECT c.*, a.* FROM (SELECT {CONTACT_COLUMNS} FROM contact WHERE {which}) c
         LEFT JOIN LATERAL (SELECT {ADDRESS_COLUMNS}, place FROM address
             WHERE contact = c.id) a ON true
         ORDER BY c.id, a.place"
    )
}

async fn found(c: &Client, statement: Statement<'_>) -> Result<Vec<ContactRecord>> {
    let rows = statement.all(c, pair_from).await?;
    let mut people: Vec<ContactRecord> = Vec::new();
    for (person, address) in rows {
        match people.last_mut() {
            Some(last) if last.id == person.id => last.addresses.extend(address),
            Some(_) | None => {
                let addresses = address.into_iter().collect();
                people.push(ContactRecord {
                    addresses,
                    ..person
                });
            }
        }
    }
    Ok(people)
}

fn pair_from(row: &Row<'_>) -> Result<(ContactRecord, Option<AddressRecord>)> {
    let person = contact_from(row)?;
    let channel: Option<String> = row.get(CONTACT_COUNT)?;
    let address = channel.map(|_| address_from(&row.from(CONTACT_COUNT)));
    Ok((person, address.transpose()?))
}
