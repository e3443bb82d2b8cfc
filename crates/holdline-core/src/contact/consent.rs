//! Whether a person allows messages at an address.

/// A person's wish for one address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Consent {
    /// Never asked; allowed for what the person is party to.
    #[default]
    Unknown,
    Given,
    /// Nothing more goes to this address.
    Withdrawn,
}

impl Consent {
    pub const ALL: [Self; 3] = [Self::Unknown, Self::Given, Self::Withdrawn];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Given => "given",
            Self::Withdrawn => "withdrawn",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|consent| consent.name() == name)
    }
}
