//! Says a message on a channel that has no buttons, media or templates of its own: as text, with
//! numbered choices, links and attachments, and with a note on each thing that changed.
//! Never sends, and never guesses: what cannot be said is refused with the reason.

mod choose;
pub(crate) mod html;
mod interactive;
mod template;
mod vcard;

#[cfg(test)]
mod tests;

pub use choose::match_choice;
pub use vcard::vcard;

use crate::whatsapp::TemplateBody;
use holdline_core::message::content::{
    Card, Choice, Content, Location, Media, MediaKind, MediaSource,
};
use std::fmt;
use thiserror::Error;

/// What the channel can carry.
#[derive(Clone, Copy)]
pub enum MediaMode<'a> {
    /// Files go along (e-mail).
    Attach,
    /// Files are fetched by the person from a link that this gives; nothing where there is none.
    Link(&'a dyn Fn(&Media) -> Option<String>),
}

#[derive(Clone, Copy)]
pub struct Options<'a> {
    pub media: MediaMode<'a>,
    /// The person can answer on this channel: then choices are numbered and asked for.
    pub replies: bool,
}

/// A message as another channel can carry it.
#[derive(Clone, Default, PartialEq)]
pub struct Adapted {
    pub text: String,
    pub html: String,
    /// A line that may stand as the subject.
    pub subject_hint: Option<String>,
    pub attachments: Vec<Attachment>,
    /// In the order of their numbers, from 1.
    pub choices: Vec<Choice>,
    pub notes: Vec<Adaptation>,
}

#[derive(Clone, PartialEq)]
pub enum Attachment {
    Media(MediaRef),
    /// A business card, in vCard 3.0.
    Card {
        filename: String,
        vcard: String,
    },
}

/// A file to be attached, wherever its bytes are.
#[derive(Clone, PartialEq)]
pub struct MediaRef {
    pub kind: MediaKind,
    pub source: MediaSource,
    pub filename: Option<String>,
}

/// One thing that is not as it was on WhatsApp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adaptation {
    TemplateRendered,
    ChoicesNumbered,
    ChoicesLeftOut,
    LinkShown,
    MediaAttached,
    MediaLinked,
    MediaLeftOut,
    LocationLinked,
    CardAttached,
    CardShown,
    CodeShown,
    PhoneShown,
    ActionLeftOut,
}

impl Adaptation {
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::TemplateRendered => "the template was filled in and is shown as text",
            Self::ChoicesNumbered => "buttons or rows became numbered choices",
            Self::ChoicesLeftOut => "buttons or rows were left out: nobody can reply here",
            Self::LinkShown => "a button became a link",
            Self::MediaAttached => "the file is attached",
            Self::MediaLinked => "the file became a link",
            Self::MediaLeftOut => "the file was left out: it has no link",
            Self::LocationLinked => "the location became a map link",
            Self::CardAttached => "the contact is attached as a vCard",
            Self::CardShown => "the contact is shown as text",
            Self::CodeShown => "the button that copies the code became the code itself",
            Self::PhoneShown => "the call button became a phone number",
            Self::ActionLeftOut => "an action that only WhatsApp can offer was left out",
        }
    }
}

/// Why a message cannot be said on another channel.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotAdaptable {
    #[error("a reaction has no meaning outside WhatsApp")]
    Reaction,
    #[error("a sticker has no meaning outside WhatsApp")]
    Sticker,
    #[error("template {name} ({language}) has not been synced: its text is not known")]
    TemplateUnknown { name: String, language: String },
    #[error("only WhatsApp can ask for the permission to call")]
    CallPermission,
    #[error("a message of type {kind} has no meaning outside WhatsApp")]
    Other { kind: String },
}

/// Says `content` on another channel. `body` is the synced template, where it is one.
///
/// # Errors
/// When it has no meaning there.
pub fn render(
    content: &Content,
    body: Option<&TemplateBody>,
    options: &Options<'_>,
) -> Result<Adapted, NotAdaptable> {
    let mut draft = Draft::new(options);
    match content {
        Content::Text(text) => draft.paragraph(text),
        Content::Media(media) if media.kind == MediaKind::Sticker => {
            return Err(NotAdaptable::Sticker);
        }
        Content::Media(media) => draft.media(media),
        Content::Location(location) => draft.location(location),
        Content::Contacts(cards) => cards.iter().for_each(|card| draft.card(card)),
        Content::Reaction(_) => return Err(NotAdaptable::Reaction),
        Content::Interactive(message) => interactive::add(&mut draft, message)?,
        Content::Template(filled) => match body {
            Some(body) => template::add(&mut draft, filled, body),
            None => return Err(template_unknown(&filled.name, &filled.language)),
        },
        Content::Other(kind) => return Err(NotAdaptable::Other { kind: kind.clone() }),
    }
    Ok(draft.finish())
}

fn template_unknown(name: &str, language: &str) -> NotAdaptable {
    NotAdaptable::TemplateUnknown {
        name: name.into(),
        language: language.into(),
    }
}

/// An adapted message in the making.
struct Draft<'a> {
    options: &'a Options<'a>,
    paragraphs: Vec<String>,
    made: Adapted,
}

impl<'a> Draft<'a> {
    fn new(options: &'a Options<'a>) -> Self {
        Self {
            options,
            paragraphs: Vec::new(),
            made: Adapted::default(),
        }
    }

    fn paragraph(&mut self, text: &str) {
        let text = text.trim();
        if !text.is_empty() {
            self.paragraphs.push(text.into());
        }
    }

    fn subject(&mut self, text: &str) {
        let line = text.lines().find(|line| !line.trim().is_empty());
        if self.made.subject_hint.is_none() {
            self.made.subject_hint = line.map(html::without_marks);
        }
    }

    fn note(&mut self, note: Adaptation) {
        if !self.made.notes.contains(&note) {
            self.made.notes.push(note);
        }
    }

    fn link(&mut self, title: &str, url: &str) {
        self.paragraph(&format!("{title}: {url}"));
        self.note(Adaptation::LinkShown);
    }

    fn media(&mut self, media: &Media) {
        match self.options.media {
            MediaMode::Attach => {
                let (kind, source) = (media.kind, media.source.clone());
                let filename = media.filename.clone();
                let file = MediaRef {
                    kind,
                    source,
                    filename,
                };
                self.made.attachments.push(Attachment::Media(file));
                self.note(Adaptation::MediaAttached);
            }
            MediaMode::Link(link) => {
                let label = media.filename.as_deref().unwrap_or(media_label(media));
                match link(media) {
                    Some(url) => {
                        self.paragraph(&format!("{label}: {url}"));
                        self.note(Adaptation::MediaLinked);
                    }
                    None => {
                        self.paragraph(&format!("[{label}]"));
                        self.note(Adaptation::MediaLeftOut);
                    }
                }
            }
        }
        self.paragraph(media.caption.as_deref().unwrap_or_default());
    }

    fn location(&mut self, location: &Location) {
        let named = [&location.name, &location.address];
        let lines: Vec<&str> = named.into_iter().flatten().map(String::as_str).collect();
        let (latitude, longitude) = (location.latitude, location.longitude);
        let url = format!("https://maps.google.com/?q={latitude},{longitude}");
        self.paragraph(&[&lines[..], &[&url]].concat().join("\n"));
        self.note(Adaptation::LocationLinked);
    }

    fn card(&mut self, card: &Card) {
        self.paragraph(&vcard::as_text(card));
        match self.options.media {
            MediaMode::Attach => {
                let attachment = Attachment::Card {
                    filename: vcard::filename(card),
                    vcard: vcard(card),
                };
                self.made.attachments.push(attachment);
                self.note(Adaptation::CardAttached);
            }
            MediaMode::Link(_) => self.note(Adaptation::CardShown),
        }
    }

    /// Numbers go on from one call to the next.
    fn choices(&mut self, title: Option<&str>, choices: &[Choice]) {
        if choices.is_empty() {
            return;
        }
        if !self.options.replies {
            self.note(Adaptation::ChoicesLeftOut);
            return;
        }
        let mut lines: Vec<String> = title.map(|title| format!("{title}:")).into_iter().collect();
        for choice in choices {
            self.made.choices.push(choice.clone());
            let number = self.made.choices.len();
            let more = choice.description.as_ref().map(|more| format!(" ({more})"));
            let title = &choice.title;
            lines.push(format!(
                "Reply {number} for {title}{}",
                more.unwrap_or_default()
            ));
        }
        self.paragraph(&lines.join("\n"));
        self.note(Adaptation::ChoicesNumbered);
    }

    fn finish(mut self) -> Adapted {
        self.made.text = self.paragraphs.join("\n\n");
        self.made.html = html::render(&self.paragraphs);
        if self.made.subject_hint.is_none() {
            let first = self.paragraphs.first().cloned().unwrap_or_default();
            self.subject(&first);
        }
        self.made
    }
}

fn media_label(media: &Media) -> &'static str {
    match (media.kind, media.voice) {
        (MediaKind::Audio, true) => "Voice message",
        (MediaKind::Audio, false) => "Audio",
        (MediaKind::Image, _) => "Image",
        (MediaKind::Video, _) => "Video",
        (MediaKind::Document, _) => "Document",
        (MediaKind::Sticker, _) => "Sticker",
    }
}

impl fmt::Debug for MediaMode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Attach => "Attach",
            Self::Link(_) => "Link",
        })
    }
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Options({:?}, replies: {})", self.media, self.replies)
    }
}

impl fmt::Debug for Adapted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Adapted({:?})", self.notes)
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Media(_) => "Attachment(media)",
            Self::Card { .. } => "Attachment(card)",
        })
    }
}

impl fmt::Debug for MediaRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MediaRef({})", self.kind.name())
    }
}
