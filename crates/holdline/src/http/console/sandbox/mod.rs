//! The panel of the sandbox that stands for the providers: break them by a profile, mend them, and
//! watch. Only there where the configuration names a sandbox.

mod control;

pub(super) use control::Control;

use super::access::{Act, Denied, Signed, deed};
use super::layout::{self, Nav};
use super::live::Topic;
use super::{guard, said};
use crate::http::state::AppState;
use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use control::{Broken, Profile};
use maud::{Markup, html};
use serde::Deserialize;

const URL: &str = "/console/sandbox";

#[derive(Deserialize)]
pub(super) struct Break {
    profile: String,
}

#[derive(Deserialize)]
pub(super) struct Mend {
    /// The number of one outage, or empty: all of them.
    #[serde(default)]
    outage: String,
}

pub(super) async fn page(State(state): State<AppState>, signed: Signed) -> Response {
    let Some(control) = Control::of(&state) else {
        return guard::unknown_page(State(state), signed).await;
    };
    let found = control.look().await;
    let content = html! {
        h1 { "Sandbox" }
        p.quiet {
            "Virtual providers stand for WhatsApp, SMS and mail: nothing real is broken here."
        }
        @match found {
            Err(words) => (layout::live("broken", Topic::Overview, URL, &layout::fault(&words))),
            Ok((profiles, broken)) => {
                (layout::live("broken", Topic::Overview, URL, &broken_now(&broken, &signed)))
                h2 { "Break something" }
                (profiles_shown(&profiles, &signed))
            }
        }
    };
    layout::page(&state, &signed, Nav::Sandbox, "Sandbox", &content).await
}

fn broken_now(broken: &[Broken], signed: &Signed) -> Markup {
    html! {
        h2 { "Broken now" }
        @if broken.is_empty() { p.quiet { "Nothing." } }
        @for one in broken {
            form.line id={ "broken-" (one.id) } method="post" action={ (URL) "/mend" } {
                strong { (one.profile) }
                @if signed.may(Act::Operate) {
                    input type="hidden" name="outage" value=(one.id);
                    button type="submit" { "Mend " (one.profile) }
                }
            }
        }
    }
}

fn profiles_shown(profiles: &[Profile], signed: &Signed) -> Markup {
    html! {
        table.rows {
            (layout::head(&["Profile", "What happens", "Do it"]))
            tbody {
                @for one in profiles {
                    tr {
                        th scope="row" { code { (one.name) } }
                        td { (one.description) }
                        td {
                            @if signed.may(Act::Operate) {
                                form method="post" action={ (URL) "/break" } {
                                    input type="hidden" name="profile" value=(one.name);
                                    button.danger type="submit" {
                                        "Break" span.hidden { " by " (one.name) }
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

pub(super) async fn break_it(
    State(state): State<AppState>,
    signed: Signed,
    Form(given): Form<Break>,
) -> Response {
    done(
        &state,
        signed,
        ("sandbox.break", &given.profile),
        async |control| control.start(&given.profile).await,
    )
    .await
}

pub(super) async fn mend(
    State(state): State<AppState>,
    signed: Signed,
    Form(given): Form<Mend>,
) -> Response {
    done(
        &state,
        signed,
        ("sandbox.mend", &given.outage),
        async |control| control.stop(&given.outage).await,
    )
    .await
}

async fn done(
    state: &AppState,
    signed: Signed,
    what: (&str, &str),
    act: impl AsyncFnOnce(Control) -> Result<(), String>,
) -> Response {
    if let Err(denied) = signed.must(Act::Operate) {
        return denied.answer(state);
    }
    let Some(control) = Control::of(state) else {
        return guard::unknown_page(State(state.clone()), signed).await;
    };
    let deed = deed(state, &signed.actor(), what, ("", ""));
    if let Err(error) = state.engine.commit(deed).await {
        return Denied::Store(error).answer(state);
    }
    match act(control).await {
        Ok(()) => Redirect::to(URL).into_response(),
        Err(words) => said::refused(URL, &words),
    }
}
