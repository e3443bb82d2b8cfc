//! What the provider's webhooks become.

use super::{SENDER, TO, WABA, WhatsappChannel, config, field, inbound, message, read};
use crate::test_peers::raw;
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

proptest! {
    #[test]
    fn reading_is_total(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let channel = WhatsappChannel::new(config("http://127.0.0.1:1")).unwrap();
        let read = channel.read(&raw("whatsapp", "", body));
        prop_assert!(read.is_ok() || matches!(read, Err(HookRefusal::Malformed(_))));
    }
}
