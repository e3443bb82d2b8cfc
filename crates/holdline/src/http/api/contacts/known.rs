//! Which people a list speaks of: finds them by address, or by the caller's own key. Holds hashes
//! of the keys only while a list is read.

use super::columns::{LineFault, Row, RowAddress};
use crate::http::api::input::sha256;
use crate::http::state::AppState;
use holdline_core::contact::Consent;
use holdline_core::{ContactId, Timestamp};
use holdline_engine::ports::StoreError;
use holdline_engine::ports::records::{AddressRecord, ContactRecord};
use holdline_engine::ports::store::PAGE_MAX;
use std::collections::BTreeMap;

/// Most keys that are held; beyond them only addresses are compared.
const KEYS_MAX: usize = 1_000_000;

/// People by the caller's own key.
#[derive(Default)]
pub(super) struct Keys(BTreeMap<[u8; 16], ContactId>);

/// Why a line was not taken.
pub(super) enum Refused {
    Line(LineFault),
    Store(StoreError),
}

impl Keys {
    pub(super) async fn load(state: &AppState) -> Result<Self, StoreError> {
        let mut keys = Self::default();
        let mut after = None;
        loop {
            let page = state.engine.store().list_contacts(after, PAGE_MAX).await?;
            for contact in &page {
                if let Some(external_id) = &contact.external_id {
                    keys.add(external_id, contact.id);
                }
            }
            after = page.last().map(|last| last.id);
            if page.len() < PAGE_MAX || keys.0.len() >= KEYS_MAX {
                return Ok(keys);
            }
        }
    }

    pub(super) fn add(&mut self, external_id: &str, contact: ContactId) {
        if self.0.len() < KEYS_MAX {
            self.0.insert(short(external_id), contact);
        }
    }

    fn get(&self, external_id: &str) -> Option<ContactId> {
        self.0.get(&short(external_id)).copied()
    }
}

/// The person of this line, when there is one already.
pub(super) async fn find(
    state: &AppState,
    keys: &Keys,
    row: &Row,
) -> Result<Option<ContactRecord>, Refused> {
    let store = state.engine.store();
    let mut found: Option<ContactRecord> = None;
    if let Some(id) = row.external_id.as_deref().and_then(|key| keys.get(key)) {
        found = store.contact(id).await.map_err(Refused::Store)?;
    }
    for address in &row.addresses {
        let owner = store
            .contact_by_address(address.channel, &address.value)
            .await;
        match (owner.map_err(Refused::Store)?, &found) {
            (Some(owner), Some(one)) if owner.id != one.id => {
                let fix = "split the line, or mend the contacts it mixes up";
                let message = format!("belongs to contact {}, the rest to {}", owner.id, one.id);
                let column = Some(address.channel.as_str());
                return Err(Refused::Line(LineFault::new(
                    row.line, column, &message, fix,
                )));
            }
            (Some(owner), None) => found = Some(owner),
            (Some(_) | None, _) => {}
        }
    }
    Ok(found)
}

/// The person with what the line adds. Nothing that is known is taken away; a cell that is empty
/// says nothing.
pub(super) fn merged(
    row: &Row,
    known: Option<ContactRecord>,
    id: u128,
    now: Timestamp,
) -> ContactRecord {
    let mut contact = known.unwrap_or_else(|| ContactRecord {
        id: ContactId(id),
        name: None,
        external_id: None,
        created_at: now,
        updated_at: now,
        addresses: Vec::new(),
    });
    if let Some(name) = &row.name {
        contact.name = Some(name.clone().into());
    }
    if let Some(external_id) = &row.external_id {
        contact.external_id = Some(external_id.clone());
    }
    for address in &row.addresses {
        add(&mut contact.addresses, address, now);
    }
    contact
}

/// Nothing that is stored would change.
pub(super) fn is_unchanged(left: &ContactRecord, right: &ContactRecord) -> bool {
    let facts = |address: &AddressRecord| {
        (
            address.channel,
            address.value.clone(),
            address.verified_at,
            address.consent,
        )
    };
    left.name == right.name
        && left.external_id == right.external_id
        && left
            .addresses
            .iter()
            .map(facts)
            .eq(right.addresses.iter().map(facts))
}

fn add(addresses: &mut Vec<AddressRecord>, row: &RowAddress, now: Timestamp) {
    let is_it =
        |known: &AddressRecord| known.channel == row.channel && *known.value.expose() == row.value;
    let ix = addresses.iter().position(is_it).unwrap_or_else(|| {
        addresses.push(AddressRecord {
            channel: row.channel,
            value: row.value.clone().into(),
            verified_at: None,
            consent: Default::default(),
            unreachable_until: None,
            last_inbound_at: None,
        });
        addresses.len() - 1
    });
    let address = &mut addresses[ix];
    if address.consent != Consent::Withdrawn {
        address.consent = row.consent.unwrap_or(address.consent);
    }
    address.verified_at = match row.verified {
        Some(true) => address.verified_at.or(Some(now)),
        Some(false) => None,
        None => address.verified_at,
    };
}

fn short(external_id: &str) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&sha256(&[external_id.as_bytes()])[..16]);
    short
}
