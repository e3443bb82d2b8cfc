//! Reads the types of one object each: text, media, location, reaction, pin.
//! Knows their limits; never fetches a link or looks up an id.

use super::error::GraphError;
use super::fields::{Field, NAME_CHARS_MAX};
use holdline_core::message::content::{Content, Location, Media, MediaKind, MediaSource, Reaction};

/// Longest text message, in characters.
pub const TEXT_CHARS_MAX: usize = 4096;

/// Longest caption of a medium, in characters.
pub const CAPTION_CHARS_MAX: usize = 1024;

const EMOJI_CHARS_MAX: usize = 32;

pub(super) fn text(root: &Field<'_>) -> Result<Content, GraphError> {
    let text = root.need_object("text")?;
    text.flag("preview_url")?;
    Ok(Content::Text(
        text.need_text("body", TEXT_CHARS_MAX)?.into(),
    ))
}

pub(super) fn media(field: &Field<'_>, kind: MediaKind) -> Result<Media, GraphError> {
    let source = match (field.get_id("id", NAME_CHARS_MAX)?, field.get("link")) {
        (Some(id), None) => MediaSource::Id(id),
        (None, Some(_)) => MediaSource::Link(field.need_url("link")?.into()),
        (None, None) => return Err(GraphError::missing(&field.path_of("id"))),
        (Some(_), Some(link)) => {
            return Err(link.invalid("is given together with id: give one of the two"));
        }
    };
    Ok(Media {
        kind,
        source,
        caption: field.get_owned("caption", CAPTION_CHARS_MAX)?,
        filename: field.get_owned("filename", NAME_CHARS_MAX)?,
        voice: kind == MediaKind::Audio && field.flag("voice")?,
    })
}

pub(super) fn location(field: &Field<'_>) -> Result<Location, GraphError> {
    Ok(Location {
        latitude: field.need_number("latitude", 90.0)?,
        longitude: field.need_number("longitude", 180.0)?,
        name: field.get_owned("name", TEXT_CHARS_MAX)?,
        address: field.get_owned("address", TEXT_CHARS_MAX)?,
    })
}

pub(super) fn reaction(field: &Field<'_>) -> Result<Content, GraphError> {
    let message_id = field.need_id("message_id", NAME_CHARS_MAX)?;
    let emoji = field.need("emoji")?.text(EMOJI_CHARS_MAX)?.into();
    Ok(Content::Reaction(Reaction { message_id, emoji }))
}

pub(super) fn pin(field: &Field<'_>) -> Result<Content, GraphError> {
    field.need_word("type", &["pin", "unpin"])?;
    field.need_id("message_id", NAME_CHARS_MAX)?;
    Ok(Content::Other("pin".into()))
}
