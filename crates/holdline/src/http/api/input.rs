//! Reads requests: the caller behind a token, bodies and query parameters. What is unknown or
//! wrong is refused with its name and a proposal; nothing is read beyond a named size.

use super::check::{check, propose};
use super::docs;
use super::problem::{Answer, FieldFault, Kind, Problem};
use crate::http::auth::{self, AuthError};
use crate::http::body::{Unread, read_whole};
use crate::http::state::AppState;
use aws_lc_rs::digest::{Context, SHA256};
use axum::body::{Body, Bytes};
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

/// Most rows of a page.
pub(crate) const LIMIT_MAX: usize = 500;
/// Rows of a page when the caller names no number.
pub(crate) const LIMIT_DEFAULT: usize = 50;
const KEY_CHARS_MAX: usize = 255;

/// Who calls: the holder of a token that may do more than set up webhooks at Meta's paths.
pub(crate) struct Caller(pub(crate) auth::Caller);

impl FromRequestParts<AppState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Answer<Self> {
        let refused = |detail| Problem::new(Kind::Unauthorized, detail);
        match auth::authenticate(state, auth::bearer(&parts.headers)).await {
            Ok(caller) if caller.only_registers() => Err(Problem::new(
                Kind::Forbidden,
                "this token may only register webhooks",
            )),
            Ok(caller) => Ok(Self(caller)),
            Err(AuthError::Missing) => Err(refused("the request carries no token")),
            Err(AuthError::Unknown) => Err(refused("the token is not known")),
            Err(AuthError::Revoked) => Err(refused("the token was revoked")),
            Err(AuthError::Store(error)) => Err(error.into()),
        }
    }
}

/// SHA-256 over the parts one after the other.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// The whole body, no longer than configured.
pub(crate) async fn read_body(state: &AppState, body: Body) -> Answer<Bytes> {
    let bytes_max = state.config.http.body_max_bytes;
    read_whole(body, bytes_max)
        .await
        .map_err(|unread| match unread {
            Unread::TooLong => {
                let detail = format!("the body is longer than {bytes_max} bytes");
                Problem::new(Kind::TooLarge, detail)
            }
            Unread::BrokenOff => Problem::new(Kind::Malformed, "the body was not sent to its end"),
        })
}

/// A JSON body of the type, after it was compared with the documented schema.
pub(crate) fn parse<T: DeserializeOwned + ToSchema>(bytes: &[u8]) -> Answer<T> {
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| {
        Problem::new(
            Kind::Malformed,
            format!(
                "the body is not JSON (line {}, column {})",
                error.line(),
                error.column()
            ),
        )
    })?;
    let faults = check(docs::document(), &T::name(), &value);
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    // What serde refuses beyond the schema has no pointer; its words name the field.
    serde_json::from_value(value)
        .map_err(|error| Problem::invalid(vec![FieldFault::new("", error.to_string(), "mend it")]))
}

/// The query's parameters, all of them among `known`, each at most once.
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn read(query: Option<&str>, known: &[&'static str]) -> Answer<Self> {
        let given = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let params: Vec<(String, String)> = given.into_owned().collect();
        let mut faults = Vec::new();
        for (ix, (name, _)) in params.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let fix = if known.is_empty() {
                    "leave it out".to_owned()
                } else {
                    propose(name, known.iter().copied())
                };
                faults.push(FieldFault::new(name.as_str(), "is not known here", fix));
            } else if params[..ix].iter().any(|(earlier, _)| earlier == name) {
                faults.push(FieldFault::new(
                    name.as_str(),
                    "stands twice",
                    "give it once",
                ));
            }
        }
        if faults.is_empty() {
            Ok(Self(params))
        } else {
            Err(Problem::invalid(faults))
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The parameter, read by `read`; `fix` says what may stand there.
    pub(crate) fn get_as<T>(
        &self,
        name: &str,
        fix: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Answer<Option<T>> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        match read(text) {
            Some(value) => Ok(Some(value)),
            None => Err(Problem::invalid(vec![FieldFault::new(
                name,
                "cannot be read",
                fix,
            )])),
        }
    }

    /// `limit`, or the usual size of a page.
    pub(crate) fn limit(&self) -> Answer<usize> {
        let fix = format!("give a number from 1 to {LIMIT_MAX}");
        let read = |text: &str| {
            text.parse()
                .ok()
                .filter(|limit| (1..=LIMIT_MAX).contains(limit))
        };
        Ok(self.get_as("limit", &fix, read)?.unwrap_or(LIMIT_DEFAULT))
    }
}

/// The `Idempotency-Key` header: 1 to 255 visible ASCII characters.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Answer<Option<String>> {
    let Some(given) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let plain = |text: &&str| {
        (1..=KEY_CHARS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
    };
    match given.to_str().ok().filter(plain) {
        Some(key) => Ok(Some(key.to_owned())),
        None => Err(Problem::invalid(vec![FieldFault::new(
            "Idempotency-Key",
            "is not a key",
            "give 1 to 255 visible ASCII characters without spaces",
        )])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(query: &str) -> Vec<String> {
        let known = ["before", "limit"];
        match Params::read(Some(query), &known).and_then(|params| params.limit().map(|_| ())) {
            Ok(()) => Vec::new(),
            Err(problem) => problem
                .faults()
                .iter()
                .map(|fault| format!("{} {}: {}", fault.field, fault.message, fault.fix))
                .collect(),
        }
    }

    #[test]
    fn unknown_and_doubled_parameters_are_refused() {
        assert!(faults("before=1&limit=500").is_empty());
        assert_eq!(
            faults("limits=1"),
            ["limits is not known here: did you mean `limit`?"]
        );
        assert_eq!(
            faults("limit=1&limit=2"),
            ["limit stands twice: give it once"]
        );
        for limit in ["0", "501", "x", ""] {
            let fault = "limit cannot be read: give a number from 1 to 500";
            assert_eq!(faults(&format!("limit={limit}")), [fault]);
        }
    }

    #[test]
    fn an_idempotency_key_is_short_and_visible() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("idempotency-key", text.parse().unwrap());
            idempotency_key(&headers)
        };
        assert_eq!(read("a-1").unwrap().as_deref(), Some("a-1"));
        assert!(read("a b").is_err());
        assert!(read(&"x".repeat(256)).is_err());
        assert_eq!(idempotency_key(&HeaderMap::new()).unwrap(), None);
    }
}
