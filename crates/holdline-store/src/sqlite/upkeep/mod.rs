//! What operators do with a database file beside the server that uses it: look it over, mend it,
//! back it up.
//! Each look is a short read, each mend a short write: intake goes on meanwhile.

pub mod backup;
mod check;
mod rules;
mod source;

pub use check::{Findings, Report, check, repair};
pub use rules::{Finding, Kind};
pub(crate) use source::Source;
pub(super) use source::refuse_moved;
