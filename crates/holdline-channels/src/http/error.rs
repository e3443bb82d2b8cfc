//! Decides what a failed call means: certainly not processed, or perhaps processed. In doubt,
//! perhaps. Never carries the address of the call, which may hold secrets.

use super::guard::Forbidden;
use std::error::Error;
use std::io;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No name, no connection, no TLS: nothing was processed. `code` is `dns`, `connect`,
    /// `connect_timeout` or `tls`.
    #[error("not sent ({code}): {detail}")]
    NotSent { code: &'static str, detail: String },
    /// The request may have been processed. `code` is `timeout`, `reset` or `closed`.
    #[error("no whole answer ({code}): {detail}")]
    Ambiguous { code: &'static str, detail: String },
    /// Our own limit of calls under way; nothing was sent.
    #[error("too many calls are under way")]
    Busy,
    /// The guard refuses the address; nothing was sent.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The request cannot be written; nothing was sent.
    #[error("the request cannot be written: {0}")]
    Malformed(String),
}

impl TransportError {
    /// Nothing was processed by the other side, for certain.
    #[must_use]
    pub const fn certainly_not_sent(&self) -> bool {
        !matches!(self, Self::Ambiguous { .. })
    }

    pub(super) fn of(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if let Some(forbidden) = find::<Forbidden>(&error) {
            return Self::Forbidden(forbidden.clone());
        }
        if error.is_builder() {
            return Self::Malformed(innermost(&error));
        }
        let detail = innermost(&error);
        if error.is_connect() || error.is_dns() {
            return Self::NotSent {
                code: connect_code(&error),
                detail,
            };
        }
        Self::Ambiguous {
            code: ambiguous_code(&error),
            detail,
        }
    }

    pub(super) fn timeout() -> Self {
        Self::Ambiguous {
            code: "timeout",
            detail: "no answer in time".into(),
        }
    }
}

fn connect_code(error: &reqwest::Error) -> &'static str {
    if error.is_dns() {
        "dns"
    } else if find::<rustls::Error>(error).is_some() {
        "tls"
    } else if error.is_timeout() {
        "connect_timeout"
    } else {
        "connect"
    }
}

fn ambiguous_code(error: &reqwest::Error) -> &'static str {
    let reset = |error: &io::Error| {
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
        )
    };
    if error.is_timeout() {
        "timeout"
    } else if find::<io::Error>(error).is_some_and(reset) {
        "reset"
    } else {
        "closed"
    }
}

/// The first error of type `T` among the causes; I/O errors hide theirs one level deeper.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if let Some(found) = inner.and_then(|inner| find_inner::<T>(inner)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn find_inner<'a, T: Error + 'static>(
    inner: &'a (dyn Error + Send + Sync + 'static),
) -> Option<&'a T> {
    find::<T>(inner as &(dyn Error + 'static))
}

/// The words of the deepest cause, which say what happened.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    super::words::tidy(&deepest.to_string())
}
