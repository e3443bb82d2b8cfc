//! Is it them or us? Looks from here at hosts that have nothing to do with the provider, at the
//! provider's name by several resolvers, at its port, and at our own webhook from outside.
//! Reports what it saw; whose fault that is, others decide.

mod client;
mod config;
pub(crate) mod dns;
mod report;

#[cfg(test)]
mod tests;

pub use client::Surroundings;
pub use config::SurroundingsConfig;
pub use report::{NetworkReport, Resolved, SelfTest};
