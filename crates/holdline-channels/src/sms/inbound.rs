//! Reads the provider's calls: receipts, and messages in the Cloud API's shape. Pure; what the
//! call does not say (a time) is the time it came in.

use super::classify::receipt_of;
use super::encode::KEY_FIELD;
use super::wire::{field, read_form};
use crate::whatsapp::wire::ids::parse_opaque;
use bytes::Bytes;
use holdline_core::{AttemptKey, MessageId, Redacted};
use holdline_engine::ports::channel::{HookRefusal, InboundMedia, InboundReceipt};
use holdline_engine::ports::records::RawInbound;
use holdline_engine::ports::{InboundItem, InboundMessage};
use serde_json::{Map, Value, json};

/// Largest body of a call, in bytes.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// Most files read of one message.
pub const MEDIA_MAX: usize = 10;

type Form = [(String, String)];

/// What a stored call says.
///
/// # Errors
/// When it is neither a receipt nor a message.
pub fn read(raw: &RawInbound) -> Result<Vec<InboundItem>, HookRefusal> {
    let body = raw.body.expose();
    if body.len() > BODY_BYTES_MAX {
        return Err(malformed("the body is longer than the provider ever sends"));
    }
    let form = read_form(body);
    let Some(sid) = field(&form, "MessageSid").or(field(&form, "SmsSid")) else {
        return Err(malformed(
            "the call names no message: MessageSid is missing",
        ));
    };
    let status = field(&form, "MessageStatus").or(field(&form, "SmsStatus"));
    let named = field(&form, "MessageStatus").is_some();
    match status {
        Some(status) if named || !is_inbound(status) => {
            Ok(receipt(raw, &form, sid, status).into_iter().collect())
        }
        Some(_) | None => messages(raw, &form, sid),
    }
}

fn is_inbound(status: &str) -> bool {
    matches!(status, "received" | "receiving")
}

fn receipt(raw: &RawInbound, form: &Form, sid: &str, status: &str) -> Option<InboundItem> {
    let code = field(form, "ErrorCode").and_then(|code| code.parse().ok());
    Some(InboundItem::Receipt(InboundReceipt {
        key: key_of(&raw.query),
        provider_id: sid.into(),
        kind: receipt_of(status, code)?,
        at: raw.received_at,
    }))
}

fn key_of(query: &str) -> Option<AttemptKey> {
    let query = read_form(query.trim_start_matches('?').as_bytes());
    let (message, number) = parse_opaque(field(&query, KEY_FIELD)?)?;
    Some(AttemptKey {
        message: MessageId(message),
        number,
    })
}

fn messages(raw: &RawInbound, form: &Form, sid: &str) -> Result<Vec<InboundItem>, HookRefusal> {
    let (Some(from), Some(to)) = (field(form, "From"), field(form, "To")) else {
        return Err(malformed("the message lacks From or To"));
    };
    let text = field(form, "Body");
    let base = InboundMessage {
        provider_id: sid.into(),
        from: Some(Redacted::new(from.into())),
        from_user: None,
        name: None,
        to: to.into(),
        at: raw.received_at,
        context: None,
        kind: "text".into(),
        text: text.map(|text| Redacted::new(text.into())),
        payload: Redacted::default(),
        media: None,
    };
    let files: Vec<_> = (0..MEDIA_MAX).map_while(|at| file(form, at)).collect();
    if files.is_empty() {
        let payload = json!({"type": "text", "text": {"body": text.unwrap_or_default()}});
        return Ok(vec![item(InboundMessage {
            payload: bytes(&payload),
            ..base
        })]);
    }
    let made = files
        .into_iter()
        .enumerate()
        .map(|(at, media)| with_file(&base, at, media));
    Ok(made.map(item).collect())
}

fn file(form: &Form, at: usize) -> Option<InboundMedia> {
    let remote = field(form, &format!("MediaUrl{at}"))?;
    let mime = field(form, &format!("MediaContentType{at}"));
    Some(InboundMedia {
        remote: Redacted::new(remote.into()),
        mime: mime.unwrap_or("application/octet-stream").into(),
        filename: None,
        sha256: None,
    })
}

/// One message a file; the text goes with the first.
fn with_file(base: &InboundMessage, at: usize, media: InboundMedia) -> InboundMessage {
    let kind = match media.mime.split('/').next() {
        Some("image") => "image",
        Some("video") => "video",
        Some("audio") => "audio",
        Some(_) | None => "document",
    };
    let caption = base.text.as_ref().filter(|_| at == 0 && kind != "audio");
    let mut object = Map::new();
    object.insert("mime_type".into(), media.mime.as_str().into());
    if let Some(caption) = caption {
        object.insert("caption".into(), caption.expose().as_str().into());
    }
    let payload = json!({"type": kind, (kind): object});
    let provider_id = match at {
        0 => base.provider_id.clone(),
        at => format!("{}/{at}", base.provider_id),
    };
    InboundMessage {
        provider_id,
        kind: kind.into(),
        text: base.text.clone().filter(|_| at == 0),
        payload: bytes(&payload),
        media: Some(media),
        ..base.clone()
    }
}

fn item(message: InboundMessage) -> InboundItem {
    InboundItem::Message(Box::new(message))
}

fn bytes(payload: &Value) -> Redacted<Bytes> {
    Redacted::new(payload.to_string().into())
}

fn malformed(why: &str) -> HookRefusal {
    HookRefusal::Malformed(why.into())
}
