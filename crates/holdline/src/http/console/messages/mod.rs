//! Messages: a list to search and filter, by pages; the page of one; and what can be done with it.

mod act;
mod filter;
mod one;

pub(super) use act::act;
pub(super) use one::page as one;

use super::access::{Denied, Signed};
use super::layout::{self, Nav};
use super::live::Topic;
use super::standing::channel_name;
use super::time;
use crate::http::state::AppState;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use filter::{Filter, Found};
use holdline_engine::ports::records::StoredMessage;
use holdline_engine::ports::store::StoreResult;
use maud::{Markup, html};

/// Messages of a page.
const PAGE: usize = 50;

pub(super) async fn list(
    State(state): State<AppState>,
    signed: Signed,
    RawQuery(query): RawQuery,
) -> Response {
    let filter = Filter::read(query.as_deref().unwrap_or_default());
    let shown = match shown(&state, &filter).await {
        Ok(shown) => shown,
        Err(error) => return Denied::Store(error).answer(&state),
    };
    let content = html! {
        h1 { "Messages" }
        (filter.form(&state))
        @if let Some(fault) = filter.fault() { (layout::fault(fault)) }
        (layout::live("messages", Topic::Messages, &filter.url(), &shown))
    };
    layout::page(&state, &signed, Nav::Messages, "Messages", &content).await
}

async fn shown(state: &AppState, filter: &Filter) -> StoreResult<Markup> {
    let wanted = match filter.wanted(state).await? {
        Found::These(wanted) => wanted,
        Found::Nobody => return Ok(nobody(filter.q())),
    };
    let store = state.engine.store();
    let mut found = store.list_messages(&wanted, PAGE + 1).await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let first = filter.is_later().then(|| filter.first());
    let next = found.last().filter(|_| more);
    let next = next.map(|it| filter.after(it.message.id));
    Ok(html! {
        @if filter.is_long() {
            p.quiet {
                "Of the last " (filter::LOOKED_BACK_DAYS) " days: fill in From to look further."
            }
        }
        @if found.is_empty() {
            p.quiet { "No message fits. Take something out of the filter." }
        } @else {
            div.scroll {
                table.rows {
                    caption.hidden { "Messages, the newest first" }
                    (layout::head(&[
                        "Accepted", "State", "Channel", "To", "Kind", "Priority", "App",
                    ]))
                    tbody { @for one in &found { (row(one)) } }
                }
            }
        }
        (layout::pager(layout::BY_AGE, first, next))
    })
}

fn nobody(q: &str) -> Markup {
    let query: String = url::form_urlencoded::byte_serialize(q.as_bytes()).collect();
    html! {
        p.quiet {
            "Nobody has the address “" (q) "”, and no message has this id. "
            a href={ "/console/contacts?q=" (query) } { "Look among the contacts" }
        }
    }
}

fn row(stored: &StoredMessage) -> Markup {
    let (message, delivery) = (&stored.message, &stored.delivery);
    let hop = message.plan.get(usize::from(delivery.hop));
    let channel = hop.map(|hop| channel_name(hop.channel));
    html! {
        tr id={ "m-" (message.id.hex()) } {
            td { a href=(one::url_of(message.id)) { (time::instant(message.created_at)) } }
            td data-label="State" { (state_tag(delivery.state.name())) }
            td data-label="Channel" {
                (channel.unwrap_or_default())
                @if delivery.hop > 0 { " " span.quiet { "(hop " (delivery.hop + 1) ")" } }
            }
            td data-label="To" { (message.to_input.expose()) }
            td data-label="Kind" { (message.kind) }
            td data-label="Priority" { (message.priority.name()) }
            td data-label="App" { (message.app) }
        }
    }
}

/// A state by its stable name, in words and colour.
pub(super) fn state_tag(name: &str) -> Markup {
    let (words, class) = state_words(name);
    html! { span class={ "tag " (class) } { (words) } }
}

fn state_words(name: &str) -> (&str, &'static str) {
    match name {
        "waiting" => ("waiting", ""),
        "in_flight" => ("on its way", ""),
        "in_doubt" => ("outcome unknown", "degraded"),
        "placed" => ("with the provider", ""),
        "delivered" => ("delivered", "up"),
        "expired" => ("expired", "down"),
        "failed" => ("failed", "down"),
        "cancelled" => ("cancelled", ""),
        other => (other, ""),
    }
}
