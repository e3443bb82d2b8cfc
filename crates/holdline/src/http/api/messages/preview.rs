//! `POST /messages/preview`: what a message would look like on each channel, and what an SMS of it
//! would cost. Stores and sends nothing.

use super::content::{Composed, Wanted, compose};
use super::references::From;
use super::send::sender;
use crate::http::api::input::{Caller, parse, read_body};
use crate::http::api::problem::{Answer, Errors, ProblemBody};
use crate::http::state::AppState;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use holdline_channels::adapt::{self, Adapted, Attachment, MediaMode, Options};
use holdline_channels::sms::gsm7;
use holdline_channels::whatsapp::TemplateBody;
use holdline_core::ChannelKind;
use holdline_core::message::content::{Media, MediaSource};
use holdline_engine::ports::Library as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A message to be looked at.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewRequest {
    /// The sender (phone-number id), whose templates are used.
    #[schema(min_length = 1, max_length = 64)]
    pub(crate) from: Option<String>,
    /// Short for a `message` of type text.
    #[schema(min_length = 1, max_length = 4096)]
    pub(crate) text: Option<String>,
    /// The message as the WhatsApp Cloud API shapes it, without the recipient.
    #[schema(value_type = Option<Object>)]
    pub(crate) message: Option<serde_json::Value>,
}

/// A message on every configured channel.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct Preview {
    pub(crate) channels: Vec<ChannelPreview>,
}

/// A message on one channel.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct ChannelPreview {
    pub(crate) channel: String,
    /// It can be said there.
    pub(crate) possible: bool,
    /// Why it cannot.
    pub(crate) reason: Option<String>,
    /// It goes as it was given.
    pub(crate) unchanged: bool,
    pub(crate) text: Option<String>,
    pub(crate) html: Option<String>,
    pub(crate) subject: Option<String>,
    /// Files that go along, by name.
    pub(crate) attachments: Vec<String>,
    /// What a person can answer; the number is what they write.
    pub(crate) choices: Vec<ChoicePreview>,
    /// What is not as it was given.
    pub(crate) notes: Vec<String>,
    pub(crate) sms: Option<SmsCost>,
}

/// A numbered choice.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct ChoicePreview {
    pub(crate) number: usize,
    /// The id that the app gets when it is chosen.
    pub(crate) id: String,
    pub(crate) title: String,
}

/// What a text costs by SMS.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct SmsCost {
    /// `gsm7` or `ucs2`.
    pub(crate) encoding: String,
    /// Septets, or 16-bit units.
    pub(crate) units: usize,
    pub(crate) segments: usize,
}

/// Preview a message on every channel.
///
/// Shows the text, the numbered choices and what changes, without storing or sending anything.
#[utoipa::path(
    post, path = "/messages/preview", tag = "Messages", request_body = PreviewRequest,
    responses(
        (status = 200, description = "The message on every configured channel", body = Preview),
        (status = 422, description = "Faulty fields", body = ProblemBody,
            content_type = "application/problem+json"),
        Errors,
    )
)]
pub(crate) async fn preview(
    State(state): State<AppState>,
    Caller(caller): Caller,
    body: Body,
) -> Answer<Json<Preview>> {
    let request: PreviewRequest = parse(&read_body(&state, body).await?)?;
    let sender = sender(&state, &caller, request.from.as_deref())?;
    let from = From {
        caller: &caller,
        sender,
    };
    let wanted = Wanted {
        text: request.text.as_deref(),
        message: request.message.as_ref(),
    };
    let composed = compose(&state, from, &wanted, None).await?;
    let kinds = state
        .config
        .failover
        .order
        .iter()
        .filter_map(|name| ChannelKind::new(name));
    let channels = kinds
        .filter(|kind| state.engine.channel(*kind).is_some())
        .map(|kind| on_channel(&state, kind, &composed))
        .collect();
    Ok(Json(Preview { channels }))
}

fn on_channel(state: &AppState, kind: ChannelKind, composed: &Composed) -> ChannelPreview {
    let mut preview = empty(kind);
    if kind == ChannelKind::WHATSAPP {
        preview.unchanged = true;
        return preview;
    }
    let link = |media: &Media| Some(address(state, &media.source));
    let by_mail = kind == ChannelKind::EMAIL;
    let media = if by_mail {
        MediaMode::Attach
    } else {
        MediaMode::Link(&link)
    };
    let template = composed
        .template
        .as_ref()
        .and_then(|record| TemplateBody::from_item(&serde_json::from_str(&record.json).ok()?));
    let replies = state
        .engine
        .channel(kind)
        .is_some_and(|it| it.capabilities().inbound);
    let options = Options { media, replies };
    match adapt::render(&composed.content, template.as_ref(), &options) {
        Ok(adapted) if by_mail => mail(&mut preview, adapted),
        Ok(adapted) => text_message(&mut preview, adapted),
        Err(why) => {
            preview.possible = false;
            preview.reason = Some(why.to_string());
        }
    }
    preview
}

fn empty(kind: ChannelKind) -> ChannelPreview {
    ChannelPreview {
        channel: kind.to_string(),
        possible: true,
        reason: None,
        unchanged: false,
        text: None,
        html: None,
        subject: None,
        attachments: Vec::new(),
        choices: Vec::new(),
        notes: Vec::new(),
        sms: None,
    }
}

fn mail(preview: &mut ChannelPreview, adapted: Adapted) {
    add(preview, &adapted);
    preview.subject = adapted.subject_hint;
    preview.html = Some(adapted.html);
    preview.text = Some(adapted.text);
}

fn text_message(preview: &mut ChannelPreview, adapted: Adapted) {
    add(preview, &adapted);
    let text = gsm7::simplify(adapted.text.trim());
    let cost = gsm7::cost(&text);
    let encoding = match cost.alphabet {
        gsm7::Alphabet::Gsm7 => "gsm7",
        gsm7::Alphabet::Ucs2 => "ucs2",
    };
    let (units, segments) = (cost.units, cost.segments);
    preview.sms = Some(SmsCost {
        encoding: encoding.to_owned(),
        units,
        segments,
    });
    preview.text = Some(text);
}

fn add(preview: &mut ChannelPreview, adapted: &Adapted) {
    preview.notes = adapted
        .notes
        .iter()
        .map(|note| note.describe().to_owned())
        .collect();
    preview.attachments = adapted.attachments.iter().map(file_name).collect();
    let choice =
        |(number, choice): (usize, &holdline_core::message::content::Choice)| ChoicePreview {
            number,
            id: choice.id.clone(),
            title: choice.title.clone(),
        };
    preview.choices = (1..).zip(&adapted.choices).map(choice).collect();
}

fn file_name(attachment: &Attachment) -> String {
    match attachment {
        Attachment::Media(media) => media
            .filename
            .clone()
            .unwrap_or_else(|| media.kind.name().to_owned()),
        Attachment::Card { filename, .. } => filename.clone(),
    }
}

fn address(state: &AppState, source: &MediaSource) -> String {
    match source {
        MediaSource::Id(id) => state.library.media_link(id),
        MediaSource::Link(url) => url.clone(),
    }
}
