//! One's own account: password, code, and the browsers that are signed in.

use super::password;
use super::session::{self, Denied, Signed};
use super::sign_in::{field, see_other};
use super::totp;
use crate::http::console::layout::{self, Nav};
use crate::http::console::time;
use crate::http::state::AppState;
use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use fast_qr::QRBuilder;
use fast_qr::convert::Builder as _;
use fast_qr::convert::svg::SvgBuilder;
use holdline_core::Redacted;
use holdline_engine::ports::records::{SessionRecord, UserRecord};
use holdline_engine::ports::{Op, StoreError};
use maud::{Markup, PreEscaped, html};
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct NewPassword {
    old: String,
    new: String,
}

#[derive(Deserialize)]
pub(super) struct NewCode {
    #[serde(default)]
    what: String,
    #[serde(default)]
    secret: String,
    #[serde(default)]
    code: String,
    password: String,
}

#[derive(Deserialize)]
pub(super) struct Ended {
    session: String,
}

pub(super) async fn page(State(state): State<AppState>, signed: Signed) -> Response {
    shown(&state, &signed, StatusCode::OK, None).await
}

pub(super) async fn change_password(
    State(state): State<AppState>,
    signed: Signed,
    Form(given): Form<NewPassword>,
) -> Response {
    if let Some(fault) = password::fault(&given.new, &signed.name) {
        return refused(&state, &signed, fault).await;
    }
    let user = match confirmed(&state, &signed, given.old).await {
        Ok(user) => user,
        Err(answer) => return answer,
    };
    let Ok(hash) = password::hash(&state.console, given.new).await else {
        return refused(&state, &signed, "The server is busy. Try again.".into()).await;
    };
    let user = UserRecord {
        password: hash,
        ..next(user)
    };
    // Whoever knew the old one is out, but for this browser.
    let others = match others_of(&state, &signed).await {
        Ok(others) => others,
        Err(error) => return Denied::Store(error).answer(&state),
    };
    let mut ops: Vec<Op> = others.iter().map(|it| Op::SessionEnd(it.hash)).collect();
    ops.push(Op::User(user));
    save(&state, &signed, "user.own_password", ops).await
}

pub(super) async fn set_code(
    State(state): State<AppState>,
    signed: Signed,
    Form(given): Form<NewCode>,
) -> Response {
    let user = match confirmed(&state, &signed, given.password).await {
        Ok(user) => user,
        Err(answer) => return answer,
    };
    if given.what == "off" {
        let user = UserRecord {
            totp: None,
            ..next(user)
        };
        return save(&state, &signed, "user.own_code_off", vec![Op::User(user)]).await;
    }
    if user.totp.is_some() || !totp::is_secret(&given.secret) {
        let fault = "Nothing was changed: a code is set up already, or the key is none.";
        return refused(&state, &signed, fault.into()).await;
    }
    let now = state.engine.now();
    let Some(step) = totp::step_of(&given.secret, &given.code, user.totp_step, now) else {
        let fault = "The code does not fit: check the clock of your phone, and scan again.";
        return refused(&state, &signed, fault.into()).await;
    };
    let user = UserRecord {
        totp: Some(Redacted::new(given.secret)),
        totp_step: step,
        ..next(user)
    };
    save(&state, &signed, "user.own_code_on", vec![Op::User(user)]).await
}

pub(super) async fn end_session(
    State(state): State<AppState>,
    signed: Signed,
    Form(given): Form<Ended>,
) -> Response {
    let others = match others_of(&state, &signed).await {
        Ok(others) => others,
        Err(error) => return Denied::Store(error).answer(&state),
    };
    let chosen = others.iter();
    let chosen = chosen.filter(|it| given.session == "others" || id_of(it) == given.session);
    let ops = chosen.map(|it| Op::SessionEnd(it.hash)).collect();
    save(&state, &signed, "session.end", ops).await
}

/// The person, when the password is theirs. A wrong one counts as a failed sign-in.
async fn confirmed(
    state: &AppState,
    signed: &Signed,
    word: String,
) -> Result<UserRecord, Response> {
    let users = state.engine.store().users().await;
    let users = users.map_err(|error| Denied::Store(error).answer(state))?;
    let user = users.into_iter().find(|it| it.name == signed.name);
    let hash = user.as_ref().map(|it| it.password.clone());
    let address = signed.session.address.parse();
    let address = address.unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into());
    let (throttle, now) = (&state.console.throttle, state.engine.now());
    if let Err(seconds) = throttle.try_now(&signed.name, address, now) {
        let fault = format!("Too many tries. Wait {seconds} s before the next.");
        return Err(refused(state, signed, fault).await);
    }
    let Ok(right) = password::is_right(&state.console, word, hash).await else {
        throttle.forgive(&signed.name, address, false);
        return Err(refused(state, signed, "The server is busy. Try again.".into()).await);
    };
    let Some(user) = user.filter(|_| right) else {
        let fault = "Your present password is not right.".into();
        return Err(refused(state, signed, fault).await);
    };
    throttle.forgive(&signed.name, address, true);
    Ok(user)
}

fn next(user: UserRecord) -> UserRecord {
    UserRecord {
        version: user.version + 1,
        ..user
    }
}

async fn others_of(state: &AppState, signed: &Signed) -> Result<Vec<SessionRecord>, StoreError> {
    let mut sessions = state.engine.store().sessions().await?;
    sessions.retain(|it| it.user == signed.name && it.hash != signed.session.hash);
    Ok(sessions)
}

async fn save(state: &AppState, signed: &Signed, action: &str, mut ops: Vec<Op>) -> Response {
    let what = (action, signed.name.as_str());
    ops.push(session::audit(state, &signed.actor(), what, ("", "")));
    match state.engine.commit(ops).await {
        Ok(Ok(())) => see_other("/console/account"),
        Ok(Err(_)) => {
            let fault = "Your account was changed elsewhere meanwhile: look, and do it again.";
            refused(state, signed, fault.into()).await
        }
        Err(error) => Denied::Store(error).answer(state),
    }
}

async fn refused(state: &AppState, signed: &Signed, fault: String) -> Response {
    let code = StatusCode::UNPROCESSABLE_ENTITY;
    shown(state, signed, code, Some(fault)).await
}

async fn shown(
    state: &AppState,
    signed: &Signed,
    code: StatusCode,
    fault: Option<String>,
) -> Response {
    let read = async {
        let users = state.engine.store().users().await?;
        Ok((users, others_of(state, signed).await?))
    };
    let (users, others) = match read.await {
        Ok(read) => read,
        Err(error) => return Denied::Store(error).answer(state),
    };
    let has_code = users
        .iter()
        .any(|it| it.name == signed.name && it.totp.is_some());
    let content = html! {
        h1 { "Your account" }
        p.quiet { (signed.name) ", " (signed.role.name()) }
        @if let Some(fault) = &fault { (layout::fault(fault)) }
        h2 { "Password" }
        form.card.narrow method="post" action="/console/account/password" {
            (field("old", "Present password", "password", "current-password", ""))
            (field("new", "New password, 12 characters or more", "password", "new-password", ""))
            button type="submit" { "Change" }
            p.quiet { "Other browsers are signed out." }
        }
        h2 { "Code from your phone" }
        (code_form(signed, has_code))
        h2 { "Where you are signed in" }
        (sessions(signed, &others))
    };
    let page = layout::page(state, signed, Nav::Account, "Your account", &content).await;
    (code, page).into_response()
}

fn code_form(signed: &Signed, has_code: bool) -> Markup {
    let present = html! {
        label for="present" { "Present password" }
        input id="present" name="password" type="password" autocomplete="current-password"
            required maxlength="256";
    };
    if has_code {
        return html! {
            form.card.narrow method="post" action="/console/account/code" {
                p { "A code is asked for when you sign in." }
                input type="hidden" name="what" value="off";
                (present)
                button type="submit" { "Ask for no code any more" }
            }
        };
    }
    let Some(secret) = totp::new_secret() else {
        return html! { p { "The system gives no random numbers now; reload the page." } };
    };
    let picture = picture(&totp::uri(&secret, &signed.name));
    html! {
        form.card.narrow method="post" action="/console/account/code" {
            p { "Scan this with an authenticator, then type the code that it shows." }
            @if let Some(picture) = picture { div.qr role="img" aria-label="QR code" { (picture) } }
            p { "Or type this key: " code { (secret) } }
            input type="hidden" name="secret" value=(secret);
            label for="code" { "Code" }
            input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" required
                maxlength="10";
            (present)
            button type="submit" { "Set up" }
        }
    }
}

fn picture(text: &str) -> Option<Markup> {
    let code = QRBuilder::new(text).build().ok()?;
    Some(PreEscaped(SvgBuilder::default().margin(2).to_str(&code)))
}

fn sessions(signed: &Signed, others: &[SessionRecord]) -> Markup {
    let row = |session: &SessionRecord, own: bool| {
        html! {
            tr {
                td { (session.agent) }
                td { (session.address) }
                td { (time::instant(session.seen_at)) }
                td {
                    @if own { "this browser" } @else {
                        form.line method="post" action="/console/account/sessions/end" {
                            input type="hidden" name="session" value=(id_of(session));
                            button type="submit" { "Sign out" }
                        }
                    }
                }
            }
        }
    };
    html! {
        table {
            (layout::head(&["Browser", "From", "Last used", "Sign out"]))
            tbody {
                (row(&signed.session, true))
                @for session in others { (row(session, false)) }
            }
        }
        @if !others.is_empty() {
            form.line method="post" action="/console/account/sessions/end" {
                input type="hidden" name="session" value="others";
                button type="submit" { "Sign out everywhere else" }
            }
        }
    }
}

/// Names a session without giving its hash away.
fn id_of(session: &SessionRecord) -> String {
    session.hash[..8]
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect()
}
