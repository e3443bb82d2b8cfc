//! The provider's later word about an attempt, and how far an attempt has got.

use super::outcome::Fault;
use super::terms::Success;

/// How far an attempt is known to have got. Only ever grows: a late `sent` after `read` is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Progress {
    #[default]
    None,
    Accepted,
    Sent,
    Delivered,
    Read,
}

impl Progress {
    pub const ALL: [Self; 5] = [
        Self::None,
        Self::Accepted,
        Self::Sent,
        Self::Delivered,
        Self::Read,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Accepted => "accepted",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|progress| progress.name() == name)
    }

    #[must_use]
    pub const fn satisfies(self, wanted: Success) -> bool {
        let needed = match wanted {
            Success::Accepted => Self::Accepted,
            Success::Sent => Self::Sent,
            Success::Delivered => Self::Delivered,
            Success::Read => Self::Read,
        };
        self as u8 >= needed as u8
    }
}

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptKind {
    Reached(Progress),
    Failed(Fault),
}

/// A receipt for the `number`-th attempt of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub number: u16,
    pub kind: ReceiptKind,
}
