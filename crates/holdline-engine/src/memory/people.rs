//! People and their addresses: an address belongs to one person.

use super::tables::Tables;
use crate::ports::Conflict;
use crate::ports::ops::{AddressNote, ContactSave};
use crate::ports::records::{AddressRecord, ContactRecord};
use holdline_core::ChannelKind;

impl Tables {
    pub(super) fn see_contact(&mut self, record: &ContactRecord) {
        self.contacts.add(
            record.id,
            ContactRecord {
                addresses: Vec::new(),
                ..record.clone()
            },
        );
        if record.name.is_some() {
            self.contacts.change(&record.id, |known| {
                known.name = known.name.take().or_else(|| record.name.clone());
            });
        }
        for address in &record.addresses {
            let place = place_of(address);
            if !self.owners.has(&place) {
                self.owners.put(place, record.id);
                self.contacts
                    .change(&record.id, |known| known.addresses.push(address.clone()));
            }
        }
    }

    pub(super) fn save_contact(&mut self, save: &ContactSave) -> Result<(), Conflict> {
        let record = &save.contact;
        for address in &record.addresses {
            match self.owners.get(&place_of(address)) {
                Some(owner) if *owner != record.id => {
                    return Err(Conflict::AddressTaken {
                        channel: address.channel,
                        owner: *owner,
                    });
                }
                Some(_) | None => {}
            }
        }
        let old = self
            .contacts
            .get(&record.id)
            .map(|known| known.addresses.clone())
            .unwrap_or_default();
        for address in &old {
            self.owners.remove(&place_of(address));
        }
        let mut saved = record.clone();
        saved.addresses = save.addresses(&old);
        for address in &saved.addresses {
            self.owners.put(place_of(address), record.id);
        }
        self.contacts.put(record.id, saved);
        Ok(())
    }

    pub(super) fn note_address(&mut self, note: &AddressNote) {
        self.contacts.change(&note.contact, |contact| {
            let mut all = contact.addresses.iter_mut();
            let mine = |a: &&mut AddressRecord| {
                a.channel == note.channel && *a.value.expose() == note.value
            };
            if let Some(address) = all.find(mine) {
                address.unreachable_until = note.unreachable_until.or(address.unreachable_until);
                address.last_inbound_at = note.last_inbound_at.or(address.last_inbound_at);
                address.consent = note.consent.unwrap_or(address.consent);
            }
        });
    }
}

fn place_of(address: &AddressRecord) -> (ChannelKind, String) {
    (address.channel, address.value.expose().clone())
}

/// A search: by the beginning of a name, of the external id, or of an address.
pub(super) fn begins(contact: &ContactRecord, text: &str) -> bool {
    let low = text.to_ascii_lowercase();
    let name = contact.name.as_ref().map(|it| it.expose());
    name.is_some_and(|it| it.to_ascii_lowercase().starts_with(&low))
        || contact
            .external_id
            .as_ref()
            .is_some_and(|it| it.starts_with(text))
        || contact
            .addresses
            .iter()
            .any(|it| it.value.expose().starts_with(text))
}
