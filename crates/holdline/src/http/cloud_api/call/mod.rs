//! One call to the front door: what it names, who makes it, what it carries. Reads only the
//! request; whether the caller may do it is decided by whoever serves it.

pub(crate) mod body;
pub(crate) mod params;
pub(crate) mod path;

pub(crate) use params::Params;
pub(crate) use path::Target;

use crate::http::auth::bearer;
use crate::http::state::AppState;
use axum::http::{HeaderMap, Method, request};

/// Most parameters that are read of a query.
const QUERY_PAIRS_MAX: usize = 1_000;

pub(crate) struct Call {
    pub(crate) method: Method,
    /// As it came, with its version.
    pub(crate) path: String,
    /// As it came, with its token.
    pub(crate) raw_query: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) target: Target,
    /// The address under which the caller reaches us, without a slash at its end.
    pub(crate) base: String,
}

impl Call {
    pub(crate) fn new(state: &AppState, parts: request::Parts) -> Self {
        let raw_query = parts.uri.query().unwrap_or_default().to_owned();
        let pairs = url::form_urlencoded::parse(raw_query.as_bytes()).into_owned();
        Self {
            query: pairs.take(QUERY_PAIRS_MAX).collect(),
            raw_query,
            target: Target::of(parts.uri.path()),
            path: parts.uri.path().to_owned(),
            base: state.base_for(&parts.headers),
            method: parts.method,
            headers: parts.headers,
        }
    }

    /// The token: of the header, else of the query; calls that set up webhooks the other way
    /// round, since one client sends both there and means the second.
    pub(crate) fn token(&self) -> Option<&str> {
        let of_query = params::first(&self.query, "access_token");
        match self.registers() {
            true => of_query.or_else(|| bearer(&self.headers)),
            false => bearer(&self.headers).or(of_query),
        }
    }

    /// Sets up webhooks, or may do so.
    pub(crate) fn registers(&self) -> bool {
        match &self.target {
            Target::Subscriptions { .. } | Target::SubscribedApps { .. } => true,
            Target::Node { .. } => self.method == Method::POST,
            Target::Messages { .. }
            | Target::Media { .. }
            | Target::Templates { .. }
            | Target::PhoneNumbers { .. }
            | Target::AccessToken
            | Target::Other { .. }
            | Target::Nothing => false,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
