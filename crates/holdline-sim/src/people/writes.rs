//! What a person can do: write, send media or a place, react, press a button. Pure data and the
//! choice of the button; the provider gives it the shape of its own wire.

use serde::Deserialize;
use serde_json::Value;

use super::{Received, ReplyOption};
use crate::outage::Provider;

/// One thing a person sends. Exactly one of the content fields is given.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PersonSend {
    /// WhatsApp when absent.
    pub channel: Option<Provider>,
    /// Which business number (id, or digits for SMS); the one last heard from when absent.
    pub to: Option<String>,
    /// Message this one answers by quoting it.
    pub reply_to: Option<String>,
    pub text: Option<String>,
    /// Title, id or position (from 1) of a button or list row of the last message that has any.
    pub button: Option<String>,
    pub media: Option<Media>,
    pub location: Option<Value>,
    pub reaction: Option<Value>,
    /// Any other inbound message: an object with its `type` and the part of that name.
    pub message: Option<Value>,
}

impl PersonSend {
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self {
            text: Some(text.to_owned()),
            ..Self::default()
        }
    }

    #[must_use]
    pub fn press(button: &str) -> Self {
        Self {
            button: Some(button.to_owned()),
            ..Self::default()
        }
    }

    #[must_use]
    pub fn over(self, channel: Provider) -> Self {
        Self {
            channel: Some(channel),
            ..self
        }
    }
}

/// A file a person sends.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// image, video, audio, document or sticker.
    pub kind: String,
    pub mime_type: String,
    pub data_base64: String,
    #[serde(default)]
    pub caption: Option<String>,
    #[serde(default)]
    pub filename: Option<String>,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PersonError {
    #[error("nothing to send; give one of text, button, media, location, reaction, message")]
    Empty,
    #[error("address: {0}")]
    Address(&'static str),
    #[error("to: there is no business number {0:?}; leave it out to use the first")]
    UnknownNumber(String),
    #[error("button: no received message offers {0:?}; GET /control/people/ADDRESS shows options")]
    NoSuchButton(String),
    #[error("media.data_base64: not valid base64")]
    BadMedia,
    #[error("media: the sandbox holds no more bytes; delete some or restart it")]
    MediaFull,
    #[error("channel: people cannot write by {0} in the sandbox; use whatsapp or sms")]
    CannotWrite(&'static str),
    #[error("message: an object with a string `type` is needed")]
    BadMessage,
}

/// The newest received message that offers the wanted option, and the option.
pub(crate) fn option_for<'a>(
    mut newest_first: impl Iterator<Item = &'a Received>,
    wanted: &str,
) -> Option<(&'a Received, &'a ReplyOption)> {
    newest_first
        .find(|r| !r.options.is_empty())
        .and_then(|received| {
            let by_name = received.options.iter().find(|o| named(o, wanted));
            let place = wanted.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
            let by_place = || place.and_then(|n| received.options.get(n));
            by_name.or_else(by_place).map(|option| (received, option))
        })
}

fn named(option: &ReplyOption, wanted: &str) -> bool {
    option.id == wanted || option.title.eq_ignore_ascii_case(wanted.trim())
}
