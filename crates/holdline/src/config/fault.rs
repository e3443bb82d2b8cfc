//! What is wrong with a configuration: where, what, and how to mend it. Never holds a value of a
//! secret key.

use std::fmt;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    File {
        name: String,
        line: usize,
        column: usize,
    },
    Env(String),
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line, column } => write!(f, "{name}:{line}:{column}"),
            Self::Env(name) => f.write_str(name),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fault {
    pub(crate) origin: Origin,
    /// The key it concerns; empty where the file as a whole does.
    pub(crate) key: String,
    pub(crate) what: String,
    pub(crate) mend: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Default => f.write_str("configuration: ")?,
            Origin::File { .. } | Origin::Env(_) => write!(f, "{}: ", self.origin)?,
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}\n    fix: {}", self.what, self.mend)
    }
}

/// Every mistake of one configuration, in the order of the file, then of the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn all(&self) -> &[Fault] {
        &self.0
    }

    pub(super) fn add(&mut self, origin: Origin, key: &str, what: impl Into<String>, mend: &str) {
        self.0.push(Fault {
            origin,
            key: key.into(),
            what: what.into(),
            mend: mend.into(),
        });
    }

    pub(super) fn into_result(mut self) -> Result<(), Self> {
        self.0.sort();
        self.0.dedup();
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        writeln!(
            f,
            "the configuration has {count} mistake{}",
            if count == 1 { "" } else { "s" }
        )?;
        self.0.iter().try_for_each(|fault| writeln!(f, "  {fault}"))
    }
}

impl std::error::Error for Faults {}
