//! Serves the status page over HTTP, with entity tags. What is on it is the world's decision.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::shared::Shared;
use crate::sign::sha256_hex;

/// Digits of a digest that make an entity tag.
const TAG_DIGITS: usize = 32;

/// All paths; the page decides what it knows.
pub(crate) fn router(shared: &Arc<Shared>) -> Router {
    Router::new().fallback(page).with_state(Arc::clone(shared))
}

async fn page(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if method != Method::GET && method != Method::HEAD {
        let allow = [(ALLOW, "GET, HEAD")];
        return (StatusCode::METHOD_NOT_ALLOWED, allow).into_response();
    }
    let page = shared.with(|world, now_ms| world.status_page(uri.path(), now_ms));
    let status = StatusCode::from_u16(page.status).unwrap_or(StatusCode::OK);
    let kind = [(CONTENT_TYPE, page.content_type)];
    if status != StatusCode::OK {
        return (status, kind, page.body).into_response();
    }
    let digest = sha256_hex(page.body.as_bytes());
    let tag = format!("\"{}\"", &digest[..TAG_DIGITS]);
    let known = is_known(&headers, &tag);
    let caching = [(ETAG, tag), (CACHE_CONTROL, "max-age=0".into())];
    if known {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (status, kind, caching, page.body).into_response()
}

/// Whether the asker has this version, by any of the tags it sent.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|one| one.trim().trim_start_matches("W/"))
        .any(|one| one == tag || one == "*")
}
