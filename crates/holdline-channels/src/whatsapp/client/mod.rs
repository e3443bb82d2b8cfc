//! The part of WhatsApp that does I/O: the channel that sends, and the Graph client that the
//! front door forwards by. Keeps nothing about messages.

mod channel;
mod checks;
mod config;
mod graph;
pub(crate) mod items;
mod send;

#[cfg(test)]
mod tests;

pub use channel::WhatsappChannel;
pub use config::{WhatsappConfig, WhatsappSender};
pub use graph::{Forward, GraphClient, GraphFailure};
