//! What is kept of routes: their health and its history, what is usual on them, what operators have
//! said about them, and who did what. Plain data, no judgement.

use holdline_core::Timestamp;
use holdline_core::health::Health;
pub use holdline_core::health::board::HoldKind;
use holdline_core::id::OutageId;

/// The last known health of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRecord {
    pub name: String,
    pub health: Health,
    pub since: Timestamp,
    pub reason: String,
    /// What the detectors wrote to go on from; theirs to read, may be empty.
    pub state: String,
}

/// A time during which a route was down.
#[derive(Clone, Debug, PartialEq)]
pub struct OutageRecord {
    pub id: OutageId,
    pub route: String,
    /// What was affected, in words.
    pub scope: String,
    /// The signal that decided.
    pub signal: String,
    pub onset: Option<Timestamp>,
    pub suspect_at: Option<Timestamp>,
    pub degraded_at: Option<Timestamp>,
    /// When the route was Down.
    pub opened_at: Timestamp,
    pub recovering_at: Option<Timestamp>,
    pub recovered_at: Option<Timestamp>,
    pub reason: String,
    /// Messages that left the route because of it.
    pub moved: u64,
    /// How strong the evidence was; finite.
    pub nats: f64,
    /// Observations that the theoretical bound asks for.
    pub bound: Option<f64>,
    /// Observations that it took, over the bound.
    pub ratio: Option<f64>,
    /// What the provider's own status feed said.
    pub feed: Option<String>,
    /// When that feed first told.
    pub feed_at: Option<Timestamp>,
}

/// What is usual on a route, as its detector wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaselineRecord {
    pub key: String,
    pub saved_at: Timestamp,
    pub values: Vec<u8>,
}

/// An operator's word about a scope, good until its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRecord {
    pub scope: String,
    pub kind: HoldKind,
    pub reason: String,
    pub actor: String,
    pub set_at: Timestamp,
    pub until: Timestamp,
}

/// Something that a person did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Time-ordered (UUID version 7).
    pub id: u128,
    pub at: Timestamp,
    pub actor: String,
    pub action: String,
    pub subject: String,
    pub reason: String,
    pub detail: String,
}
