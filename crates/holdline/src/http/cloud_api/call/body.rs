//! Takes request bodies in, whatever their label says they are: whole, or as the parts of a form.

use crate::http::body::{PIECE_WAIT_MAX, Unread, read_whole};
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use holdline_channels::whatsapp::wire::GraphError;

const BOUNDARY_BYTES_MAX: usize = 200;

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Empty,
    Json,
    Form,
    Multipart,
}

/// Judges by the bytes first: clients label bodies wrongly.
pub(crate) fn kind(headers: &HeaderMap, body: &[u8]) -> Kind {
    let label = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let label = label.unwrap_or_default().to_ascii_lowercase();
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => Kind::Empty,
        Some(b'{' | b'[') => Kind::Json,
        Some(b'-') if body.starts_with(b"--") && !label.contains("urlencoded") => Kind::Multipart,
        Some(_) if label.contains("multipart/") => Kind::Multipart,
        Some(_) if label.contains("urlencoded") => Kind::Form,
        Some(_) => Kind::Json,
    }
}

/// The whole body.
///
/// # Errors
/// 413 when it is longer than `bytes_max`, 400 when the caller breaks off.
pub(crate) async fn read(body: Body, bytes_max: usize) -> Result<Bytes, GraphError> {
    let unread = |unread| match unread {
        Unread::TooLong => GraphError::too_large(bytes_max),
        Unread::BrokenOff => broken_off(),
    };
    read_whole(body, bytes_max).await.map_err(unread)
}

/// A multipart body as a stream of its parts; its label is made right where it is wrong.
///
/// # Errors
/// 400 when it is no multipart body.
pub(crate) async fn multipart(headers: &HeaderMap, body: Body) -> Result<Multipart, GraphError> {
    let mut pieces = body.into_data_stream();
    let mut start = BytesMut::new();
    while !start.contains(&b'\n') && start.len() < BOUNDARY_BYTES_MAX {
        match tokio::time::timeout(PIECE_WAIT_MAX, pieces.next()).await {
            Ok(Some(Ok(piece))) => start.extend_from_slice(&piece),
            Ok(None) => break,
            Ok(Some(Err(_))) | Err(_) => return Err(broken_off()),
        }
    }
    let start = start.freeze();
    let label = match boundary(&start) {
        Some(boundary) => format!("multipart/form-data; boundary=\"{boundary}\""),
        None => headers
            .get(CONTENT_TYPE)
            .and_then(|it| it.to_str().ok())
            .unwrap_or("")
            .into(),
    };
    let all = stream::iter([Ok(start)]).chain(pieces.map_err(axum::Error::new));
    let mut request = Request::new(Body::from_stream(all));
    let label = HeaderValue::from_str(&label).map_err(|_| no_multipart())?;
    request.headers_mut().insert(CONTENT_TYPE, label);
    DefaultBodyLimit::disable().apply(&mut request);
    Multipart::from_request(request, &())
        .await
        .map_err(|_| no_multipart())
}

/// The texts of a multipart body that was read whole.
pub(crate) async fn multipart_pairs(
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Vec<(String, String)>, GraphError> {
    let mut parts = multipart(headers, Body::from(body)).await?;
    let mut pairs = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(|_| no_multipart())? {
        let name = part.name().unwrap_or_default().to_owned();
        let text = part.text().await.map_err(|_| no_multipart())?;
        if name != "access_token" {
            pairs.push((name, text));
        }
    }
    Ok(pairs)
}

pub(crate) fn no_multipart() -> GraphError {
    let mend = "must come in a multipart/form-data body with the parts messaging_product and file";
    GraphError::invalid_parameter("file", mend)
}

pub(crate) fn broken_off() -> GraphError {
    GraphError::invalid_parameter("body", "was not sent to its end: send the request again")
}

/// The boundary that the first line is.
fn boundary(start: &[u8]) -> Option<&str> {
    let line = start.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?.trim_end_matches('\r');
    let boundary = line.strip_prefix("--")?.trim_end();
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"\\;".contains(&byte);
    (!boundary.is_empty() && boundary.bytes().all(plain)).then_some(boundary)
}
