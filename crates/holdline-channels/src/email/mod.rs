//! E-mail by SMTP submission. `session` and `client` talk to the server; the rest is pure. Takes
//! nothing in: answers to mail are for another channel.

mod classify;
mod client;
mod config;
pub(crate) mod encode;
mod pool;
mod session;

#[cfg(test)]
mod tests;

pub use classify::{Reply, Stage, classify};
pub use client::EmailChannel;
pub use config::{EmailConfig, Login, TlsMode};
pub use encode::{Mailbox, message_id};
