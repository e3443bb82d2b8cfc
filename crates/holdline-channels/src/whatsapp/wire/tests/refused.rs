//! What the provider refuses is refused here, with its code and the path of the field.

use super::{check_refused, interactive, send, template};
use proptest::prelude::*;
use serde_json::{Value, json};

const TYPE: u32 = 100;
const MISSING: u32 = 131_008;
const VALUE: u32 = 131_009;

fn reply(id: &str, title: &str) -> Value {
    json!({"type": "reply", "reply": {"id": id, "title": title}})
}

fn with_buttons(buttons: Value) -> Value {
    interactive("button", json!({"buttons": buttons}))
}

fn rows(count: usize) -> Value {
    (0..count)
        .map(|at| json!({"id": at.to_string(), "title": "Row"}))
        .collect()
}

#[test]
fn wrong_types_and_missing_parts_name_the_field() {
    check_refused(json!({}), MISSING, "text");
    check_refused(json!({"text": "hi"}), TYPE, "text");
    check_refused(json!({"text": {}}), MISSING, "text.body");
    check_refused(json!({"text": {"body": 7}}), TYPE, "text.body");
    check_refused(json!({"text": {"body": ""}}), VALUE, "text.body");
    check_refused(
        json!({"text": {"body": "x".repeat(4097)}}),
        VALUE,
        "text.body",
    );
    check_refused(
        json!({"text": {"body": "x", "preview_url": "yes"}}),
        TYPE,
        "text.preview_url",
    );
    check_refused(json!({"type": "fax"}), 131_051, "type");
    check_refused(json!({"type": 3}), TYPE, "type");
}

#[test]
fn media_need_one_source_that_the_web_can_reach() {
    let image = |image: Value| json!({"type": "image", "image": image});
    check_refused(image(json!({})), MISSING, "image.id");
    check_refused(image(json!({"link": "ftp://e.org/a"})), VALUE, "image.link");
    check_refused(
        image(json!({"link": "file:///etc/passwd"})),
        VALUE,
        "image.link",
    );
    check_refused(image(json!({"link": "a.png"})), VALUE, "image.link");
    check_refused(
        image(json!({"id": "1", "link": "https://e.org"})),
        VALUE,
        "image.link",
    );
    let caption = "x".repeat(1025);
    check_refused(
        image(json!({"id": "1", "caption": caption})),
        VALUE,
        "image.caption",
    );
}

#[test]
fn places_cards_and_reactions_are_held_to_their_ranges() {
    let place = |latitude: Value| {
        let place = json!({"latitude": latitude, "longitude": 0});
        json!({"type": "location", "location": place})
    };
    check_refused(place(json!(90.1)), VALUE, "location.latitude");
    check_refused(place(json!("north")), TYPE, "location.latitude");
    check_refused(place(json!("NaN")), VALUE, "location.latitude");
    check_refused(place(Value::Null), MISSING, "location.latitude");
    let cards = |cards: Value| json!({"type": "contacts", "contacts": cards});
    check_refused(cards(json!([])), VALUE, "contacts");
    check_refused(
        cards(json!([{"name": {}}])),
        MISSING,
        "contacts[0].name.formatted_name",
    );
    let birthday = json!([{"name": {"formatted_name": "A"}, "birthday": "31.1.1990"}]);
    check_refused(cards(birthday), VALUE, "contacts[0].birthday");
    let reaction = json!({"type": "reaction", "reaction": {"emoji": "x"}});
    check_refused(reaction, MISSING, "reaction.message_id");
}

#[test]
fn buttons_are_held_to_their_limits() {
    let at = "interactive.action.buttons";
    check_refused(with_buttons(json!([])), VALUE, at);
    let four: Value = (0..4)
        .map(|n| reply(&n.to_string(), &n.to_string()))
        .collect();
    check_refused(with_buttons(four), VALUE, at);
    let title = format!("{at}[0].reply.title");
    check_refused(
        with_buttons(json!([reply("a", &"x".repeat(21))])),
        VALUE,
        &title,
    );
    let id = format!("{at}[0].reply.id");
    check_refused(
        with_buttons(json!([reply(&"x".repeat(257), "A")])),
        VALUE,
        &id,
    );
    check_refused(
        with_buttons(json!([reply("a", "A"), reply("a", "B")])),
        VALUE,
        at,
    );
    check_refused(
        with_buttons(json!([reply("a", "A"), reply("b", "A")])),
        VALUE,
        at,
    );
    let mut long = with_buttons(json!([reply("a", "A")]));
    long["interactive"]["body"]["text"] = "x".repeat(1025).into();
    check_refused(long, VALUE, "interactive.body.text");
    let mut footer = with_buttons(json!([reply("a", "A")]));
    footer["interactive"]["footer"] = json!({"text": "x".repeat(61)});
    check_refused(footer, VALUE, "interactive.footer.text");
    let mut bare = with_buttons(json!([reply("a", "A")]));
    bare["interactive"]["body"] = Value::Null;
    check_refused(bare, MISSING, "interactive.body.text");
}

#[test]
fn lists_are_held_to_their_limits() {
    let at = "interactive.action.sections";
    let list =
        |sections: Value| interactive("list", json!({"button": "Open", "sections": sections}));
    check_refused(
        list(json!([{"rows": rows(11)}])),
        VALUE,
        &format!("{at}[0].rows"),
    );
    let two = json!([{"title": "A", "rows": rows(6)}, {"title": "B", "rows": rows(5)}]);
    check_refused(list(two), VALUE, at);
    let same = json!([{"title": "A", "rows": rows(2)}, {"title": "B", "rows": rows(2)}]);
    check_refused(list(same), VALUE, at);
    let untitled = json!([{"title": "A", "rows": rows(1)}, {"rows": rows(1)}]);
    check_refused(list(untitled), MISSING, &format!("{at}[1].title"));
    let long = json!([{"rows": [{"id": "1", "title": "x".repeat(25)}]}]);
    check_refused(list(long), VALUE, &format!("{at}[0].rows[0].title"));
    let wordy = json!([{"rows": [{"id": "1", "title": "x", "description": "x".repeat(73)}]}]);
    check_refused(list(wordy), VALUE, &format!("{at}[0].rows[0].description"));
    let mut image = list(json!([{"rows": rows(1)}]));
    image["interactive"]["header"] = json!({"type": "image", "image": {"id": "1"}});
    check_refused(image, VALUE, "interactive.header.type");
}

#[test]
fn other_interactive_kinds_need_what_they_act_on() {
    check_refused(interactive("buttons", json!({})), VALUE, "interactive.type");
    let at = "interactive.action";
    check_refused(
        interactive("flow", json!({"name": "fly"})),
        VALUE,
        &format!("{at}.name"),
    );
    let link = json!({"name": "cta_url", "parameters": {"display_text": "Go", "url": "e.org"}});
    check_refused(
        interactive("cta_url", link),
        VALUE,
        &format!("{at}.parameters.url"),
    );
    let flow = json!({"name": "flow", "parameters": {"flow_message_version": 3, "flow_cta": "x"}});
    check_refused(
        interactive("flow", flow),
        MISSING,
        &format!("{at}.parameters.flow_id"),
    );
    let shop = json!({"catalog_id": "1", "sections": []});
    check_refused(
        interactive("product_list", shop),
        MISSING,
        "interactive.header",
    );
    let cards = json!({"cards": [{"card_index": 0, "action": {}}]});
    check_refused(
        interactive("carousel", cards),
        VALUE,
        &format!("{at}.cards"),
    );
}

#[test]
fn templates_need_a_name_a_language_and_whole_parameters() {
    let with = |template: Value| json!({"type": "template", "template": template});
    check_refused(
        with(json!({"language": {"code": "en"}})),
        MISSING,
        "template.name",
    );
    for language in [json!({"code": null}), json!({}), json!({"code": 3})] {
        let null_code = with(json!({"name": "x", "language": language}));
        check_refused(null_code, TYPE, "template.language.code");
    }
    let at = "template.components[0]";
    check_refused(template(json!([{}])), MISSING, &format!("{at}.type"));
    let body = |param: Value| template(json!([{"type": "body", "parameters": [param]}]));
    let param = format!("{at}.parameters[0]");
    check_refused(
        body(json!({"type": "text"})),
        MISSING,
        &format!("{param}.text"),
    );
    check_refused(
        body(json!({"type": "text", "text": ""})),
        VALUE,
        &format!("{param}.text"),
    );
    let currency = json!({"type": "currency", "currency": {"code": "USD", "amount_1000": 1}});
    check_refused(
        body(currency),
        MISSING,
        &format!("{param}.currency.fallback_value"),
    );
    let button =
        |index: Value| template(json!([{"type": "button", "sub_type": "url", "index": index}]));
    for index in [json!("x"), json!(10), json!(-1), json!(1.5)] {
        check_refused(button(index), VALUE, &format!("{at}.index"));
    }
    let text = json!({"type": "text", "text": "x"});
    let two = template(json!([{"type": "header", "parameters": [text, text]}]));
    check_refused(two, VALUE, &format!("{at}.parameters"));
}

/// Any JSON, with the keys that the parser looks for among others.
fn any_json() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "type",
        "text",
        "body",
        "image",
        "id",
        "link",
        "interactive",
        "action",
        "buttons",
        "reply",
        "template",
        "language",
        "components",
        "parameters",
        "index",
        "sections",
        "rows",
        "x",
    ]);
    let word = prop::sample::select(vec!["text", "image", "button", "list", "template", "0", ""]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        let object = prop::collection::vec((key.clone(), inner.clone()), 0..5);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            object.prop_map(|pairs| pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_read_or_refused_in_the_shape_of_the_provider(content in any_json()) {
        for kind in ["text", "image", "interactive", "template", "contacts"] {
            if let Err(error) = send(json!({"type": kind, kind: content})) {
                prop_assert_eq!(error.http_status, 400);
                prop_assert!(error.details.is_some());
            }
        }
    }

    #[test]
    fn unknown_keys_change_nothing(content in any_json()) {
        let plain = json!({"text": {"body": "hi"}});
        let mut more = plain.clone();
        more["x_unknown"] = content.clone();
        more["text"]["x_unknown"] = content;
        prop_assert!(send(plain).unwrap() == send(more).unwrap());
    }
}
