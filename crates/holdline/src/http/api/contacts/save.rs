//! Turns what a caller writes about a person into the record that is stored. Keeps what use has
//! taught about an address that stays.

use super::address::{channel, normal};
use super::{AddressWrite, ContactView};
use crate::http::api::problem::{Answer, FieldFault, Kind, Problem};
use crate::http::state::AppState;
use holdline_core::Timestamp;
use holdline_engine::ports::Op;
use holdline_engine::ports::ops::Conflict;
use holdline_engine::ports::records::{AddressRecord, ContactRecord};

/// Stores the contact and gives it back as the API shows it.
pub(super) async fn save(state: &AppState, contact: ContactRecord) -> Answer<ContactView> {
    let view = ContactView::of(&contact);
    match state
        .engine
        .commit(vec![Op::ContactSave(Box::new(contact.clone()))])
        .await?
    {
        Ok(()) => Ok(view),
        Err(conflict) => Err(taken(&contact, &conflict)),
    }
}

/// The addresses as stored; `known` are those the contact has had.
pub(super) fn addresses(
    written: &[AddressWrite],
    known: &[AddressRecord],
    country: Option<&str>,
    now: Timestamp,
) -> Answer<Vec<AddressRecord>> {
    let mut faults = Vec::new();
    let mut records: Vec<AddressRecord> = Vec::with_capacity(written.len());
    for (ix, address) in written.iter().enumerate() {
        let at = format!("/addresses/{ix}");
        match one(&at, address, known, country, now) {
            Err(fault) => faults.push(fault),
            Ok(record) if records.iter().any(|earlier| is_same(earlier, &record)) => {
                let fix = "give each address once";
                faults.push(FieldFault::new(format!("{at}/value"), "stands twice", fix));
            }
            Ok(record) => records.push(record),
        }
    }
    if faults.is_empty() {
        Ok(records)
    } else {
        Err(Problem::invalid(faults))
    }
}

/// The same address, whatever is known of it.
pub(super) fn is_same(left: &AddressRecord, right: &AddressRecord) -> bool {
    left.channel == right.channel && left.value == right.value
}

fn one(
    at: &str,
    written: &AddressWrite,
    known: &[AddressRecord],
    country: Option<&str>,
    now: Timestamp,
) -> Result<AddressRecord, FieldFault> {
    let kind = channel(&written.channel)
        .map_err(|why| FieldFault::new(format!("{at}/channel"), why.message, why.fix))?;
    let value = normal(kind, &written.value, country)
        .map_err(|why| FieldFault::new(format!("{at}/value"), why.message, why.fix))?;
    let fresh = AddressRecord {
        channel: kind,
        value: value.into(),
        verified_at: None,
        consent: Default::default(),
        unreachable_until: None,
        last_inbound_at: None,
    };
    let mut record = known
        .iter()
        .find(|known| is_same(known, &fresh))
        .cloned()
        .unwrap_or(fresh);
    record.verified_at = match written.verified {
        Some(true) => record.verified_at.or(Some(now)),
        Some(false) => None,
        None => record.verified_at,
    };
    record.consent = written.consent.map_or(record.consent, Into::into);
    Ok(record)
}

fn taken(contact: &ContactRecord, conflict: &Conflict) -> Problem {
    match conflict {
        Conflict::AddressTaken { channel, owner } => {
            let ix = contact
                .addresses
                .iter()
                .position(|address| address.channel == *channel);
            let detail = format!("the {channel} address belongs to contact {owner}");
            Problem::new(Kind::AddressTaken, detail).with_fault(FieldFault::new(
                format!("/addresses/{}", ix.unwrap_or(0)),
                format!("belongs to contact {owner}"),
                "change that contact, or leave the address out",
            ))
        }
        Conflict::Idempotency { .. } | Conflict::Repeated => Problem::new(
            Kind::AddressTaken,
            "it was changed by somebody else meanwhile",
        ),
    }
}
