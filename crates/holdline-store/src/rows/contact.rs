//! Rows of `contact` and `address`.

use super::codes::consent_of;
use super::{Result, Row, channel_at, code_at, id_at, maybe_time_at, time_at};
use holdline_core::{ContactId, Redacted};
use holdline_engine::ports::records::{AddressRecord, ContactRecord};

/// The columns that [`contact_from`] reads.
pub(crate) const CONTACT_COLUMNS: &str = "id, name, external_id, created_at, updated_at";
/// The columns that [`address_from`] reads.
pub(crate) const ADDRESS_COLUMNS: &str =
    "channel, value, verified_at, consent, unreachable_until, last_inbound_at";

/// The person, still without addresses.
pub(crate) fn contact_from(row: &Row<'_>) -> Result<ContactRecord> {
    Ok(ContactRecord {
        id: ContactId(id_at(row, 0)?),
        name: row.get::<Option<String>>(1)?.map(Redacted::new),
        external_id: row.get(2)?,
        created_at: time_at(row, 3)?,
        updated_at: time_at(row, 4)?,
        addresses: Vec::new(),
    })
}

pub(crate) fn address_from(row: &Row<'_>) -> Result<AddressRecord> {
    Ok(AddressRecord {
        channel: channel_at(row, 0)?,
        value: Redacted::new(row.get(1)?),
        verified_at: maybe_time_at(row, 2)?,
        consent: code_at(row, 3, consent_of)?,
        unreachable_until: maybe_time_at(row, 4)?,
        last_inbound_at: maybe_time_at(row, 5)?,
    })
}
