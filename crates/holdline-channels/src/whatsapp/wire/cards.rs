//! Reads business cards (`contacts`). Knows their shape; never decides whether a number exists.

use super::error::GraphError;
use super::fields::{Field, NAME_CHARS_MAX, URL_CHARS_MAX};
use holdline_core::message::content::{Card, Labelled, NameParts, PostalAddress};

/// Most cards in one message.
pub const CARDS_MAX: usize = 257;

const LIST_MAX: usize = 100;

pub(super) fn contacts(root: &Field<'_>) -> Result<Vec<Card>, GraphError> {
    root.need_objects("contacts", CARDS_MAX)?
        .iter()
        .map(card)
        .collect()
}

fn card(field: &Field<'_>) -> Result<Card, GraphError> {
    let name = field.need_object("name")?;
    let org = field.get_object("org")?;
    let of_org = |key| match &org {
        Some(org) => org.get_owned(key, NAME_CHARS_MAX),
        None => Ok(None),
    };
    Ok(Card {
        formatted_name: name.need_text("formatted_name", NAME_CHARS_MAX)?.into(),
        name: name_parts(&name)?,
        phones: labelled(field, "phones", "phone")?,
        emails: labelled(field, "emails", "email")?,
        urls: labelled(field, "urls", "url")?,
        addresses: addresses(field)?,
        company: of_org("company")?,
        department: of_org("department")?,
        title: of_org("title")?,
        birthday: birthday(field)?,
    })
}

fn name_parts(name: &Field<'_>) -> Result<NameParts, GraphError> {
    let part = |key| name.get_owned(key, NAME_CHARS_MAX);
    Ok(NameParts {
        first: part("first_name")?,
        last: part("last_name")?,
        middle: part("middle_name")?,
        prefix: part("prefix")?,
        suffix: part("suffix")?,
    })
}

/// The entries of a list that have a value; the provider takes entries without one.
fn labelled(card: &Field<'_>, list: &str, key: &str) -> Result<Vec<Labelled>, GraphError> {
    let mut found = Vec::new();
    for entry in card.objects(list, LIST_MAX)? {
        let label = entry.get_owned("type", NAME_CHARS_MAX)?;
        if let Some(value) = entry.get_owned(key, URL_CHARS_MAX)? {
            found.push(Labelled { value, label });
        }
    }
    Ok(found)
}

fn addresses(card: &Field<'_>) -> Result<Vec<PostalAddress>, GraphError> {
    card.objects("addresses", LIST_MAX)?
        .iter()
        .map(address)
        .collect()
}

fn address(entry: &Field<'_>) -> Result<PostalAddress, GraphError> {
    let part = |key| entry.get_owned(key, NAME_CHARS_MAX);
    Ok(PostalAddress {
        street: part("street")?,
        city: part("city")?,
        state: part("state")?,
        zip: part("zip")?,
        country: match part("country")? {
            Some(country) => Some(country),
            None => part("country_code")?,
        },
        label: part("type")?,
    })
}

fn birthday(card: &Field<'_>) -> Result<Option<String>, GraphError> {
    let Some(day) = card.get_owned("birthday", NAME_CHARS_MAX)? else {
        return Ok(None);
    };
    let shape = day.len() == 10
        && day.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    match shape {
        true => Ok(Some(day)),
        false => {
            let path = card.path_of("birthday");
            Err(GraphError::invalid_value(
                &path,
                "must be written YYYY-MM-DD",
            ))
        }
    }
}
