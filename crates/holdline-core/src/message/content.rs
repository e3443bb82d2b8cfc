//! What a message says, free of any channel's wire format: enough to say it on another channel.
//! Never prints itself: `Debug` names the kinds only, since the values are people's words.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The parsed meaning of one message.
#[derive(Clone, PartialEq)]
pub enum Content {
    Text(String),
    Media(Media),
    Location(Location),
    Contacts(Vec<Card>),
    Reaction(Reaction),
    Interactive(Interactive),
    Template(Template),
    /// A kind that has no meaning outside its channel, by its type name.
    Other(String),
}

impl Content {
    #[must_use]
    pub fn kind_name(&self) -> &str {
        match self {
            Self::Text(_) => "text",
            Self::Media(media) => media.kind.name(),
            Self::Location(_) => "location",
            Self::Contacts(_) => "contacts",
            Self::Reaction(_) => "reaction",
            Self::Interactive(_) => "interactive",
            Self::Template(_) => "template",
            Self::Other(name) => name,
        }
    }

    /// What the person may answer with one press, in the order shown.
    pub fn choices(&self) -> impl Iterator<Item = &Choice> {
        let sections = match self {
            Self::Interactive(interactive) => interactive.sections.as_slice(),
            Self::Text(_)
            | Self::Media(_)
            | Self::Location(_)
            | Self::Contacts(_)
            | Self::Reaction(_)
            | Self::Template(_)
            | Self::Other(_) => &[],
        };
        sections.iter().flat_map(|section| &section.choices)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MediaKind {
    Image,
    Video,
    Audio,
    Document,
    Sticker,
}

impl MediaKind {
    pub const ALL: [Self; 5] = [
        Self::Image,
        Self::Video,
        Self::Audio,
        Self::Document,
        Self::Sticker,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Document => "document",
            Self::Sticker => "sticker",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Where the bytes of a medium are.
#[derive(Clone, PartialEq, Eq)]
pub enum MediaSource {
    /// An id that the app was given at upload.
    Id(String),
    Link(String),
}

#[derive(Clone, PartialEq, Eq)]
pub struct Media {
    pub kind: MediaKind,
    pub source: MediaSource,
    pub caption: Option<String>,
    pub filename: Option<String>,
    /// Recorded speech, not music.
    pub voice: bool,
}

#[derive(Clone, PartialEq)]
pub struct Location {
    pub latitude: f64,
    pub longitude: f64,
    pub name: Option<String>,
    pub address: Option<String>,
}

/// A business card.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Card {
    pub formatted_name: String,
    pub name: NameParts,
    pub phones: Vec<Labelled>,
    pub emails: Vec<Labelled>,
    pub urls: Vec<Labelled>,
    pub addresses: Vec<PostalAddress>,
    pub company: Option<String>,
    pub department: Option<String>,
    pub title: Option<String>,
    /// `YYYY-MM-DD`.
    pub birthday: Option<String>,
}

#[derive(Clone, Default, PartialEq, Eq)]
pub struct NameParts {
    pub first: Option<String>,
    pub last: Option<String>,
    pub middle: Option<String>,
    pub prefix: Option<String>,
    pub suffix: Option<String>,
}

/// A value with the label its owner gave it (`WORK`, `HOME`).
#[derive(Clone, PartialEq, Eq)]
pub struct Labelled {
    pub value: String,
    pub label: Option<String>,
}

#[derive(Clone, Default, PartialEq, Eq)]
pub struct PostalAddress {
    pub street: Option<String>,
    pub city: Option<String>,
    pub state: Option<String>,
    pub zip: Option<String>,
    pub country: Option<String>,
    pub label: Option<String>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The message reacted to, by the id the app knows.
    pub message_id: String,
    /// Empty takes the reaction back.
    pub emoji: String,
}

/// How an interactive message asks for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InteractiveKind {
    Buttons,
    List,
    Link,
    Flow,
    Product,
    ProductList,
    Catalogue,
    LocationRequest,
    CallPermission,
    VoiceCall,
    ContactRequest,
    AddressRequest,
    Carousel,
    Order,
}

#[derive(Clone, PartialEq)]
pub struct Interactive {
    pub kind: InteractiveKind,
    pub header: Option<Header>,
    pub body: Option<String>,
    pub footer: Option<String>,
    /// The label of the button that opens a list, a flow or a call.
    pub label: Option<String>,
    /// Buttons are one section without a title.
    pub sections: Vec<Section>,
    pub links: Vec<Link>,
    /// The cards of a carousel.
    pub cards: Vec<InteractiveCard>,
}

#[derive(Clone, PartialEq)]
pub enum Header {
    Text(String),
    Media(Media),
    Location(Location),
}

#[derive(Clone, PartialEq, Eq)]
pub struct Section {
    pub title: Option<String>,
    pub choices: Vec<Choice>,
}

/// How an app expects to hear that a choice was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChoiceKind {
    Button,
    ListRow,
    /// A quick reply of a template, answered with its payload.
    TemplateButton,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Choice {
    pub kind: ChoiceKind,
    /// The app's own id or payload.
    pub id: String,
    pub title: String,
    pub description: Option<String>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    pub title: String,
    pub url: String,
}

#[derive(Clone, PartialEq)]
pub struct InteractiveCard {
    pub header: Option<Header>,
    pub body: Option<String>,
    pub choices: Vec<Choice>,
    pub links: Vec<Link>,
}

/// What an app fills into a template that the provider holds.
#[derive(Clone, PartialEq)]
pub struct Template {
    pub name: String,
    pub language: String,
    pub header: Vec<Param>,
    pub body: Vec<Param>,
    pub buttons: Vec<TemplateButton>,
    pub cards: Vec<TemplateCard>,
}

#[derive(Clone, PartialEq)]
pub struct Param {
    /// Given in templates with named parameters; otherwise the place counts.
    pub name: Option<String>,
    pub value: ParamValue,
}

#[derive(Clone, PartialEq)]
pub enum ParamValue {
    /// Text, or the fallback text of a currency or a date.
    Text(String),
    Media(Media),
    Location(Location),
    /// A value that only its channel can show, by its type name.
    Other(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateButtonKind {
    QuickReply,
    Url,
    CopyCode,
    /// Flow, catalogue, call and such: only its channel can follow it.
    Other,
}

#[derive(Clone, PartialEq, Eq)]
pub struct TemplateButton {
    pub kind: TemplateButtonKind,
    /// The place among the template's buttons, from 0.
    pub index: u8,
    /// The payload, the end of the URL or the code.
    pub value: Option<String>,
}

#[derive(Clone, PartialEq)]
pub struct TemplateCard {
    pub index: u8,
    pub header: Vec<Param>,
    pub body: Vec<Param>,
    pub buttons: Vec<TemplateButton>,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({})", self.kind_name())
    }
}

/// Prints the type's name and none of its values.
macro_rules! silent_debug {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

silent_debug! {
    MediaSource Media Location Card NameParts Labelled PostalAddress Reaction Interactive Header
    Section Choice Link InteractiveCard Template Param ParamValue TemplateButton TemplateCard
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn buttons() -> Content {
        let choice = |id: &str| Choice {
            kind: ChoiceKind::Button,
            id: id.into(),
            title: id.into(),
            description: None,
        };
        Content::Interactive(Interactive {
            kind: InteractiveKind::Buttons,
            header: None,
            body: Some("a secret".into()),
            footer: None,
            label: None,
            sections: vec![Section {
                title: None,
                choices: vec![choice("yes"), choice("no")],
            }],
            links: Vec::new(),
            cards: Vec::new(),
        })
    }

    #[test]
    fn debug_names_kinds_and_shows_no_words() {
        let shown = std::format!("{:?} {:?}", buttons(), Content::Text("a secret".into()));
        assert_eq!(shown, "Content(interactive) Content(text)");
    }

    #[test]
    fn the_choices_of_all_sections_come_in_order() {
        assert!(
            buttons()
                .choices()
                .map(|choice| choice.id.as_str())
                .eq(["yes", "no"])
        );
    }

    #[test]
    fn media_kinds_read_back() {
        for kind in MediaKind::ALL {
            assert_eq!(MediaKind::parse(kind.name()), Some(kind));
        }
    }
}
