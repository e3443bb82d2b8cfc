//! Where providers call us: `/hooks/{channel}`. Takes the raw bytes, has them checked and stored,
//! and only then answers 200. Never reads what they say.

use super::body::{Unread, read_whole};
use super::state::AppState;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use holdline_core::{ChannelKind, Redacted};
use holdline_engine::HookError;
use holdline_engine::ports::HookRequest;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Largest webhook that a provider sends, in bytes.
const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;
/// Longest time for one to come in.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);
/// Webhooks that come in or are being stored at a time, since each is held whole.
static UNDERWAY: Semaphore = Semaphore::const_new(256);
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
    let (body, _permit) = match body_of(request.into_body(), &UNDERWAY, BODY_TIME_MAX).await {
        Ok(taken) => taken,
        Err(refusal) => return refusal,
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

/// The body, with its place among those under way.
async fn body_of(
    body: Body,
    underway: &Semaphore,
    time_max: Duration,
) -> Result<(Bytes, SemaphorePermit<'_>), Response> {
    let permit = underway.try_acquire().map_err(|_| later())?;
    match tokio::time::timeout(time_max, read_whole(body, BODY_BYTES_MAX)).await {
        Ok(Ok(bytes)) => Ok((bytes, permit)),
        Ok(Err(Unread::TooLong)) => Err(answer(StatusCode::PAYLOAD_TOO_LARGE, "more than 3 MiB")),
        Ok(Err(Unread::BrokenOff)) => Err(answer(StatusCode::BAD_REQUEST, "broken off")),
        Err(_) => Err(answer(StatusCode::REQUEST_TIMEOUT, "came too slowly")),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt as _, stream};

    #[tokio::test]
    async fn a_body_that_trickles_in_is_given_up() {
        let underway = Semaphore::new(1);
        let first = stream::iter([Ok::<_, std::io::Error>("{")]);
        let trickle = Body::from_stream(first.chain(stream::pending()));
        let refusal = body_of(trickle, &underway, Duration::from_millis(20)).await;
        assert_eq!(refusal.unwrap_err().status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(underway.available_permits(), 1, "its place is free again");
    }

    #[tokio::test]
    async fn more_than_can_be_held_come_again_later() {
        let underway = Semaphore::new(1);
        let first = body_of(Body::from("one"), &underway, BODY_TIME_MAX).await;
        let (bytes, permit) = first.unwrap();
        assert_eq!(bytes, "one");
        let second = body_of(Body::from("two"), &underway, BODY_TIME_MAX).await;
        let refusal = second.unwrap_err();
        assert_eq!(refusal.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(refusal.headers().contains_key(RETRY_AFTER));
        drop(permit);
        let third = body_of(Body::from("three"), &underway, BODY_TIME_MAX).await;
        assert!(third.is_ok());
    }
}
