//! Contacts: people and the ways to reach them. Reading and writing one by one is in [`one`],
//! many at once in [`import`].

pub(crate) mod address;
pub(crate) mod columns;
pub(crate) mod import;
mod known;
pub(crate) mod list;
pub(crate) mod one;
pub(crate) mod rows;
mod save;
#[cfg(test)]
mod tests;

use super::values::rfc3339;
use holdline_core::contact::Consent;
use holdline_engine::ports::records::{AddressRecord, ContactRecord};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// Most addresses of one contact.
pub(crate) const ADDRESSES_MAX: usize = 20;

/// A contact to be made, or to take the place of the one there is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContactWrite {
    #[schema(example = "Ada Lovelace", max_length = 200)]
    pub(crate) name: Option<String>,
    /// Your own key for this person.
    #[schema(example = "customer-4711", min_length = 1, max_length = 200)]
    pub(crate) external_id: Option<String>,
    #[serde(default)]
    #[schema(max_items = 20)]
    pub(crate) addresses: Vec<AddressWrite>,
}

/// Changes of a contact. What is left out stays; `null` empties a field.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContactChange {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 200)]
    pub(crate) name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub(crate) external_id: Option<Option<String>>,
    /// All addresses, in the place of those there are.
    #[schema(max_items = 20)]
    pub(crate) addresses: Option<Vec<AddressWrite>>,
}

/// An address of a contact.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddressWrite {
    /// `whatsapp`, `sms`, `email` or `wa_user` (a WhatsApp business-scoped user id).
    #[schema(example = "whatsapp", min_length = 1, max_length = 12)]
    pub(crate) channel: String,
    #[schema(example = "+16505551234", min_length = 1, max_length = 254)]
    pub(crate) value: String,
    /// Whether it is known that the address belongs to this person.
    pub(crate) verified: Option<bool>,
    /// Whether the person allows messages there. Left out: what is known stays.
    pub(crate) consent: Option<ConsentName>,
}

/// Whether a person allows messages at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ConsentName {
    Unknown,
    Given,
    Withdrawn,
}

impl From<ConsentName> for Consent {
    fn from(name: ConsentName) -> Self {
        match name {
            ConsentName::Unknown => Self::Unknown,
            ConsentName::Given => Self::Given,
            ConsentName::Withdrawn => Self::Withdrawn,
        }
    }
}

impl From<Consent> for ConsentName {
    fn from(consent: Consent) -> Self {
        match consent {
            Consent::Unknown => Self::Unknown,
            Consent::Given => Self::Given,
            Consent::Withdrawn => Self::Withdrawn,
        }
    }
}

/// A contact.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct ContactView {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) addresses: Vec<AddressView>,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
}

/// An address of a contact, with what is known of it.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct AddressView {
    pub(crate) channel: String,
    pub(crate) value: String,
    pub(crate) verified_at: Option<String>,
    pub(crate) consent: ConsentName,
    /// Not tried before this time, because the provider said it cannot be reached.
    pub(crate) unreachable_until: Option<String>,
    /// When the person last wrote from there.
    pub(crate) last_inbound_at: Option<String>,
}

impl ContactView {
    fn of(contact: &ContactRecord) -> Self {
        Self {
            id: contact.id.hex(),
            name: contact.name.as_ref().map(|name| name.expose().clone()),
            external_id: contact.external_id.clone(),
            addresses: contact.addresses.iter().map(AddressView::of).collect(),
            created_at: rfc3339(contact.created_at),
            updated_at: rfc3339(contact.updated_at),
        }
    }
}

impl AddressView {
    fn of(address: &AddressRecord) -> Self {
        Self {
            channel: address.channel.to_string(),
            value: address.value.expose().clone(),
            verified_at: address.verified_at.map(rfc3339),
            consent: address.consent.into(),
            unreachable_until: address.unreachable_until.map(rfc3339),
            last_inbound_at: address.last_inbound_at.map(rfc3339),
        }
    }
}

/// Tells a field that is `null` from one that is left out.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
