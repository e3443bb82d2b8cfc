//! What people did, the newest first: for auditors and owners.

use crate::http::console::access::{Act, Denied, Signed};
use crate::http::console::layout::{self, Nav};
use crate::http::console::time;
use crate::http::state::AppState;
use axum::extract::{Query, State};
use axum::response::Response;
use holdline_engine::ports::records::AuditRecord;
use maud::{Markup, html};
use serde::Deserialize;

const URL: &str = "/console/audit";
/// Rows of a page.
const PAGE: usize = 100;

#[derive(Deserialize)]
pub(in crate::http::console) struct Wanted {
    #[serde(default)]
    before: String,
}

pub(in crate::http::console) async fn page(
    State(state): State<AppState>,
    signed: Signed,
    Query(wanted): Query<Wanted>,
) -> Response {
    if let Err(denied) = signed.must(Act::ReadAudit) {
        return denied.answer(&state);
    }
    let before = u128::from_str_radix(&wanted.before, 16).ok();
    let mut rows = match state.engine.store().audit(before, PAGE + 1).await {
        Ok(rows) => rows,
        Err(error) => return Denied::Store(error).answer(&state),
    };
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let next = rows
        .last()
        .filter(|_| more)
        .map(|it| format!("{URL}?before={:032x}", it.id));
    let content = html! {
        h1 { "Audit" }
        @if rows.is_empty() { p.quiet { "Nothing yet." } } @else { (table(&rows)) }
        (layout::pager(layout::BY_AGE, before.map(|_| URL.to_owned()), next))
    };
    layout::page(&state, &signed, Nav::Settings, "Audit", &content).await
}

fn table(rows: &[AuditRecord]) -> Markup {
    html! {
        table.rows {
            caption.hidden { "What people did, the newest first" }
            (layout::head(&["When", "Who", "What", "About", "Why", "More"]))
            tbody {
                @for one in rows {
                    tr {
                        td { (time::instant(one.at)) }
                        td data-label="Who" { (one.actor) }
                        td data-label="What" { code { (one.action) } }
                        td data-label="About" { (about(one)) }
                        td data-label="Why" { (one.reason) }
                        td data-label="More" { (one.detail) }
                    }
                }
            }
        }
    }
}

fn about(one: &AuditRecord) -> Markup {
    match one.action.starts_with("message.") {
        true => html! { a href={ "/console/messages/" (one.subject) } { "message" } },
        false => html! { (one.subject) },
    }
}
