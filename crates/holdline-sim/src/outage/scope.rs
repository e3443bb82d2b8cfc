//! Whom an outage touches: the scope of an outage against the subject of a call. Pure.

use serde::{Deserialize, Serialize};

use crate::text::canonical;

/// Every part given must match; `percent` is drawn for each call or message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waba_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_type: Option<String>,
    /// Leading digits of the recipient's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_prefix: Option<String>,
    /// One recipient: phone number or mailbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Position of the access token in the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<usize>,
    /// Share of calls or messages touched; all when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
}

impl Scope {
    /// Whether the whole provider is meant, so that the fault can show before any byte is read.
    pub(crate) fn is_everything(&self) -> bool {
        *self
            == Self {
                percent: self.percent,
                ..Self::default()
            }
            && self.share() >= 100
    }

    pub(crate) fn share(&self) -> u8 {
        self.percent.unwrap_or(100)
    }

    pub(crate) fn covers(&self, subject: &Subject<'_>) -> bool {
        same(self.phone_number_id.as_deref(), subject.phone_number_id)
            && same(self.waba_id.as_deref(), subject.waba_id)
            && self.covers_type(subject)
            && self.covers_address(subject)
            && self.token.is_none_or(|token| subject.token == Some(token))
    }

    fn covers_type(&self, subject: &Subject<'_>) -> bool {
        self.message_type
            .as_deref()
            .is_none_or(|wanted| subject.is_type(wanted))
    }

    fn covers_address(&self, subject: &Subject<'_>) -> bool {
        let address = subject.address.map(canonical);
        let prefix_fits = self.country_prefix.as_deref().is_none_or(|prefix| {
            address
                .as_deref()
                .is_some_and(|a| a.starts_with(prefix.trim_start_matches('+')))
        });
        let address_fits = self
            .address
            .as_deref()
            .is_none_or(|wanted| address == Some(canonical(wanted)));
        prefix_fits && address_fits
    }
}

/// What a call or message is about, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Subject<'a> {
    pub(crate) phone_number_id: Option<&'a str>,
    pub(crate) waba_id: Option<&'a str>,
    pub(crate) message_type: Option<&'a str>,
    /// Lower-case template category.
    pub(crate) category: Option<&'a str>,
    pub(crate) address: Option<&'a str>,
    pub(crate) token: Option<usize>,
}

impl Subject<'_> {
    pub(crate) fn is_type(&self, wanted: &str) -> bool {
        self.message_type == Some(wanted) || self.category == Some(wanted)
    }
}

fn same(wanted: Option<&str>, actual: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| actual == Some(wanted))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_given_part_must_match() {
        let subject = Subject {
            phone_number_id: Some("1"),
            waba_id: Some("9"),
            message_type: Some("template"),
            category: Some("marketing"),
            address: Some("+7 900 1"),
            token: Some(0),
        };
        let check = |scope: serde_json::Value, expect: bool| {
            let scope: Scope = serde_json::from_value(scope).unwrap();
            assert_eq!(scope.covers(&subject), expect, "{scope:?}");
        };
        check(json!({}), true);
        check(json!({"phone_number_id": "1"}), true);
        check(json!({"phone_number_id": "2"}), false);
        check(json!({"country_prefix": "+7"}), true);
        check(json!({"country_prefix": "44"}), false);
        check(json!({"message_type": "marketing"}), true);
        check(json!({"message_type": "text"}), false);
        check(json!({"address": "79001", "token": 0}), true);
        check(json!({"token": 1}), false);
        check(json!({"waba_id": "9", "address": "1"}), false);
    }
}
