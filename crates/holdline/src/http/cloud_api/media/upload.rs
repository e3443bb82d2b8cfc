//! `POST /{phone}/media`: takes a file in piece by piece, checks its type and size on the way and
//! answers once it is on disk and in the store. Never holds a file whole.

use super::super::call::params::first;
use super::super::call::{Call, body};
use super::super::messages::Sending;
use super::super::reply::{self, store_down};
use super::{blob_error, kinds};
use crate::library::FILE_BYTES_MAX;
use axum::body::Body;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use holdline_channels::whatsapp::wire::GraphError;
use holdline_channels::whatsapp::wire::ids::digits_from;
use holdline_core::Redacted;
use holdline_engine::ports::blobs::{Kept, Pieces};
use holdline_engine::ports::records::MediaRecord;
use holdline_engine::ports::{BlobError, Op};
use serde_json::json;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long a file is kept: as long as the provider keeps it.
const KEPT_MS: u64 = 30 * 86_400_000;
/// As many as the provider's ids have.
const ID_DIGITS: usize = 16;
const ID_DRAWS_MAX: usize = 8;
const PIECES_AHEAD_MAX: usize = 4;
const PIECE_WAIT_MAX: Duration = Duration::from_secs(30);
/// Enough of a file to know it by.
const START_BYTES: usize = 16;
const TEXT_BYTES_MAX: usize = 1_024;
const NAME_CHARS_MAX: usize = 255;

/// What came with the file.
#[derive(Default)]
struct Form {
    product: Option<String>,
    mime: Option<String>,
    file: Option<File>,
}

/// A file on disk that no record names yet.
struct File {
    id: String,
    label: Option<String>,
    name: Option<String>,
    start: Vec<u8>,
    kept: Kept,
}

pub(crate) async fn post(
    sending: &Sending<'_>,
    call: &Call,
    body: Body,
) -> Result<Response, GraphError> {
    let mut parts = body::multipart(&call.headers, body).await?;
    let mut form = Form {
        product: first(&call.query, "messaging_product").map(Into::into),
        mime: first(&call.query, "type").map(Into::into),
        file: None,
    };
    let taken = take_parts(sending, &mut parts, &mut form).await;
    let record = match taken.and_then(|()| record(sending, &form)) {
        Ok(record) => record,
        Err(error) => {
            discard(sending, form.file.as_ref()).await;
            return Err(error);
        }
    };
    let id = record.id.clone();
    match sending.state.engine.commit(vec![Op::Media(record)]).await {
        Ok(_) => Ok(reply::json(&json!({"id": id}))),
        Err(error) => {
            discard(sending, form.file.as_ref()).await;
            Err(store_down(&error))
        }
    }
}

async fn take_parts(
    sending: &Sending<'_>,
    parts: &mut Multipart,
    form: &mut Form,
) -> Result<(), GraphError> {
    while let Some(part) = next(parts).await? {
        match part.name().unwrap_or_default() {
            "messaging_product" => form.product = Some(text(part).await?),
            "type" => form.mime = Some(text(part).await?),
            "file" if form.file.is_none() => {
                form.file = Some(take_file(sending, part, form.mime.as_deref()).await?);
            }
            "file" => return Err(GraphError::invalid_parameter("file", "is given twice")),
            _ => drop(text(part).await?),
        }
    }
    Ok(())
}

/// All that is to be said of the file, once everything has come.
fn record(sending: &Sending<'_>, form: &Form) -> Result<MediaRecord, GraphError> {
    if form.product.as_deref() != Some("whatsapp") {
        return Err(GraphError::messaging_product());
    }
    let file = form.file.as_ref().ok_or_else(body::no_multipart)?;
    let (mime, size_max) = kinds::size_max(file.mime(form.mime.as_deref()))?;
    if file.kept.size == 0 {
        return Err(GraphError::media_upload(
            "The file is empty: send one with content",
        ));
    }
    if file.kept.size > size_max {
        return Err(blob_error(&BlobError::TooLarge(size_max)));
    }
    if !kinds::agrees(&mime, &file.start) {
        let found = kinds::sniff(&file.start).unwrap_or("another type");
        let mend = format!("The file is {found}, not {mime}: name its type in the part type");
        return Err(GraphError::media_upload(&mend));
    }
    let now = sending.state.engine.now();
    Ok(MediaRecord {
        id: file.id.clone(),
        app: sending.caller.app.clone(),
        sender: sending.sender.phone_number_id.clone(),
        mime,
        filename: file.name.clone().map(Redacted::new),
        sha256: file.kept.sha256.clone(),
        size: file.kept.size,
        created_at: now,
        expires_at: now.plus_ms(KEPT_MS),
        remote: None,
    })
}

impl File {
    /// The type that the app names, else that of the part, else what the bytes tell.
    fn mime<'a>(&'a self, named: Option<&'a str>) -> &'a str {
        let real = |mime: &&str| mime.contains('/') && !mime.contains("octet-stream");
        let given = named.filter(real).or(self.label.as_deref().filter(real));
        given
            .or_else(|| kinds::sniff(&self.start))
            .or(named)
            .unwrap_or_default()
    }
}

async fn take_file(
    sending: &Sending<'_>,
    mut part: Field<'_>,
    named: Option<&str>,
) -> Result<File, GraphError> {
    let id = free_id(sending).await?;
    let label = part.content_type().map(Into::into);
    let name = part
        .file_name()
        .map(|name| name.chars().take(NAME_CHARS_MAX).collect());
    let size_max = match named.map(kinds::size_max) {
        Some(Ok((_, size_max))) => size_max,
        Some(Err(_)) | None => FILE_BYTES_MAX,
    };
    let (pieces, mut start) = (mpsc::channel(PIECES_AHEAD_MAX), Vec::new());
    let (ahead, behind) = pieces;
    let (kept, ()) = tokio::join!(
        sending.state.blobs.put(&id, stream_of(behind), size_max),
        pump(&mut part, ahead, &mut start),
    );
    let kept = kept.map_err(|error| blob_error(&error))?;
    Ok(File {
        id,
        label,
        name,
        start,
        kept,
    })
}

/// Hands the pieces of a part on until it ends, breaks off or nobody takes them any more.
async fn pump(
    part: &mut Field<'_>,
    ahead: mpsc::Sender<Result<Bytes, String>>,
    start: &mut Vec<u8>,
) {
    loop {
        let piece = match tokio::time::timeout(PIECE_WAIT_MAX, part.chunk()).await {
            Ok(Ok(Some(piece))) => Ok(piece),
            Ok(Ok(None)) => return,
            Ok(Err(error)) => Err(error.body_text()),
            Err(_) => Err("nothing came for a while".into()),
        };
        if let Ok(piece) = &piece {
            let wanted = START_BYTES.saturating_sub(start.len()).min(piece.len());
            start.extend_from_slice(&piece[..wanted]);
        }
        let last = piece.is_err();
        if ahead.send(piece).await.is_err() || last {
            return;
        }
    }
}

fn stream_of(behind: mpsc::Receiver<Result<Bytes, String>>) -> Pieces {
    let next = |mut behind: mpsc::Receiver<_>| async move {
        let piece = behind.recv().await?;
        Some((piece, behind))
    };
    stream::unfold(behind, next).boxed()
}

/// An id that no file has.
async fn free_id(sending: &Sending<'_>) -> Result<String, GraphError> {
    let engine = &sending.state.engine;
    for _ in 0..ID_DRAWS_MAX {
        let id = digits_from(engine.new_id(), ID_DIGITS);
        if engine
            .store()
            .media(&id)
            .await
            .map_err(|error| store_down(&error))?
            .is_none()
        {
            return Ok(id);
        }
    }
    Err(GraphError::unavailable(1))
}

async fn discard(sending: &Sending<'_>, file: Option<&File>) {
    let Some(file) = file else { return };
    if let Err(error) = sending.state.blobs.delete(&file.id).await {
        tracing::warn!(media = %file.id, %error, "a refused file stays on disk");
    }
}

async fn next(parts: &mut Multipart) -> Result<Option<Field<'_>>, GraphError> {
    match tokio::time::timeout(PIECE_WAIT_MAX, parts.next_field()).await {
        Ok(part) => part.map_err(|error| unreadable(&error)),
        Err(_) => Err(body::broken_off()),
    }
}

async fn text(mut part: Field<'_>) -> Result<String, GraphError> {
    let mut text = Vec::new();
    while let Some(piece) = part.chunk().await.map_err(|error| unreadable(&error))? {
        if text.len() + piece.len() > TEXT_BYTES_MAX {
            let mend = "has a part that is too long: only the part file may be";
            return Err(GraphError::invalid_parameter("body", mend));
        }
        text.extend_from_slice(&piece);
    }
    Ok(String::from_utf8_lossy(&text).trim().to_owned())
}

fn unreadable(error: &MultipartError) -> GraphError {
    let mend = format!(
        "is no multipart body that can be read: {}",
        error.body_text()
    );
    GraphError::invalid_parameter("body", &mend)
}
