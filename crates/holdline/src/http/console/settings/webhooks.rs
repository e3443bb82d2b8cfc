//! Where events go: what of them is still to be posted or was given up, each of which can be posted
//! again; and what the app took lately.

use super::URL;
use crate::http::console::access::{Act, Denied, Signed, deed};
use crate::http::console::layout::{self, Nav};
use crate::http::console::{guard, said, time};
use crate::http::state::AppState;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use holdline_engine::ports::Op;
use holdline_engine::ports::records::{EndpointForm, EndpointRecord, EventKind, OpenHook};
use holdline_engine::{TAKEN_MAX, Taken};
use maud::{Markup, html};
use serde::Deserialize;

/// Events of a page, and those that are posted again together.
const PAGE: usize = 50;

#[derive(Deserialize)]
pub(in crate::http::console) struct Wanted {
    before: Option<i64>,
}

#[derive(Deserialize)]
pub(in crate::http::console) struct Again {
    /// The number of one that was given up, or `shown`: all of the page.
    event: String,
    before: Option<i64>,
}

pub(super) fn table(endpoints: &[EndpointRecord]) -> Markup {
    html! {
        @if endpoints.is_empty() {
            p.quiet { "None. Apps subscribe, or are named in the configuration." }
        } @else {
            table.rows {
                (layout::head(&["Address", "App", "Form", "Scope", "Fields"]))
                tbody {
                    @for one in endpoints {
                        tr {
                            td { a href=(url_of(&one.id)) { (one.url) } }
                            td data-label="App" { (one.app) }
                            td data-label="Form" { (form_words(one.form)) }
                            td data-label="Scope" { (one.scope) }
                            td data-label="Fields" {
                                @if one.fields.is_empty() { "all" }
                                @else { (one.fields.join(", ")) }
                            }
                        }
                    }
                }
            }
        }
    }
}

const fn form_words(form: EndpointForm) -> &'static str {
    match form {
        EndpointForm::Cloud => "WhatsApp Cloud API",
        EndpointForm::Standard => "Standard Webhooks",
    }
}

fn url_of(id: &str) -> String {
    let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("{URL}/webhooks/{id}")
}

pub(in crate::http::console) async fn page(
    State(state): State<AppState>,
    signed: Signed,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Response {
    let store = state.engine.store();
    let read = async {
        tokio::try_join!(
            store.endpoints(),
            store.open_hooks(&id, wanted.before, PAGE + 1)
        )
    };
    let (endpoints, mut events) = match read.await {
        Ok(read) => read,
        Err(error) => return Denied::Store(error).answer(&state),
    };
    let Some(endpoint) = endpoints.into_iter().find(|it| it.id == id) else {
        return guard::unknown_page(State(state), signed).await;
    };
    let more = events.len() > PAGE;
    events.truncate(PAGE);
    let url = url_of(&id);
    let first = wanted.before.map(|_| url.clone());
    let next = events.last().filter(|_| more).map(|it| it.hook.seq);
    let next = next.map(|next| format!("{url}?before={next}"));
    let content = html! {
        h1 { "Webhook" }
        div.card {
            dl {
                dt { "Address" } dd { (endpoint.url) }
                dt { "App" } dd { (endpoint.app) }
                dt { "Form" } dd { (form_words(endpoint.form)) }
                dt { "Scope" } dd { (endpoint.scope) }
                dt { "Since" } dd { (time::instant(endpoint.created_at)) }
            }
        }
        h2 { "Not yet taken, or given up" }
        (log(&events, &signed, &url, wanted.before))
        (layout::pager(layout::BY_AGE, first, next))
        h2 { "Taken" }
        (taken(&state.engine.taken(&id)))
    };
    layout::page(&state, &signed, Nav::Settings, "Webhook", &content).await
}

fn log(events: &[OpenHook], signed: &Signed, url: &str, before: Option<i64>) -> Markup {
    let given_up = events.iter().filter(|it| it.dropped_at.is_some()).count();
    let may = signed.may(Act::Operate);
    let again = |event: &str, words: &str| {
        html! {
            form.line method="post" action={ (url) "/replay" } {
                input type="hidden" name="event" value=(event);
                @if let Some(before) = before { input type="hidden" name="before" value=(before); }
                button type="submit" { (words) }
            }
        }
    };
    html! {
        @if events.is_empty() { p.quiet { "Nothing: the app has taken every event." } }
        @if given_up > 1 && may { (again("shown", &format!("Post all {given_up} again"))) }
        @if !events.is_empty() {
            table.rows {
                (layout::head(&["Happened", "Event", "Tries", "Last error", "Next"]))
                tbody {
                    @for one in events {
                        tr {
                            td { (time::instant(one.hook.event.at)) }
                            td data-label="Event" { (event_words(&one.hook.event.kind)) }
                            td data-label="Tries" { (one.hook.tries) }
                            td data-label="Last error" { (one.error.as_deref().unwrap_or("–")) }
                            td data-label="Next" {
                                @match one.dropped_at {
                                    None => (time::instant(one.hook.due_at)),
                                    Some(at) => {
                                        span.tag.down { "given up" } " " (time::instant(at))
                                        @if may { (again(&one.hook.seq.to_string(), "Post again")) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn taken(events: &[Taken]) -> Markup {
    html! {
        p.quiet {
            "The newest " (TAKEN_MAX) " that the app took from this server since it started."
        }
        @if !events.is_empty() {
            table.rows {
                (layout::head(&["Taken", "Event", "Tries", "Answered in"]))
                tbody {
                    @for one in events {
                        tr {
                            td { (time::instant(one.at)) }
                            td data-label="Event" { (event_words(&one.event.kind)) }
                            td data-label="Tries" { (one.tries) }
                            td data-label="Answered in" { (one.took_ms) " ms" }
                        }
                    }
                }
            }
        }
    }
}

fn event_words(kind: &EventKind) -> Markup {
    let message = |id: &holdline_core::MessageId| {
        html! { a href={ "/console/messages/" (id.hex()) } { "message" } }
    };
    match kind {
        EventKind::Status {
            message: id,
            progress,
            channel,
        } => html! { (message(id)) " " (progress.name()) " by " (channel.as_str()) },
        EventKind::Failed {
            message: id, code, ..
        } => html! { (message(id)) " failed (" (code) ")" },
        EventKind::Inbound { .. } => html! { "a person wrote" },
        EventKind::Health { route, to, .. } => html! { (route) " is " (to.name()) },
        EventKind::Account { route, code, .. } => html! { "account of " (route) " (" (code) ")" },
        EventKind::Passed { field, .. } => html! { (field) " of the provider" },
    }
}

/// What was given up becomes a new event, behind what its queue holds; the old one is forgotten in
/// the same commit.
pub(in crate::http::console) async fn replay(
    State(state): State<AppState>,
    signed: Signed,
    Path(id): Path<String>,
    Form(given): Form<Again>,
) -> Response {
    if let Err(denied) = signed.must(Act::Operate) {
        return denied.answer(&state);
    }
    // One that is named is looked for by its number, wherever it stands by now.
    let one: Option<i64> = given.event.parse().ok();
    let (before, limit) = match one {
        Some(seq) => (Some(seq.saturating_add(1)), 1),
        None => (given.before, PAGE),
    };
    let _turn = state.console.replays.lock().await;
    let found = state.engine.store().open_hooks(&id, before, limit);
    let found = match found.await {
        Ok(found) => found,
        Err(error) => return Denied::Store(error).answer(&state),
    };
    let now = state.engine.now();
    let wanted = |it: &OpenHook| given.event == "shown" || given.event == it.hook.seq.to_string();
    let given_up = found
        .into_iter()
        .filter(|it| it.dropped_at.is_some() && wanted(it));
    let mut ops = Vec::new();
    // In the order in which they happened.
    for one in given_up.collect::<Vec<_>>().into_iter().rev() {
        ops.push(Op::HookForget(one.hook.seq));
        ops.push(Op::Hook {
            endpoint: one.hook.endpoint,
            subject: one.hook.subject,
            event: one.hook.event,
            due_at: now,
        });
    }
    let count = ops.len() / 2;
    let what = ("webhook.replay", id.as_str());
    ops.extend(deed(
        &state,
        &signed.actor(),
        what,
        ("", &count.to_string()),
    ));
    let done = async {
        let _ = state.engine.commit(ops).await?;
        state.engine.reload_endpoints().await
    };
    if let Err(error) = done.await {
        return Denied::Store(error).answer(&state);
    }
    let words = match count {
        0 => "Nothing was given up any more.".to_owned(),
        1 => "It is posted again.".to_owned(),
        count => format!("{count} events are posted again."),
    };
    said::done(&url_of(&id), &words)
}
