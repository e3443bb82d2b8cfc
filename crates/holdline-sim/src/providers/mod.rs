//! The virtual providers. Everything below decides from arguments and state; nothing does I/O.

pub(crate) mod email;
mod multipart;
mod params;
pub(crate) mod sms;
pub(crate) mod whatsapp;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;

pub(crate) use params::{Params, pairs};

/// A request as it came off the wire.
#[derive(Debug, Clone)]
pub struct ApiRequest {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl ApiRequest {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// What happens to a request.
#[derive(Debug)]
pub enum Answer {
    Reply(Reply),
    /// First ask the receiver to confirm itself, then come back with the result.
    Handshake(Handshake),
    /// The connection is cut.
    Reset,
    /// No answer ever comes; the connection is cut when the outage ends.
    Hang,
}

#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub content_type: String,
    pub retry_after_s: Option<u64>,
    pub body: Bytes,
    pub delay_ms: u64,
    /// Sent in pieces without a length.
    pub chunked: bool,
}

impl Reply {
    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::raw(
            status,
            "application/json; charset=UTF-8",
            value.to_string().into(),
        )
    }

    pub(crate) fn raw(status: u16, content_type: &str, body: Bytes) -> Self {
        Self {
            status,
            content_type: content_type.to_owned(),
            retry_after_s: None,
            body,
            delay_ms: 0,
            chunked: false,
        }
    }
}

/// The confirmation GET of a webhook subscription.
#[derive(Debug, Clone)]
pub struct Handshake {
    pub url: String,
    pub verify_token: String,
    pub challenge: String,
    /// What the confirmation is for, to hand back with its result.
    pub ticket: u64,
}

/// A proxy's error page: now and then with no body at all.
pub(crate) fn html_error(draw: u64) -> Answer {
    const STATUSES: [(u16, &str); 3] = [
        (502, "Bad Gateway"),
        (503, "Service Unavailable"),
        (504, "Gateway Time-out"),
    ];
    let (status, title) = STATUSES[(draw % 3) as usize];
    if (draw / 3).is_multiple_of(4) {
        return Answer::Reply(Reply::raw(status, "text/html", Bytes::new()));
    }
    let page = format!("<html><head><title>{status} {title}</title></head><body></body></html>");
    Answer::Reply(Reply::raw(status, "text/html", page.into()))
}
