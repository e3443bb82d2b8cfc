//! Gives files out: to apps for a signed address and their token, to people for a signed address
//! alone. What people open is told to the browser as a file, never as a page of ours.

use super::auth;
use super::cloud_api::{find_media, local_media, refuse};
use super::state::AppState;
use crate::library::{LinkUse, Signed, plain_name};
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::TryStreamExt as _;
use holdline_channels::whatsapp::wire::GraphError;
use holdline_engine::ports::records::MediaRecord;

/// Seconds after which a link that failed may be opened again.
const RETRY_S: u32 = 5;

/// `GET /media/f/{id}`: for apps.
pub(crate) async fn for_app(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(signed): Query<Signed>,
    headers: HeaderMap,
) -> Response {
    match give_to_app(&state, &id, &signed, &headers).await {
        Ok(response) => response,
        Err(error) => refuse(&state, &error),
    }
}

/// `GET /media/l/{id}`: for people.
pub(crate) async fn for_person(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(signed): Query<Signed>,
) -> Response {
    let gone = || (StatusCode::NOT_FOUND, "This link is not valid any more.\n").into_response();
    let now = state.engine.now();
    if !state
        .library
        .links
        .check(LinkUse::Person, &id, &signed, now)
    {
        return gone();
    }
    let Ok(found) = state.engine.store().media(&id).await else {
        return later();
    };
    match found.filter(|media| media.expires_at > now) {
        Some(media) => match stream(&state, media).await {
            Ok(response) => response,
            Err(error) if error.is_transient => later(),
            Err(_) => gone(),
        },
        None => gone(),
    }
}

fn later() -> Response {
    let after = [(RETRY_AFTER, HeaderValue::from(RETRY_S))];
    (
        StatusCode::SERVICE_UNAVAILABLE,
        after,
        "Please try again later.\n",
    )
        .into_response()
}

async fn give_to_app(
    state: &AppState,
    id: &str,
    signed: &Signed,
    headers: &HeaderMap,
) -> Result<Response, GraphError> {
    let caller = auth::authenticate(state, auth::bearer(headers)).await;
    let caller = caller.map_err(super::cloud_api::unauthorized)?;
    let gone = || GraphError {
        http_status: 404,
        ..GraphError::unknown_object()
    };
    if !state
        .library
        .links
        .check(LinkUse::App, id, signed, state.engine.now())
    {
        return Err(gone());
    }
    let media = find_media(state, &caller, id).await?.ok_or_else(gone)?;
    stream(state, media).await
}

async fn stream(state: &AppState, media: MediaRecord) -> Result<Response, GraphError> {
    let media = local_media(state, media).await?;
    let pieces = state
        .blobs
        .get(&media.id)
        .await
        .map_err(|_| GraphError::unknown_object())?;
    let mut response = Response::new(Body::from_stream(pieces.map_err(std::io::Error::other)));
    let headers = response.headers_mut();
    let mime = HeaderValue::from_str(&media.mime);
    let unknown = HeaderValue::from_static("application/octet-stream");
    headers.insert(CONTENT_TYPE, mime.unwrap_or(unknown));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(media.size));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let nothing = HeaderValue::from_static("default-src 'none'; sandbox");
    headers.insert(CONTENT_SECURITY_POLICY, nothing);
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("private, max-age=300"),
    );
    let name = media.filename.as_ref().map(plain_name);
    let disposition = match name {
        Some(name) => format!("inline; filename=\"{name}\""),
        None => "inline".into(),
    };
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    Ok(response)
}
