//! Puts what the provider's webhooks say into the engine's words. Pure. Ids and addresses of the
//! provider's files are taken out of what apps will see.

use crate::phone::Phone;
use crate::whatsapp::checks::{EchoPair, token_of};
use crate::whatsapp::updates::{
    Event, InboundMessage as Message, StatusReceipt, StatusWord, TemplateStatus, Update,
};
use crate::whatsapp::wire::ids::parse_opaque;
use holdline_core::message::{Fault, FaultClass, Progress, ReceiptKind};
use holdline_core::{AttemptKey, MessageId, Redacted};
use holdline_engine::ports::channel::{InboundMedia, InboundReceipt};
use holdline_engine::ports::{InboundItem, InboundMessage};
use serde_json::{Value, json};

/// The items of one update; none where it says nothing new.
pub(crate) fn items(update: Update, echoes: &[EchoPair]) -> Vec<InboundItem> {
    let waba = update.waba_id;
    let passed = |field: &str, value: &Value| InboundItem::Passed {
        field: field.into(),
        waba: waba.clone(),
        value: value.to_string(),
    };
    match update.event {
        Event::Receipt(receipt) => {
            let sender = update.phone_number_id.unwrap_or_default();
            receipt_item(&receipt, sender).into_iter().collect()
        }
        Event::Message(message) => {
            let to = update.phone_number_id.unwrap_or_default();
            let echo = echoes
                .iter()
                .find_map(|pair| echo_item(pair, &message, &to));
            let person = || InboundItem::Message(Box::new(message_item(*message, to)));
            vec![echo.unwrap_or_else(person)]
        }
        Event::TemplateStatus(status) => vec![
            InboundItem::TemplatesChanged { waba: waba.clone() },
            passed("message_template_status_update", &template_value(&status)),
        ],
        Event::AccountUpdate { value, .. } => vec![passed("account_update", &value)],
        Event::PhoneQuality { value, .. } => vec![passed("phone_number_quality_update", &value)],
        Event::ValueError { fault, .. } => {
            tracing::warn!(
                code = fault.code,
                detail = fault.detail,
                "an error without a message"
            );
            Vec::new()
        }
        // A message or status without an id: nothing can be kept of it.
        Event::Other { field, .. } if field == "messages" => Vec::new(),
        Event::Other { field, value } if field.contains("template") => {
            vec![
                InboundItem::TemplatesChanged { waba: waba.clone() },
                passed(&field, &value),
            ]
        }
        Event::Other { field, value } => vec![passed(&field, &value)],
    }
}

/// A message that one number of ours wrote to another to test the way.
fn echo_item(pair: &EchoPair, message: &Message, to: &str) -> Option<InboundItem> {
    let (from, text) = (message.from.as_deref()?, message.text.as_deref()?);
    let (token, _) = pair.arrived(to, from, text)?;
    let from = pair.from.clone();
    Some(InboundItem::Echo { from, token })
}

/// Receipts of echoes belong to no message: what counts is whether an echo comes in. One that was
/// refused for a reason of ours (a closed window) will not, and proves the provider's work as well.
fn echo_receipt(receipt: &StatusReceipt, from: String, token: u64) -> Option<InboundItem> {
    let fault = receipt.fault.as_ref();
    let ours = fault.is_some_and(|fault| fault.class != FaultClass::Platform);
    ours.then_some(InboundItem::Echo { from, token })
}

fn receipt_item(receipt: &StatusReceipt, sender: String) -> Option<InboundItem> {
    if let Some(token) = receipt.opaque.as_deref().and_then(token_of) {
        return echo_receipt(receipt, sender, token);
    }
    let kind = match &receipt.status {
        StatusWord::Sent => ReceiptKind::Reached(Progress::Sent),
        StatusWord::Delivered => ReceiptKind::Reached(Progress::Delivered),
        StatusWord::Read | StatusWord::Played => ReceiptKind::Reached(Progress::Read),
        StatusWord::Failed => ReceiptKind::Failed(receipt.fault.clone().unwrap_or_else(|| {
            Fault::new(FaultClass::Recipient, "failed", "failed without a reason")
        })),
        StatusWord::Deleted | StatusWord::Other(_) => return None,
    };
    let key = receipt.opaque.as_deref().and_then(parse_opaque);
    Some(InboundItem::Receipt(InboundReceipt {
        key: key.map(|(message, number)| AttemptKey {
            message: MessageId(message),
            number,
        }),
        provider_id: receipt.provider_id.clone(),
        kind,
        at: receipt.at,
    }))
}

fn message_item(message: Message, to: String) -> InboundMessage {
    let part = message
        .raw
        .get(&message.message_type)
        .unwrap_or(&Value::Null);
    let text = |key: &str| part.get(key).and_then(Value::as_str).map(str::to_owned);
    let media = message.media_id.clone().map(|remote| InboundMedia {
        remote: Redacted::new(remote),
        mime: text("mime_type").unwrap_or_else(|| "application/octet-stream".into()),
        filename: text("filename").map(Redacted::new),
        sha256: text("sha256"),
    });
    let payload = payload(&message.raw, &message.message_type, media.is_some());
    InboundMessage {
        provider_id: message.provider_id,
        from: message.from.as_deref().map(e164),
        from_user: message.user_id,
        name: message.profile_name.map(Redacted::new),
        to,
        at: message.at,
        context: message.context_id,
        kind: message.message_type,
        text: message.text.map(Redacted::new),
        payload: Redacted::new(payload.to_string().into()),
        media,
    }
}

/// WhatsApp writes digits only; what it writes is a number even where we do not know its country.
fn e164(digits: &str) -> Redacted<String> {
    let plain = format!("+{}", digits.trim_start_matches('+'));
    Redacted::new(Phone::parse(&plain, None).map_or(plain, |phone| phone.e164().to_owned()))
}

fn payload(raw: &Value, kind: &str, has_media: bool) -> Value {
    let mut payload = raw.clone();
    let Some(object) = payload.as_object_mut() else {
        return payload;
    };
    for key in [
        "id",
        "from",
        "from_user_id",
        "from_parent_user_id",
        "timestamp",
        "context",
    ] {
        object.shift_remove(key);
    }
    if let Some(media) = object
        .get_mut(kind)
        .and_then(Value::as_object_mut)
        .filter(|_| has_media)
    {
        media.shift_remove("id");
        media.shift_remove("url");
    }
    payload
}

fn template_value(status: &TemplateStatus) -> Value {
    let id = status.template_id.as_deref();
    json!({
        "event": status.event,
        "message_template_id": id.and_then(|id| id.parse::<u64>().ok()),
        "message_template_name": status.name,
        "message_template_language": status.language,
        "reason": status.reason,
    })
}
