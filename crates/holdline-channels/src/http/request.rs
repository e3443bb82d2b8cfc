//! One call as plain data: built step by step, checked when it is sent. Its Debug shows method,
//! host and path template only.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use holdline_engine::ports::blobs::Pieces;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::fmt;
use url::Url;
use url::form_urlencoded;

/// What a call carries.
pub enum Body {
    Empty,
    Bytes(Bytes),
    Multipart(Vec<Part>),
    /// Sent as it comes; without a length it goes in chunks.
    Stream {
        pieces: Pieces,
        length: Option<u64>,
    },
}

/// One part of a multipart body.
pub enum Part {
    Text {
        name: &'static str,
        value: String,
    },
    File {
        name: &'static str,
        filename: String,
        mime: String,
        bytes: Bytes,
    },
}

/// A call to be made.
pub struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
    pub(super) template: &'static str,
    pub(super) timeout_ms: Option<u32>,
    pub(super) response_bytes_max: Option<usize>,
    pub(super) fault: Option<String>,
}

impl Request {
    /// `template` is what logs show in place of the path: `/{phone}/messages`.
    #[must_use]
    pub fn new(method: Method, url: Url, template: &'static str) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Body::Empty,
            template,
            timeout_ms: None,
            response_bytes_max: None,
            fault: None,
        }
    }

    #[must_use]
    pub fn get(url: Url, template: &'static str) -> Self {
        Self::new(Method::GET, url, template)
    }

    #[must_use]
    pub fn post(url: Url, template: &'static str) -> Self {
        Self::new(Method::POST, url, template)
    }

    #[must_use]
    pub fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Bytes that are JSON already.
    #[must_use]
    pub fn json(self, bytes: impl Into<Bytes>) -> Self {
        self.header(CONTENT_TYPE.as_str(), "application/json")
            .body(Body::Bytes(bytes.into()))
    }

    #[must_use]
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let text = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.header(CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded")
            .body(Body::Bytes(text.into()))
    }

    /// Replaces a header. What cannot be a header makes the call fail before anything is sent.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            (Ok(name), Ok(value)) => drop(self.headers.insert(name, value)),
            _ => self.fault = Some(format!("the header {name} holds characters that it cannot")),
        }
        self
    }

    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.secret_header(&format!("Bearer {token}"))
    }

    #[must_use]
    pub fn basic(self, user: &str, password: &str) -> Self {
        self.secret_header(&format!(
            "Basic {}",
            STANDARD.encode(format!("{user}:{password}"))
        ))
    }

    /// A shorter or longer time-out than the client's.
    #[must_use]
    pub fn timeout_ms(mut self, timeout_ms: u32) -> Self {
        self.timeout_ms = Some(timeout_ms);
        self
    }

    #[must_use]
    pub fn response_bytes_max(mut self, bytes: usize) -> Self {
        self.response_bytes_max = Some(bytes);
        self
    }

    fn secret_header(mut self, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(mut value) => {
                value.set_sensitive(true);
                self.headers.insert(AUTHORIZATION, value);
            }
            Err(_) => self.fault = Some("the credentials hold a line break or such".into()),
        }
        self
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or("-");
        write!(f, "Request({} {host} {})", self.method, self.template)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Multipart(parts) => write!(f, "Multipart({})", parts.len()),
            Self::Stream { length, .. } => write!(f, "Stream({length:?})"),
        }
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { name, .. } => write!(f, "Text({name})"),
            Self::File { name, bytes, .. } => write!(f, "File({name}, {} bytes)", bytes.len()),
        }
    }
}
