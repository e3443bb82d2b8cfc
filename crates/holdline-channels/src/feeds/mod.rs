//! Reads what others publish about their own health: metastatus, Statuspage v2 and its relatives,
//! RSS and Atom. Only `client` does I/O; everything else turns bytes into values. Never takes what
//! it could not fetch or understand for health, and never judges a route: that is evidence for
//! the core.

mod client;
mod config;
mod json;
pub(crate) mod metastatus;
pub(crate) mod reading;
pub(crate) mod statuspage;
pub(crate) mod syndication;
pub(crate) mod times;
mod words;

#[cfg(test)]
mod tests;

pub use client::FeedClient;
pub use config::{FEED_BYTES_MAX, FeedConfig, FeedFormat, METASTATUS_ORG, poll_after_ms};
pub use reading::{FeedAnswer, FeedIncident, FeedLevel, FeedReading, INCIDENTS_MAX};
pub use words::feature_of;
