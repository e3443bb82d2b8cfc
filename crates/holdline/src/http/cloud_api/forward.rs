//! Passes to the provider what only the provider can answer, and its answer back: unchanged, but
//! that addresses of the provider become ours and no token of ours is shown. Bounded in time, so
//! that a provider that hangs does not make an app hang.

use super::call::{Call, body, path};
use super::reply;
use crate::http::state::AppState;
use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, TryStreamExt as _};
use holdline_channels::http::{Body as Carried, StreamResponse, TransportError};
use holdline_channels::whatsapp::client::{Forward, GraphClient};
use holdline_channels::whatsapp::wire::GraphError;
use holdline_engine::ports::blobs::Pieces;
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// Longest wait for what has another source too.
const ASK_TIME_MAX: Duration = Duration::from_millis(800);
/// Longest wait for an answer to begin: clients give up after 5 s.
const PASS_TIME_MAX: Duration = Duration::from_millis(3_800);
/// The same where a file goes up.
const UPLOAD_TIME_MAX: Duration = Duration::from_secs(300);
const UPLOAD_BYTES_MIN: u64 = 1024 * 1024;
/// Longest answer that is read to find addresses in it, and the longest time for it.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// Headers of an answer that say something to an app.
const PASSED_BACK: [&str; 8] = [
    "content-type",
    "retry-after",
    "etag",
    "x-app-usage",
    "x-business-use-case-usage",
    "x-ad-account-usage",
    "facebook-api-version",
    "x-fb-trace-id",
];

/// A call as it came, with the provider's token in place of ours.
pub(super) async fn pass(
    state: &AppState,
    call: &Call,
    body: Body,
) -> Result<Response, GraphError> {
    let graph = state
        .graph
        .as_deref()
        .ok_or_else(GraphError::unknown_object)?;
    let limit = if is_upload(call) {
        UPLOAD_TIME_MAX
    } else {
        PASS_TIME_MAX
    };
    let forward = Forward {
        method: call.method.clone(),
        version: path::version(call.path()),
        path: path::plain(call.path()).trim_start_matches('/').to_owned(),
        query: Some(call.raw_query().to_owned()),
        headers: call.headers.clone(),
        body: carried(state, call, body, length(call)).await?,
    };
    let answer = match tokio::time::timeout(limit, graph.forward(forward)).await {
        Ok(answer) => answer.map_err(|error| not_passed(&error))?,
        Err(_) => return Err(reply::provider_down()),
    };
    respond(state, call, answer).await
}

/// A body so large takes its time on the way.
pub(super) fn is_upload(call: &Call) -> bool {
    length(call).is_some_and(|length| length > UPLOAD_BYTES_MIN)
}

fn length(call: &Call) -> Option<u64> {
    let text = call.header(CONTENT_LENGTH.as_str())?;
    text.parse().ok()
}

fn not_passed(error: &TransportError) -> GraphError {
    tracing::info!(%error, "a call could not be passed on");
    match error {
        TransportError::Malformed(_) | TransportError::Forbidden(_) => GraphError::unknown_object(),
        TransportError::NotSent { .. }
        | TransportError::Ambiguous { .. }
        | TransportError::Busy => reply::provider_down(),
    }
}

/// A GET to the provider; nothing when it does not answer quickly and well.
pub(super) async fn ask(
    state: &AppState,
    id: &str,
    edge: &str,
    query: &[(&str, &str)],
) -> Option<Value> {
    let graph = state.graph.as_deref()?;
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(query)
        .finish();
    let path = format!("{id}/{edge}");
    let forward = plain(
        Method::GET,
        path.trim_end_matches('/'),
        Some(query),
        Carried::Empty,
    );
    let asking = async {
        let answer = graph.forward(forward).await.ok()?;
        let good = (200..300).contains(&answer.status);
        let bytes = whole(answer.body).await.filter(|_| good)?;
        serde_json::from_slice(&bytes).ok().filter(Value::is_object)
    };
    tokio::time::timeout(ASK_TIME_MAX, asking)
        .await
        .ok()
        .flatten()
}

/// A message-like POST whose answer nobody needs.
pub(super) async fn post_json(graph: &GraphClient, phone: &str, body: Bytes) {
    let mut forward = plain(
        Method::POST,
        &format!("{phone}/messages"),
        None,
        Carried::Bytes(body),
    );
    forward
        .headers
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    match graph.forward(forward).await {
        Ok(answer) => tracing::debug!(status = answer.status, "passed on"),
        Err(error) => tracing::debug!(%error, "not passed on"),
    }
}

fn plain(method: Method, path: &str, query: Option<String>, body: Carried) -> Forward {
    let (path, headers) = (path.to_owned(), HeaderMap::new());
    Forward {
        method,
        version: None,
        path,
        query,
        headers,
        body,
    }
}

/// The body as it comes; a form is looked through for the token that came with it.
async fn carried(
    state: &AppState,
    call: &Call,
    body: Body,
    length: Option<u64>,
) -> Result<Carried, GraphError> {
    if matches!(call.method, Method::GET | Method::HEAD) {
        return Ok(Carried::Empty);
    }
    let is_form = call
        .header(CONTENT_TYPE.as_str())
        .is_some_and(|it| it.contains("urlencoded"));
    if is_form {
        let bytes = body::read(body, state.config.http.body_max_bytes).await?;
        let pairs = url::form_urlencoded::parse(&bytes);
        let kept = pairs.filter(|(name, _)| name != "access_token");
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept)
            .finish();
        return Ok(Carried::Bytes(Bytes::from(form)));
    }
    let pieces: Pieces = body
        .into_data_stream()
        .map_err(|error| error.to_string())
        .boxed();
    Ok(Carried::Stream { pieces, length })
}

async fn respond(
    state: &AppState,
    call: &Call,
    answer: StreamResponse,
) -> Result<Response, GraphError> {
    let kind = answer
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let is_text = kind.is_none_or(|kind| kind.contains("json") || kind.starts_with("text/"));
    let (status, headers) = (answer.status, answer.headers);
    let body = if is_text {
        let reading = tokio::time::timeout(ANSWER_TIME_MAX, whole(answer.body));
        let bytes = reading
            .await
            .ok()
            .flatten()
            .ok_or_else(reply::provider_down)?;
        Body::from(with_our_addresses(state, &call.base(state), bytes))
    } else {
        Body::from_stream(answer.body.map_err(std::io::Error::other))
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    for name in PASSED_BACK {
        if let Some(value) = headers.get(name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    Ok(response)
}

/// All bytes of an answer that is not too long.
async fn whole(mut pieces: Pieces) -> Option<Bytes> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.ok()?;
        if bytes.len() + piece.len() > ANSWER_BYTES_MAX {
            return None;
        }
        bytes.extend_from_slice(&piece);
    }
    Some(bytes.freeze())
}

fn with_our_addresses(state: &AppState, base: &str, bytes: Bytes) -> Bytes {
    let theirs = &state.config.whatsapp.base_url;
    let Ok(mut answer) = serde_json::from_slice::<Value>(&bytes) else {
        return bytes;
    };
    match rewrite(&mut answer, theirs, base) {
        true => Bytes::from(answer.to_string()),
        false => bytes,
    }
}

/// Turns addresses below `theirs` into ones below `ours`; tells whether there was any.
fn rewrite(value: &mut Value, theirs: &Url, ours: &str) -> bool {
    match value {
        Value::String(text) => match translated(text, theirs, ours) {
            Some(translated) => {
                *text = translated;
                true
            }
            None => false,
        },
        Value::Array(items) => rewrite_all(items.iter_mut(), theirs, ours),
        Value::Object(fields) => rewrite_all(fields.values_mut(), theirs, ours),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn rewrite_all<'a>(values: impl Iterator<Item = &'a mut Value>, theirs: &Url, ours: &str) -> bool {
    let mut any = false;
    for value in values {
        any |= rewrite(value, theirs, ours);
    }
    any
}

/// The provider writes its own token into the addresses of further pages: it must not get out.
pub(crate) fn translated(text: &str, theirs: &Url, ours: &str) -> Option<String> {
    let url = text
        .starts_with("http")
        .then(|| Url::parse(text).ok())
        .flatten()?;
    let folder = theirs.path().trim_end_matches('/');
    let path = url.path().strip_prefix(folder)?;
    if url.origin() != theirs.origin() || !(path.is_empty() || path.starts_with('/')) {
        return None;
    }
    let kept = url.query_pairs().filter(|(name, _)| name != "access_token");
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(kept)
        .finish();
    let query = if query.is_empty() {
        query
    } else {
        format!("?{query}")
    };
    Some(format!("{ours}{path}{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(theirs: &str, text: &str, expect: Option<&str>) {
        let theirs = Url::parse(theirs).unwrap();
        let ours = "http://127.0.0.1:8080";
        assert_eq!(translated(text, &theirs, ours).as_deref(), expect, "{text}");
    }

    #[test]
    fn addresses_of_the_provider_become_ours_without_its_token() {
        let graph = "https://graph.facebook.com";
        check(
            graph,
            "https://graph.facebook.com/v23.0/1/x?access_token=EAA&limit=2&after=a%3D",
            Some("http://127.0.0.1:8080/v23.0/1/x?limit=2&after=a%3D"),
        );
        check(
            graph,
            "https://graph.facebook.com/1",
            Some("http://127.0.0.1:8080/1"),
        );
        check(graph, "https://graph.facebook.com.example/1", None);
        check(graph, "https://lookaside.fbsbx.com/1", None);
        check(graph, "see https://graph.facebook.com/1", None);
        check(
            "http://127.0.0.1:9/api",
            "http://127.0.0.1:9/api/1",
            Some("http://127.0.0.1:8080/1"),
        );
        check("http://127.0.0.1:9/api", "http://127.0.0.1:9/apix/1", None);
    }

    #[test]
    fn addresses_are_found_at_any_depth() {
        let theirs = Url::parse("https://graph.facebook.com").unwrap();
        let mut answer = json!({"data": [{"u": "https://graph.facebook.com/1"}], "n": 1});
        assert!(rewrite(&mut answer, &theirs, "https://here"));
        assert_eq!(answer, json!({"data": [{"u": "https://here/1"}], "n": 1}));
        assert!(!rewrite(&mut answer, &theirs, "https://here"));
    }
}
