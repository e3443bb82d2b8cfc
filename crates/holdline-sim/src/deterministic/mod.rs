//! The deterministic simulation: the real core and engine on a virtual clock, against the virtual
//! providers, on one thread. A seed makes a script; a script gives the same run, byte for byte.
//!
//! First faults, then everything is made whole; within a bounded time all must have come to its
//! end. Checkers judge by what apps, providers and phones have seen, and by the disk.

mod actors;
mod checkers;
mod chronicle;
mod exec;
mod facts;
mod ports;
mod run;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "each way to be broken changes one thing and leaves the others"
)]
mod sabotage;
pub mod script;
mod shrink;
mod stage;
#[cfg(test)]
mod tests;
mod weather;

pub use chronicle::Violation;
pub use run::{Report, Trace, run};
pub use shrink::{Shrunk, shrink};

use crate::config;

/// Apps, each with a sender and endpoints of its own.
pub(crate) const APPS: u8 = 2;
/// People: few, so that much happens to each.
pub(crate) const PEOPLE: u8 = 8;

pub(crate) fn app_name(app: u8) -> String {
    format!("app{app}")
}

/// The phone-number id that an app sends from.
pub(crate) fn sender_of(app: u8) -> String {
    if app == 0 {
        config::Number::default().id
    } else {
        config::Number::second().id
    }
}

/// The endpoints of an app: each hears the Cloud API's events, and the first app our own too.
pub(crate) fn endpoints_of(app: u8) -> Vec<String> {
    let forms = ["cloud", "standard"];
    let count = if app == 0 { 2 } else { 1 };
    let name = app_name(app);
    forms
        .iter()
        .take(count)
        .map(|form| format!("{name}/{form}"))
        .collect()
}

/// A person's phone number, of one country or another.
pub(crate) fn number_of(person: u8) -> String {
    const COUNTRIES: [&str; 4] = ["1650555", "4479460", "7900123", "5511987"];
    let country = COUNTRIES[usize::from(person) % COUNTRIES.len()];
    format!("+{country}{:04}", 1_000 + u32::from(person))
}
