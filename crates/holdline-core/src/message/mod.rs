//! What is said, and the duty to get it there: one message, one delivery, several attempts.

pub mod content;
pub mod delivery;
pub mod outcome;
pub mod receipt;
pub mod terms;

pub use delivery::{Delivery, End, Hearing, State};
pub use outcome::{ClassSet, Fault, FaultClass, Outcome, ThrottleScope};
pub use receipt::{Progress, Receipt, ReceiptKind};
pub use terms::{DuplicateRule, Hop, Priority, Success, Terms};
