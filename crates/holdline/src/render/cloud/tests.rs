//! What apps get: complete for every client, with ids they know, signed over the exact bytes.

use super::*;
use holdline_channels::whatsapp::signature::verify;
use holdline_core::message::{DuplicateRule, Priority, State};
use holdline_core::{AttemptKey, Redacted};
use holdline_engine::memory::MemoryStore;
use holdline_engine::ports::ops::{Accept, Advance};
use holdline_engine::ports::records::{
    AddressRecord, AttemptRecord, DeliveryState, EndpointForm, Event, PlannedHop,
};
use holdline_engine::ports::{Group, Op};

const SECRET: &str = "app-secret";
const NOW: Timestamp = Timestamp(1_750_030_073_000);
const OURS: MessageId = MessageId(77);

fn config() -> Arc<Config> {
    let text = r#"
[[whatsapp.sender]]
phone_number_id = "106"
waba_id = "102"
display_phone_number = "+1 555 078 3881"
"#;
    let env = [
        ("HOLDLINE_WHATSAPP_APP_SECRET", "s"),
        ("HOLDLINE_WHATSAPP_VERIFY_TOKEN", "v"),
        ("HOLDLINE_WHATSAPP_ACCESS_TOKEN", "t"),
    ];
    Arc::new(
        Config::from_toml_str(text, &env)
            .map_err(|faults| faults.to_string())
            .unwrap(),
    )
}

fn contact(addresses: &[(&str, &str)]) -> ContactRecord {
    let address = |(channel, value): &(&str, &str)| AddressRecord {
        channel: ChannelKind::new(channel).unwrap(),
        value: Redacted::new((*value).to_owned()),
        verified_at: None,
        consent: Default::default(),
        unreachable_until: None,
        last_inbound_at: None,
    };
    ContactRecord {
        id: ContactId(5),
        name: Some(Redacted::new("Änn 😀".to_owned())),
        external_id: None,
        created_at: NOW,
        updated_at: NOW,
        addresses: addresses.iter().map(address).collect(),
    }
}

fn message() -> Accept {
    let hop = |channel| PlannedHop {
        feature: holdline_core::health::Feature::Session,
        channel,
        sender: "106".into(),
        address: Redacted::new("+16505551234".to_owned()),
        receipt_wait_ms: 1,
        wait_is_explicit: false,
        ttl_ms: 0,
        success: holdline_core::message::Success::Delivered,
        on: Default::default(),
        template: None,
    };
    let message = MessageRecord {
        id: OURS,
        app: "42".into(),
        sender: "106".into(),
        contact: ContactId(5),
        to_input: Redacted::new("+1 650".to_owned()),
        kind: "text".into(),
        body: Redacted::new(Bytes::from_static(b"{}")),
        opaque: Some("mine".into()),
        priority: Priority::Service,
        duplicate_rule: DuplicateRule::Reconcile,
        data_class: "personal".into(),
        created_at: NOW,
        expires_at: NOW.plus_ms(1_000),
        plan: vec![hop(ChannelKind::WHATSAPP), hop(ChannelKind::SMS)],
    };
    Accept {
        message: message.into(),
        delivery: state(),
        idempotency: None,
    }
}

fn state() -> DeliveryState {
    DeliveryState {
        id: OURS,
        state: State::Waiting { due: NOW },
        hop: 0,
        hop_since: NOW,
        tries: 0,
        attempts: Vec::new(),
        spent: 0,
        told: Progress::None,
        told_failed: false,
    }
}

fn inbound(kind: &str, payload: &Value, media: Option<&str>) -> InboundRecord {
    InboundRecord {
        id: InboundId(9),
        channel: ChannelKind::WHATSAPP,
        provider_id: "wamid.theirs".into(),
        contact: ContactId(5),
        sender: "106".into(),
        from: Redacted::new("+16505551234".to_owned()),
        at: NOW,
        received_at: NOW,
        context: Some(OURS),
        kind: kind.into(),
        payload: Redacted::new(Bytes::from(payload.to_string())),
        media: media.map(Into::into),
    }
}

async fn rendered(ops: Vec<Op>, kind: EventKind) -> Option<(Rendered, Value)> {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let results = store.commit(Arc::from([Group(ops)])).await.unwrap();
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let endpoint = EndpointRecord {
        id: "e".into(),
        app: "42".into(),
        form: EndpointForm::Cloud,
        url: "http://app.example/".into(),
        secret: Redacted::new(SECRET.to_owned()),
        verify_token: None,
        scope: "app".into(),
        fields: Vec::new(),
        created_at: NOW,
    };
    let hook = HookRecord {
        seq: 1,
        endpoint: "e".into(),
        subject: 77,
        event: Event { at: NOW, kind },
        created_at: NOW,
        due_at: NOW,
        tries: 0,
    };
    let rendered = CloudForm::new(store, config())
        .render(&endpoint, &hook)
        .await
        .unwrap()?;
    let value = serde_json::from_slice(&rendered.body).unwrap();
    Some((rendered, value))
}

fn value_of(webhook: &Value) -> &Value {
    assert_eq!(webhook["object"], "whatsapp_business_account");
    assert_eq!(webhook["entry"][0]["id"], "102");
    let value = &webhook["entry"][0]["changes"][0]["value"];
    assert_eq!(value["messaging_product"], "whatsapp");
    let metadata = json!({"display_phone_number": "15550783881", "phone_number_id": "106"});
    assert_eq!(value["metadata"], metadata);
    value
}

fn delivered() -> EventKind {
    EventKind::Status {
        message: OURS,
        progress: Progress::Delivered,
        channel: ChannelKind::SMS,
    }
}

#[tokio::test]
async fn a_status_has_the_id_the_app_was_given_and_whom_it_speaks_of() {
    let person = contact(&[("whatsapp", "+16505551234"), ("wa_user", "US.134")]);
    let ops = vec![
        Op::ContactSeen(Box::new(person)),
        Op::Accept(Box::new(message())),
    ];
    let (given, webhook) = rendered(ops, delivered()).await.unwrap();
    let value = value_of(&webhook);
    let status = json!({
        "id": wamid_of(77, Direction::Outbound),
        "status": "delivered",
        "timestamp": "1750030073",
        "recipient_id": "16505551234",
        "recipient_user_id": "US.134",
        "biz_opaque_callback_data": "mine",
    });
    assert_eq!(value["statuses"], json!([status]));
    let contact = json!({
        "profile": {"name": "Änn 😀"}, "wa_id": "16505551234", "user_id": "US.134"
    });
    assert_eq!(value["contacts"], json!([contact]));
    assert!(given.body.is_ascii());
    let header = |name: &str| {
        given
            .headers
            .iter()
            .find(|(known, _)| known == name)
            .unwrap()
    };
    let (_, signature) = header("x-hub-signature-256");
    assert!(verify(SECRET.as_bytes(), &given.body, signature));
    assert_eq!(header("content-type").1, "application/json");
}

#[tokio::test]
async fn a_person_without_a_user_id_of_whatsapp_gets_one_that_leads_back() {
    let person = contact(&[("whatsapp", "+16505551234")]);
    let ops = vec![
        Op::ContactSeen(Box::new(person)),
        Op::Accept(Box::new(message())),
    ];
    let (_, webhook) = rendered(ops, delivered()).await.unwrap();
    let user = value_of(&webhook)["contacts"][0]["user_id"]
        .as_str()
        .unwrap();
    assert!(user.starts_with("US."), "{user}");
    assert_eq!(super::super::people::contact_of(user), Some(ContactId(5)));
}

#[tokio::test]
async fn a_failure_on_another_channel_has_a_code_that_clients_know() {
    let person = contact(&[("whatsapp", "+16505551234")]);
    let ops = vec![
        Op::ContactSeen(Box::new(person)),
        Op::Accept(Box::new(message())),
    ];
    let failed = |channel, code: &str| EventKind::Failed {
        message: OURS,
        channel,
        code: code.into(),
        detail: "Unreachable".into(),
    };
    let (_, webhook) = rendered(ops.clone(), failed(ChannelKind::SMS, "30003"))
        .await
        .unwrap();
    let error = &value_of(&webhook)["statuses"][0]["errors"][0];
    assert_eq!(error["code"], 131_026);
    assert_eq!(error["error_data"]["details"], "sms 30003: Unreachable");
    let (_, webhook) = rendered(ops, failed(ChannelKind::WHATSAPP, "131047"))
        .await
        .unwrap();
    let error = &value_of(&webhook)["statuses"][0]["errors"][0];
    assert_eq!(error["code"], 131_047);
    assert_eq!(error["title"], "Unreachable");
    assert!(error["href"].is_string() && error["message"].is_string());
}

#[tokio::test]
async fn an_inbound_message_names_only_ids_that_the_app_knows() {
    let payload = json!({
        "type": "image",
        "image": {"id": "theirs", "url": "https://x", "mime_type": "image/png", "caption": "é"}
    });
    let person = contact(&[("whatsapp", "+16505551234"), ("wa_user", "US.134")]);
    let record = inbound("image", &payload, Some("1234567890123456"));
    let ops = vec![
        Op::ContactSeen(Box::new(person)),
        Op::Inbound(Box::new(record)),
    ];
    let (given, webhook) = rendered(
        ops,
        EventKind::Inbound {
            inbound: InboundId(9),
        },
    )
    .await
    .unwrap();
    let message = json!({
        "context": {"from": "15550783881", "id": wamid_of(77, Direction::Outbound)},
        "from": "16505551234",
        "from_user_id": "US.134",
        "id": wamid_of(9, Direction::Inbound),
        "timestamp": "1750030073",
        "type": "image",
        "image": {"id": "1234567890123456", "mime_type": "image/png", "caption": "é"},
    });
    assert_eq!(value_of(&webhook)["messages"], json!([message]));
    assert!(!String::from_utf8_lossy(&given.body).contains("theirs"));
}

#[tokio::test]
async fn a_reaction_names_the_message_by_the_id_of_the_app() {
    let payload = json!({
        "type": "reaction", "reaction": {"message_id": "wamid.sent", "emoji": "👍"}
    });
    let key = AttemptKey {
        message: OURS,
        number: 1,
    };
    let attempt = AttemptRecord {
        key,
        hop: 0,
        channel: ChannelKind::WHATSAPP,
        route: "r".into(),
        started_at: NOW,
        outcome: None,
        ended_at: None,
        provider_id: None,
        fault_class: None,
        fault_code: None,
        fault_detail: None,
    };
    let ended = holdline_engine::ports::ops::AttemptEnd {
        key,
        at: NOW,
        outcome: "accepted",
        provider_id: Some("wamid.sent".into()),
        fault_class: None,
        fault_code: None,
        fault_detail: None,
    };
    let advance = Advance {
        state: state(),
        started: Some(attempt),
        ended: Some(ended),
        receipts: Vec::new(),
        decisions: Vec::new(),
        duplicate: None,
    };
    let ops = vec![
        Op::Accept(Box::new(message())),
        Op::Advance(Box::new(advance)),
        Op::Inbound(Box::new(inbound("reaction", &payload, None))),
    ];
    let (_, webhook) = rendered(
        ops,
        EventKind::Inbound {
            inbound: InboundId(9),
        },
    )
    .await
    .unwrap();
    let reaction = &value_of(&webhook)["messages"][0]["reaction"];
    assert_eq!(
        *reaction,
        json!({"message_id": wamid_of(77, Direction::Outbound), "emoji": "👍"})
    );
}

#[tokio::test]
async fn what_is_gone_or_has_no_webhook_is_dropped() {
    assert!(rendered(Vec::new(), delivered()).await.is_none());
    let accepted = EventKind::Status {
        message: OURS,
        progress: Progress::Accepted,
        channel: ChannelKind::WHATSAPP,
    };
    assert!(
        rendered(vec![Op::Accept(Box::new(message()))], accepted)
            .await
            .is_none()
    );
}
