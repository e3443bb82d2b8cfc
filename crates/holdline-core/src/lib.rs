//! Decides what happens to a message: pure state machines, no I/O, clock, randomness or logging.
//!
//! Time, ids and random draws come in as arguments; every effect goes out by value. The same
//! events give the same steps, byte for byte. What runs these machines is `holdline-engine`.
//!
//! | module | decides |
//! |---|---|
//! | [`message`] | the delivery machine: try, retry, wait, fail over, end |
//! | [`health`] | whether a route works, from the signals of sends and probes |
//! | [`routing`] | which hop a delivery takes now, and how fast a route may be used again |
//! | [`contact`] | reply keywords, and which address of a person may be used |
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod channel;
pub mod contact;
pub mod health;
pub mod id;
pub mod message;
pub mod redacted;
pub mod routing;
pub mod step;
pub mod time;

pub use channel::ChannelKind;
pub use id::{AttemptKey, ContactId, MessageId};
pub use redacted::Redacted;
pub use time::Timestamp;
