//! Reads interactive messages of every kind and holds them to the provider's limits.
//! Payments and other kinds that only the provider understands pass with their action unread.

use super::error::GraphError;
use super::fields::{Field, NAME_CHARS_MAX};
use super::simple::{self, CAPTION_CHARS_MAX, TEXT_CHARS_MAX};
use holdline_core::message::content::{
    Choice, ChoiceKind, Header, Interactive, InteractiveCard, InteractiveKind, Link, MediaKind,
    Section,
};
use std::collections::BTreeSet;

const BUTTONS_MAX: usize = 3;
const BUTTON_TITLE_CHARS_MAX: usize = 20;
const BUTTON_ID_CHARS_MAX: usize = 256;
const SECTIONS_MAX: usize = 10;
const ROWS_MAX: usize = 10;
const ROW_TITLE_CHARS_MAX: usize = 24;
const ROW_ID_CHARS_MAX: usize = 200;
const ROW_DESCRIPTION_CHARS_MAX: usize = 72;
const PRODUCTS_MAX: usize = 30;
const SHORT_CHARS_MAX: usize = 60;
const FLOW_LABEL_CHARS_MAX: usize = 30;
const CARDS_MIN: usize = 2;
const CARDS_MAX: usize = 10;
const CARD_BODY_CHARS_MAX: usize = 160;

type Read<T> = Result<T, GraphError>;

/// The kinds by the names apps write; two clients write the contact request in two ways.
const KINDS: [(&str, InteractiveKind); 16] = [
    ("button", InteractiveKind::Buttons),
    ("list", InteractiveKind::List),
    ("cta_url", InteractiveKind::Link),
    ("flow", InteractiveKind::Flow),
    ("product", InteractiveKind::Product),
    ("product_list", InteractiveKind::ProductList),
    ("catalog_message", InteractiveKind::Catalogue),
    ("location_request_message", InteractiveKind::LocationRequest),
    ("call_permission_request", InteractiveKind::CallPermission),
    ("voice_call", InteractiveKind::VoiceCall),
    ("contact_request", InteractiveKind::ContactRequest),
    ("request_contact_info", InteractiveKind::ContactRequest),
    ("address_message", InteractiveKind::AddressRequest),
    ("carousel", InteractiveKind::Carousel),
    ("order_details", InteractiveKind::Order),
    ("order_status", InteractiveKind::Order),
];

pub(super) fn parse(field: &Field<'_>) -> Read<Interactive> {
    let names = KINDS.map(|(name, _)| name);
    let name = field.need_word("type", &names)?;
    let kind = KINDS.into_iter().find(|known| known.0 == name);
    let kind = kind.map_or(InteractiveKind::Order, |known| known.1);
    let mut parsed = Interactive {
        kind,
        header: header(field, kind)?,
        body: body(field, kind)?,
        footer: part_text(field, "footer", SHORT_CHARS_MAX)?,
        label: None,
        sections: Vec::new(),
        links: Vec::new(),
        cards: Vec::new(),
    };
    action(&field.need_object("action")?, &mut parsed)?;
    Ok(parsed)
}

fn action(action: &Field<'_>, into: &mut Interactive) -> Read<()> {
    match into.kind {
        InteractiveKind::Buttons => into.sections = buttons(action)?,
        InteractiveKind::List => {
            into.label = Some(action.need_text("button", BUTTON_TITLE_CHARS_MAX)?.into());
            into.sections = list(action)?;
        }
        InteractiveKind::Link => into.links.push(link(action)?),
        InteractiveKind::Flow => into.label = Some(flow(action)?),
        InteractiveKind::Product => {
            action.need_id("catalog_id", NAME_CHARS_MAX)?;
            action.need_id("product_retailer_id", NAME_CHARS_MAX)?;
        }
        InteractiveKind::ProductList => product_list(action)?,
        InteractiveKind::VoiceCall => into.label = voice_call(action)?,
        InteractiveKind::Carousel => into.cards = carousel(action)?,
        InteractiveKind::Catalogue => named(action, "catalog_message")?,
        InteractiveKind::LocationRequest => named(action, "send_location")?,
        InteractiveKind::CallPermission => named(action, "call_permission_request")?,
        InteractiveKind::ContactRequest => named(action, "request_contact_info")?,
        InteractiveKind::AddressRequest | InteractiveKind::Order => {
            action.need_text("name", NAME_CHARS_MAX)?;
        }
    }
    Ok(())
}

fn header(field: &Field<'_>, kind: InteractiveKind) -> Read<Option<Header>> {
    let Some(header) = field.get_object("header")? else {
        let needed = kind == InteractiveKind::ProductList;
        return if needed {
            Err(GraphError::missing(&field.path_of("header")))
        } else {
            Ok(None)
        };
    };
    let allowed: &[&str] = match kind {
        InteractiveKind::List | InteractiveKind::ProductList => &["text"],
        InteractiveKind::Product => {
            return Err(header.invalid("is not allowed with a single product: remove it"));
        }
        InteractiveKind::Buttons
        | InteractiveKind::Link
        | InteractiveKind::Flow
        | InteractiveKind::Catalogue
        | InteractiveKind::LocationRequest
        | InteractiveKind::CallPermission
        | InteractiveKind::VoiceCall
        | InteractiveKind::ContactRequest
        | InteractiveKind::AddressRequest
        | InteractiveKind::Carousel
        | InteractiveKind::Order => &["text", "image", "video", "document"],
    };
    header_of(&header, allowed).map(Some)
}

fn header_of(header: &Field<'_>, allowed: &[&'static str]) -> Read<Header> {
    let name = header.need_word("type", allowed)?;
    match MediaKind::parse(name) {
        Some(kind) => simple::media(&header.need_object(name)?, kind).map(Header::Media),
        None => Ok(Header::Text(
            header.need_text("text", SHORT_CHARS_MAX)?.into(),
        )),
    }
}

fn body(field: &Field<'_>, kind: InteractiveKind) -> Read<Option<String>> {
    let chars_max = if kind == InteractiveKind::List {
        TEXT_CHARS_MAX
    } else {
        CAPTION_CHARS_MAX
    };
    let optional = matches!(
        kind,
        InteractiveKind::Product | InteractiveKind::CallPermission
    );
    match part_text(field, "body", chars_max)? {
        None if !optional => Err(GraphError::missing(&field.path_of("body.text"))),
        text => Ok(text),
    }
}

/// The `text` of a part that may be absent as a whole.
fn part_text(field: &Field<'_>, part: &str, chars_max: usize) -> Read<Option<String>> {
    let Some(part) = field.get_object(part)? else {
        return Ok(None);
    };
    Ok(Some(part.need_text("text", chars_max)?.into()))
}

fn buttons(action: &Field<'_>) -> Read<Vec<Section>> {
    let mut choices = Vec::new();
    for button in action.need_objects("buttons", BUTTONS_MAX)? {
        button.need_word("type", &["reply"])?;
        choices.push(button_choice(&button.need_object("reply")?)?);
    }
    let path = action.path_of("buttons");
    unique(
        &path,
        "ids",
        choices.iter().map(|choice| choice.id.as_str()),
    )?;
    unique(
        &path,
        "titles",
        choices.iter().map(|choice| choice.title.as_str()),
    )?;
    Ok(vec![Section {
        title: None,
        choices,
    }])
}

fn button_choice(reply: &Field<'_>) -> Read<Choice> {
    Ok(Choice {
        kind: ChoiceKind::Button,
        id: reply.need_text("id", BUTTON_ID_CHARS_MAX)?.into(),
        title: reply.need_text("title", BUTTON_TITLE_CHARS_MAX)?.into(),
        description: None,
    })
}

fn list(action: &Field<'_>) -> Read<Vec<Section>> {
    let fields = action.need_objects("sections", SECTIONS_MAX)?;
    let several = fields.len() > 1;
    let sections: Vec<Section> = fields
        .iter()
        .map(|field| section(field, several))
        .collect::<Read<_>>()?;
    let rows = || sections.iter().flat_map(|section| &section.choices);
    let path = action.path_of("sections");
    if rows().count() > ROWS_MAX {
        let mend = format!("have more than {ROWS_MAX} rows in all: remove some");
        return Err(GraphError::invalid_value(&path, &mend));
    }
    unique(&path, "row ids", rows().map(|choice| choice.id.as_str()))?;
    Ok(sections)
}

fn section(field: &Field<'_>, title_needed: bool) -> Read<Section> {
    let title = match title_needed {
        true => Some(field.need_text("title", ROW_TITLE_CHARS_MAX)?.into()),
        false => field.get_owned("title", ROW_TITLE_CHARS_MAX)?,
    };
    let rows = field.need_objects("rows", ROWS_MAX)?;
    Ok(Section {
        title,
        choices: rows.iter().map(row).collect::<Read<_>>()?,
    })
}

fn row(field: &Field<'_>) -> Read<Choice> {
    Ok(Choice {
        kind: ChoiceKind::ListRow,
        id: field.need_text("id", ROW_ID_CHARS_MAX)?.into(),
        title: field.need_text("title", ROW_TITLE_CHARS_MAX)?.into(),
        description: field.get_owned("description", ROW_DESCRIPTION_CHARS_MAX)?,
    })
}

fn link(action: &Field<'_>) -> Read<Link> {
    named(action, "cta_url")?;
    let parameters = action.need_object("parameters")?;
    Ok(Link {
        title: parameters
            .need_text("display_text", BUTTON_TITLE_CHARS_MAX)?
            .into(),
        url: parameters.need_url("url")?.into(),
    })
}

fn flow(action: &Field<'_>) -> Read<String> {
    named(action, "flow")?;
    let parameters = action.need_object("parameters")?;
    parameters.need_id("flow_message_version", NAME_CHARS_MAX)?;
    let id = parameters.get_id("flow_id", NAME_CHARS_MAX)?;
    let name = parameters.get_id("flow_name", NAME_CHARS_MAX)?;
    if id.is_some() == name.is_some() {
        return Err(match id {
            None => GraphError::missing(&parameters.path_of("flow_id")),
            Some(_) => GraphError::invalid_value(
                &parameters.path_of("flow_name"),
                "is given together with flow_id: give one of the two",
            ),
        });
    }
    Ok(parameters
        .need_text("flow_cta", FLOW_LABEL_CHARS_MAX)?
        .into())
}

fn product_list(action: &Field<'_>) -> Read<()> {
    action.need_id("catalog_id", NAME_CHARS_MAX)?;
    let sections = action.need_objects("sections", SECTIONS_MAX)?;
    let mut products = 0;
    for section in &sections {
        if sections.len() > 1 {
            section.need_text("title", ROW_TITLE_CHARS_MAX)?;
        }
        for item in section.need_objects("product_items", PRODUCTS_MAX)? {
            item.need_id("product_retailer_id", NAME_CHARS_MAX)?;
            products += 1;
        }
    }
    match products > PRODUCTS_MAX {
        true => Err(GraphError::invalid_value(
            &action.path_of("sections"),
            &format!("have more than {PRODUCTS_MAX} products in all: remove some"),
        )),
        false => Ok(()),
    }
}

fn voice_call(action: &Field<'_>) -> Read<Option<String>> {
    named(action, "voice_call")?;
    match action.get_object("parameters")? {
        Some(parameters) => parameters.get_owned("display_text", BUTTON_TITLE_CHARS_MAX),
        None => Ok(None),
    }
}

fn carousel(action: &Field<'_>) -> Read<Vec<InteractiveCard>> {
    let cards = action.need_objects("cards", CARDS_MAX)?;
    if cards.len() < CARDS_MIN {
        let mend = format!("has less than {CARDS_MIN} cards: add some");
        return Err(GraphError::invalid_value(&action.path_of("cards"), &mend));
    }
    cards.iter().map(carousel_card).collect()
}

fn carousel_card(card: &Field<'_>) -> Read<InteractiveCard> {
    card.need_index("card_index", (CARDS_MAX - 1) as u8)?;
    let header = match card.get_object("header")? {
        Some(header) => Some(header_of(&header, &["image", "video"])?),
        None => None,
    };
    let body = part_text(card, "body", CARD_BODY_CHARS_MAX)?;
    let action = card.need_object("action")?;
    let mut parsed = InteractiveCard {
        header,
        body,
        choices: Vec::new(),
        links: Vec::new(),
    };
    if action.get("buttons").is_none() {
        // Product cards of a catalogue have neither buttons nor a link.
        if action.get("name").is_some() {
            parsed.links.push(link(&action)?);
        }
        return Ok(parsed);
    }
    for button in action.need_objects("buttons", BUTTONS_MAX)? {
        let kind = button.need_word("type", &["quick_reply", "reply"])?;
        parsed
            .choices
            .push(button_choice(&button.need_object(kind)?)?);
    }
    Ok(parsed)
}

fn named(action: &Field<'_>, name: &'static str) -> Read<()> {
    action.need_word("name", &[name]).map(drop)
}

fn unique<'a>(path: &str, what: &str, items: impl Iterator<Item = &'a str>) -> Read<()> {
    let mut seen = BTreeSet::new();
    for item in items {
        if !seen.insert(item) {
            let mend = format!("has two equal {what}: make them differ");
            return Err(GraphError::invalid_value(path, &mend));
        }
    }
    Ok(())
}
