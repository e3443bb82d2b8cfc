//! A secret from the configuration. It has no `Display`, and its `Debug` shows nothing of it.

use holdline_core::Redacted;

/// A password, token or key. Read it only where it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Secret(Redacted<String>);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(Redacted::new(text.into()))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }

    /// For the crates that know secrets as redacted text.
    pub(crate) fn redacted(&self) -> Redacted<String> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_secret_and_of_what_holds_it_shows_nothing() {
        let secret = Secret::new("hunter2");
        assert!(!format!("{:?} {:?}", secret, Some(&secret)).contains("hunter2"));
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(secret.redacted().expose(), "hunter2");
    }
}
