//! Where providers call us: `/hooks/{channel}`. Takes the raw bytes, has them checked and stored,
//! and only then answers 200. Never reads what they say.

use super::body::{Unread, read_whole};
use super::state::AppState;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use holdline_core::{ChannelKind, Redacted};
use holdline_engine::HookError;
use holdline_engine::ports::HookRequest;

/// Largest webhook that a provider sends, in bytes.
const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;
/// Seconds after which a provider may try again when the store does not answer.
const STORE_RETRY_S: u32 = 5;

pub(crate) async fn handle(
    State(state): State<AppState>,
    Path(channel): Path<String>,
    request: Request,
) -> Response {
    let Some(kind) = ChannelKind::new(&channel) else {
        return answer(StatusCode::NOT_FOUND, "no such channel");
    };
    let method = request.method().clone();
    let uri = request.uri().clone();
    if method == Method::GET {
        let query = uri.query().unwrap_or_default().as_bytes();
        let query: Vec<_> = url::form_urlencoded::parse(query).into_owned().collect();
        return shake(&state, kind, &query);
    }
    if method != Method::POST {
        return answer(StatusCode::METHOD_NOT_ALLOWED, "GET or POST");
    }
    let headers = request.headers().iter().filter_map(|(name, value)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    let headers = headers.collect();
    let body = match read_whole(request.into_body(), BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err(Unread::TooLong) => return answer(StatusCode::PAYLOAD_TOO_LARGE, "more than 3 MiB"),
        Err(Unread::BrokenOff) => return answer(StatusCode::BAD_REQUEST, "broken off"),
    };
    let hook = HookRequest {
        url: full_url(&state, &uri),
        headers,
        body: Redacted::new(body),
    };
    let taken = state.engine.take_hook(kind, hook).await;
    let (result, response) = outcome(&taken);
    state.metrics.hook_in(kind, result);
    response
}

fn shake(state: &AppState, kind: ChannelKind, query: &[(String, String)]) -> Response {
    match state.engine.handshake(kind, query) {
        Some(Ok(challenge)) => challenge.into_response(),
        Some(Err(error)) => answer(StatusCode::FORBIDDEN, &error.to_string()),
        None => answer(StatusCode::NOT_FOUND, "this channel has no handshake"),
    }
}

fn outcome(taken: &Result<(), HookError>) -> (&'static str, Response) {
    match taken {
        Ok(()) => ("stored", Response::new(Body::empty())),
        Err(HookError::UnknownChannel) => (
            "unknown",
            answer(StatusCode::NOT_FOUND, "this channel is not configured"),
        ),
        Err(HookError::Refused(why)) => {
            tracing::warn!(%why, "a webhook was refused");
            (
                "refused",
                answer(StatusCode::UNAUTHORIZED, &why.to_string()),
            )
        }
        Err(HookError::Store(error)) => {
            tracing::warn!(%error, "a webhook could not be stored");
            ("not_stored", later())
        }
    }
}

/// The address that the provider called, as far as signatures go: the configured one.
fn full_url(state: &AppState, uri: &Uri) -> String {
    let path = uri.path_and_query().map_or("", |both| both.as_str());
    format!("{}{path}", state.public_base)
}

fn later() -> Response {
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, "try again later");
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(STORE_RETRY_S));
    response
}

fn answer(status: StatusCode, words: &str) -> Response {
    (status, format!("{words}\n")).into_response()
}
