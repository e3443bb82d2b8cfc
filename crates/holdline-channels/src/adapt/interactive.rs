//! Says interactive messages: buttons and rows as numbers, links as links.
//! What only WhatsApp can do is left out with a note, as long as the words still stand alone.

use super::{Adaptation, Draft, NotAdaptable};
use holdline_core::message::content::{Header, Interactive, InteractiveCard, InteractiveKind};

pub(super) fn add(draft: &mut Draft<'_>, message: &Interactive) -> Result<(), NotAdaptable> {
    if message.kind == InteractiveKind::CallPermission {
        return Err(NotAdaptable::CallPermission);
    }
    header(draft, message.header.as_ref());
    draft.paragraph(message.body.as_deref().unwrap_or_default());
    draft.paragraph(message.footer.as_deref().unwrap_or_default());
    message.cards.iter().for_each(|card| add_card(draft, card));
    for link in &message.links {
        draft.link(&link.title, &link.url);
    }
    for section in &message.sections {
        draft.choices(section.title.as_deref(), &section.choices);
    }
    ask(draft, message.kind);
    match draft.paragraphs.is_empty() && draft.made.attachments.is_empty() {
        true => Err(NotAdaptable::Other {
            kind: "product".into(),
        }),
        false => Ok(()),
    }
}

/// What the button would have asked for, in words, or a note that it is gone.
fn ask(draft: &mut Draft<'_>, kind: InteractiveKind) {
    let request = match kind {
        InteractiveKind::LocationRequest => "Please reply with your location or address.",
        InteractiveKind::AddressRequest => "Please reply with your address.",
        InteractiveKind::ContactRequest => "Please reply with your phone number.",
        InteractiveKind::Flow
        | InteractiveKind::Product
        | InteractiveKind::ProductList
        | InteractiveKind::Catalogue
        | InteractiveKind::VoiceCall
        | InteractiveKind::CallPermission
        | InteractiveKind::Order => {
            draft.note(Adaptation::ActionLeftOut);
            return;
        }
        InteractiveKind::Buttons
        | InteractiveKind::List
        | InteractiveKind::Link
        | InteractiveKind::Carousel => return,
    };
    if draft.options.replies {
        draft.paragraph(request);
    } else {
        draft.note(Adaptation::ActionLeftOut);
    }
}

fn add_card(draft: &mut Draft<'_>, card: &InteractiveCard) {
    header(draft, card.header.as_ref());
    draft.paragraph(card.body.as_deref().unwrap_or_default());
    for link in &card.links {
        draft.link(&link.title, &link.url);
    }
    draft.choices(None, &card.choices);
}

fn header(draft: &mut Draft<'_>, header: Option<&Header>) {
    match header {
        None => {}
        Some(Header::Text(text)) => {
            draft.subject(text);
            draft.paragraph(text);
        }
        Some(Header::Media(media)) => draft.media(media),
        Some(Header::Location(location)) => draft.location(location),
    }
}
