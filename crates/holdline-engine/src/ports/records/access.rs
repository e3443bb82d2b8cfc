//! Who may use the console: people with their roles, and the sessions they have open. Plain data;
//! neither passwords nor session tokens are kept, only what tells them apart.

use holdline_core::{Redacted, Timestamp};

/// What a person may do in the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Everything, people and tokens included.
    Owner,
    /// Messages, routes, contacts and tests.
    Operator,
    /// Reads messages and contacts, and acts on messages.
    Agent,
    /// Reads everything, the audit included; changes nothing.
    Auditor,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Owner, Self::Operator, Self::Agent, Self::Auditor];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Operator => "operator",
            Self::Agent => "agent",
            Self::Auditor => "auditor",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// A person who may sign in. The name is the key: lower case, never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    pub name: String,
    pub role: Role,
    /// Argon2id in the PHC string format.
    pub password: Redacted<String>,
    /// Shared secret of RFC 6238, in base 32; `None` = no second factor.
    pub totp: Option<Redacted<String>>,
    /// The last time step whose code was taken: none before it, nor it, is taken again.
    pub totp_step: i64,
    pub created_at: Timestamp,
    /// May not sign in any more.
    pub disabled_at: Option<Timestamp>,
    /// Of this record: 1 for a new one, one more at each change.
    pub version: i64,
}

/// A browser that somebody signed in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// SHA-256 of the token in the cookie.
    pub hash: [u8; 32],
    pub user: String,
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub seen_at: Timestamp,
    pub expires_at: Timestamp,
    /// Address and `User-Agent` at sign-in.
    pub address: String,
    pub agent: String,
}
