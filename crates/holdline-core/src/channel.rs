//! The name of a channel (a medium: whatsapp, sms, email). Knows no list of channels: that is the
//! registry's, so a new channel needs no change here.

use core::fmt;

/// Longest channel name in bytes.
pub const NAME_BYTES_MAX: usize = 12;

/// A channel's name, held inline so that it is `Copy` and cheap to keep a million times.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelKind([u8; NAME_BYTES_MAX]);

impl ChannelKind {
    pub const WHATSAPP: Self = Self::literal("whatsapp");
    pub const SMS: Self = Self::literal("sms");
    pub const EMAIL: Self = Self::literal("email");

    /// A name known at compile time.
    ///
    /// # Panics
    /// When the name is not 1 to 12 bytes of `a-z0-9_`; at compile time in a `const`.
    #[must_use]
    pub const fn literal(name: &str) -> Self {
        match Self::pack(name.as_bytes()) {
            Some(kind) => kind,
            None => panic!("a channel name is 1 to 12 bytes of a-z, 0-9 and _"),
        }
    }

    /// `None` unless the name is 1 to 12 bytes of `a-z0-9_`.
    #[must_use]
    pub const fn new(name: &str) -> Option<Self> {
        Self::pack(name.as_bytes())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        let end = self
            .0
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(NAME_BYTES_MAX);
        core::str::from_utf8(&self.0[..end]).unwrap_or("")
    }

    const fn pack(name: &[u8]) -> Option<Self> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return None;
        }
        let mut bytes = [0; NAME_BYTES_MAX];
        let mut at = 0;
        while at < name.len() {
            let byte = name[at];
            if !(byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
                return None;
            }
            bytes[at] = byte;
            at += 1;
        }
        Some(Self(bytes))
    }
}

impl fmt::Debug for ChannelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_back_as_it_went_in() {
        for name in ["whatsapp", "sms", "a", "abcdefghij_9"] {
            assert_eq!(ChannelKind::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn names_of_other_shapes_are_refused() {
        for name in ["", "SMS", "a b", "thirteen_char", "é"] {
            assert!(ChannelKind::new(name).is_none(), "{name}");
        }
    }
}
