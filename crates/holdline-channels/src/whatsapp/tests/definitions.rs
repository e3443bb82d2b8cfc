//! Templates are read from the provider's list, and what apps fill in is compared with them.

use crate::whatsapp::TemplateBody;
use crate::whatsapp::definition::{ButtonBody, fill, placeholders};
use crate::whatsapp::wire::{GraphError, content_of, parse_request};
use holdline_core::message::content::{Content, Param, ParamValue};
use serde_json::{Value, json};

fn order_update() -> TemplateBody {
    TemplateBody::from_item(&json!({
        "name": "order_update", "language": "en_US", "status": "APPROVED", "category": "UTILITY",
        "components": [
            {"type": "HEADER", "format": "IMAGE"},
            {"type": "BODY", "text": "Hi {{1}}, order {{2}} for {{1}} is on its way."},
            {"type": "FOOTER", "text": "Acme"},
            {"type": "BUTTONS", "buttons": [
                {"type": "QUICK_REPLY", "text": "Thanks"},
                {"type": "URL", "text": "Track", "url": "https://e.org/t/{{1}}"},
                {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+15550783881"},
                {"type": "URL", "text": "Copy", "url": "https://www.whatsapp.com/otp/code/?code=otp{{1}}"},
            ]},
        ],
    }))
    .unwrap()
}

fn check(components: Value) -> Result<(), GraphError> {
    let template =
        json!({"name": "order_update", "language": {"code": "en_US"}, "components": components});
    let body = json!({"messaging_product": "whatsapp", "to": "16505551234", "type": "template",
        "template": template});
    let request = parse_request(&body)?;
    let Some(Content::Template(template)) = content_of(&request) else {
        panic!("no template")
    };
    order_update().check(template)
}

fn whole() -> Value {
    json!([
        {"type": "header", "parameters": [{"type": "image", "image": {"id": "1"}}]},
        {"type": "body", "parameters": [
            {"type": "text", "text": "Ann"}, {"type": "text", "text": "7"}]},
        {"type": "button", "sub_type": "url", "index": "1",
         "parameters": [{"type": "text", "text": "t7"}]},
        {"type": "button", "sub_type": "url", "index": "3",
         "parameters": [{"type": "text", "text": "99"}]},
    ])
}

#[test]
fn all_parts_of_a_template_are_read() {
    let template = order_update();
    assert_eq!(template.status.as_deref(), Some("APPROVED"));
    assert_eq!(
        template
            .buttons
            .iter()
            .map(ButtonBody::text)
            .collect::<Vec<_>>(),
        ["Thanks", "Track", "Call", "Copy"]
    );
    assert!(matches!(template.buttons[3], ButtonBody::Code { .. }));
    assert!(TemplateBody::from_item(&json!({"name": "x"})).is_none());
    let otp = json!({"name": "otp", "language": "en", "components":
        [{"type": "FOOTER", "code_expiration_minutes": 5}, {"type": "STRANGE"}]});
    let otp = TemplateBody::from_item(&otp).unwrap();
    assert_eq!(
        otp.footer.as_deref(),
        Some("This code expires in 5 minutes.")
    );
}

#[test]
fn what_fits_is_taken_and_what_does_not_is_refused_with_the_providers_code() {
    assert_eq!(check(whole()), Ok(()));
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut components = whole();
        change(&mut components);
        check(components).unwrap_err().code
    };
    let pop = |c: &mut Value| drop(c[1]["parameters"].as_array_mut().unwrap().pop());
    assert_eq!(refused(&pop), 132_000);
    assert_eq!(refused(&|c| c[0]["parameters"] = json!([])), 132_012);
    let video = json!([{"type": "video", "video": {"id": "1"}}]);
    assert_eq!(refused(&|c| c[0]["parameters"] = video.clone()), 132_012);
    assert_eq!(refused(&|c| drop(c.as_array_mut().unwrap().pop())), 131_008);
    let image = json!({"type": "image", "image": {"id": "1"}});
    assert_eq!(refused(&|c| c[1]["parameters"][1] = image.clone()), 132_012);
}

#[test]
fn placeholders_are_filled_by_place_and_by_name() {
    let param = |name: Option<&str>, text: &str| Param {
        name: name.map(Into::into),
        value: ParamValue::Text(text.into()),
    };
    let placed = [param(None, "Ann"), param(None, "{{1}}")];
    assert_eq!(
        fill("Hi {{1}}, {{ 2 }}! {{1}}", &placed),
        "Hi Ann, {{1}}! Ann"
    );
    let named = [param(Some("order"), "7"), param(Some("first_name"), "Ann")];
    assert_eq!(fill("{{first_name}}: {{order}}", &named), "Ann: 7");
    assert_eq!(fill("open {{1 and }}", &placed), "open ");
    assert_eq!(fill("open {{", &placed), "open {{");
    assert_eq!(placeholders("{{b}} {{a}} {{b}} {{"), ["b", "a"]);
}
