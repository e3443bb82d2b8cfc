//! Errors of our own API in the form of RFC 9457: what is wrong, in which field, and how to mend
//! it. Never holds a value that the caller sent, only the place where it stood.

pub(crate) use super::kind::Kind;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use holdline_engine::ports::StoreError;
use holdline_engine::request::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoResponses, ToSchema};

/// Most faults that one answer lists.
pub(crate) const FAULTS_MAX: usize = 100;

const CONTENT_TYPE: &str = "application/problem+json";
const RETRY_STORE_S: u32 = 5;

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

    /// What is wrong and how to mend it, in one line for people.
    pub(crate) fn words(&self) -> String {
        let faults = self.errors.iter();
        let faults: Vec<String> = faults
            .map(|it| {
                format!(
                    "{} {}: {}",
                    it.field.trim_start_matches('/'),
                    it.message,
                    it.fix
                )
            })
            .collect();
        match faults.is_empty() {
            true => format!("{}.", self.detail),
            false => format!("{}.", faults.join("; ")),
        }
    }

    #[cfg(any(test, feature = "fuzzing"))]
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
            Refusal::Unavailable {
                retry_after_s, why, ..
            } => {
                tracing::warn!(why, "a request of the API could not be stored");
                Self::retry(Kind::Unavailable, "it cannot be stored now", retry_after_s)
            }
            Refusal::KeyReused => Self::new(Kind::KeyReused, detail),
            Refusal::UnknownContact => Self::new(Kind::Invalid, detail).with_fault(
                FieldFault::new("/to/contact", "there is no such contact", "create it first"),
            ),
            Refusal::NoRoute(_) => Self::new(Kind::NoRoute, detail),
            Refusal::NoConsent => Self::new(Kind::NoConsent, detail),
            Refusal::UnknownMessage | Refusal::UnknownScope(_) => Self::new(Kind::NotFound, detail),
            Refusal::AlreadyEnded => Self::new(Kind::AlreadyEnded, detail),
        }
    }
}
