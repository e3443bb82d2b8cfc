//! Whether a route works. Signals go in, verdicts with reasons come out; who asks for health gets
//! a [`Standing`] and never learns which statistics stand behind it.
//!
//! | module | holds |
//! |---|---|
//! | [`signal`] | what may happen, as evidence |
//! | [`stats`] | the sequential statistics, with their sources |
//! | [`baseline`] | what is usual, learned |
//! | [`leaf`] | the detector of one sender, feature and country |
//! | [`scope`] | how far a trouble reaches |
//! | [`board`] | the state machine of every trouble: Suspect, Degraded, Down, Recovering, Up |
//! | [`verdict`] | a change of state with its reason and course |

pub mod baseline;
pub mod board;
pub mod leaf;
pub mod scope;
pub mod signal;
pub mod stats;
pub mod verdict;

pub use board::{Board, BoardConfig, NumberConfig, Standing, Wish};
pub use scope::{Country, Feature, LeafKey, NumberIx, Scope};
pub use signal::{Ended, Evidence, InboundKind, ReceiptSign, Signal};
pub use verdict::{Course, EpisodeId, Health, Verdict};
