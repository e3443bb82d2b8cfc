//! Files of apps and of people: takes them in, tells of them, deletes them. The provider is not
//! asked but for a file that a person sent and nobody has fetched yet.

mod kinds;
mod upload;

pub(super) use upload::post;

use super::call::Call;
use super::call::params::first;
use super::reply::{self, store_down};
use crate::http::auth::Caller;
use crate::http::state::AppState;
use crate::library::{FileError, LinkUse};
use axum::response::Response;
use holdline_channels::whatsapp::wire::GraphError;
use holdline_engine::ports::records::MediaRecord;
use holdline_engine::ports::{BlobError, Op};
use serde_json::json;
use std::time::Duration;

/// How long an app waits while a person's file is fetched.
const FETCH_TIME_MAX: Duration = Duration::from_millis(3_500);
const RETRY_S: u32 = 5;

/// The file of this id, when there is one that the caller may see.
pub(crate) async fn find(
    state: &AppState,
    caller: &Caller,
    id: &str,
) -> Result<Option<MediaRecord>, GraphError> {
    let found = state
        .engine
        .store()
        .media(id)
        .await
        .map_err(|error| store_down(&error))?;
    let now = state.engine.now();
    Ok(found.filter(|media| {
        let sender = state.sender(&media.sender);
        let own = sender.is_some_and(|sender| caller.may_use(&state.config, sender));
        media.expires_at > now && own
    }))
}

/// `GET /{media-id}`
pub(super) async fn show(
    state: &AppState,
    call: &Call,
    media: MediaRecord,
) -> Result<Response, GraphError> {
    if first(&call.query, "phone_number_id").is_some_and(|phone| phone != media.sender) {
        return Err(GraphError::unknown_object());
    }
    let media = local(state, media).await?;
    let path = state
        .library
        .links
        .path(LinkUse::App, &media.id, state.engine.now());
    Ok(reply::json(&json!({
        "url": format!("{}{path}", call.base(state)),
        "mime_type": media.mime,
        "sha256": media.sha256,
        "file_size": media.size,
        "id": media.id,
        "messaging_product": "whatsapp",
    })))
}

/// `DELETE /{media-id}`
pub(super) async fn delete(state: &AppState, media: &MediaRecord) -> Result<Response, GraphError> {
    let written = state
        .engine
        .commit(vec![Op::MediaDelete(media.id.clone())])
        .await;
    // A deletion conflicts with nothing.
    let _ = written.map_err(|error| store_down(&error))?;
    match state.blobs.delete(&media.id).await {
        Ok(()) | Err(BlobError::Missing) => {}
        Err(error) => tracing::warn!(media = %media.id, %error, "the file stays until retention"),
    }
    Ok(reply::success())
}

/// The record of a file that we have. One that takes longer to fetch is there for a later call.
pub(crate) async fn local(state: &AppState, media: MediaRecord) -> Result<MediaRecord, GraphError> {
    let fetching = state.library.local(media);
    match tokio::time::timeout(FETCH_TIME_MAX, fetching).await {
        Ok(local) => local.map_err(|error| file_error(&error)),
        Err(_) => Err(later()),
    }
}

fn file_error(error: &FileError) -> GraphError {
    tracing::info!(%error, "a file is not to be had");
    match error {
        FileError::Provider(_) => reply::provider_down(),
        FileError::Busy => later(),
        FileError::Store(error) => store_down(error),
        FileError::Blob(error) => blob_error(error),
    }
}

fn later() -> GraphError {
    reply::provider_down().with_details("The file is being fetched: ask for it again in a moment")
}

pub(super) fn blob_error(error: &BlobError) -> GraphError {
    match error {
        BlobError::Missing => GraphError::unknown_object(),
        BlobError::TooLarge(size_max) => {
            let mend = format!("The file is larger than {size_max} bytes: send a smaller one");
            GraphError::media_upload(&mend)
        }
        BlobError::Source(_) => super::call::body::broken_off(),
        BlobError::Full(_) | BlobError::Io(_) => GraphError::unavailable(RETRY_S),
    }
}
