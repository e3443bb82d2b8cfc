//! Outages: the list of all, what operators say now, and the page of each.

mod evidence;
mod hold;
mod one;

pub(super) use hold::{hold, release};
pub(super) use one::page as one;

use super::access::{Act, Denied, Signed};
use super::layout::{self, Nav};
use super::live::Topic;
use super::{banner, time};
use crate::http::state::AppState;
use axum::extract::State;
use axum::response::Response;
use holdline_core::Timestamp;
use holdline_engine::ports::records::OutageRecord;
use maud::{Markup, html};

const URL: &str = "/console/outages";
/// Outages of the list.
const SHOWN: usize = 200;

pub(super) async fn list(State(state): State<AppState>, signed: Signed) -> Response {
    let store = state.engine.store();
    let read = async { tokio::try_join!(store.outages(SHOWN), store.holds()) };
    let (outages, holds) = match read.await {
        Ok(read) => read,
        Err(error) => return Denied::Store(error).answer(&state),
    };
    let now = state.engine.now();
    let content = html! {
        h1 { "Outages" }
        (layout::live("outages", Topic::Outages, URL, &table(&outages, now)))
        h2 { "What operators say" }
        (layout::live("holds", Topic::Overview, URL, &hold::table(&holds, &signed, now)))
        @if signed.may(Act::Operate) {
            h2 { "Hold a route, or overrule its health" }
            (hold::form(&state, ""))
        }
    };
    layout::page(&state, &signed, Nav::Outages, "Outages", &content).await
}

fn table(outages: &[OutageRecord], now: Timestamp) -> Markup {
    html! {
        @if outages.is_empty() {
            p.quiet { "None so far. When a route goes down, its outage stands here." }
        } @else {
            div.scroll {
                table.rows {
                    caption.hidden { "Outages, the newest first" }
                    (layout::head(&[
                        "Began", "State", "What", "Lasted", "Moved", "The provider's word",
                    ]))
                    tbody { @for outage in outages { (row(outage, now)) } }
                }
            }
        }
    }
}

fn row(outage: &OutageRecord, now: Timestamp) -> Markup {
    let began = began(outage);
    let (words, class) = state_of(outage);
    html! {
        tr id={ "outage-" (outage.id.hex()) } {
            td { a href={ (URL) "/" (outage.id.hex()) } { (time::instant(began)) } }
            td data-label="State" { span class={ "tag " (class) } { (words) } }
            td data-label="What" { (outage.scope) }
            td data-label="Lasted" {
                @match outage.recovered_at {
                    Some(over) => (time::span(over.since_ms(began))),
                    None => (time::ago(began, now)),
                }
            }
            td data-label="Moved" { (outage.moved) }
            td data-label="The provider's word" { (banner::ahead(outage, now)) }
        }
    }
}

/// The earliest evidence, or when it was decided.
fn began(outage: &OutageRecord) -> Timestamp {
    outage.onset.unwrap_or(outage.opened_at)
}

const fn state_of(outage: &OutageRecord) -> (&'static str, &'static str) {
    match (outage.recovered_at, outage.recovering_at) {
        (Some(_), _) => ("over", "up"),
        (None, Some(_)) => ("recovering", "degraded"),
        (None, None) => ("down", "down"),
    }
}
