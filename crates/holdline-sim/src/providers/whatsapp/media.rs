//! Media: upload, look-up, download, delete, with the platform's types and sizes. Bytes stay in
//! memory within a bound; the oldest go first.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use serde_json::json;

use super::graph_error::{GraphError, Outcome};
use super::{Call, StoredMedia};
use crate::draws::stable;
use crate::outage::{Behaviour, Provider};
use crate::providers::Reply;
use crate::sign::sha256_hex;
use crate::world::World;

/// Bytes of all stored files together.
pub(crate) const MEDIA_BYTES_MAX: usize = 512 * 1024 * 1024;
const URL_LIFE_MS: u64 = 5 * 60 * 1000;
const MB: usize = 1024 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Shelf {
    files: HashMap<String, StoredMedia>,
    order: VecDeque<String>,
    bytes: usize,
}

impl Shelf {
    pub(crate) fn get(&self, id: &str) -> Option<&StoredMedia> {
        self.files.get(id)
    }

    /// Stores a file; the oldest make room.
    pub(crate) fn put(&mut self, id: String, mime_type: &str, bytes: Bytes) {
        self.bytes += bytes.len();
        let sha256 = sha256_hex(&bytes);
        let mime_type = mime_type.to_owned();
        self.files.insert(
            id.clone(),
            StoredMedia {
                mime_type,
                bytes,
                sha256,
            },
        );
        self.order.push_back(id);
        while self.bytes > MEDIA_BYTES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.remove(&oldest);
        }
    }

    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let removed = self.files.remove(id);
        self.bytes -= removed.as_ref().map_or(0, |file| file.bytes.len());
        self.order.retain(|known| known != id);
        removed.is_some()
    }
}

pub(crate) fn upload(world: &mut World, call: &Call) -> Outcome {
    if call.params.text("messaging_product") != Some("whatsapp") {
        return Err(GraphError::missing_top("messaging_product").into());
    }
    let Some(file) = &call.params.file else {
        return Err(GraphError::missing_top("file").into());
    };
    let announced = call.params.text("type").filter(|kind| kind.contains('/'));
    let mime_type = announced
        .or(file.content_type.as_deref())
        .unwrap_or_default();
    let bare = mime_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let Some(max) = size_max_bytes(&bare) else {
        return Err(GraphError::invalid(&format!(
            "Param file must be a file with one of the following types: audio/aac, audio/mp4, \
             audio/mpeg, audio/amr, audio/ogg, application/pdf, text/plain, image/jpeg, \
             image/png, image/webp, video/mp4, video/3gpp. Received file of type '{bare}'."
        ))
        .into());
    };
    if file.bytes.is_empty() || file.bytes.len() > max {
        let why = format!("File size must be between 1 and {max} bytes for {bare}");
        return Err(GraphError::invalid(&why).into());
    }
    let id = world.draws.digits(16);
    world
        .whatsapp
        .media
        .put(id.clone(), &bare, file.bytes.clone());
    Ok(Reply::json(200, &json!({"id": id})))
}

pub(crate) fn info(world: &mut World, call: &Call, id: &str) -> Outcome {
    let changed = world.outage(Provider::Whatsapp, &call.subject(), |b| {
        b == Behaviour::ContractChange
    });
    if changed.is_some() && call.params.text("phone_number_id").is_some() {
        let why = "Param phone_number_id is not allowed for this request";
        return Err(GraphError::invalid(why).into());
    }
    let url = download_url(&world.whatsapp.base_url, id, call.now_ms + URL_LIFE_MS);
    let Some(file) = world.whatsapp.media.get(id) else {
        return Err(GraphError::unknown_object("GET", id).into());
    };
    let mut reply = Reply::json(
        200,
        &json!({
            "messaging_product": "whatsapp", "url": url, "mime_type": file.mime_type,
            "sha256": file.sha256, "file_size": file.bytes.len(), "id": id
        }),
    );
    reply.chunked = changed.is_some();
    Ok(reply)
}

/// The bytes behind a look-up URL, until it expires.
pub(crate) fn download(world: &mut World, call: &Call) -> Outcome {
    let id = call.params.text("mid").unwrap_or_default();
    let expires_ms: u64 = call
        .params
        .text("ext")
        .and_then(|t| t.parse().ok())
        .unwrap_or(0);
    let genuine = call.params.text("hash") == Some(mark(id, expires_ms).as_str());
    let file = world
        .whatsapp
        .media
        .get(id)
        .filter(|_| genuine && call.now_ms < expires_ms);
    match file {
        Some(file) => Ok(Reply::raw(200, &file.mime_type, file.bytes.clone())),
        None => Ok(Reply::raw(
            404,
            "text/plain",
            Bytes::from_static(b"Not Found"),
        )),
    }
}

pub(crate) fn delete(world: &mut World, id: &str) -> Outcome {
    if !world.whatsapp.media.remove(id) {
        return Err(GraphError::unknown_object("DELETE", id).into());
    }
    Ok(Reply::json(200, &json!({"success": true})))
}

pub(crate) fn download_url(base_url: &str, id: &str, expires_ms: u64) -> String {
    let hash = mark(id, expires_ms);
    format!("{base_url}/whatsapp_business/attachments/?mid={id}&ext={expires_ms}&hash={hash}")
}

fn mark(id: &str, expires_ms: u64) -> String {
    format!("ATt{:016x}", stable(&format!("{id}/{expires_ms}")))
}

/// Largest size of a type that may be uploaded.
fn size_max_bytes(mime_type: &str) -> Option<usize> {
    Some(match mime_type {
        "audio/aac" | "audio/amr" | "audio/mpeg" | "audio/mp4" | "audio/ogg" | "audio/opus" => {
            16 * MB
        }
        "video/mp4" | "video/3gpp" => 16 * MB,
        "image/jpeg" | "image/png" => 5 * MB,
        "image/webp" => 500 * 1024,
        "text/plain"
        | "application/pdf"
        | "application/msword"
        | "application/vnd.ms-excel"
        | "application/vnd.ms-powerpoint" => 100 * MB,
        office if office.starts_with("application/vnd.openxmlformats-officedocument.") => 100 * MB,
        _ => return None,
    })
}
