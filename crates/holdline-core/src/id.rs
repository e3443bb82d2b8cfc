//! Typed ids. They are made by the caller (the core draws nothing) and may be logged.

use alloc::string::String;
use core::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u128);

        impl $name {
            /// Reads the 32 hexadecimal digits that `Display` writes.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let plain = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
                plain.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(Self)
            }

            #[must_use]
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(u128::from_be_bytes(bytes))
            }

            #[must_use]
            pub fn bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }

            #[must_use]
            pub fn hex(self) -> String {
                alloc::format!("{self}")
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }
    };
}

id!(
    /// One message and its one delivery. Time-ordered (UUID version 7).
    MessageId
);
id!(
    /// One person.
    ContactId
);
id!(
    /// One message that a person sent to us.
    InboundId
);
id!(
    /// One time during which a route was down.
    OutageId
);

impl ContactId {
    /// The id of a person first seen at this address: always the same, so that two messages at
    /// once to a new person make one person. FNV-1a, 128 bits (draft-eastlake-fnv).
    #[must_use]
    pub fn of_address(channel: crate::ChannelKind, value: &str) -> Self {
        const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
        const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
        let bytes = channel.as_str().bytes().chain([0]).chain(value.bytes());
        Self(bytes.fold(OFFSET, |hash, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(PRIME)
        }))
    }
}

/// The `number`-th try (from 1) of a message, over all hops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptKey {
    pub message: MessageId,
    pub number: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_an_id_reads_back() {
        let id = MessageId(0x0193_5c9e_0000_7000_8000_0000_0000_0001);
        assert_eq!(MessageId::parse(&id.hex()), Some(id));
        assert_eq!(MessageId::from_bytes(id.bytes()), id);
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in [
            "",
            "1",
            "+1935c9e000070008000000000000001",
            "zz935c9e000070008000000000000001",
        ] {
            assert_eq!(MessageId::parse(text), None, "{text}");
        }
    }
}
