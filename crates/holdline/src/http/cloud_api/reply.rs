//! Answers in the Graph API's form. Never logs what a caller sent, only codes and the trace id
//! that the answer names.

use crate::http::state::AppState;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use holdline_channels::whatsapp::wire::GraphError;
use holdline_channels::whatsapp::wire::ids::fbtrace_id;
use holdline_engine::ports::StoreError;
use serde_json::{Value, json};

/// Seconds after which a call may succeed that the store could not serve.
const STORE_RETRY_S: u32 = 5;
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=UTF-8");

/// 200 with a JSON body.
pub(crate) fn json(value: &Value) -> Response {
    bytes(Bytes::from(value.to_string()))
}

/// 200 with bytes that are JSON.
pub(crate) fn bytes(body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

pub(crate) fn success() -> Response {
    json(&json!({"success": true}))
}

/// An error with its status, its headers and a trace id.
pub(crate) fn error(state: &AppState, error: &GraphError) -> Response {
    let trace = fbtrace_id(state.engine.new_id());
    tracing::debug!(status = error.http_status, code = error.code, %trace, "call refused");
    let mut response = bytes(Bytes::from(error.body(&trace)));
    *response.status_mut() =
        StatusCode::from_u16(error.http_status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if let Some(seconds) = error.retry_after_s {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if error.http_status == 401 {
        let scheme = "OAuth \"Facebook Platform\" \"invalid_token\"";
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
    }
    response
}

/// Our own store does not answer.
pub(crate) fn store_down(error: &StoreError) -> GraphError {
    tracing::warn!(%error, "the store did not serve a call");
    GraphError::unavailable(STORE_RETRY_S)
}

/// What the store says; `None` while it is away and the spool takes what comes unlooked at.
pub(super) async fn look<T>(
    state: &AppState,
    asking: impl Future<Output = Result<T, StoreError>>,
) -> Result<Option<T>, GraphError> {
    let answer = state.engine.look(asking).await;
    answer.map_err(|error| store_down(&error))
}

/// The provider does not answer a call that only it can answer.
pub(crate) fn provider_down() -> GraphError {
    let details = "WhatsApp does not answer now, and only it knows the answer: try again later";
    let error = GraphError::new(503, 2, "Service temporarily unavailable").with_details(details);
    GraphError {
        is_transient: true,
        retry_after_s: Some(STORE_RETRY_S),
        ..error
    }
}
