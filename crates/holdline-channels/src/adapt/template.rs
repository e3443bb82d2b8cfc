//! Says a template: its synced text with the app's values, its buttons as links, codes and
//! numbered choices. Never shows a placeholder or a parameter without the text around it.

use super::{Adaptation, Draft};
use crate::whatsapp::TemplateBody;
use crate::whatsapp::definition::{ButtonBody, HeaderFormat, fill};
use holdline_core::message::content::{
    Choice, ChoiceKind, Param, ParamValue, Template, TemplateButton,
};

pub(super) fn add(draft: &mut Draft<'_>, filled: &Template, body: &TemplateBody) {
    draft.note(Adaptation::TemplateRendered);
    let values = Values {
        header: &filled.header,
        body: &filled.body,
        buttons: &filled.buttons,
    };
    part(draft, body, &values);
    for card in &filled.cards {
        if let Some(body) = body.cards.get(usize::from(card.index)) {
            let values = Values {
                header: &card.header,
                body: &card.body,
                buttons: &card.buttons,
            };
            part(draft, body, &values);
        }
    }
}

struct Values<'a> {
    header: &'a [Param],
    body: &'a [Param],
    buttons: &'a [TemplateButton],
}

fn part(draft: &mut Draft<'_>, body: &TemplateBody, values: &Values<'_>) {
    header(draft, body.header.as_ref(), values.header);
    let text = fill(&body.body, values.body);
    draft.paragraph(&text);
    draft.paragraph(body.footer.as_deref().unwrap_or_default());
    let mut choices = Vec::new();
    for (index, button) in body.buttons.iter().enumerate() {
        let given = values
            .buttons
            .iter()
            .find(|given| usize::from(given.index) == index);
        let value = given.and_then(|given| given.value.as_deref());
        match button {
            ButtonBody::QuickReply { text } => choices.push(quick_reply(text, value)),
            ButtonBody::Url { text, url } => draft.link(text, &with_suffix(url, value)),
            ButtonBody::Phone { text, number } => {
                draft.paragraph(&format!("{text}: {number}"));
                draft.note(Adaptation::PhoneShown);
            }
            ButtonBody::Code { .. } => code(draft, &text, value),
            ButtonBody::Other { .. } => draft.note(Adaptation::ActionLeftOut),
        }
    }
    draft.choices(None, &choices);
}

fn header(draft: &mut Draft<'_>, format: Option<&HeaderFormat>, params: &[Param]) {
    if let Some(HeaderFormat::Text(text)) = format {
        let text = fill(text, params);
        draft.subject(&text);
        draft.paragraph(&text);
        return;
    }
    match params.first().map(|param| &param.value) {
        Some(ParamValue::Media(media)) => draft.media(media),
        Some(ParamValue::Location(location)) => draft.location(location),
        Some(ParamValue::Other(_)) => draft.note(Adaptation::ActionLeftOut),
        Some(ParamValue::Text(_)) | None => {}
    }
}

/// WhatsApp answers with the button's text where the app gave no payload.
fn quick_reply(text: &str, payload: Option<&str>) -> Choice {
    Choice {
        kind: ChoiceKind::TemplateButton,
        id: payload.unwrap_or(text).into(),
        title: text.into(),
        description: None,
    }
}

fn with_suffix(url: &str, suffix: Option<&str>) -> String {
    match url.split_once("{{") {
        Some((start, _)) => format!("{start}{}", suffix.unwrap_or_default()),
        None => url.into(),
    }
}

/// The code stands in the text of most templates already.
fn code(draft: &mut Draft<'_>, text: &str, code: Option<&str>) {
    let Some(code) = code else { return };
    if !text.contains(code) {
        draft.paragraph(&format!("Code: {code}"));
    }
    draft.note(Adaptation::CodeShown);
}
