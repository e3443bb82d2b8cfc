//! Contacts: a list to search, by pages, with whether each can be reached if WhatsApp is down; the
//! page of one; the import of many.

mod import;
mod jobs;

pub(super) use import::{FORM_BYTES_MAX, bad_lines, begin, page as import_page, progress};
pub(super) use jobs::Jobs;

use super::access::{Act, Denied, Signed};
use super::layout::{self, Nav};
use super::standing::{channel_name, list as words_of};
use super::{guard, time, with_query};
use crate::http::state::AppState;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use holdline_core::contact::Consent;
use holdline_core::{ChannelKind, ContactId, Timestamp};
use holdline_engine::ports::records::{AddressRecord, ContactRecord, WA_USER};
use maud::{Markup, html};
use serde::Deserialize;

const PATH: &str = "/console/contacts";
/// A shorter text finds nearly everybody, so the whole list is shown.
const SEARCH_CHARS_MIN: usize = 3;
/// Contacts of a page.
const PAGE: usize = 50;

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    q: String,
    #[serde(default)]
    after: String,
}

pub(super) async fn list(
    State(state): State<AppState>,
    signed: Signed,
    Query(wanted): Query<Wanted>,
) -> Response {
    let after = ContactId::parse(&wanted.after);
    let text = wanted.q.trim();
    let store = state.engine.store();
    let found = match text.chars().count() < SEARCH_CHARS_MIN {
        true => store.list_contacts(after, PAGE + 1).await,
        false => store.find_contacts(text, after, PAGE + 1).await,
    };
    let mut found = match found {
        Ok(found) => found,
        Err(error) => return Denied::Store(error).answer(&state),
    };
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let first = after.map(|_| with_query(PATH, &[("q", text)]));
    let next = found.last().filter(|_| more).map(|it| it.id.hex());
    let next = next.map(|next| with_query(PATH, &[("q", text), ("after", &next)]));
    let content = html! {
        h1 { "Contacts" }
        form.filter method="get" action=(PATH) role="search" {
            label {
                "Name, number, mail or key begins with (three letters or more)"
                input type="search" name="q" value=(text) maxlength="200";
            }
            button type="submit" { "Find" }
            a.button href=(PATH) { "Clear" }
            @if signed.may(Act::Operate) {
                a.button.primary href="/console/contacts/import" { "Import a list" }
            }
        }
        (table(&found, &state, state.engine.now()))
        (layout::pager(layout::BY_NAME, first, next))
    };
    layout::page(&state, &signed, Nav::Contacts, "Contacts", &content).await
}

fn table(found: &[ContactRecord], state: &AppState, now: Timestamp) -> Markup {
    html! {
        @if found.is_empty() {
            p.quiet { "Nobody fits. People appear when they are imported or written to." }
        } @else {
            div.scroll {
                table.rows {
                    caption.hidden { "Contacts" }
                    (layout::head(&["Name", "Addresses", "Reachable if WhatsApp is down"]))
                    tbody {
                        @for one in found {
                            tr {
                                td { a href={ (PATH) "/" (one.id.hex()) } { (name_of(one)) } }
                                td data-label="Addresses" {
                                    (values_of(one).join(" "))
                                }
                                td data-label="Reachable if WhatsApp is down" {
                                    (coverage(one, state, now))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) async fn one(
    State(state): State<AppState>,
    signed: Signed,
    Path(id): Path<String>,
) -> Response {
    let found = match ContactId::parse(&id) {
        Some(id) => state.engine.store().contact(id).await,
        None => Ok(None),
    };
    let contact = match found {
        Ok(Some(contact)) => contact,
        Ok(None) => return guard::unknown_page(State(state), signed).await,
        Err(error) => return Denied::Store(error).answer(&state),
    };
    let now = state.engine.now();
    let content = html! {
        h1 { (name_of(&contact)) }
        div.card {
            dl {
                dt { "Reachable if WhatsApp is down" } dd { (coverage(&contact, &state, now)) }
                dt { "Your key" } dd { (contact.external_id.as_deref().unwrap_or("–")) }
                dt { "Id" } dd { code { (contact.id.hex()) } }
                dt { "Since" } dd { (time::instant(contact.created_at)) }
                dt { "Changed" } dd { (time::instant(contact.updated_at)) }
            }
            p { a href={ "/console/messages?q=" (contact.id.hex()) } { "Messages to this person" } }
        }
        h2 { "Addresses" }
        table.rows {
            (layout::head(&[
                "Channel", "Address", "Consent", "Verified", "Not reachable until",
                "Last wrote from here",
            ]))
            tbody { @for address in &contact.addresses { (address_row(address)) } }
        }
    };
    layout::page(&state, &signed, Nav::Contacts, "Contact", &content).await
}

fn address_row(address: &AddressRecord) -> Markup {
    let channel = match address.channel {
        WA_USER => "WhatsApp user id".to_owned(),
        channel => channel_name(channel),
    };
    let (consent, class) = match address.consent {
        Consent::Unknown => ("unknown", ""),
        Consent::Given => ("given", "up"),
        Consent::Withdrawn => ("withdrawn", "down"),
    };
    html! {
        tr {
            th scope="row" { (channel) }
            td { (address.value.expose()) }
            td data-label="Consent" { span class={ "tag " (class) } { (consent) } }
            td data-label="Verified" { (time::maybe(address.verified_at)) }
            td data-label="Not reachable until" { (time::maybe(address.unreachable_until)) }
            td data-label="Last wrote from here" { (time::maybe(address.last_inbound_at)) }
        }
    }
}

/// Each address once: a number often stands for two channels.
fn values_of(contact: &ContactRecord) -> Vec<&str> {
    let mut values: Vec<&str> = Vec::new();
    for address in &contact.addresses {
        let value = address.value.expose().as_str();
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

fn name_of(contact: &ContactRecord) -> String {
    let name = contact.name.as_ref().map(|it| it.expose().clone());
    let first = || {
        contact
            .addresses
            .first()
            .map(|it| it.value.expose().clone())
    };
    name.or_else(first).unwrap_or_else(|| "no name".to_owned())
}

/// `yes, by SMS and E-mail`, or `no` with the reason.
fn coverage(contact: &ContactRecord, state: &AppState, now: Timestamp) -> Markup {
    let config = &state.config;
    let channels: Vec<ChannelKind> = state.engine.routes().iter().map(|it| it.channel).collect();
    let derives = config.sms.derive_from_whatsapp;
    let names = reach(contact, &channels, derives, now);
    match names.is_empty() {
        true => html! { span.tag.down { "no" } },
        false => html! { span.tag.up { "yes" } " by " (words_of(&names)) },
    }
}

/// The channels other than WhatsApp by which the person may be reached now.
fn reach(
    contact: &ContactRecord,
    channels: &[ChannelKind],
    derives: bool,
    now: Timestamp,
) -> Vec<String> {
    let good = |address: &&AddressRecord| {
        let is_dead = address.unreachable_until.is_some_and(|until| until > now);
        address.consent != Consent::Withdrawn && !is_dead
    };
    let has = |channel: ChannelKind| {
        let mut own = contact.addresses.iter().filter(|it| it.channel == channel);
        own.any(|it| good(&it))
    };
    let any = |channel: ChannelKind| contact.addresses.iter().any(|it| it.channel == channel);
    // A WhatsApp number is taken for SMS where no other number is known.
    let derived = |channel| {
        let taken = channel == ChannelKind::SMS && derives && !any(channel);
        taken && has(ChannelKind::WHATSAPP)
    };
    let mut found: Vec<String> = Vec::new();
    for channel in channels {
        let name = channel_name(*channel);
        let other = *channel != ChannelKind::WHATSAPP && !found.contains(&name);
        if other && (has(*channel) || derived(*channel)) {
            found.push(name);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdline_core::Redacted;

    #[test]
    fn who_is_reachable_without_whatsapp_goes_by_addresses_and_consent() {
        const WA: ChannelKind = ChannelKind::WHATSAPP;
        const SMS: ChannelKind = ChannelKind::SMS;
        const MAIL: ChannelKind = ChannelKind::EMAIL;
        let address = |channel, consent| AddressRecord {
            channel,
            value: Redacted::new("x".into()),
            verified_at: None,
            consent,
            unreachable_until: None,
            last_inbound_at: None,
        };
        let check = |addresses: Vec<AddressRecord>, derives, expect: &[&str]| {
            let contact = ContactRecord {
                id: ContactId(1),
                name: None,
                external_id: None,
                created_at: Timestamp(0),
                updated_at: Timestamp(0),
                addresses,
            };
            let found = reach(&contact, &[WA, SMS, MAIL], derives, Timestamp(50));
            assert_eq!(found, expect);
        };
        let whatsapp = || address(WA, Consent::Given);
        check(vec![whatsapp()], true, &["SMS"]);
        check(vec![whatsapp()], false, &[]);
        check(
            vec![whatsapp(), address(MAIL, Consent::Unknown)],
            false,
            &["E-mail"],
        );
        check(
            vec![whatsapp(), address(SMS, Consent::Withdrawn)],
            true,
            &[],
        );
        let dead = AddressRecord {
            unreachable_until: Some(Timestamp(60)),
            ..address(MAIL, Consent::Given)
        };
        check(vec![dead], true, &[]);
    }
}
