//! Messages said on other channels, and replies read as choices.

use super::{
    Adaptation, Adapted, Attachment, MediaMode, NotAdaptable, Options, match_choice, render, vcard,
};
use crate::whatsapp::TemplateBody;
use crate::whatsapp::wire::{content_of, parse_request};
use expect_test::{Expect, expect};
use holdline_core::message::content::{Choice, ChoiceKind, Content, Media};
use proptest::prelude::*;
use serde_json::{Value, json};

fn link(_: &Media) -> Option<String> {
    Some("https://h.example/m/1".into())
}

const SMS: Options<'_> = Options {
    media: MediaMode::Link(&link),
    replies: true,
};
const EMAIL: Options<'_> = Options {
    media: MediaMode::Attach,
    replies: true,
};

fn content(fields: Value) -> Content {
    let mut body = json!({"messaging_product": "whatsapp", "to": "16505551234"});
    body.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    content_of(&parse_request(&body).unwrap()).unwrap().clone()
}

fn adapt(fields: Value, options: &Options<'_>) -> Adapted {
    render(&content(fields), None, options).unwrap()
}

fn check(fields: Value, expect: &Expect) {
    let adapted = adapt(fields, &SMS);
    expect.assert_eq(&format!("{}\n{:?}", adapted.text, adapted.notes));
}

fn template(item: Value, components: Value, options: &Options<'_>) -> Adapted {
    let body = TemplateBody::from_item(&item).unwrap();
    let filled = json!({"name": "t", "language": {"code": "en"}, "components": components});
    let filled = content(json!({"type": "template", "template": filled}));
    render(&filled, Some(&body), options).unwrap()
}

#[test]
fn text_goes_as_it_is() {
    check(
        json!({"text": {"body": "Hi *Ann*"}}),
        &expect![[r#"
        Hi *Ann*
        []"#]],
    );
}

#[test]
fn buttons_and_rows_become_numbers() {
    let buttons = json!({"type": "interactive", "interactive": {
        "type": "button", "header": {"type": "text", "text": "Order 7"},
        "body": {"text": "Keep it?"}, "footer": {"text": "Acme"},
        "action": {"buttons": [
            {"type": "reply", "reply": {"id": "y", "title": "Yes"}},
            {"type": "reply", "reply": {"id": "n", "title": "No"}}]}}});
    check(
        buttons.clone(),
        &expect![[r#"
        Order 7

        Keep it?

        Acme

        Reply 1 for Yes
        Reply 2 for No
        [ChoicesNumbered]"#]],
    );
    let read_only = Options {
        replies: false,
        ..SMS
    };
    let silent = adapt(buttons, &read_only);
    assert_eq!(
        (silent.choices.len(), silent.notes),
        (0, vec![Adaptation::ChoicesLeftOut])
    );
    let list = json!({"type": "interactive", "interactive": {
        "type": "list", "body": {"text": "When?"}, "action": {"button": "Open", "sections": [
            {"title": "Today", "rows": [{"id": "a", "title": "10:00", "description": "free"}]},
            {"title": "Later", "rows": [{"id": "b", "title": "11:00"}]}]}}});
    check(
        list.clone(),
        &expect![[r#"
        When?

        Today:
        Reply 1 for 10:00 (free)

        Later:
        Reply 2 for 11:00
        [ChoicesNumbered]"#]],
    );
    let ids: Vec<String> = adapt(list, &SMS)
        .choices
        .iter()
        .map(|c| c.id.clone())
        .collect();
    assert_eq!(ids, ["a", "b"]);
}

#[test]
fn links_places_and_requests_are_said_in_words() {
    check(
        json!({"type": "interactive", "interactive": {
        "type": "cta_url", "body": {"text": "Pay now"}, "action": {"name": "cta_url",
        "parameters": {"display_text": "Pay", "url": "https://e.org/p"}}}}),
        &expect![[r#"
        Pay now

        Pay: https://e.org/p
        [LinkShown]"#]],
    );
    check(
        json!({"type": "location", "location": {"latitude": 37.5, "longitude": -122,
        "name": "Office", "address": "1 Road"}}),
        &expect![[r#"
        Office
        1 Road
        https://maps.google.com/?q=37.5,-122
        [LocationLinked]"#]],
    );
    check(
        json!({"type": "interactive", "interactive": {"type": "location_request_message",
        "body": {"text": "Where?"}, "action": {"name": "send_location"}}}),
        &expect![[r#"
        Where?

        Please reply with your location or address.
        []"#]],
    );
    check(
        json!({"type": "interactive", "interactive": {"type": "flow", "body": {"text": "Book"},
        "action": {"name": "flow", "parameters": {"flow_message_version": "3", "flow_id": "1",
        "flow_cta": "Go"}}}}),
        &expect![[r#"
        Book
        [ActionLeftOut]"#]],
    );
}

#[test]
fn media_become_links_or_attachments() {
    let image = json!({"type": "image", "image": {"id": "1", "caption": "Your receipt"}});
    check(
        image.clone(),
        &expect![[r#"
        Image: https://h.example/m/1

        Your receipt
        [MediaLinked]"#]],
    );
    let mail = adapt(image.clone(), &EMAIL);
    assert_eq!(mail.text, "Your receipt");
    assert!(matches!(&mail.attachments[..], [Attachment::Media(_)]));
    let none = |_: &Media| None;
    let unlinked = adapt(
        image,
        &Options {
            media: MediaMode::Link(&none),
            replies: true,
        },
    );
    assert_eq!(unlinked.text, "[Image]\n\nYour receipt");
    assert_eq!(unlinked.notes, [Adaptation::MediaLeftOut]);
}

fn order_update() -> Value {
    json!({"name": "t", "language": "en", "components": [
        {"type": "HEADER", "format": "TEXT", "text": "Order {{1}}"},
        {"type": "BODY", "text": "Hi {{first_name}}, you pay {{amount}}."},
        {"type": "FOOTER", "text": "Acme"},
        {"type": "BUTTONS", "buttons": [
            {"type": "QUICK_REPLY", "text": "Thanks"},
            {"type": "URL", "text": "Track", "url": "https://e.org/t/{{1}}"},
            {"type": "PHONE_NUMBER", "text": "Call us", "phone_number": "+15550783881"}]}]})
}

#[test]
fn templates_are_filled_and_their_buttons_kept() {
    let money = json!({"fallback_value": "$9.99", "code": "USD", "amount_1000": 9990});
    let adapted = template(
        order_update(),
        json!([
            {"type": "header", "parameters": [{"type": "text", "text": "7"}]},
            {"type": "body", "parameters": [
                {"type": "currency", "currency": money, "parameter_name": "amount"},
                {"type": "text", "text": "Ann", "parameter_name": "first_name"}]},
            {"type": "button", "sub_type": "quick_reply", "index": 0,
             "parameters": [{"type": "payload", "payload": "thanks-7"}]},
            {"type": "button", "sub_type": "url", "index": 1,
         "parameters": [{"type": "text", "text": "abc"}]},
        ]),
        &SMS,
    );
    expect![[r#"
        Order 7

        Hi Ann, you pay $9.99.

        Acme

        Track: https://e.org/t/abc

        Call us: +15550783881

        Reply 1 for Thanks"#]]
    .assert_eq(&adapted.text);
    let choice = &adapted.choices[0];
    assert_eq!(
        (choice.kind, choice.id.as_str()),
        (ChoiceKind::TemplateButton, "thanks-7")
    );
    assert_eq!(adapted.subject_hint.as_deref(), Some("Order 7"));
}

#[test]
fn codes_are_shown_once() {
    let otp = |body: &str| {
        json!({"name": "t", "language": "en", "components": [
        {"type": "BODY", "text": body},
        {"type": "BUTTONS", "buttons": [
            {"type": "OTP", "otp_type": "COPY_CODE", "text": "Copy"}]}]})
    };
    let code = json!([
        {"type": "body", "parameters": [{"type": "text", "text": "123456"}]},
        {"type": "button", "sub_type": "url", "index": "0",
         "parameters": [{"type": "text", "text": "123456"}]},
    ]);
    let shown = template(otp("*{{1}}* is your code."), code.clone(), &SMS);
    assert_eq!(shown.text, "*123456* is your code.");
    assert_eq!(
        template(otp("Your code:"), code, &SMS).text,
        "Your code:\n\nCode: 123456"
    );
}

#[test]
fn carousels_are_said_card_by_card() {
    let item = json!({"name": "t", "language": "en", "components": [
        {"type": "BODY", "text": "Look:"},
        {"type": "CAROUSEL", "cards": [
            {"components": [{"type": "BODY", "text": "A {{1}}"}]},
            {"components": [{"type": "BODY", "text": "B"}]}]}]});
    let filled = json!([{"type": "carousel", "cards": [
        {"card_index": 0, "components": [
            {"type": "body", "parameters": [{"type": "text", "text": "x"}]}]},
        {"card_index": 1, "components": []}]}]);
    assert_eq!(template(item, filled, &SMS).text, "Look:\n\nA x\n\nB");
}

#[test]
fn cards_become_text_and_vcards() {
    let cards = json!({"type": "contacts", "contacts": [{
        "name": {"formatted_name": "Ann; Lee", "first_name": "Ann", "last_name": "Lee"},
        "phones": [{"phone": "+16505551234", "type": "work"}],
        "emails": [{"email": "ann@e.org"}],
        "addresses": [{"street": "1 Road", "city": "Town"}],
        "org": {"company": "Acme, Inc.", "title": "Boss"}, "birthday": "1990-01-31"}]});
    let mail = adapt(cards.clone(), &EMAIL);
    expect![[r#"
        Ann; Lee
        Boss, Acme, Inc.
        +16505551234
        ann@e.org
        1 Road, Town"#]]
    .assert_eq(&mail.text);
    let [Attachment::Card { filename, vcard }] = &mail.attachments[..] else {
        panic!("no card")
    };
    assert_eq!(filename, "Ann__Lee.vcf");
    expect![[r#"
        BEGIN:VCARD
        VERSION:3.0
        N:Lee;Ann;;;
        FN:Ann\; Lee
        ORG:Acme\, Inc.;
        TITLE:Boss
        TEL;TYPE=WORK:+16505551234
        EMAIL:ann@e.org
        ADR:;;1 Road;Town;;;
        BDAY:1990-01-31
        END:VCARD
    "#]]
    .assert_eq(&vcard.replace("\r\n", "\n"));
    assert!(adapt(cards, &SMS).attachments.is_empty());
}

#[test]
fn long_lines_of_a_vcard_are_folded() {
    let card = holdline_core::message::content::Card {
        formatted_name: "\u{e4}".repeat(100),
        ..Default::default()
    };
    let text = vcard(&card);
    assert!(text.split("\r\n").all(|line| line.len() <= 75));
    assert!(text.replace("\r\n ", "").contains(&"\u{e4}".repeat(100)));
}

#[test]
fn what_cannot_be_said_is_refused_with_the_reason() {
    let refused = |fields: Value| render(&content(fields), None, &SMS).unwrap_err();
    let reaction = json!({"type": "reaction", "reaction": {"message_id": "a", "emoji": "x"}});
    assert_eq!(refused(reaction), NotAdaptable::Reaction);
    assert_eq!(
        refused(json!({"type": "sticker", "sticker": {"id": "1"}})),
        NotAdaptable::Sticker
    );
    let unknown =
        json!({"type": "template", "template": {"name": "t", "language": {"code": "en"}}});
    let expect = NotAdaptable::TemplateUnknown {
        name: "t".into(),
        language: "en".into(),
    };
    assert_eq!(refused(unknown), expect);
    let pin = json!({"type": "pin", "pin": {"type": "pin", "message_id": "a"}});
    assert_eq!(refused(pin), NotAdaptable::Other { kind: "pin".into() });
    let product = json!({"type": "interactive", "interactive": {"type": "product",
        "action": {"catalog_id": "1", "product_retailer_id": "2"}}});
    assert_eq!(
        refused(product),
        NotAdaptable::Other {
            kind: "product".into()
        }
    );
}

#[test]
fn html_is_escaped_and_keeps_marks_and_links() {
    let html = adapt(
        json!({"text": {"body":
        "<b> & *bold* _it_ ~no~ 2*3*4 a_b_c\nSee https://e.org/?a=1&b=*x*, ok \"q\""}}),
        &EMAIL,
    )
    .html;
    expect![[r#"
        <p>&lt;b&gt; &amp; <strong>bold</strong> <em>it</em> <s>no</s> 2*3*4 a_b_c<br>
        See <a href="https://e.org/?a=1&amp;b=*x*">https://e.org/?a=1&amp;b=*x*</a>, ok &quot;q&quot;</p>
    "#]]
    .assert_eq(&html);
}

#[test]
fn replies_are_read_as_choices_only_when_they_are() {
    let choice = |title: &str| Choice {
        kind: ChoiceKind::Button,
        id: title.into(),
        title: title.into(),
        description: None,
    };
    let choices = [
        choice("Yes"),
        choice("No thanks"),
        choice("10"),
        choice("Same"),
        choice("Same"),
    ];
    for (reply, expect) in [
        ("1", Some(0)),
        ("1.", Some(0)),
        (" 2 ", Some(1)),
        ("#2", Some(1)),
        ("(2)", Some(1)),
        ("2\u{FE0F}\u{20E3}", Some(1)),
        ("\u{0662}", Some(1)),
        ("yes", Some(0)),
        ("  NO THANKS ", Some(1)),
        ("10", Some(2)),
        ("0", None),
        ("6", None),
        ("1 or 2", None),
        ("yes please", None),
        ("same", None),
        ("4", Some(3)),
        ("", None),
        ("-1", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(match_choice(reply, &choices), expect, "{reply:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_rendered_and_its_html_opens_no_tag_of_its_own(text in "[ -~\u{e9}\n]{1,80}") {
        let adapted = adapt(json!({"text": {"body": text}}), &EMAIL);
        let mut bare = adapted.html;
        for tag in ["p", "strong", "em", "s"] {
            bare = bare.replace(&format!("<{tag}>"), "").replace(&format!("</{tag}>"), "");
        }
        let bare = bare.replace("<br>", "").replace("</a>", "").replace("<a href=\"", "");
        prop_assert!(!bare.contains('<'));
    }

    #[test]
    fn any_reply_is_read_without_a_panic(reply in ".{0,20}") {
        prop_assert!(match_choice(&reply, &[]).is_none());
    }
}
