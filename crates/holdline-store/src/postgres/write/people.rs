//! People that were seen, and what use tells about their addresses: an address belongs to one
//! person.

use crate::postgres::statement::{Statement, insert_many, maybe_text, small, text, uuid};
use crate::rows::codes::consent_code;
use holdline_core::ContactId;
use holdline_engine::ports::ops::AddressNote;
use holdline_engine::ports::records::{AddressRecord, ContactRecord};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Seen<'a> {
    people: Vec<&'a ContactRecord>,
    notes: BTreeMap<(u128, &'a str, &'a str), AddressNote>,
}

impl<'a> Seen<'a> {
    pub(super) fn see(&mut self, record: &'a ContactRecord) {
        self.people.push(record);
    }

    pub(super) fn note(&mut self, note: &'a AddressNote) {
        let key = (note.contact.0, note.channel.as_str(), note.value.as_str());
        match self.notes.get_mut(&key) {
            Some(known) => {
                known.unreachable_until = note.unreachable_until.or(known.unreachable_until);
                known.last_inbound_at = note.last_inbound_at.or(known.last_inbound_at);
                known.consent = note.consent.or(known.consent);
            }
            None => {
                self.notes.insert(key, note.clone());
            }
        }
    }

    pub(super) fn statements(self) -> Vec<Statement<'a>> {
        let mut all = Vec::new();
        if !self.people.is_empty() {
            all.push(self.new_people());
            all.extend(self.names());
            let addresses = self.people.iter().flat_map(|person| {
                let id = person.id;
                person.addresses.iter().map(move |address| (id, address))
            });
            all.extend(add_addresses(addresses.collect()));
        }
        all.extend((!self.notes.is_empty()).then(|| self.noted()));
        all
    }

    /// In one order everywhere, so that two nodes that see the same people do not wait for each
    /// other in a circle; the first of a person stays the first.
    fn new_people(&self) -> Statement<'a> {
        let mut people = self.people.clone();
        people.sort_by_key(|record| record.id.0);
        let columns = "id, name, external_id, created_at, updated_at";
        let sql = format!(
            "{} ON CONFLICT (id) DO NOTHING",
            insert_many("contact", columns)
        );
        let all = || people.iter();
        Statement::new(sql)
            .many(all().map(|it| uuid(it.id.0)))
            .many(all().map(|it| it.name.as_ref().map(|name| text(name.expose()))))
            .many(all().map(|it| maybe_text(it.external_id.as_deref())))
            .many(all().map(|it| it.created_at.0))
            .many(all().map(|it| it.updated_at.0))
    }

    /// A name is taken where none was known.
    fn names(&self) -> Option<Statement<'a>> {
        let mut names: BTreeMap<u128, &'a str> = BTreeMap::new();
        for person in &self.people {
            if let Some(name) = &person.name {
                names.entry(person.id.0).or_insert(name.expose());
            }
        }
        let sql = "UPDATE contact c SET name = v.name FROM unnest($1, $2) AS v(id, name)
             WHERE c.id = v.id AND c.name IS NULL";
        (!names.is_empty()).then(|| {
            Statement::new(sql)
                .many(names.keys().map(|id| uuid(*id)))
                .many(names.values().map(|name| text(name)))
        })
    }

    fn noted(&self) -> Statement<'a> {
        let sql = "UPDATE address a
             SET unreachable_until = COALESCE(v.unreachable_until, a.unreachable_until),
                 last_inbound_at = COALESCE(v.last_inbound_at, a.last_inbound_at),
                 consent = COALESCE(v.consent, a.consent)
             FROM unnest($1, $2, $3, $4, $5, $6) AS v(contact, channel, value, unreachable_until,
                 last_inbound_at, consent)
             WHERE a.channel = v.channel AND a.value = v.value AND a.contact = v.contact";
        let all = || self.notes.values();
        Statement::new(sql)
            .many(self.notes.keys().map(|(contact, _, _)| uuid(*contact)))
            .many(self.notes.keys().map(|(_, channel, _)| *channel))
            .many(self.notes.keys().map(|(_, _, value)| text(value)))
            .many(all().map(|it| it.unreachable_until.map(|at| at.0)))
            .many(all().map(|it| it.last_inbound_at.map(|at| at.0)))
            .many(all().map(|it| it.consent.map(|consent| small(consent_code(consent)))))
    }
}

/// Behind those the person has; those that somebody has are left out.
pub(super) fn add_addresses<'a>(
    addresses: Vec<(ContactId, &'a AddressRecord)>,
) -> Option<Statement<'a>> {
    let columns = "contact, channel, value, verified_at, consent, unreachable_until, \
         last_inbound_at";
    let sql = format!(
        "{} ON CONFLICT (channel, value) DO NOTHING",
        insert_many("address", columns)
    );
    let all = || addresses.iter().map(|(_, address)| *address);
    (!addresses.is_empty()).then(|| {
        Statement::new(sql)
            .many(addresses.iter().map(|(contact, _)| uuid(contact.0)))
            .many(all().map(|it| it.channel.as_str().to_owned()))
            .many(all().map(|it| text(it.value.expose())))
            .many(all().map(|it| it.verified_at.map(|at| at.0)))
            .many(all().map(|it| small(consent_code(it.consent))))
            .many(all().map(|it| it.unreachable_until.map(|at| at.0)))
            .many(all().map(|it| it.last_inbound_at.map(|at| at.0)))
    })
}
