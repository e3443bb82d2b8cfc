//! The Cloud API's wire format, both ways: what apps post to us and what we post to apps.
//! Pure: reads and writes bytes, never a socket, a clock or a store.

mod cards;
pub mod error;
mod fields;
pub mod ids;
mod interactive;
pub mod request;
mod simple;
mod template;
pub mod webhook;

#[cfg(test)]
mod tests;

pub use cards::CARDS_MAX;
pub use error::GraphError;
pub use request::{MarkRead, Recipient, Request, Send, content_of, parse_request};
pub use simple::{CAPTION_CHARS_MAX, TEXT_CHARS_MAX};
