//! A route as the core sees it: an index, its health, and whether it has room for one more.

use crate::Timestamp;
use crate::health::Health;
use crate::message::Priority;

/// Position of a route (sender, feature and country of destination) in the shell's route table,
/// and of its leaf on the health board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteIx(pub u16);

/// What a decision needs to know of a route at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteView {
    pub health: Health,
    /// Since when the route has been in this state.
    pub since: Timestamp,
    /// One more attempt may leave now.
    pub room: bool,
    /// Back from an outage and still held below its full rate.
    pub ramping: bool,
    /// An operator keeps everything where it is: nothing leaves, nothing moves away.
    pub held: bool,
    /// The provider asked us to stay away until then.
    pub blocked_until: Timestamp,
}

/// The shell's route table, as far as decisions need it.
pub trait Routes {
    fn view(&self, route: RouteIx) -> RouteView;
}

/// The numbers that turn time into decisions. One set per installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long a message waits on a route that is Suspect or Degraded, by priority.
    pub patience_ms: [u64; 4],
    /// How long an unknown outcome may stay unsettled before the duplicate rule speaks.
    pub ambiguity_ms: [u64; 4],
    /// How long bulk stays with a route that is Down.
    pub bulk_hold_ms: u64,
    pub retry_base_ms: u64,
    pub retry_max_ms: u64,
    /// Tries on one hop before it is given up.
    pub tries_max: u8,
    /// Attempts of one delivery over all hops.
    pub attempts_max: u16,
    /// An attempt whose outcome the shell has not reported by then is in doubt.
    pub in_flight_max_ms: u64,
}

impl Policy {
    #[must_use]
    pub fn patience_ms(&self, priority: Priority) -> u64 {
        self.patience_ms[priority as usize]
    }

    #[must_use]
    pub fn ambiguity_ms(&self, priority: Priority) -> u64 {
        self.ambiguity_ms[priority as usize]
    }
}

impl Default for Policy {
    fn default() -> Self {
        let bulk_hold_ms = 30 * 60_000;
        Self {
            patience_ms: [5_000, 15_000, 120_000, bulk_hold_ms],
            ambiguity_ms: [5_000, 15_000, 120_000, bulk_hold_ms],
            bulk_hold_ms,
            retry_base_ms: 1_000,
            retry_max_ms: 60_000,
            tries_max: 5,
            attempts_max: 40,
            in_flight_max_ms: 60_000,
        }
    }
}
