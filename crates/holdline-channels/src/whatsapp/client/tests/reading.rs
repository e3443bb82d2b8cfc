//! What the provider's webhooks become.

use super::{SENDER, TO, WABA, WhatsappChannel, config, field, inbound, message, read};
use crate::test_peers::{NOW, raw};
use crate::whatsapp::wire::ids::opaque_of;
use holdline_core::message::{FaultClass, Progress, ReceiptKind};
use holdline_core::{AttemptKey, MessageId, Timestamp};
use holdline_engine::ports::channel::HookRefusal;
use holdline_engine::ports::{Channel, InboundItem};
use proptest::prelude::*;
use serde_json::json;

#[tokio::test]
async fn receipts_name_their_attempt() {
    let opaque = opaque_of(5, 2);
    let statuses = json!({"statuses": [
        {"id": "wamid.A", "status": "delivered", "timestamp": "1750030073", "recipient_id": "1",
         "biz_opaque_callback_data": opaque},
        {"id": "wamid.B", "status": "failed", "timestamp": "1750030074", "recipient_id": "1",
         "errors": [{"code": 131026, "title": "Message undeliverable"}]},
        {"id": "wamid.C", "status": "played", "timestamp": "1750030075"},
        {"id": "wamid.D", "status": "deleted", "timestamp": "1750030075"}]});
    let items = read(&inbound(&statuses)).await;
    let receipts: Vec<_> = items
        .iter()
        .map(|item| match item {
            InboundItem::Receipt(receipt) => receipt,
            other @ (InboundItem::Message(_)
            | InboundItem::Passed { .. }
            | InboundItem::TemplatesChanged { .. }
            | InboundItem::Echo { .. }) => panic!("{other:?}"),
        })
        .collect();
    let [delivered, failed, played] = receipts[..] else {
        panic!("{receipts:?}")
    };
    assert_eq!(
        delivered.key,
        Some(AttemptKey {
            message: MessageId(5),
            number: 2
        })
    );
    assert_eq!(delivered.at, Timestamp(1_750_030_073_000));
    assert_eq!(delivered.kind, ReceiptKind::Reached(Progress::Delivered));
    assert_eq!((failed.key, failed.provider_id.as_str()), (None, "wamid.B"));
    let ReceiptKind::Failed(fault) = &failed.kind else {
        panic!()
    };
    assert_eq!(
        (fault.class, fault.marks_unreachable),
        (FaultClass::Recipient, true)
    );
    assert_eq!(played.kind, ReceiptKind::Reached(Progress::Read));
}

#[tokio::test]
async fn a_message_loses_what_is_the_providers_alone() {
    let image = json!({"type": "image", "context": {"id": "wamid.OUT", "from": "1555"},
        "image": {"id": "900", "url": "https://provider/x", "mime_type": "image/jpeg",
                  "sha256": "abc", "caption": "look"}});
    let items = read(&inbound(&message(image))).await;
    let [InboundItem::Message(read_in)] = &items[..] else {
        panic!("{items:?}")
    };
    assert_eq!(
        read_in.payload.expose(),
        r#"{"type":"image","image":{"mime_type":"image/jpeg","sha256":"abc","caption":"look"}}"#
    );
    let media = read_in.media.as_ref().unwrap();
    assert_eq!(
        (media.remote.expose().as_str(), media.mime.as_str()),
        ("900", "image/jpeg")
    );
    assert_eq!(read_in.from.as_ref().unwrap().expose(), TO);
    assert_eq!(
        (read_in.to.as_str(), read_in.from_user.as_deref()),
        (SENDER, Some("US.1"))
    );
    assert_eq!(read_in.context.as_deref(), Some("wamid.OUT"));
    assert_eq!(read_in.name.as_ref().unwrap().expose(), "Ann");
    let press = json!({"type": "interactive", "interactive": {"type": "button_reply",
        "button_reply": {"id": "yes", "title": "Yes"}}});
    let items = read(&inbound(&message(press))).await;
    let [InboundItem::Message(press)] = &items[..] else {
        panic!("{items:?}")
    };
    assert_eq!(press.kind, "interactive");
    assert_eq!(press.text.as_ref().unwrap().expose(), "Yes");
    assert!(
        std::str::from_utf8(press.payload.expose())
            .unwrap()
            .contains("\"id\":\"yes\"")
    );
}

#[tokio::test]
async fn management_webhooks_are_passed_on() {
    let status = json!({"event": "PAUSED", "message_template_id": 7,
        "message_template_name": "news", "message_template_language": "en"});
    let items = read(&field("message_template_status_update", &status)).await;
    let [
        InboundItem::TemplatesChanged { waba },
        InboundItem::Passed { value, .. },
    ] = &items[..]
    else {
        panic!("{items:?}")
    };
    assert_eq!(waba, WABA);
    assert!(value.contains("\"message_template_id\":7"), "{value}");
    let items = read(&field("security", &json!({"event": "PIN_CHANGED"}))).await;
    assert!(matches!(&items[..], [InboundItem::Passed { field, .. }] if field == "security"));
}

#[tokio::test]
async fn what_happened_too_long_ago_is_passed_over() {
    const DAY_MS: i64 = 86_400_000;
    let at = |days: i64| (NOW.0 - days * DAY_MS) / 1000;
    let status = |id: &str, days| json!({"id": id, "status": "read", "timestamp": at(days)});
    let statuses = json!({"statuses": [status("wamid.old", 9), status("wamid.late", 7),
        {"id": "wamid.timeless", "status": "read"}, status("wamid.ahead", -9)]});
    let items = read(&inbound(&statuses)).await;
    let ids: Vec<_> = items
        .iter()
        .filter_map(|item| match item {
            InboundItem::Receipt(receipt) => Some(receipt.provider_id.as_str()),
            InboundItem::Message(_)
            | InboundItem::Passed { .. }
            | InboundItem::TemplatesChanged { .. }
            | InboundItem::Echo { .. } => None,
        })
        .collect();
    assert_eq!(ids, ["wamid.late", "wamid.timeless", "wamid.ahead"]);
    let change = json!({"field": "account_update", "value": {"event": "DISABLED_UPDATE"}});
    let told = |days| {
        let entry = json!({"id": WABA, "time": at(days), "changes": [change]});
        let body = json!({"object": "whatsapp_business_account", "entry": [entry]});
        raw("whatsapp", "", body.to_string())
    };
    assert_eq!(read(&told(9)).await.len(), 0);
    assert_eq!(read(&told(7)).await.len(), 1);
}

proptest! {
    #[test]
    fn reading_is_total(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let channel = WhatsappChannel::new(config("http://127.0.0.1:1")).unwrap();
        let read = channel.read(&raw("whatsapp", "", body));
        prop_assert!(read.is_ok() || matches!(read, Err(HookRefusal::Malformed(_))));
    }
}
