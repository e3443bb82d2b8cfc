//! The one HTTP client of the house: bounded, traced, redacting, and guarded where an app names
//! the address. Never retries, never follows a redirect by itself, never logs bodies, tokens or
//! query strings.

mod client;
mod config;
mod error;
mod guard;
mod hook;
mod request;
mod words;

#[cfg(test)]
mod tests;

pub use client::{Client, Response, StreamResponse};
pub(crate) use config::web_url;
pub use config::{BuildError, ClientConfig, install_crypto};
pub use error::TransportError;
pub use guard::is_public;
pub use hook::HookPoster;
pub use request::{Body, Part, Request};
pub use words::tidy;
