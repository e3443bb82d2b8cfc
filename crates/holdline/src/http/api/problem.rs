//! Errors of our own API in the form of RFC 9457: what is wrong, in which field, and how to mend
//! it. Never holds a value that the caller sent, only the place where it stood.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use holdline_engine::ports::StoreError;
use holdline_engine::request::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoResponses, ToSchema};

/// Most faults that one answer lists.
pub(crate) const FAULTS_MAX: usize = 100;

const CONTENT_TYPE: &str = "application/problem+json";
const RETRY_STORE_S: u32 = 5;

/// What kind of error it is. Its slug ends the `type` address, which leads to the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Malformed,
    Invalid,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    KeyReused,
    AddressTaken,
    AlreadyEnded,
    NoRoute,
    NoConsent,
    TooLarge,
    MediaType,
    Busy,
    Unavailable,
}

impl Kind {
    pub(crate) const ALL: [Self; 15] = [
        Self::Malformed,
        Self::Invalid,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::KeyReused,
        Self::AddressTaken,
        Self::AlreadyEnded,
        Self::NoRoute,
        Self::NoConsent,
        Self::TooLarge,
        Self::MediaType,
        Self::Busy,
        Self::Unavailable,
    ];

    pub(crate) const fn slug(self) -> &'static str {
        self.row().1
    }

    pub(crate) const fn title(self) -> &'static str {
        self.row().2
    }

    /// How a caller mends it.
    pub(crate) const fn mend(self) -> &'static str {
        self.row().3
    }

    pub(crate) const fn status(self) -> StatusCode {
        self.row().0
    }

    const fn row(self) -> (StatusCode, &'static str, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::Malformed => (
                S::BAD_REQUEST,
                "malformed",
                "The request cannot be read",
                "Send what the error names.",
            ),
            Self::Invalid => (
                S::UNPROCESSABLE_ENTITY,
                "invalid",
                "Some fields are not valid",
                "Mend every field that `errors` lists; they are listed all at once.",
            ),
            Self::Unauthorized => (
                S::UNAUTHORIZED,
                "unauthorized",
                "No valid token",
                "Send `Authorization: Bearer <token>` with a token from `holdline token create`.",
            ),
            Self::Forbidden => (
                S::FORBIDDEN,
                "forbidden",
                "The token does not reach so far",
                "Use a token whose scope includes this sender.",
            ),
            Self::NotFound => (
                S::NOT_FOUND,
                "not-found",
                "There is no such thing",
                "Check the id and the path.",
            ),
            Self::MethodNotAllowed => (
                S::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "This path does not take that method",
                "See the list of operations for the methods of each path.",
            ),
            Self::KeyReused => (
                S::CONFLICT,
                "idempotency-key-reused",
                "The idempotency key was used for another request",
                "Use a new key for a new message; repeat a request with the same body.",
            ),
            Self::AddressTaken => (
                S::CONFLICT,
                "address-taken",
                "An address belongs to another contact",
                "Change the contact that has the address, or leave the address out.",
            ),
            Self::AlreadyEnded => (
                S::CONFLICT,
                "already-ended",
                "The message has ended",
                "Nothing needs to be done: read the message to see how it ended.",
            ),
            Self::NoRoute => (
                S::UNPROCESSABLE_ENTITY,
                "no-route",
                "No channel can take it",
                "Give the contact an address on a configured channel, or name another channel.",
            ),
            Self::NoConsent => (
                S::UNPROCESSABLE_ENTITY,
                "no-consent",
                "The person withdrew consent",
                "Do not send; the person can give consent again by writing START.",
            ),
            Self::TooLarge => (
                S::PAYLOAD_TOO_LARGE,
                "too-large",
                "The body is too large",
                "Send less at a time.",
            ),
            Self::MediaType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "media-type",
                "This media type is not taken here",
                "Set Content-Type to the type that the operation names.",
            ),
            Self::Busy => (
                S::TOO_MANY_REQUESTS,
                "busy",
                "Too much is waiting",
                "Try again after the seconds that Retry-After names. Nothing was kept.",
            ),
            Self::Unavailable => (
                S::SERVICE_UNAVAILABLE,
                "unavailable",
                "It cannot be stored now",
                "Try again after the seconds that Retry-After names. Nothing was kept.",
            ),
        }
    }
}

/// One fault of one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct FieldFault {
    /// JSON Pointer into the body, or the name of a parameter or header.
    #[schema(example = "/plan/0/channel")]
    pub(crate) field: String,
    /// What is wrong.
    pub(crate) message: String,
    /// How to mend it.
    pub(crate) fix: String,
}

impl FieldFault {
    pub(crate) fn new(
        field: impl Into<String>,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
            fix: fix.into(),
        }
    }
}

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    kind: Kind,
    detail: String,
    errors: Vec<FieldFault>,
    retry_after_s: Option<u32>,
}

/// The result of every handler.
pub(crate) type Answer<T> = Result<T, Problem>;

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after_s: None,
        }
    }

    /// The faults of the fields, the first [`FAULTS_MAX`] of them.
    pub(crate) fn invalid(mut errors: Vec<FieldFault>) -> Self {
        let detail = match errors.len() {
            1 => "1 fault; see errors".to_owned(),
            count => format!("{count} faults; see errors"),
        };
        errors.truncate(FAULTS_MAX);
        Self {
            errors,
            ..Self::new(Kind::Invalid, detail)
        }
    }

    pub(crate) fn with_fault(mut self, fault: FieldFault) -> Self {
        self.errors.push(fault);
        self
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(Kind::NotFound, format!("there is no such {what}"))
    }

    pub(crate) fn retry(kind: Kind, detail: impl Into<String>, after_s: u32) -> Self {
        Self {
            retry_after_s: Some(after_s),
            ..Self::new(kind, detail)
        }
    }

    #[cfg(test)]
    pub(crate) fn faults(&self) -> &[FieldFault] {
        &self.errors
    }

    fn body(self) -> ProblemBody {
        ProblemBody {
            problem_type: format!("/api/v1/docs#problem-{}", self.kind.slug()),
            title: self.kind.title().to_owned(),
            status: self.kind.status().as_u16(),
            detail: self.detail,
            errors: self.errors,
        }
    }
}

/// An error as RFC 9457 shapes it.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// Address of the documentation of this kind of error; stable.
    #[serde(rename = "type")]
    #[schema(example = "/api/v1/docs#problem-invalid")]
    pub(crate) problem_type: String,
    /// The kind of error in words.
    pub(crate) title: String,
    /// The HTTP status again.
    pub(crate) status: u16,
    /// What is wrong this time.
    pub(crate) detail: String,
    /// Every faulty field, where fields are at fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<FieldFault>,
}

/// The error answers that any operation may give.
#[expect(dead_code, reason = "only its documentation is used")]
#[derive(IntoResponses)]
pub(crate) enum Errors {
    /// No token, or one that is unknown or revoked.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(ProblemBody),
    /// Too much is waiting: see Retry-After.
    #[response(status = 429, content_type = "application/problem+json")]
    Busy(ProblemBody),
    /// The store cannot be used now: see Retry-After.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemBody),
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, retry, kind) = (self.kind.status(), self.retry_after_s, self.kind);
        let bytes = serde_json::to_vec(&self.body()).unwrap_or_default();
        let mut response = (status, bytes).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if let Some(seconds) = retry {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if kind == Kind::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "the store refused a request of the API");
        Self::retry(
            Kind::Unavailable,
            "the store does not answer",
            RETRY_STORE_S,
        )
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::Busy { retry_after_s } => Self::retry(Kind::Busy, detail, retry_after_s),
            Refusal::Unavailable { retry_after_s, why } => {
                tracing::warn!(why, "a request of the API could not be stored");
                Self::retry(Kind::Unavailable, "it cannot be stored now", retry_after_s)
            }
            Refusal::KeyReused => Self::new(Kind::KeyReused, detail),
            Refusal::UnknownContact => Self::new(Kind::Invalid, detail).with_fault(
                FieldFault::new("/to/contact", "there is no such contact", "create it first"),
            ),
            Refusal::NoRoute(_) => Self::new(Kind::NoRoute, detail),
            Refusal::NoConsent => Self::new(Kind::NoConsent, detail),
            Refusal::UnknownMessage => Self::new(Kind::NotFound, detail),
            Refusal::AlreadyEnded => Self::new(Kind::AlreadyEnded, detail),
        }
    }
}
