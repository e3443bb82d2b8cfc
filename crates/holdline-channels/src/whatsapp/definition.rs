//! A template as the provider holds it: enough to check what an app fills in and to show the
//! whole on another channel. Read from the synced list; never fetched here.

use super::wire::GraphError;
use holdline_core::message::content::{MediaKind, Param, ParamValue, Template, TemplateButton};
use serde_json::Value;
use std::fmt;

/// One template in one language.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TemplateBody {
    pub name: String,
    pub language: String,
    /// `MARKETING`, `UTILITY`, `AUTHENTICATION`.
    pub category: Option<String>,
    /// `APPROVED`, `PAUSED`, …
    pub status: Option<String>,
    pub header: Option<HeaderFormat>,
    pub body: String,
    pub footer: Option<String>,
    pub buttons: Vec<ButtonBody>,
    /// The cards of a carousel, each with its own header, body and buttons.
    pub cards: Vec<TemplateBody>,
}

#[derive(Clone, PartialEq, Eq)]
pub enum HeaderFormat {
    Text(String),
    Media(MediaKind),
    Location,
    /// A product and such: shown by its channel alone.
    Other,
}

#[derive(Clone, PartialEq, Eq)]
pub enum ButtonBody {
    QuickReply {
        text: String,
    },
    /// The URL may end in a placeholder.
    Url {
        text: String,
        url: String,
    },
    Phone {
        text: String,
        number: String,
    },
    /// Copies a one-time password or a coupon.
    Code {
        text: String,
    },
    Other {
        text: String,
    },
}

impl TemplateBody {
    /// Reads an item of the provider's template list; nothing where it has no name or language.
    #[must_use]
    pub fn from_item(item: &Value) -> Option<Self> {
        let mut template = Self::from_components(item.get("components"));
        template.name = text(item, "name")?;
        template.language = text(item, "language")?;
        template.category = text(item, "category");
        template.status = text(item, "status");
        Some(template)
    }

    /// Compares what an app fills in with what the template asks for.
    ///
    /// # Errors
    /// The provider's own answer to a wrong count, kind or name of parameters.
    pub fn check(&self, given: &Template) -> Result<(), GraphError> {
        self.check_parts("", &given.header, &given.body, &given.buttons)?;
        if self.cards.len() != given.cards.len() {
            return Err(GraphError::parameter_count(
                "carousel cards",
                given.cards.len(),
                self.cards.len(),
            ));
        }
        for card in &given.cards {
            let at = format!("cards[{}].", card.index);
            let Some(wanted) = self.cards.get(usize::from(card.index)) else {
                return Err(GraphError::invalid_value(
                    &at,
                    "is not a card of the template",
                ));
            };
            wanted.check_parts(&at, &card.header, &card.body, &card.buttons)?;
        }
        Ok(())
    }

    fn check_parts(
        &self,
        at: &str,
        header: &[Param],
        body: &[Param],
        buttons: &[TemplateButton],
    ) -> Result<(), GraphError> {
        self.check_header(&format!("{at}header"), header)?;
        check_params(&format!("{at}body"), &self.body, body)?;
        for (index, wanted) in self.buttons.iter().enumerate() {
            let given = buttons
                .iter()
                .find(|button| usize::from(button.index) == index);
            let value = given.and_then(|button| button.value.as_ref());
            if wanted.needs_value() && value.is_none() {
                return Err(GraphError::missing(&format!(
                    "{at}buttons[{index}].parameters"
                )));
            }
        }
        Ok(())
    }

    fn check_header(&self, part: &str, given: &[Param]) -> Result<(), GraphError> {
        match &self.header {
            None | Some(HeaderFormat::Other) => Ok(()),
            Some(HeaderFormat::Text(text)) => check_params(part, text, given),
            Some(HeaderFormat::Media(kind)) => match given.first().map(|param| &param.value) {
                Some(ParamValue::Media(media)) if media.kind == *kind => Ok(()),
                _ => Err(GraphError::parameter_format(
                    part,
                    &format!("give one parameter of type {}", kind.name()),
                )),
            },
            Some(HeaderFormat::Location) => match given.first().map(|param| &param.value) {
                Some(ParamValue::Location(_)) => Ok(()),
                _ => Err(GraphError::parameter_format(
                    part,
                    "give one parameter of type location",
                )),
            },
        }
    }

    fn from_components(components: Option<&Value>) -> Self {
        let mut template = Self::default();
        for component in components.and_then(Value::as_array).into_iter().flatten() {
            template.read_component(component);
        }
        template
    }

    fn read_component(&mut self, component: &Value) {
        match text(component, "type")
            .unwrap_or_default()
            .to_ascii_uppercase()
            .as_str()
        {
            "HEADER" => self.header = Some(header_format(component)),
            "BODY" => self.body = text(component, "text").unwrap_or_default(),
            "FOOTER" => self.footer = footer(component),
            "BUTTONS" => self.buttons = items(component, "buttons").map(button).collect(),
            "CAROUSEL" => {
                let card = |card: &Value| Self::from_components(card.get("components"));
                self.cards = items(component, "cards").map(card).collect();
            }
            _ => {}
        }
    }
}

impl ButtonBody {
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::QuickReply { text }
            | Self::Url { text, .. }
            | Self::Phone { text, .. }
            | Self::Code { text }
            | Self::Other { text } => text,
        }
    }

    fn needs_value(&self) -> bool {
        match self {
            Self::Url { url, .. } => !placeholders(url).is_empty(),
            Self::Code { .. } => true,
            Self::QuickReply { .. } | Self::Phone { .. } | Self::Other { .. } => false,
        }
    }
}

/// The names within `{{ }}`, each once, in order.
#[must_use]
pub fn placeholders(text: &str) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in text
        .split("{{")
        .skip(1)
        .filter_map(|part| part.split_once("}}"))
    {
        if !names.contains(&name.trim()) {
            names.push(name.trim());
        }
    }
    names
}

/// `text` with its placeholders filled: by name where the parameter has one, else by place.
#[must_use]
pub fn fill(text: &str, params: &[Param]) -> String {
    let mut parts = text.split("{{");
    let mut filled: String = parts.next().unwrap_or_default().into();
    for part in parts {
        match part.split_once("}}") {
            Some((name, rest)) => {
                filled.push_str(value_of(name.trim(), params).unwrap_or_default());
                filled.push_str(rest);
            }
            None => {
                filled.push_str("{{");
                filled.push_str(part);
            }
        }
    }
    filled
}

fn value_of<'a>(name: &str, params: &'a [Param]) -> Option<&'a str> {
    let named = params
        .iter()
        .find(|param| param.name.as_deref() == Some(name));
    let place = || name.parse::<usize>().ok()?.checked_sub(1);
    match &named.or_else(|| params.get(place()?))?.value {
        ParamValue::Text(text) => Some(text),
        ParamValue::Media(_) | ParamValue::Location(_) | ParamValue::Other(_) => None,
    }
}

fn check_params(part: &str, text: &str, given: &[Param]) -> Result<(), GraphError> {
    let wanted = placeholders(text);
    if wanted.len() != given.len() {
        return Err(GraphError::parameter_count(part, given.len(), wanted.len()));
    }
    match wanted.iter().find(|name| value_of(name, given).is_none()) {
        Some(name) => Err(GraphError::parameter_format(
            part,
            &format!("no text parameter stands for {{{{{name}}}}}: name or place it so"),
        )),
        None => Ok(()),
    }
}

fn header_format(component: &Value) -> HeaderFormat {
    let format = text(component, "format")
        .unwrap_or_default()
        .to_ascii_lowercase();
    match format.as_str() {
        "text" => HeaderFormat::Text(text(component, "text").unwrap_or_default()),
        "location" => HeaderFormat::Location,
        "gif" => HeaderFormat::Media(MediaKind::Video),
        other => MediaKind::parse(other).map_or(HeaderFormat::Other, HeaderFormat::Media),
    }
}

fn footer(component: &Value) -> Option<String> {
    let minutes = component
        .get("code_expiration_minutes")
        .and_then(Value::as_u64);
    let expiry = || Some(format!("This code expires in {} minutes.", minutes?));
    text(component, "text").or_else(expiry)
}

fn button(button: &Value) -> ButtonBody {
    let label = text(button, "text").unwrap_or_default();
    let url = text(button, "url").unwrap_or_default();
    match text(button, "type")
        .unwrap_or_default()
        .to_ascii_uppercase()
        .as_str()
    {
        "QUICK_REPLY" => ButtonBody::QuickReply { text: label },
        // One-time passwords come back from the list as a URL of the provider's own.
        "URL" if url.contains("whatsapp.com/otp/") => ButtonBody::Code { text: label },
        "URL" => ButtonBody::Url { text: label, url },
        "PHONE_NUMBER" => ButtonBody::Phone {
            text: label,
            number: text(button, "phone_number").unwrap_or_default(),
        },
        "OTP" | "COPY_CODE" => ButtonBody::Code { text: label },
        _ => ButtonBody::Other { text: label },
    }
}

fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(Into::into)
}

impl fmt::Debug for TemplateBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TemplateBody({}, {})", self.name, self.language)
    }
}

impl fmt::Debug for HeaderFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeaderFormat")
    }
}

impl fmt::Debug for ButtonBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ButtonBody")
    }
}
