//! Signing in and out. Every try is audited with its outcome, never with what was typed as a
//! password or code.

use super::password::{self, Busy};
use super::session::{self, Denied, From, Signed};
use super::totp;
use crate::http::console::layout;
use crate::http::state::AppState;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use holdline_engine::ports::Op;
use holdline_engine::ports::records::UserRecord;
use maud::{Markup, html};
use serde::Deserialize;

const HOME: &str = "/console/";
const NAME_CHARS_MAX: usize = 64;
/// When to come again while too many sign in.
const BUSY_S: u64 = 2;

#[derive(Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(super) struct Given {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn page(State(state): State<AppState>, Query(next): Query<Next>) -> Response {
    shown(&state, StatusCode::OK, "", &next.next, None)
}

pub(super) async fn sign_in(
    State(state): State<AppState>,
    from: From,
    Form(given): Form<Given>,
) -> Response {
    match tried(&state, &from, &given).await {
        Ok(cookie) => session::go_on(inside(&given.next), cookie),
        Err(Fault::Store(error)) => Denied::Store(error).answer(&state),
        Err(fault) => {
            let (code, wait_s) = match fault {
                Fault::Wait(seconds) => (StatusCode::TOO_MANY_REQUESTS, Some(seconds)),
                Fault::Busy => (StatusCode::SERVICE_UNAVAILABLE, Some(BUSY_S)),
                Fault::Wrong | Fault::Store(_) => (StatusCode::UNAUTHORIZED, None),
            };
            let words = Some(fault.words());
            let mut answer = shown(&state, code, &given.name, &given.next, words);
            if let Some(wait_s) = wait_s {
                let wait_s = HeaderValue::from(wait_s);
                answer.headers_mut().insert(RETRY_AFTER, wait_s);
            }
            answer
        }
    }
}

pub(super) async fn sign_out(
    State(state): State<AppState>,
    from: From,
    signed: Signed,
) -> Response {
    let ended = Op::SessionEnd(signed.session.hash);
    let audit = session::audit(
        &state,
        &signed.actor(),
        ("sign_out", &signed.name),
        ("", ""),
    );
    match state.engine.commit(vec![ended, audit]).await {
        Ok(_) => session::go_on("/console/sign-in", session::end_cookie(&from)),
        Err(error) => Denied::Store(error).answer(&state),
    }
}

/// Why nobody was let in.
enum Fault {
    Wrong,
    Wait(u64),
    Busy,
    Store(holdline_engine::ports::StoreError),
}

impl Fault {
    fn words(&self) -> String {
        match self {
            Self::Wrong => "Name, password or code is not right. The code is only needed by whom \
                            has set one up; each is good once."
                .into(),
            Self::Wait(seconds) => format!("Too many tries. Wait {seconds} s before the next."),
            Self::Busy | Self::Store(_) => "Too many sign in at this moment. Try again.".into(),
        }
    }
}

async fn tried(state: &AppState, from: &From, given: &Given) -> Result<HeaderValue, Fault> {
    let name: String = given.name.trim().to_lowercase();
    let name: String = name.chars().take(NAME_CHARS_MAX).collect();
    let throttle = &state.console.throttle;
    let may = throttle.try_now(&name, from.address, state.engine.now());
    may.map_err(Fault::Wait)?;
    let done = let_in(state, from, given, &name).await;
    match &done {
        Ok(_) => throttle.forgive(&name, from.address, true),
        Err(Fault::Busy | Fault::Store(_)) => throttle.forgive(&name, from.address, false),
        Err(Fault::Wrong | Fault::Wait(_)) => {}
    }
    done
}

async fn let_in(
    state: &AppState,
    from: &From,
    given: &Given,
    name: &str,
) -> Result<HeaderValue, Fault> {
    let users = state.engine.store().users().await.map_err(Fault::Store)?;
    let user = users.into_iter().find(|it| it.name == name);
    let user = user.filter(|it| it.disabled_at.is_none());
    let hash = user.as_ref().map(|it| it.password.clone());
    let right = password::is_right(&state.console, given.password.clone(), hash).await;
    let right = right.map_err(|Busy| Fault::Busy)?;
    let step = user
        .as_ref()
        .and_then(|it| step(it, &given.code, state.engine.now()));
    let address = from.address.to_string();
    let actor = format!("console/{name}");
    let Some((user, step)) = user.zip(step).filter(|_| right) else {
        let audit = session::audit(state, &actor, ("sign_in.refused", name), ("", &address));
        let kept = state.engine.commit(vec![audit]).await;
        let _ = kept.map_err(Fault::Store)?;
        return Err(Fault::Wrong);
    };
    let begun = session::begin(state, &user, from).await;
    let (mut ops, cookie) = begun.map_err(Fault::Store)?;
    ops.push(session::audit(
        state,
        &actor,
        ("sign_in", name),
        ("", &address),
    ));
    if user.totp.is_some() {
        // The next version: of two who come with the same code, one is too late; and who was shut
        // out meanwhile stays out.
        ops.push(Op::User(UserRecord {
            totp_step: step,
            version: user.version + 1,
            ..user
        }));
    }
    match state.engine.commit(ops).await.map_err(Fault::Store)? {
        Ok(()) => Ok(cookie),
        Err(_) => Err(Fault::Wrong),
    }
}

/// The step of the code, when one is needed and good; the last step where none is needed.
fn step(user: &UserRecord, code: &str, now: holdline_core::Timestamp) -> Option<i64> {
    match &user.totp {
        None => Some(user.totp_step),
        Some(secret) => totp::step_of(secret.expose(), code, user.totp_step, now),
    }
}

/// Only to pages of the console: anything else would lead where somebody else wants.
fn inside(next: &str) -> &str {
    let plain = next.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    let inside = next.starts_with(HOME) && !next.contains("..") && !next.contains('\\');
    if plain && inside { next } else { HOME }
}

fn shown(
    state: &AppState,
    code: StatusCode,
    name: &str,
    next: &str,
    fault: Option<String>,
) -> Response {
    let content = html! {
        form.card.narrow method="post" action="/console/sign-in" {
            @if let Some(fault) = &fault { (layout::fault(fault)) }
            input type="hidden" name="next" value=(inside(next));
            (field("name", "Name", "text", "username", name))
            (field("password", "Password", "password", "current-password", ""))
            (field("code", "Code, if you have set one up", "text", "one-time-code", ""))
            button.primary type="submit" { "Sign in" }
        }
    };
    layout::plain(state, code, "Sign in", &content)
}

pub(super) fn field(
    name: &str,
    label: &str,
    kind: &str,
    autocomplete: &str,
    value: &str,
) -> Markup {
    html! {
        label for=(name) { (label) }
        input id=(name) name=(name) type=(kind) autocomplete=(autocomplete) value=(value)
            required[name != "code"] maxlength="256" autocapitalize="none" spellcheck="false";
    }
}

pub(super) fn see_other(to: &str) -> Response {
    Redirect::to(to).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_sign_in_nobody_is_led_outside() {
        let check = |next, expect| assert_eq!(inside(next), expect, "{next}");
        check(
            "/console/messages?state=failed",
            "/console/messages?state=failed",
        );
        for next in [
            "",
            "https://evil.example/",
            "//evil.example/console/",
            "/console/../api",
            "/console/\\evil.example",
            "/console/\r\nx: y",
        ] {
            check(next, HOME);
        }
    }
}
