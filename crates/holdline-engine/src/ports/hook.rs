//! Calls in (as channels verify them) and calls out (events posted to apps).

use super::records::{EndpointRecord, HookRecord};
use super::store::StoreError;
use async_trait::async_trait;
use bytes::Bytes;
use holdline_core::Redacted;

/// A call to one of our hooks, as it came.
#[derive(Clone, Debug)]
pub struct HookRequest {
    /// The full public address that the provider called, with its query.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Redacted<Bytes>,
}

impl HookRequest {
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What became of one post to an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookOutcome {
    /// Answered 2xx.
    Taken,
    /// Answered otherwise, or not at all: why.
    Refused(String),
}

/// Posts events to apps.
#[async_trait]
pub trait Hook: Send + Sync {
    /// One POST with these exact bytes; ends within 10 s.
    async fn post(&self, url: &str, headers: &[(String, String)], body: Bytes) -> HookOutcome;
}

/// An event as bytes, signed and ready to post.
#[derive(Clone, Debug)]
pub struct Rendered {
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

/// Turns an event into the form its endpoint wants.
#[async_trait]
pub trait Renderer: Send + Sync {
    /// `None` when what the event speaks of is gone: it is dropped.
    async fn render(
        &self,
        endpoint: &EndpointRecord,
        hook: &HookRecord,
    ) -> Result<Option<Rendered>, StoreError>;
}
