//! The message object of a request: composed into the form the Cloud API would get, then judged by
//! the same rules as the front door, with the faults placed where the caller wrote them.

use super::recipient::Target;
use super::references::{self, From};
use crate::http::api::input::sha256;
use crate::http::api::problem::{Answer, FieldFault, Problem};
use crate::http::state::AppState;
use crate::library::find;
use holdline_channels::phone::mint_user_id;
use holdline_channels::whatsapp::wire::{GraphError, Request, parse_request};
use holdline_core::message::content::{Content, Template};
use holdline_engine::ports::records::TemplateRecord;
use serde_json::{Map, Value};

/// Fields of the Cloud API that the request itself says.
const OUTER: [(&str, &str); 5] = [
    ("to", "name the recipient in `to` of the request"),
    ("recipient", "name the recipient in `to` of the request"),
    ("recipient_type", "leave it out: messages go to one person"),
    (
        "biz_opaque_callback_data",
        "give it as `callback_data` of the request",
    ),
    (
        "status",
        "leave it out: messages are marked as read by the Cloud API",
    ),
];

/// How to mend a template that is not approved.
pub(super) const USABLE: &str =
    "mend it in WhatsApp Manager, or use one that is APPROVED: see GET /api/v1/templates";

/// What the caller wants said.
pub(super) struct Wanted<'a> {
    pub(super) text: Option<&'a str>,
    pub(super) message: Option<&'a Value>,
}

/// A message that holds by all rules.
pub(super) struct Composed {
    pub(super) body: Value,
    pub(super) content: Content,
    /// The synced template, where it is one.
    pub(super) template: Option<TemplateRecord>,
}

pub(super) async fn compose(
    state: &AppState,
    from: From<'_>,
    wanted: &Wanted<'_>,
    target: Option<&Target>,
) -> Answer<Composed> {
    let short = wanted.text.is_some();
    let fields = fields(wanted)?;
    let body = envelope(fields, target);
    let content = read(&body).map_err(|error| placed(&error, short))?;
    references::check(state, from, &body, &content).await?;
    let template = match &content {
        Content::Template(filled) => template_of(state, &from.sender.waba_id, filled).await?,
        Content::Text(_)
        | Content::Media(_)
        | Content::Location(_)
        | Content::Contacts(_)
        | Content::Reaction(_)
        | Content::Interactive(_)
        | Content::Other(_) => None,
    };
    Ok(Composed {
        body,
        content,
        template,
    })
}

/// Where `Param text.body is …` speaks of, as a pointer into the request.
pub(super) fn placed(error: &GraphError, short: bool) -> Problem {
    let details = error.details.clone().unwrap_or_else(|| error.title.clone());
    let path = details
        .strip_prefix("Param ")
        .and_then(|rest| rest.split_once(' '));
    let (field, message) = match path {
        Some((path, rest)) if short && path.starts_with("text") => ("/text".to_owned(), rest),
        Some(("to" | "recipient", rest)) => ("/to".to_owned(), rest),
        Some((path, rest)) => (format!("/message/{}", pointer(path)), rest),
        None => ("/message".to_owned(), details.as_str()),
    };
    let (what, fix) = message.split_once(": ").unwrap_or((&error.title, message));
    Problem::invalid(vec![FieldFault::new(field, what, fix)])
}

fn fields(wanted: &Wanted<'_>) -> Answer<Map<String, Value>> {
    match (wanted.text, wanted.message) {
        (Some(text), None) => {
            let text = serde_json::json!({"type": "text", "text": {"body": text}});
            Ok(text.as_object().cloned().unwrap_or_default())
        }
        (None, Some(Value::Object(fields))) => {
            let outer = OUTER.iter().filter(|(name, _)| fields.contains_key(*name));
            let fault = |(name, fix): &(&str, &str)| {
                FieldFault::new(format!("/message/{name}"), "does not belong here", *fix)
            };
            let faults: Vec<_> = outer.map(fault).collect();
            if faults.is_empty() {
                Ok(fields.clone())
            } else {
                Err(Problem::invalid(faults))
            }
        }
        (text, _) => {
            let (message, field) = match text {
                Some(_) => ("stands beside `text`", "/message"),
                None => ("is required", "/text"),
            };
            let fix = "give either `text` or `message`";
            Err(Problem::invalid(vec![FieldFault::new(field, message, fix)]))
        }
    }
}

fn envelope(fields: Map<String, Value>, target: Option<&Target>) -> Value {
    let mut body = Map::new();
    body.insert("messaging_product".into(), "whatsapp".into());
    body.insert("recipient_type".into(), "individual".into());
    let (name, value) = addressee(target);
    body.insert(name.into(), value.into());
    body.extend(fields);
    Value::Object(body)
}

/// The Cloud API wants a number or a user id. Each channel puts in the address of its own hop; a
/// person without either gets a user id that belongs to nobody.
fn addressee(target: Option<&Target>) -> (&'static str, String) {
    let Some(target) = target else {
        return ("recipient", mint_user_id(None, 0));
    };
    match (&target.phone, &target.wa_user) {
        (Some(digits), _) => ("to", digits.clone()),
        (None, Some(user)) => ("recipient", user.clone()),
        (None, None) => {
            let hash = sha256(&[target.input.as_bytes()]);
            let key = hash[..16]
                .iter()
                .fold(0, |key, byte| key << 8 | u128::from(*byte));
            ("recipient", mint_user_id(None, key))
        }
    }
}

fn read(body: &Value) -> Result<Content, GraphError> {
    match parse_request(body)? {
        Request::Send(send) => Ok(send.content),
        Request::MarkRead(_) => Err(GraphError::missing("type")),
    }
}

/// The synced template. One that is missing is refused only where the list was synced at all.
async fn template_of(
    state: &AppState,
    waba: &str,
    filled: &Template,
) -> Answer<Option<TemplateRecord>> {
    let book = &state.library.templates;
    let page = state.engine.look(book.page(waba)).await?;
    let Some(page) = page.or_else(|| book.last(waba)) else {
        return Ok(None);
    };
    let refused = |what: &str, fix| {
        let fault = FieldFault::new("/message/template/name", what, fix);
        Err(Problem::invalid(vec![fault]))
    };
    let Some(known) = find(&page, &filled.name, &filled.language) else {
        let what = "no template of the sender has this name and language";
        let fix = "see GET /api/v1/templates for those there are";
        return match page.is_empty() {
            true => Ok(None),
            false => refused(what, fix),
        };
    };
    if let Some(what) = unusable(&known.record.status) {
        return refused(&what, USABLE);
    }
    if let Some(body) = &known.body {
        body.check(filled).map_err(|error| placed(&error, false))?;
    }
    Ok(Some(known.record.clone()))
}

/// What is the matter with a template of this status: the provider takes approved ones alone.
pub(super) fn unusable(status: &str) -> Option<String> {
    let name = status.to_ascii_lowercase();
    match name.as_str() {
        "approved" => None,
        "" => Some("is not approved".to_owned()),
        _ => Some(format!("is {}, not approved", name.replace('_', " "))),
    }
}

/// `contacts[0].name` as `contacts/0/name`.
fn pointer(path: &str) -> String {
    path.replace('[', "/").replace(']', "").replace('.', "/")
}
