//! What an outage covers. A leaf is the smallest thing that can fail by itself: a sender, a
//! feature and a country. A scope leaves some of these open; the join of two scopes is the
//! smallest that covers both, so a parent is named only when two of its children fail.

use crate::ChannelKind;
use core::fmt;

/// Position of a sender (our identity on a channel) in the board's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NumberIx(pub u16);

/// Position of an account (a WABA) in the board's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountIx(pub u16);

/// What a provider does for us that can fail alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// Free-form text and interactive messages; all there is on most channels.
    Session,
    Marketing,
    Utility,
    Authentication,
    /// A template whose category is not known.
    Template,
    Media,
    /// Webhooks to us: receipts and what people write.
    Inbound,
    /// Reading and managing, as probes do.
    Management,
}

impl Feature {
    pub const ALL: [Self; 8] = [
        Self::Session,
        Self::Marketing,
        Self::Utility,
        Self::Authentication,
        Self::Template,
        Self::Media,
        Self::Inbound,
        Self::Management,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Marketing => "marketing",
            Self::Utility => "utility",
            Self::Authentication => "authentication",
            Self::Template => "template",
            Self::Media => "media",
            Self::Inbound => "inbound",
            Self::Management => "management",
        }
    }

    /// As people say it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Session => "text messages",
            Self::Marketing => "marketing templates",
            Self::Utility => "utility templates",
            Self::Authentication => "authentication templates",
            Self::Template => "templates",
            Self::Media => "media messages",
            Self::Inbound => "webhooks",
            Self::Management => "the management API",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.name() == name)
    }

    /// Messages leave by it.
    #[must_use]
    pub const fn sends(self) -> bool {
        !matches!(self, Self::Inbound | Self::Management)
    }
}

/// A country by its calling code; 0 where there is none (an e-mail address, a probe).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(pub u16);

impl Country {
    pub const NONE: Self = Self(0);

    /// The country of an E.164 number, with or without `+`, by the list of assigned codes
    /// (ITU-T E.164): 1 and 7 alone, 45 codes of two digits, all others of three.
    #[must_use]
    pub fn of_number(number: &str) -> Self {
        let digits = number.trim_start_matches('+');
        let code = |length: usize| digits.get(..length).and_then(|code| code.parse().ok());
        match code(1) {
            None | Some(0) => Self::NONE,
            Some(one @ (1 | 7)) => Self(one),
            Some(_) => match code(2) {
                Some(two) if has_two_digits(two) => Self(two),
                Some(_) | None => Self(code(3).unwrap_or(0)),
            },
        }
    }
}

const fn has_two_digits(code: u16) -> bool {
    matches!(code,
        20 | 27 | 30..=34 | 36 | 39..=41 | 43..=49 | 51..=58 | 60..=66 | 81 | 82 | 84 | 86
        | 90..=95 | 98)
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

/// Sender, feature and country.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafKey {
    pub number: NumberIx,
    pub feature: Feature,
    pub country: Country,
}

/// What is `None` is open: all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    pub channel: ChannelKind,
    pub account: Option<AccountIx>,
    pub number: Option<NumberIx>,
    pub feature: Option<Feature>,
    pub country: Option<Country>,
}

impl Scope {
    /// The smallest scope that covers both; `None` on different channels.
    #[must_use]
    pub fn join(&self, other: &Self) -> Option<Self> {
        (self.channel == other.channel).then(|| Self {
            channel: self.channel,
            account: both(self.account, other.account),
            number: both(self.number, other.number),
            feature: both(self.feature, other.feature),
            country: both(self.country, other.country),
        })
    }

    /// Everything of `other` is in here.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.join(other) == Some(*self)
    }

    /// They have something in common.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.channel == other.channel
            && meets(self.account, other.account)
            && meets(self.number, other.number)
            && meets(self.feature, other.feature)
            && meets(self.country, other.country)
    }
}

fn both<T: PartialEq>(left: Option<T>, right: Option<T>) -> Option<T> {
    if left == right { left } else { None }
}

fn meets<T: PartialEq>(left: Option<T>, right: Option<T>) -> bool {
    left.is_none() || right.is_none() || left == right
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(number: u16, feature: Feature, country: u16) -> Scope {
        Scope {
            channel: ChannelKind::WHATSAPP,
            account: Some(AccountIx(0)),
            number: Some(NumberIx(number)),
            feature: Some(feature),
            country: Some(Country(country)),
        }
    }

    #[test]
    fn the_join_opens_only_what_differs() {
        let text = leaf(1, Feature::Session, 49);
        let joined = text.join(&leaf(1, Feature::Session, 7)).unwrap();
        assert_eq!(
            joined,
            Scope {
                country: None,
                ..text
            }
        );
        let joined = text.join(&leaf(2, Feature::Session, 49)).unwrap();
        assert_eq!(
            joined,
            Scope {
                number: None,
                ..text
            }
        );
        assert!(joined.covers(&text) && !text.covers(&joined) && text.meets(&joined));
        assert!(!text.meets(&leaf(1, Feature::Media, 49)));
    }

    #[test]
    fn countries_are_read_from_numbers() {
        for (number, code) in [
            ("+16505551234", 1),
            ("79161234567", 7),
            ("+4915112345678", 49),
            ("+380501234567", 380),
            ("+97150123456", 971),
            ("+5511999999999", 55),
            ("", 0),
            ("+013", 0),
            ("ann@example.com", 0),
            ("US.13491208655302741918", 0),
        ] {
            assert_eq!(Country::of_number(number), Country(code), "{number}");
        }
    }

    #[test]
    fn features_have_names_that_read_back() {
        for feature in Feature::ALL {
            assert_eq!(Feature::parse(feature.name()), Some(feature));
        }
    }
}
