//! The overview: whether the business can be reached, in one sentence and one card a sender; the
//! traffic of the last hour; what happened last.

mod cards;
mod chart;

use super::access::{Denied, Signed};
use super::layout::{self, Nav};
use super::live::Topic;
use super::standing::{self, Overall};
use super::time;
use crate::http::state::AppState;
use axum::extract::State;
use axum::response::Response;
use holdline_core::Timestamp;
use holdline_engine::ports::StoreError;
use holdline_engine::ports::records::{ActivityRecord, OutageRecord, TrafficRecord};
use holdline_engine::ports::store::PAGE_MAX;
use maud::{Markup, html};

/// Lines of the log that are shown.
const LINES: usize = 20;
const OUTAGES: usize = 100;
const URL: &str = "/console/";

/// What the page reads from the store.
struct Read {
    traffic: Vec<TrafficRecord>,
    outages: Vec<OutageRecord>,
    lines: Vec<ActivityRecord>,
}

pub(super) async fn page(State(state): State<AppState>, signed: Signed) -> Response {
    let now = state.engine.now();
    let since = chart::first_minute(now);
    let read = match read(&state, since).await {
        Ok(read) => read,
        Err(error) => return Denied::Store(error).answer(&state),
    };
    let routes = state.engine.routes();
    let standing = standing::of(&routes);
    let order = &state.config.failover.order;
    let cards = cards::cards(&routes, order, &read.outages, now);
    let charts = chart::charts(&read.traffic, &read.outages, &routes, now);
    let content = html! {
        h1.hidden { "Overview" }
        (layout::live("overview", Topic::Overview, URL, &html! {
            // The banner says it otherwise.
            @if standing.overall == Overall::Up {
                p class={ "headline " (standing.overall.name()) } { (standing.headline) }
            }
            (totals(&state, now))
            (cards)
            h2 { "The last hour" }
            (charts)
            h2 { "What happened" }
            (activity(&read.lines))
        }))
    };
    layout::page(&state, &signed, Nav::Overview, "Overview", &content).await
}

async fn read(state: &AppState, since: Timestamp) -> Result<Read, StoreError> {
    let store = state.engine.store();
    let (traffic, outages, lines) = tokio::try_join!(
        store.traffic(since, PAGE_MAX),
        store.outages(OUTAGES),
        store.activity(None, LINES),
    )?;
    Ok(Read {
        traffic,
        outages,
        lines,
    })
}

fn totals(state: &AppState, now: Timestamp) -> Markup {
    let totals = state.engine.totals();
    let open = [
        ("wait", totals.waiting),
        ("are on their way", totals.in_flight + totals.placed),
        ("have an unknown outcome", totals.in_doubt),
    ];
    html! {
        p.quiet {
            "Messages: "
            @for (ix, (words, count)) in open.iter().enumerate() {
                @if ix > 0 { ", " }
                strong { (count) } " " (words)
            }
            @if let Some(at) = totals.oldest_waiting_at {
                "; the oldest has waited " (time::ago(at, now))
            }
            "."
            @if state.engine.config().cluster.is_some() {
                " Several servers share the work: what waits is counted on the one that answers."
            }
        }
    }
}

fn activity(lines: &[ActivityRecord]) -> Markup {
    html! {
        @if lines.is_empty() {
            p.quiet { "Nothing yet. Changes of health and what people do stand here." }
        }
        ol.log {
            @for line in lines.iter().rev() {
                li id={ "line-" (line.seq) } data-seq=(line.seq) {
                    (time::instant(line.activity.at)) " "
                    span.tag { (line.activity.kind.name()) } " "
                    code { (line.activity.subject) } " "
                    (line.activity.words)
                }
            }
        }
    }
}
