//! What else the provider can be asked when messages seem to be lost: how it judges our account,
//! how far one message got, and whether a message between two numbers of ours arrives. Pure: the
//! answers are read here, `client` asks.

mod echo;
mod fate;
mod health;

#[cfg(test)]
mod tests;

pub(crate) use echo::token_of;
pub use echo::{EchoPair, echo_of, echo_text};
pub use fate::{MessageFate, Reach, WebhookFate};
pub use health::{AccountHealth, CanSend, EntityHealth};
