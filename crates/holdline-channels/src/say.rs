//! Gets a message ready for a hop: reads its stored form, puts the hop's own template in, finds
//! the template's text. What goes wrong here is ours or the message's, never the provider's.

use crate::adapt::{self, Adapted, MediaMode, Options};
use crate::http::TransportError;
use crate::whatsapp::TemplateBody;
use crate::whatsapp::definition::placeholders;
use crate::whatsapp::wire::{content_of, parse_request};
use holdline_core::message::content::{Content, Media, MediaSource};
use holdline_core::message::{Fault, FaultClass, Outcome, ThrottleScope};
use holdline_engine::ports::records::MessageRecord;
use holdline_engine::ports::{Dispatch, Library, StoreError};
use serde_json::{Value, json};

/// A message in words, with the text of its template.
pub(crate) struct Said {
    content: Content,
    template: Option<TemplateBody>,
}

impl Said {
    /// Reads the message of `dispatch`.
    pub(crate) async fn load(dispatch: &Dispatch, library: &dyn Library) -> Result<Self, Outcome> {
        let value = message_value(dispatch, library).await?;
        Self::of(&value, &dispatch.message.sender, library).await
    }

    /// Reads a message as it was stored.
    pub(crate) async fn stored(
        message: &MessageRecord,
        library: &dyn Library,
    ) -> Result<Self, Outcome> {
        Self::of(&parsed(message)?, &message.sender, library).await
    }

    async fn of(value: &Value, sender: &str, library: &dyn Library) -> Result<Self, Outcome> {
        let content = content(value)?;
        let template = match &content {
            Content::Template(used) => {
                template_body(library, sender, &used.name, &used.language).await?
            }
            Content::Text(_)
            | Content::Media(_)
            | Content::Location(_)
            | Content::Contacts(_)
            | Content::Reaction(_)
            | Content::Interactive(_)
            | Content::Other(_) => None,
        };
        Ok(Self { content, template })
    }

    /// What does not fit this channel may fit the next: the fault lets the message go on.
    pub(crate) fn render(&self, options: &Options<'_>) -> Result<Adapted, Outcome> {
        adapt::render(&self.content, self.template.as_ref(), options)
            .map_err(|why| rejected(FaultClass::Template, "not_adaptable", &why.to_string()))
    }
}

/// The stored Cloud API object, with the hop's own template where it names one.
pub(crate) async fn message_value(
    dispatch: &Dispatch,
    library: &dyn Library,
) -> Result<Value, Outcome> {
    let mut value = parsed(&dispatch.message)?;
    if let Some(wanted) = &dispatch.hop.template {
        use_template(&mut value, wanted, &dispatch.message.sender, library).await?;
    }
    Ok(value)
}

fn parsed(message: &MessageRecord) -> Result<Value, Outcome> {
    let wrong = |_| {
        rejected(
            FaultClass::Request,
            "encode",
            "the stored message is no JSON",
        )
    };
    serde_json::from_slice(message.body.expose()).map_err(wrong)
}

/// The address under which a person can fetch a medium of ours or of the app.
pub(crate) fn media_address(media: &MediaSource, library: &dyn Library) -> String {
    match media {
        MediaSource::Id(id) => library.media_link(id),
        MediaSource::Link(url) => url.clone(),
    }
}

pub(crate) fn rejected(class: FaultClass, code: &str, detail: &str) -> Outcome {
    Outcome::Rejected(Fault::new(class, code, detail))
}

/// Our own store cannot be read now: only this message waits, and no provider is blamed.
pub(crate) fn store_fault(error: &StoreError) -> Outcome {
    not_now("store", &error.to_string())
}

/// Nothing was sent, for a reason of ours that passes.
pub(crate) fn not_now(code: &str, detail: &str) -> Outcome {
    let fault = Fault::new(FaultClass::Throttled, code, detail);
    Outcome::Throttled {
        fault,
        scope: ThrottleScope::Recipient,
        until: None,
    }
}

/// What a call that got no whole answer means for the message it carried.
pub(crate) fn of_transport(error: &TransportError) -> Outcome {
    let fault = |code: &str, detail: &str| Fault::new(FaultClass::Platform, code, detail);
    match error {
        TransportError::NotSent { code, detail } => Outcome::Rejected(fault(code, detail)),
        TransportError::Ambiguous { code, detail } => Outcome::Unknown(fault(code, detail)),
        TransportError::Busy => not_now("busy", &error.to_string()),
        TransportError::Forbidden(_) | TransportError::Malformed(_) => {
            rejected(FaultClass::Request, "unsendable", &error.to_string())
        }
    }
}

fn content(value: &Value) -> Result<Content, Outcome> {
    let request = parse_request(value).ok();
    let content = request.as_ref().and_then(content_of).cloned();
    content.ok_or_else(|| {
        rejected(
            FaultClass::Request,
            "encode",
            "the stored message is no message",
        )
    })
}

async fn template_body(
    library: &dyn Library,
    sender: &str,
    name: &str,
    language: &str,
) -> Result<Option<TemplateBody>, Outcome> {
    let record = library
        .template(sender, name, language)
        .await
        .map_err(|e| store_fault(&e))?;
    Ok(record.and_then(|record| {
        let item: Value = serde_json::from_str(&record.json).ok()?;
        TemplateBody::from_item(&item)
    }))
}

/// `wanted` is `name` or `name/language`. What the app filled into its own template stays; a
/// message that is none goes whole into the one placeholder.
async fn use_template(
    value: &mut Value,
    wanted: &str,
    sender: &str,
    library: &dyn Library,
) -> Result<(), Outcome> {
    let (name, language) = match wanted.split_once('/') {
        Some((name, language)) => (name, Some(language)),
        None => (wanted, None),
    };
    let given = value
        .pointer("/template/language/code")
        .and_then(Value::as_str);
    let Some(language) = language.or(given).map(str::to_owned) else {
        let mend = "write the template of this hop as name/language";
        return Err(rejected(FaultClass::Template, "template_language", mend));
    };
    let components = match value.pointer("/template/components") {
        Some(components) => components.clone(),
        None if value.get("template").is_some() => json!([]),
        None => {
            let text = plain_text(&content(value)?, library);
            let body = template_body(library, sender, name, &language).await?;
            wrap(body.as_ref(), &text)?
        }
    };
    put_template(
        value,
        json!({
            "name": name,
            "language": {"code": language},
            "components": components,
        }),
    );
    Ok(())
}

fn put_template(value: &mut Value, template: Value) {
    let Some(object) = value.as_object_mut() else {
        return;
    };
    if let Some(kind) = object
        .get("type")
        .and_then(Value::as_str)
        .map(str::to_owned)
    {
        object.shift_remove(&kind);
    }
    // Messages without a type are text.
    object.shift_remove("text");
    object.insert("type".into(), "template".into());
    object.insert("template".into(), template);
}

fn wrap(body: Option<&TemplateBody>, text: &str) -> Result<Value, Outcome> {
    let Some(body) = body else {
        let why = "the template of this hop has not been synced";
        return Err(rejected(FaultClass::Template, "template_unknown", why));
    };
    let mut parameter = json!({"type": "text", "text": text});
    match placeholders(&body.body)[..] {
        [] => Ok(json!([])),
        [only] => {
            if only.parse::<u32>().is_err() {
                parameter["parameter_name"] = only.into();
            }
            Ok(json!([{"type": "body", "parameters": [parameter]}]))
        }
        _ => {
            let why = "the template of this hop has several placeholders and the message one text";
            Err(rejected(FaultClass::Template, "template_params", why))
        }
    }
}

/// One line, since placeholders take no line breaks.
fn plain_text(content: &Content, library: &dyn Library) -> String {
    let link = |media: &Media| Some(media_address(&media.source, library));
    let options = Options {
        media: MediaMode::Link(&link),
        replies: false,
    };
    let text = adapt::render(content, None, &options).map(|adapted| adapted.text);
    text.unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
