//! One call to the front door: what it names, who makes it, what it carries. Reads only the
//! request; whether the caller may do it is decided by whoever serves it.

pub(crate) mod body;
pub(crate) mod params;
pub(crate) mod path;

pub(crate) use params::Params;
pub(crate) use path::Target;

use crate::http::auth::bearer;
use crate::http::state::AppState;
use axum::http::{HeaderMap, Method, Uri, request};

/// Most parameters that are read of a query.
const QUERY_PAIRS_MAX: usize = 1_000;

pub(crate) struct Call {
    pub(crate) method: Method,
    uri: Uri,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) target: Target,
}

impl Call {
    pub(crate) fn new(parts: request::Parts) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
        Self {
            query: pairs.take(QUERY_PAIRS_MAX).collect(),
            target: Target::of(parts.uri.path()),
            uri: parts.uri,
            method: parts.method,
            headers: parts.headers,
        }
    }

    /// As it came, with its version.
    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }

    /// As it came, with its token.
    pub(crate) fn raw_query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    /// The address under which the caller reaches us, without a slash at its end.
    pub(crate) fn base(&self, state: &AppState) -> String {
        state.base_for(&self.headers)
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
