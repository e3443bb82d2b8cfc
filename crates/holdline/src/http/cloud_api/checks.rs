//! What a message refers to must exist: earlier messages, media, templates. Asks our own store;
//! asks the provider only about a template that the last sync did not bring, and not for long.
//! What cannot be looked up while the store is away is let through: the send itself will show.

use super::call::Call;
use super::messages::Sending;
use super::reply::look;
use super::templates;
use crate::config::WhatsappSender;
use crate::http::priority::usual_priority;
use crate::http::state::AppState;
use crate::library::{Page, find};
use holdline_channels::whatsapp::TemplateBody;
use holdline_channels::whatsapp::wire::ids::{Direction, parse_wamid};
use holdline_channels::whatsapp::wire::{self, GraphError};
use holdline_core::MessageId;
use holdline_core::id::InboundId;
use holdline_core::message::Priority;
use holdline_core::message::content::{
    Content, Header, Media, MediaSource, Param, ParamValue, Template,
};
use holdline_engine::ports::StoreError;
use holdline_engine::ports::records::MediaRecord;
use serde_json::Value;

const PRIORITY_HEADER: &str = "holdline-priority";

/// A template that a message uses, as far as its urgency goes.
pub(super) struct Used {
    pub(super) category: String,
}

/// Every id in the message is one that this app was given.
pub(super) async fn ids(sending: &Sending<'_>, message: &wire::Send) -> Result<(), GraphError> {
    if let Some(id) = &message.context {
        need_message(sending, "context.message_id", id).await?;
    }
    if let Content::Reaction(reaction) = &message.content {
        need_message(sending, "reaction.message_id", &reaction.message_id).await?;
    }
    for id in media_ids(&message.content) {
        need_media(sending, id).await?;
    }
    Ok(())
}

/// The template exists, may be used, and gets the parameters it asks for.
pub(super) async fn template(
    sending: &Sending<'_>,
    content: &Content,
) -> Result<Option<Used>, GraphError> {
    let Content::Template(given) = content else {
        return Ok(None);
    };
    let waba = &sending.sender.waba_id;
    let templates = &sending.state.library.templates;
    let page = look(sending.state, templates.page(waba)).await?;
    let Some(page) = page.or_else(|| templates.last(waba)) else {
        return Ok(None);
    };
    let synced = (!page.is_empty()).then(|| of_page(&page, given));
    if let Some(Ok(used)) = synced {
        return Ok(Some(used));
    }
    // The sync may be older than the template.
    match templates::ask_again(sending.state, waba, given).await {
        Some(items) => of_items(&items, given).map(Some),
        None => synced.transpose(),
    }
}

/// As the caller says, else by what it is.
pub(super) fn priority(
    sending: &Sending<'_>,
    call: &Call,
    template: Option<&Used>,
) -> Result<Priority, GraphError> {
    if let Some(name) = call.header(PRIORITY_HEADER) {
        return Priority::parse(&name.trim().to_ascii_lowercase()).ok_or_else(|| {
            let mend = "must be one of: emergency, urgent, service, bulk";
            GraphError::invalid_parameter("Holdline-Priority (header)", mend)
        });
    }
    let category = template.map(|used| used.category.as_str());
    Ok(usual_priority(category, sending.marketing))
}

/// A message of this number, sent or received, by the id the app was given.
pub(super) async fn need_message(
    sending: &Sending<'_>,
    path: &str,
    wamid: &str,
) -> Result<(), GraphError> {
    let looking = knows_message(sending.state, sending.sender, wamid);
    let known = look(sending.state, looking).await?.unwrap_or(true);
    let mend = "is no id of a message that this number sent or received: use the id of the send \
                reply or of the webhook";
    if known {
        Ok(())
    } else {
        Err(GraphError::invalid_value(path, mend))
    }
}

async fn need_media(sending: &Sending<'_>, id: &str) -> Result<(), GraphError> {
    let looking = known_media(sending.state, sending.sender, id);
    let Some(known) = look(sending.state, looking).await? else {
        return Ok(());
    };
    let mend =
        "is not a valid WhatsApp business account media attachment ID: upload the file first";
    match known {
        Some(_) => Ok(()),
        None => Err(GraphError::invalid_parameter("id of the media", mend)),
    }
}

/// The sender sent or received this message.
pub(crate) async fn knows_message(
    state: &AppState,
    sender: &WhatsappSender,
    wamid: &str,
) -> Result<bool, StoreError> {
    let store = state.engine.store();
    let of = match parse_wamid(wamid) {
        None => None,
        Some((id, Direction::Outbound)) => {
            let found = store.message(MessageId(id)).await?;
            // It may be on its way from the spool into the store.
            if found.is_none() && state.engine.spool().is_some_and(|it| it.in_use) {
                return Ok(true);
            }
            found.map(|it| it.message.sender)
        }
        Some((id, Direction::Inbound)) => store.inbound(InboundId(id)).await?.map(|it| it.sender),
    };
    Ok(of.is_some_and(|of| of == sender.phone_number_id))
}

/// The file, when it is kept and the sender's account has it.
pub(crate) async fn known_media(
    state: &AppState,
    sender: &WhatsappSender,
    id: &str,
) -> Result<Option<MediaRecord>, StoreError> {
    let found = state.engine.store().media(id).await?;
    Ok(found.filter(|media| {
        let owner = state.sender(&media.sender);
        let same = media.sender == sender.phone_number_id;
        media.expires_at > state.engine.now()
            && (same || owner.is_some_and(|it| it.waba_id == sender.waba_id))
    }))
}

fn of_page(page: &Page, given: &Template) -> Result<Used, GraphError> {
    let known = find(page, &given.name, &given.language);
    let known = known.ok_or_else(GraphError::template_unknown)?;
    let record = &known.record;
    usable(&record.status, known.body.as_ref(), given)?;
    Ok(Used {
        category: record.category.clone(),
    })
}

/// The same for the provider's own list.
fn of_items(items: &[Value], given: &Template) -> Result<Used, GraphError> {
    let bodies = items.iter().filter_map(TemplateBody::from_item);
    let mut same = bodies.filter(|it| it.name == given.name && it.language == given.language);
    let body = same.next().ok_or_else(GraphError::template_unknown)?;
    usable(
        body.status.as_deref().unwrap_or_default(),
        Some(&body),
        given,
    )?;
    Ok(Used {
        category: body.category.unwrap_or_default(),
    })
}

fn usable(status: &str, body: Option<&TemplateBody>, given: &Template) -> Result<(), GraphError> {
    match status.to_ascii_uppercase().as_str() {
        "APPROVED" => body.map_or(Ok(()), |body| body.check(given)),
        "PAUSED" => Err(blocked(132_015, "Template is paused")),
        "DISABLED" => Err(blocked(132_016, "Template is disabled")),
        _ => Err(GraphError::template_unknown()),
    }
}

fn blocked(code: u32, title: &str) -> GraphError {
    GraphError::new(400, code, title)
        .with_details("Its quality is too low: mend it in WhatsApp Manager, or use another")
}

/// The ids of uploaded files anywhere in the message.
pub(crate) fn media_ids(content: &Content) -> Vec<&str> {
    let media: Vec<&Media> = match content {
        Content::Media(media) => vec![media],
        Content::Interactive(interactive) => {
            let cards = interactive.cards.iter().map(|card| &card.header);
            let headers = std::iter::once(&interactive.header).chain(cards);
            headers
                .filter_map(|header| of_header(header.as_ref()))
                .collect()
        }
        Content::Template(template) => {
            let cards = template.cards.iter().flat_map(|card| &card.header);
            template
                .header
                .iter()
                .chain(cards)
                .filter_map(of_param)
                .collect()
        }
        Content::Text(_)
        | Content::Location(_)
        | Content::Contacts(_)
        | Content::Reaction(_)
        | Content::Other(_) => Vec::new(),
    };
    media.into_iter().filter_map(uploaded).collect()
}

fn uploaded(media: &Media) -> Option<&str> {
    match &media.source {
        MediaSource::Id(id) => Some(id),
        MediaSource::Link(_) => None,
    }
}

fn of_header(header: Option<&Header>) -> Option<&Media> {
    match header? {
        Header::Media(media) => Some(media),
        Header::Text(_) | Header::Location(_) => None,
    }
}

fn of_param(param: &Param) -> Option<&Media> {
    match &param.value {
        ParamValue::Media(media) => Some(media),
        ParamValue::Text(_) | ParamValue::Location(_) | ParamValue::Other(_) => None,
    }
}
