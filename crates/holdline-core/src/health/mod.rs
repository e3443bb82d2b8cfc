//! Whether a route works. Signals go in, verdicts with reasons come out; who asks for health never
//! learns which [`Detector`] stands behind it.

pub mod rule;
pub mod signal;
pub mod verdict;

pub use rule::{Rule, RuleConfig};
pub use signal::{Evidence, Signal};
pub use verdict::{Health, Verdict};

use crate::Timestamp;

/// Turns signals of one route into verdicts. The plain [`Rule`] is one; statistics will be others.
pub trait Detector: Send {
    /// Takes one signal. A verdict is returned only when the state changes.
    fn observe(&mut self, signal: &Signal) -> Option<Verdict>;

    /// Time has passed.
    fn tick(&mut self, now: Timestamp) -> Option<Verdict>;

    /// When `tick` is wanted next.
    fn wake_at(&self) -> Option<Timestamp>;

    /// The route should be probed now (asked at each wake-up).
    fn wants_probe(&self, now: Timestamp) -> bool;

    fn health(&self) -> Health;

    fn since(&self) -> Timestamp;
}
