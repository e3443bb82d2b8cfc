//! Turns what a caller writes about a person into the record that is stored. Keeps what use has
//! taught about an address that stays.

use super::address::{channel, normal};
use super::{ADDRESSES_MAX, AddressWrite, ConsentName, ContactView};
use crate::http::api::problem::{Answer, FieldFault, Kind, Problem};
use crate::http::state::AppState;
use holdline_core::contact::Consent;
use holdline_core::{ChannelKind, Redacted, Timestamp};
use holdline_engine::ports::Op;
use holdline_engine::ports::ops::{Conflict, ContactSave};
use holdline_engine::ports::records::{AddressRecord, ContactRecord};

/// Addresses whose consent is given again.
pub(super) type Lifts = Vec<(ChannelKind, Redacted<String>)>;

/// Stores the contact and gives it back as it is then: withdrawn addresses stay.
pub(super) async fn save(
    state: &AppState,
    contact: ContactRecord,
    lifts: Lifts,
) -> Answer<ContactView> {
    let save = ContactSave {
        contact: contact.clone(),
        lifts,
    };
    if let Err(conflict) = state
        .engine
        .commit(vec![Op::ContactSave(Box::new(save))])
        .await?
    {
        return Err(taken(&contact, &conflict));
    }
    let stored = state.engine.store().contact(contact.id).await?;
    Ok(ContactView::of(&stored.unwrap_or(contact)))
}

/// The addresses for which this very request says that consent is given; `records` are what
/// [`addresses`] made of `written`.
pub(super) fn lifts(written: &[AddressWrite], records: &[AddressRecord]) -> Lifts {
    let given = |(write, _): &(&AddressWrite, _)| write.consent == Some(ConsentName::Given);
    let pairs = written.iter().zip(records).filter(given);
    pairs
        .map(|(_, record)| (record.channel, record.value.clone()))
        .collect()
}

/// The addresses that a contact has after this must not be too many: withdrawn ones count, named
/// or not.
pub(super) fn fits(records: &[AddressRecord], known: &[AddressRecord]) -> Answer<()> {
    let stays = |it: &&AddressRecord| {
        it.consent == Consent::Withdrawn && !records.iter().any(|record| is_same(record, it))
    };
    let total = records.len() + known.iter().filter(stays).count();
    if total <= ADDRESSES_MAX {
        return Ok(());
    }
    let message = format!("makes {total} addresses with the withdrawn ones, which stay");
    let fix = format!("give fewer: a contact has {ADDRESSES_MAX} at most");
    Err(Problem::invalid(vec![FieldFault::new(
        "/addresses",
        message,
        fix,
    )]))
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
        Conflict::Idempotency { .. } | Conflict::Fenced { .. } | Conflict::Repeated => {
            Problem::new(
                Kind::AddressTaken,
                "it was changed by somebody else meanwhile",
            )
        }
    }
}
