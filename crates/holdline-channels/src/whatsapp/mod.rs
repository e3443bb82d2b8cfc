//! WhatsApp by the Cloud API: its wire format, error classes, requests and webhooks.
//! Pure but for `client`: nothing else here opens a socket or reads a clock.

pub(crate) mod checks;
pub mod classify;
pub mod client;
pub mod definition;
pub mod encode;
pub mod errors;
pub mod inbound;
pub mod signature;
mod updates;
pub mod wire;

#[cfg(test)]
mod tests;

pub use checks::{
    AccountHealth, CanSend, EchoPair, EntityHealth, MessageFate, Reach, WebhookFate, echo_of,
    echo_text,
};
pub use client::{GraphClient, GraphFailure, WhatsappChannel, WhatsappConfig, WhatsappSender};
pub use definition::TemplateBody;
pub use updates::{
    Chosen, Event, InboundMessage, StatusReceipt, StatusWord, TemplateStatus, Update,
};
