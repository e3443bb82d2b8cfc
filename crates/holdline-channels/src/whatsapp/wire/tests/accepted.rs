//! Every type and kind of message that the provider takes is read, and means what it says.

use super::{interactive, request, send, template};
use crate::whatsapp::wire::{Request, content_of, parse_request};
use holdline_core::message::content::{
    ChoiceKind, Content, InteractiveKind, MediaKind, MediaSource, ParamValue, TemplateButtonKind,
};
use serde_json::{Value, json};

fn content(fields: Value) -> Content {
    send(fields.clone())
        .unwrap_or_else(|error| panic!("{fields}: {error:?}"))
        .content
}

#[test]
fn text_is_the_type_where_none_is_given() {
    for kind in [
        json!({}),
        json!({"type": null}),
        json!({"type": "text"}),
        json!({"type": "TEXT"}),
    ] {
        let mut fields = json!({"text": {"body": "h\u{e9}llo", "preview_url": null}});
        fields
            .as_object_mut()
            .unwrap()
            .extend(kind.as_object().unwrap().clone());
        assert!(content(fields) == Content::Text("h\u{e9}llo".into()));
    }
}

#[test]
fn media_come_by_id_or_by_link() {
    for kind in MediaKind::ALL {
        let name = kind.name();
        let media = json!({"id": 1013859600285441_u64, "link": null, "caption": ""});
        let Content::Media(by_id) = content(json!({"type": name, name: media})) else {
            panic!("{name} is no medium")
        };
        assert!(by_id.source == MediaSource::Id("1013859600285441".into()) && by_id.kind == kind);
        assert!(by_id.caption.is_none());
        let media = json!({"link": "https://example.com/a b.pdf", "voice": true});
        let Content::Media(by_link) = content(json!({"type": name, name: media})) else {
            panic!("{name} is no medium")
        };
        assert!(by_link.source == MediaSource::Link("https://example.com/a b.pdf".into()));
        assert_eq!(by_link.voice, kind == MediaKind::Audio);
    }
}

#[test]
fn locations_cards_reactions_and_pins_are_read() {
    let place = json!({"latitude": "37.7", "longitude": -122.4, "name": "Office"});
    let Content::Location(place) = content(json!({"type": "location", "location": place})) else {
        panic!("no location")
    };
    assert_eq!((place.latitude, place.longitude), (37.7, -122.4));
    let card = json!({
        "name": {"formatted_name": "Ann Lee", "first_name": "Ann", "last_name": "Lee"},
        "phones": [{"phone": "+16505551234", "type": "WORK", "wa_id": "16505551234"},
            {"type": "HOME"}],
        "addresses": [{"street": "1 Road", "country_code": "us"}],
        "org": {"company": "Acme"}, "birthday": "1990-01-31",
    });
    let Content::Contacts(cards) = content(json!({"type": "contacts", "contacts": [card]})) else {
        panic!("no cards")
    };
    assert_eq!((cards.len(), cards[0].phones.len()), (1, 1));
    assert_eq!(cards[0].addresses[0].country.as_deref(), Some("us"));
    for emoji in ["\u{1F600}", ""] {
        let reaction = json!({"message_id": "wamid.X", "emoji": emoji});
        let read = content(json!({"type": "reaction", "reaction": reaction}));
        assert!(matches!(read, Content::Reaction(reaction) if reaction.emoji == emoji));
    }
    let pin = json!({"type": "pin", "pin": {"type": "unpin", "message_id": "wamid.X"}});
    assert!(content(pin) == Content::Other("pin".into()));
}

#[test]
fn every_kind_that_acts_by_name_alone_is_read() {
    for (kind, name, expect) in [
        (
            "catalog_message",
            "catalog_message",
            InteractiveKind::Catalogue,
        ),
        (
            "location_request_message",
            "send_location",
            InteractiveKind::LocationRequest,
        ),
        (
            "call_permission_request",
            "call_permission_request",
            InteractiveKind::CallPermission,
        ),
        ("voice_call", "voice_call", InteractiveKind::VoiceCall),
        (
            "contact_request",
            "request_contact_info",
            InteractiveKind::ContactRequest,
        ),
        (
            "request_contact_info",
            "request_contact_info",
            InteractiveKind::ContactRequest,
        ),
        (
            "address_message",
            "address_message",
            InteractiveKind::AddressRequest,
        ),
        ("order_details", "review_and_pay", InteractiveKind::Order),
        ("order_status", "review_order", InteractiveKind::Order),
    ] {
        check_kind(interactive(kind, json!({ "name": name })), expect);
    }
}

#[test]
fn every_kind_that_shows_choices_is_read() {
    for kind in ["button", "BUTTON"] {
        let action = buttons(&[("y", "Yes")]);
        check_kind(interactive(kind, action), InteractiveKind::Buttons);
    }
    let list = json!({"button": "Open", "sections": [{"rows": [{"id": "1", "title": "One"}]}]});
    check_kind(interactive("list", list), InteractiveKind::List);
    check_kind(interactive("cta_url", link()), InteractiveKind::Link);
    let image = json!({"type": "image", "image": {"link": "https://e.org/1.png"}});
    let card = |at| json!({"card_index": at, "type": "cta_url", "action": link(), "header": image});
    let cards = json!({"cards": [card(0), card(1)]});
    check_kind(interactive("carousel", cards), InteractiveKind::Carousel);
}

#[test]
fn flows_and_products_are_read() {
    let parameters = json!({"flow_message_version": "3", "flow_id": 1, "flow_cta": "Book",
        "mode": null});
    let flow = json!({"name": "flow", "parameters": parameters});
    check_kind(interactive("flow", flow), InteractiveKind::Flow);
    let products = json!([{"product_items": [{"product_retailer_id": "sku"}]}]);
    let mut list = interactive(
        "product_list",
        json!({"catalog_id": 1, "sections": products}),
    );
    list["interactive"]["header"] = json!({"type": "text", "text": "Shop"});
    check_kind(list, InteractiveKind::ProductList);
    let product = json!({"catalog_id": "1", "product_retailer_id": "2"});
    let bare = json!({"type": "product", "action": product});
    check_kind(
        json!({"type": "interactive", "interactive": bare}),
        InteractiveKind::Product,
    );
}

#[test]
fn choices_keep_their_ids_and_order() {
    let read = content(interactive("button", buttons(&[("y", "Yes"), ("n", "No")])));
    let choices: Vec<_> = read
        .choices()
        .map(|c| (c.kind, c.id.clone(), c.title.clone()))
        .collect();
    let expect = [("y", "Yes"), ("n", "No")]
        .map(|(id, title)| (ChoiceKind::Button, id.to_owned(), title.to_owned()));
    assert_eq!(choices, expect);
}

#[test]
fn all_components_of_a_template_are_read() {
    let components = json!([
        {"type": "header", "parameters": [{"type": "document", "document": {"id": "9"}}]},
        {"type": "BODY", "parameters": [
            {"type": "text", "text": "Ann", "parameter_name": "first_name"},
            {"type": "currency", "currency":
                {"fallback_value": "$1", "code": "USD", "amount_1000": 1000}},
            {"type": "date_time", "date_time": {"fallback_value": "May 1"}}]},
        {"type": "button", "sub_type": "quick_reply", "index": "0",
         "parameters": [{"type": "payload", "payload": "yes-1"}]},
        {"type": "button", "sub_type": "URL", "index": 1,
         "parameters": [{"type": "text", "text": "abc"}]},
        {"type": "button", "sub_type": "copy_code", "index": "2",
         "parameters": [{"type": "coupon_code", "coupon_code": "SAVE"}]},
        {"type": "button", "sub_type": "CATALOG", "index": 3,
         "parameters": [{"type": "action", "action": {"thumbnail_product_retailer_id": "x"}}]},
        {"type": "limited_time_offer", "parameters":
            [{"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": 0}}]},
        {"type": "carousel", "cards": [{"card_index": 0, "components":
            [{"type": "body", "parameters": [{"type": "text", "text": "20"}]}]}]},
    ]);
    let Content::Template(read) = content(template(components)) else {
        panic!("no template")
    };
    assert!(matches!(read.header[0].value, ParamValue::Media(_)));
    assert!(read.body[1].value == ParamValue::Text("$1".into()));
    assert_eq!(read.body[0].name.as_deref(), Some("first_name"));
    let buttons: Vec<_> = read
        .buttons
        .iter()
        .map(|b| (b.kind, b.index, b.value.as_deref()))
        .collect();
    assert_eq!(
        buttons,
        [
            (TemplateButtonKind::QuickReply, 0, Some("yes-1")),
            (TemplateButtonKind::Url, 1, Some("abc")),
            (TemplateButtonKind::CopyCode, 2, Some("SAVE")),
            (TemplateButtonKind::Other, 3, None),
        ]
    );
    assert_eq!(read.cards.len(), 1);
}

#[test]
fn a_template_may_have_no_components_and_policies_are_kept() {
    let language = json!({"code": "en_US", "policy": "deterministic"});
    for components in [Value::Null, json!([])] {
        let hello = json!({"name": "hello_world", "language": language, "components": components});
        content(json!({"type": "template", "template": hello}));
    }
}

#[test]
fn limits_are_counted_in_characters_and_the_last_one_fits() {
    content(json!({"text": {"body": "\u{1F600}".repeat(4096)}}));
    let wide = "\u{e4}".repeat(20);
    content(interactive("button", buttons(&[("a", &wide)])));
}

#[test]
fn a_read_mark_says_nothing_to_other_channels() {
    let mark = json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.X"});
    assert!(content_of(&parse_request(&mark).unwrap()).is_none());
    let text = parse_request(&request(json!({"text": {"body": "hi"}}))).unwrap();
    assert!(matches!(&text, Request::Send(_)) && content_of(&text).is_some());
}

fn buttons(choices: &[(&str, &str)]) -> Value {
    let button =
        |(id, title): &(&str, &str)| json!({"type": "reply", "reply": {"id": id, "title": title}});
    json!({"buttons": choices.iter().map(button).collect::<Vec<_>>()})
}

fn link() -> Value {
    let parameters = json!({"display_text": "Go", "url": "https://e.org"});
    json!({"name": "cta_url", "parameters": parameters})
}

fn check_kind(fields: Value, expect: InteractiveKind) {
    let read = content(fields);
    assert!(
        matches!(read, Content::Interactive(read) if read.kind == expect),
        "{expect:?}"
    );
}
