//! Reads what an app posts to `/{phone}/messages`: the envelope, then the content of its type.
//! Refuses what the provider documents as refused; never changes the object, whose raw form is
//! what is stored and sent on.

use super::error::GraphError;
use super::fields::{Field, NAME_CHARS_MAX};
use super::{cards, interactive, simple, template};
use core::fmt;
use holdline_core::message::content::{Content, MediaKind};
use serde_json::Value;

/// The message types that apps may send.
pub const TYPES: [&str; 12] = [
    "text",
    "image",
    "video",
    "audio",
    "document",
    "sticker",
    "location",
    "contacts",
    "reaction",
    "interactive",
    "template",
    "pin",
];

/// Longest `biz_opaque_callback_data`, in characters.
pub const OPAQUE_CHARS_MAX: usize = 512;

/// What one POST asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    Send(Box<Send>),
    MarkRead(MarkRead),
}

/// A message to send.
#[derive(Clone, PartialEq)]
pub struct Send {
    pub recipient: Recipient,
    /// The id, known to the app, of the message this one answers.
    pub context: Option<String>,
    /// The app's own callback data, to be given back in statuses.
    pub opaque: Option<String>,
    pub content: Content,
}

/// Whom the app named. The address wins where both are given.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Recipient {
    /// A phone number as the app wrote it, or the id of a group.
    pub to: Option<String>,
    /// A business-scoped user id.
    pub user_id: Option<String>,
    pub group: bool,
}

/// A message of the person that the app has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkRead {
    pub message_id: String,
    /// Also show that an answer is being written.
    pub typing: bool,
}

/// Reads a request.
///
/// # Errors
/// The answer that the provider would give, with the path of the field and how to mend it.
pub fn parse_request(body: &Value) -> Result<Request, GraphError> {
    let root = Field::root(body)?;
    let product = root.get_text("messaging_product", NAME_CHARS_MAX)?;
    if product != Some("whatsapp") {
        return Err(GraphError::messaging_product());
    }
    match root.get("status") {
        Some(_) => mark_read(&root).map(Request::MarkRead),
        None => send(&root).map(|send| Request::Send(Box::new(send))),
    }
}

/// What the request says, for other channels; nothing where it only marks a message as read.
#[must_use]
pub fn content_of(request: &Request) -> Option<&Content> {
    match request {
        Request::Send(send) => Some(&send.content),
        Request::MarkRead(_) => None,
    }
}

fn mark_read(root: &Field<'_>) -> Result<MarkRead, GraphError> {
    root.need_word("status", &["read"])?;
    let message_id = root.need_id("message_id", NAME_CHARS_MAX)?;
    let typing = root.get_object("typing_indicator")?;
    if let Some(typing) = &typing {
        typing.need_word("type", &["text"])?;
    }
    Ok(MarkRead {
        message_id,
        typing: typing.is_some(),
    })
}

fn send(root: &Field<'_>) -> Result<Send, GraphError> {
    let recipient = recipient(root)?;
    let context = match root.get_object("context")? {
        Some(context) => context.get_id("message_id", NAME_CHARS_MAX)?,
        None => None,
    };
    let opaque = root
        .get_text("biz_opaque_callback_data", OPAQUE_CHARS_MAX)?
        .map(Into::into);
    Ok(Send {
        recipient,
        context,
        opaque,
        content: content(root)?,
    })
}

fn recipient(root: &Field<'_>) -> Result<Recipient, GraphError> {
    let kind = match root.get("recipient_type") {
        Some(_) => root.need_word("recipient_type", &["individual", "group"])?,
        None => "individual",
    };
    let group = kind == "group";
    let to = root.get_id("to", NAME_CHARS_MAX)?;
    let user_id = root.get_id("recipient", NAME_CHARS_MAX)?;
    if to.is_none() && user_id.is_none() {
        return Err(GraphError::missing("to"));
    }
    if to.as_deref().is_some_and(|to| !group && !is_phone(to)) {
        let mend = "must be a phone number with country code: 7 to 15 digits, as in +16505551234";
        return Err(GraphError::invalid_value("to", mend));
    }
    if user_id.as_deref().is_some_and(|id| !is_user_id(id)) {
        let mend = "must be a business-scoped user id, as in US.13491208655302741918";
        return Err(GraphError::invalid_value("recipient", mend));
    }
    Ok(Recipient { to, user_id, group })
}

fn content(root: &Field<'_>) -> Result<Content, GraphError> {
    let given = root.get_text("type", NAME_CHARS_MAX)?.unwrap_or("text");
    let Some(kind) = TYPES
        .into_iter()
        .find(|kind| kind.eq_ignore_ascii_case(given))
    else {
        return Err(GraphError::unsupported_type(&TYPES));
    };
    match kind {
        "text" => simple::text(root),
        "location" => simple::location(&root.need_object("location")?).map(Content::Location),
        "contacts" => cards::contacts(root).map(Content::Contacts),
        "reaction" => simple::reaction(&root.need_object("reaction")?),
        "interactive" => {
            interactive::parse(&root.need_object("interactive")?).map(Content::Interactive)
        }
        "template" => template::parse(&root.need_object("template")?).map(Content::Template),
        "pin" => simple::pin(&root.need_object("pin")?),
        media => match MediaKind::parse(media) {
            Some(kind) => simple::media(&root.need_object(media)?, kind).map(Content::Media),
            None => Err(GraphError::unsupported_type(&TYPES)),
        },
    }
}

/// Digits with `+`, spaces and the usual punctuation; which numbers exist is not decided here.
fn is_phone(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let plain =
        |c: char| c.is_ascii_digit() || c.is_whitespace() || "+-().\u{2010}\u{2011}".contains(c);
    (7..=15).contains(&digits) && text.chars().all(plain)
}

/// `CC.` and up to 128 letters or digits; `CC.ENT.` for the id of a parent account.
fn is_user_id(text: &str) -> bool {
    let Some((country, rest)) = text.split_once('.') else {
        return false;
    };
    let rest = rest.strip_prefix("ENT.").unwrap_or(rest);
    country.len() == 2
        && country.bytes().all(|b| b.is_ascii_uppercase())
        && (1..=128).contains(&rest.len())
        && rest.bytes().all(|b| b.is_ascii_alphanumeric())
}

impl fmt::Debug for Send {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Send({:?})", self.content)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recipient")
    }
}
