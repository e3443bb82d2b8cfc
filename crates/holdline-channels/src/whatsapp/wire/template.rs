//! Reads template messages: name, language and the values filled into each component.
//! Does not know which templates exist; `definition::TemplateBody::check` compares with one.

use super::error::GraphError;
use super::fields::{Field, NAME_CHARS_MAX, URL_CHARS_MAX};
use super::simple::{self, TEXT_CHARS_MAX};
use holdline_core::message::content::{
    MediaKind, Param, ParamValue, Template, TemplateButton, TemplateButtonKind, TemplateCard,
};

const COMPONENTS_MAX: usize = 20;
const PARAMETERS_MAX: usize = 100;
const BUTTON_INDEX_MAX: u8 = 9;
const CARDS_MAX: usize = 10;
const CARD_INDEX_MAX: u8 = 9;

type Read<T> = Result<T, GraphError>;

pub(super) fn parse(field: &Field<'_>) -> Read<Template> {
    let name = field.need_text("name", NAME_CHARS_MAX)?.into();
    let language = field.need_object("language")?;
    let mut template = Template {
        name,
        language: code(&language)?.into(),
        header: Vec::new(),
        body: Vec::new(),
        buttons: Vec::new(),
        cards: Vec::new(),
    };
    for component in field.objects("components", COMPONENTS_MAX)? {
        match component_type(&component)?.as_str() {
            "header" => template.header = header(&component)?,
            "body" => template.body = parameters(&component)?,
            "button" | "buttons" => template.buttons.push(button(&component)?),
            "carousel" => template.cards = cards(&component)?,
            // Later kinds of component are the provider's to judge; they pass as they are.
            _ => drop(parameters(&component)?),
        }
    }
    Ok(template)
}

/// The provider answers an absent or null code as an invalid parameter, not as a missing one.
fn code<'a>(language: &Field<'a>) -> Read<&'a str> {
    let invalid = || {
        let mend = "must be the language code of the template, as in en_US";
        GraphError::invalid_parameter(&language.path_of("code"), mend)
    };
    language.get("code").ok_or_else(invalid)?;
    language.need_text("code", NAME_CHARS_MAX)
}

fn component_type(component: &Field<'_>) -> Read<String> {
    Ok(component
        .need_text("type", NAME_CHARS_MAX)?
        .to_ascii_lowercase())
}

fn cards(component: &Field<'_>) -> Read<Vec<TemplateCard>> {
    component
        .need_objects("cards", CARDS_MAX)?
        .iter()
        .map(card)
        .collect()
}

fn card(field: &Field<'_>) -> Read<TemplateCard> {
    let mut card = TemplateCard {
        index: field.need_index("card_index", CARD_INDEX_MAX)?,
        header: Vec::new(),
        body: Vec::new(),
        buttons: Vec::new(),
    };
    for component in field.objects("components", COMPONENTS_MAX)? {
        match component_type(&component)?.as_str() {
            "header" => card.header = header(&component)?,
            "body" => card.body = parameters(&component)?,
            "button" => card.buttons.push(button(&component)?),
            _ => drop(parameters(&component)?),
        }
    }
    Ok(card)
}

fn header(component: &Field<'_>) -> Read<Vec<Param>> {
    let params = parameters(component)?;
    match params.len() {
        0 | 1 => Ok(params),
        _ => Err(GraphError::invalid_value(
            &component.path_of("parameters"),
            "has more than 1 parameter: a header takes one",
        )),
    }
}

fn parameters(component: &Field<'_>) -> Read<Vec<Param>> {
    component
        .objects("parameters", PARAMETERS_MAX)?
        .iter()
        .map(parameter)
        .collect()
}

fn parameter(field: &Field<'_>) -> Read<Param> {
    let name = field.get_owned("parameter_name", NAME_CHARS_MAX)?;
    let kind = component_type(field)?;
    let value = match kind.as_str() {
        "text" => ParamValue::Text(field.need_text("text", TEXT_CHARS_MAX)?.into()),
        "currency" => ParamValue::Text(currency(&field.need_object("currency")?)?),
        "date_time" => ParamValue::Text(fallback(&field.need_object("date_time")?)?),
        "location" => ParamValue::Location(simple::location(&field.need_object("location")?)?),
        other => match MediaKind::parse(other) {
            Some(kind) => ParamValue::Media(simple::media(&field.need_object(other)?, kind)?),
            None => ParamValue::Other(kind),
        },
    };
    Ok(Param { name, value })
}

fn currency(currency: &Field<'_>) -> Read<String> {
    currency.need_text("code", NAME_CHARS_MAX)?;
    currency.need_number("amount_1000", f64::MAX)?;
    fallback(currency)
}

fn fallback(field: &Field<'_>) -> Read<String> {
    Ok(field.need_text("fallback_value", TEXT_CHARS_MAX)?.into())
}

fn button(component: &Field<'_>) -> Read<TemplateButton> {
    let sub_type = component
        .need_text("sub_type", NAME_CHARS_MAX)?
        .to_ascii_lowercase();
    let index = component.need_index("index", BUTTON_INDEX_MAX)?;
    let kind = match sub_type.as_str() {
        "quick_reply" => TemplateButtonKind::QuickReply,
        "url" => TemplateButtonKind::Url,
        "copy_code" => TemplateButtonKind::CopyCode,
        _ => TemplateButtonKind::Other,
    };
    Ok(TemplateButton {
        kind,
        index,
        value: button_value(component, kind)?,
    })
}

fn button_value(component: &Field<'_>, kind: TemplateButtonKind) -> Read<Option<String>> {
    let parameters = component.objects("parameters", PARAMETERS_MAX)?;
    let Some(first) = parameters.first() else {
        return Ok(None);
    };
    first.need_text("type", NAME_CHARS_MAX)?;
    let keys: &[&str] = match kind {
        TemplateButtonKind::QuickReply => &["payload", "text"],
        TemplateButtonKind::Url => &["text"],
        TemplateButtonKind::CopyCode => &["coupon_code", "text"],
        TemplateButtonKind::Other => return Ok(None),
    };
    match keys.iter().find(|key| first.get(key).is_some()) {
        Some(key) => Ok(Some(first.need_text(key, URL_CHARS_MAX)?.into())),
        None => Err(GraphError::missing(&first.path_of(keys[0]))),
    }
}
