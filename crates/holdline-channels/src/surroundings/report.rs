//! What a look around saw, as values and in words for people. Pure.

use std::fmt;

/// One look at the network between us and a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkReport {
    /// The provider's host.
    pub host: String,
    /// Each control host, and whether any HTTP answer came from it.
    pub controls: Vec<(String, bool)>,
    /// Each resolver, and what it said; empty where the host is an address.
    pub resolved: Vec<(String, Resolved)>,
    /// Whether the provider's port took a connection; `None` where no address was known.
    pub connected: Option<bool>,
    /// Why not: `refused`, `timeout` or `failed`.
    pub connect_fault: Option<&'static str>,
}

/// What a resolver said about a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved {
    Address,
    /// It answered and gave no address: no such name, or none that it could find.
    NoSuchName,
    /// It did not answer.
    Silent,
}

/// What came of calling our own webhook as the provider does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelfTest {
    Answered,
    /// Something answered, and not as our webhook does.
    WrongAnswer(String),
    Unreachable(String),
}

impl NetworkReport {
    /// Whether at least one control host was reached; `None` where none is configured.
    #[must_use]
    pub fn controls_reached(&self) -> Option<bool> {
        let reached = self.controls.iter().any(|(_, reached)| *reached);
        (!self.controls.is_empty()).then_some(reached)
    }

    /// One line for people.
    #[must_use]
    pub fn words(&self) -> String {
        [self.control_words(), self.name_words(), self.port_words()]
            .into_iter()
            .filter(|words| !words.is_empty())
            .collect::<Vec<_>>()
            .join("; ")
    }

    fn control_words(&self) -> String {
        let reached = self.controls.iter().filter(|(_, reached)| *reached).count();
        match self.controls.len() {
            0 => "no control hosts configured".into(),
            1 if reached == 1 => "the control host reached".into(),
            1 => "the control host not reached".into(),
            all => format!("{reached} of {all} control hosts reached"),
        }
    }

    fn name_words(&self) -> String {
        let said = |wanted: Resolved, words: &str| {
            let by = self.resolved.iter().filter(|(_, said)| *said == wanted);
            let by: Vec<&str> = by.map(|(resolver, _)| resolver.as_str()).collect();
            (!by.is_empty()).then(|| format!("{words} {}", listed(&by)))
        };
        let parts: Vec<String> = [
            said(Resolved::Address, "resolved by"),
            said(Resolved::NoSuchName, "not found by"),
            said(Resolved::Silent, "no word from"),
        ]
        .into_iter()
        .flatten()
        .collect();
        match parts.is_empty() {
            true => String::new(),
            false => format!("{} {}", self.host, parts.join(", ")),
        }
    }

    fn port_words(&self) -> String {
        match (self.connected, self.connect_fault) {
            (Some(true), _) => "TCP connect made".into(),
            (Some(false), Some("refused")) => "TCP connect refused".into(),
            (Some(false), Some("timeout")) => "TCP connect timed out".into(),
            (Some(false), _) => "TCP connect failed".into(),
            (None, _) => "TCP connect not tried".into(),
        }
    }
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).into(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

impl fmt::Display for SelfTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered => f.write_str("our webhook answers"),
            Self::WrongAnswer(what) => write!(f, "our webhook answers wrongly: {what}"),
            Self::Unreachable(why) => write!(f, "our webhook cannot be reached: {why}"),
        }
    }
}
