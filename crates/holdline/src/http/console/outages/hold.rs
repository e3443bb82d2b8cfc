//! What operators say about a route: held, forced up or down, with a reason and an end; and taking
//! it back.

use super::URL;
use crate::http::api::routes::holds::{
    HoldKindName, HoldWrite, ReleaseWrite, hold_scope, release_scope,
};
use crate::http::api::values::Span;
use crate::http::console::access::{Act, Signed};
use crate::http::console::{said, time};
use crate::http::state::AppState;
use axum::Form;
use axum::extract::State;
use axum::response::Response;
use holdline_core::Timestamp;
use holdline_engine::ports::records::HoldRecord;
use maud::{Markup, html};
use serde::Deserialize;

#[derive(Deserialize)]
pub(in crate::http::console) struct Given {
    route: String,
    kind: HoldKindName,
    reason: String,
    #[serde(rename = "for")]
    good_for: String,
}

#[derive(Deserialize)]
pub(in crate::http::console) struct LetGo {
    route: String,
    reason: String,
}

pub(in crate::http::console) async fn hold(
    State(state): State<AppState>,
    signed: Signed,
    Form(given): Form<Given>,
) -> Response {
    if let Err(denied) = signed.must(Act::Operate) {
        return denied.answer(&state);
    }
    let written = HoldWrite {
        route: given.route.trim().to_owned(),
        kind: given.kind,
        reason: given.reason,
        good_for: Span::Text(given.good_for.trim().to_owned()),
    };
    match hold_scope(&state, &written, signed.actor(), |_| Ok(())).await {
        Ok(view) => said::done(
            URL,
            &format!("Said about {}, until {}.", view.route, view.until),
        ),
        Err(problem) => said::refused(URL, &format!("Not done: {}", problem.words())),
    }
}

pub(in crate::http::console) async fn release(
    State(state): State<AppState>,
    signed: Signed,
    Form(given): Form<LetGo>,
) -> Response {
    if let Err(denied) = signed.must(Act::Operate) {
        return denied.answer(&state);
    }
    let written = ReleaseWrite {
        route: given.route,
        reason: given.reason,
    };
    match release_scope(&state, &written, signed.actor(), |_| Ok(())).await {
        Ok(view) => said::done(
            URL,
            &format!("{} is left to the detector again.", view.route),
        ),
        Err(problem) => said::refused(URL, &format!("Not done: {}", problem.words())),
    }
}

/// `route`: what is asked about, if it is known.
pub(super) fn form(state: &AppState, route: &str) -> Markup {
    let routes = state.engine.routes();
    html! {
        form.card.narrow method="post" action={ (URL) "/hold" } {
            label {
                "Route"
                input name="route" list="routes" required maxlength="300" value=(route)
                    placeholder="whatsapp/106540352242922/all";
            }
            datalist id="routes" { @for route in &routes { option value=(route.name) {} } }
            label {
                "What to do"
                select name="kind" {
                    option value="hold" { "hold: all of it waits" }
                    option value="down" { "down: all goes another way" }
                    option value="up" { "up: send, whatever is seen" }
                }
            }
            label { "Why" input name="reason" required minlength="3" maxlength="500"; }
            label { "For how long" input name="for" required value="30m" maxlength="20"; }
            p.quiet { "30s, 15m, 2h or 1d; at most 7d. It ends by itself." }
            button.primary type="submit" { "Say so" }
        }
    }
}

pub(super) fn table(holds: &[HoldRecord], signed: &Signed, now: Timestamp) -> Markup {
    let good: Vec<&HoldRecord> = holds.iter().filter(|it| it.until > now).collect();
    html! {
        @if good.is_empty() { p.quiet { "Nothing: the detectors decide everything." } }
        @for hold in good {
            div.card id={ "hold-" (hold.scope) } {
                p {
                    span.tag.fault { (hold.kind.name()) } " " code { (hold.scope) } ": "
                    (hold.reason)
                }
                p.quiet {
                    (hold.actor) " said so " (time::instant(hold.set_at)) "; it ends "
                    (time::instant(hold.until))
                }
                @if signed.may(Act::Operate) {
                    form.line method="post" action={ (URL) "/release" } {
                        input type="hidden" name="route" value=(hold.scope);
                        label { "Why" input name="reason" required minlength="3" maxlength="500"; }
                        button type="submit" { "Let it go" }
                    }
                }
            }
        }
    }
}
