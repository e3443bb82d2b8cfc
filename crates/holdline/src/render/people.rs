//! How apps see a person: WhatsApp id, user id, name. People whose user id WhatsApp never told get
//! one of ours, which leads back to them; it is never sent to WhatsApp.

use holdline_channels::phone::Phone;
use holdline_channels::whatsapp::wire::webhook::Person;
use holdline_core::{ChannelKind, ContactId};
use holdline_engine::ports::records::{ContactRecord, WA_USER};

/// Digits of the largest 128-bit number: longer than any id of WhatsApp's own.
const OUR_DIGITS: usize = 39;
/// In place of a country, for people without a number.
const NO_COUNTRY: &str = "ZZ";

/// A person's ids as texts.
pub(crate) struct Shown {
    wa_id: Option<String>,
    user_id: String,
    name: String,
}

impl Shown {
    /// `from` is the number the person wrote from, where there is one.
    pub(crate) fn of(contact: &ContactRecord, from: Option<&str>) -> Self {
        let number = address(contact, ChannelKind::WHATSAPP).or(from);
        let phone = number.and_then(|number| Phone::parse(number, None).ok());
        let wa_id = phone.as_ref().map(|phone| phone.wa_id().to_owned());
        let user_id = address(contact, WA_USER).map_or_else(
            || {
                our_user_id(
                    phone.as_ref().and_then(Phone::region).as_deref(),
                    contact.id,
                )
            },
            Into::into,
        );
        let name = contact.name.as_ref().map(|name| name.expose().clone());
        let name = name
            .or_else(|| wa_id.clone())
            .unwrap_or_else(|| user_id.clone());
        Self {
            wa_id,
            user_id,
            name,
        }
    }

    pub(crate) fn person(&self) -> Person<'_> {
        Person {
            wa_id: self.wa_id.as_deref(),
            user_id: &self.user_id,
            profile_name: &self.name,
        }
    }
}

/// Whom a user id of ours names.
pub(crate) fn contact_of(user_id: &str) -> Option<ContactId> {
    let (_, digits) = user_id.split_once('.')?;
    let ours = digits.len() == OUR_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    ours.then(|| digits.parse().ok()).flatten().map(ContactId)
}

/// The person's first address of a kind.
pub(crate) fn address(contact: &ContactRecord, channel: ChannelKind) -> Option<&str> {
    let found = contact
        .addresses
        .iter()
        .find(|address| address.channel == channel);
    found.map(|address| address.value.expose().as_str())
}

fn our_user_id(region: Option<&str>, id: ContactId) -> String {
    let country = region.filter(|name| name.len() == 2).unwrap_or(NO_COUNTRY);
    format!("{country}.{:0OUR_DIGITS$}", id.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_of_ours_leads_back_and_no_other_does() {
        for id in [0, 7, u128::MAX] {
            let user_id = our_user_id(Some("DE"), ContactId(id));
            assert_eq!(contact_of(&user_id), Some(ContactId(id)), "{user_id}");
        }
        assert!(our_user_id(None, ContactId(1)).starts_with("ZZ."));
        for foreign in ["US.13491208655302741918", "US.ENT.1", "", "US", "US.abc"] {
            assert_eq!(contact_of(foreign), None, "{foreign}");
        }
        let beyond = format!("US.{}", "9".repeat(OUR_DIGITS));
        assert_eq!(contact_of(&beyond), None);
    }
}
