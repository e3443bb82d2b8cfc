//! The people who may sign in: an owner adds them, changes roles, gives new passwords, shuts out.
//! Some owner always stays.

use super::password;
use super::session::{self, Act, Denied, Signed};
use super::sign_in::{field, see_other};
use crate::http::console::layout::{self, Nav};
use crate::http::console::time;
use crate::http::state::AppState;
use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use holdline_core::Redacted;
use holdline_engine::ports::records::{Role, UserRecord};
use holdline_engine::ports::{Op, StoreError};
use maud::{Markup, html};
use serde::Deserialize;

/// People who may sign in.
const USERS_MAX: usize = 500;
const NAME_CHARS: std::ops::RangeInclusive<usize> = 2..=64;

#[derive(Deserialize)]
pub(super) struct NewUser {
    name: String,
    password: String,
    role: String,
}

#[derive(Deserialize)]
pub(super) struct Change {
    name: String,
    what: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    password: String,
}

pub(super) fn new_user(
    state: &AppState,
    name: String,
    role: Role,
    password: Redacted<String>,
) -> UserRecord {
    UserRecord {
        name,
        role,
        password,
        totp: None,
        totp_step: 0,
        created_at: state.engine.now(),
        disabled_at: None,
        version: 1,
    }
}

/// Why a name is not taken, in words.
pub(super) fn name_fault(name: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-@".contains(c);
    let fits = NAME_CHARS.contains(&name.len()) && name.chars().all(plain);
    (!fits).then(|| {
        "Give a name of 2 to 64 letters a to z, digits, dots, dashes or @: a mail address will do."
            .into()
    })
}

pub(super) async fn page(State(state): State<AppState>, signed: Signed) -> Response {
    shown(&state, &signed, StatusCode::OK, None).await
}

pub(super) async fn add(
    State(state): State<AppState>,
    signed: Signed,
    Form(given): Form<NewUser>,
) -> Response {
    if let Err(denied) = signed.must(Act::Administer) {
        return denied.answer(&state);
    }
    let name = given.name.trim().to_lowercase();
    let users = match state.engine.store().users().await {
        Ok(users) => users,
        Err(error) => return Denied::Store(error).answer(&state),
    };
    let known = users.iter().any(|it| it.name == name);
    let fault = name_fault(&name)
        .or_else(|| known.then(|| "Somebody has this name already.".into()))
        .or_else(|| (users.len() >= USERS_MAX).then(|| "There are too many people.".into()))
        .or_else(|| password::fault(&given.password, &name));
    let role = Role::parse(&given.role);
    let (None, Some(role)) = (&fault, role) else {
        let fault = fault.unwrap_or_else(|| "Choose a role.".into());
        let code = StatusCode::UNPROCESSABLE_ENTITY;
        return shown(&state, &signed, code, Some(fault)).await;
    };
    let Ok(hash) = password::hash(&state.console, given.password).await else {
        let fault = Some("The server is busy. Try again.".into());
        return shown(&state, &signed, StatusCode::SERVICE_UNAVAILABLE, fault).await;
    };
    let what = ("user.add", name.as_str());
    let audit = session::audit(&state, &signed.actor(), what, ("", role.name()));
    let user = new_user(&state, name, role, hash);
    done(&state, &signed, vec![Op::User(user), audit]).await
}

pub(super) async fn change(
    State(state): State<AppState>,
    signed: Signed,
    Form(given): Form<Change>,
) -> Response {
    if let Err(denied) = signed.must(Act::Administer) {
        return denied.answer(&state);
    }
    let _turn = state.console.users.lock().await;
    match changed(&state, &signed, given).await {
        Ok(Ok(ops)) => done(&state, &signed, ops).await,
        Ok(Err(fault)) => {
            let code = StatusCode::UNPROCESSABLE_ENTITY;
            shown(&state, &signed, code, Some(fault)).await
        }
        Err(error) => Denied::Store(error).answer(&state),
    }
}

async fn changed(
    state: &AppState,
    signed: &Signed,
    given: Change,
) -> Result<Result<Vec<Op>, String>, StoreError> {
    let users = state.engine.store().users().await?;
    let Some(user) = users.iter().find(|it| it.name == given.name).cloned() else {
        return Ok(Err("There is nobody of this name.".into()));
    };
    let mut changed = UserRecord {
        version: user.version + 1,
        ..user.clone()
    };
    match given.what.as_str() {
        "role" => match Role::parse(&given.role) {
            Some(role) => changed.role = role,
            None => return Ok(Err("Choose a role.".into())),
        },
        "shut_out" => changed.disabled_at = Some(state.engine.now()),
        "let_in" => changed.disabled_at = None,
        "drop_code" => changed.totp = None,
        "password" => {
            if let Some(fault) = password::fault(&given.password, &user.name) {
                return Ok(Err(fault));
            }
            match password::hash(&state.console, given.password).await {
                Ok(hash) => changed.password = hash,
                Err(_) => return Ok(Err("The server is busy. Try again.".into())),
            }
        }
        _ => return Ok(Err("There is no such change.".into())),
    }
    let others = users.iter().filter(|it| it.name != user.name);
    if !others.chain([&changed]).any(is_owner) {
        return Ok(Err("Some owner must stay: make another one first.".into()));
    }
    let action = format!("user.{}", given.what);
    let what = (action.as_str(), user.name.as_str());
    let audit = session::audit(state, &signed.actor(), what, ("", changed.role.name()));
    let mut ops = vec![Op::User(changed), audit];
    // Who is signed in by what is no longer so has to sign in again.
    if given.what != "let_in" {
        let sessions = state.engine.store().sessions().await?;
        let theirs = sessions.iter().filter(|it| it.user == user.name);
        ops.extend(theirs.map(|it| Op::SessionEnd(it.hash)));
    }
    Ok(Ok(ops))
}

fn is_owner(user: &UserRecord) -> bool {
    user.role == Role::Owner && user.disabled_at.is_none()
}

async fn done(state: &AppState, signed: &Signed, ops: Vec<Op>) -> Response {
    match state.engine.commit(ops).await {
        Ok(Ok(())) => see_other("/console/users"),
        Ok(Err(_)) => {
            let fault = "Somebody else changed this meanwhile: look, and do it again.".into();
            shown(state, signed, StatusCode::CONFLICT, Some(fault)).await
        }
        Err(error) => Denied::Store(error).answer(state),
    }
}

async fn shown(
    state: &AppState,
    signed: &Signed,
    code: StatusCode,
    fault: Option<String>,
) -> Response {
    if let Err(denied) = signed.must(Act::Administer) {
        return denied.answer(state);
    }
    let users = match state.engine.store().users().await {
        Ok(users) => users,
        Err(error) => return Denied::Store(error).answer(state),
    };
    let content = html! {
        h1 { "People" }
        @if let Some(fault) = &fault { (layout::fault(fault)) }
        table {
            caption.quiet { "Who may sign in" }
            (layout::head(&["Name", "Role", "Code", "Since", "Change"]))
            tbody { @for user in &users { (row(user)) } }
        }
        h2 { "Add somebody" }
        form.card.narrow method="post" action="/console/users" {
            (field("name", "Name", "text", "off", ""))
            (field("password", "First password", "password", "new-password", ""))
            (roles(Role::Agent))
            button.primary type="submit" { "Add" }
        }
    };
    let page = layout::page(state, signed, Nav::Settings, "People", &content).await;
    (code, page).into_response()
}

fn row(user: &UserRecord) -> Markup {
    let shut = user.disabled_at.is_some();
    let turn = match shut {
        true => ("let_in", "Let in again"),
        false => ("shut_out", "Shut out"),
    };
    html! {
        tr {
            th scope="row" { (user.name) @if shut { " " span.tag { "shut out" } } }
            td { (user.role.name()) }
            td { @if user.totp.is_some() { "set up" } @else { "none" } }
            td { (time::instant(user.created_at)) }
            td {
                details {
                    summary { "Change" span.hidden { " " (user.name) } }
                    (one_change(user, "role", &roles(user.role), "Set role"))
                    (one_change(user, turn.0, &html! {}, turn.1))
                    @if user.totp.is_some() {
                        (one_change(user, "drop_code", &html! {}, "Ask for no code"))
                    }
                    (one_change(user, "password", &html! {
                        label {
                            "New password"
                            input name="password" type="password" autocomplete="new-password"
                                required maxlength="256";
                        }
                    }, "Set password"))
                }
            }
        }
    }
}

fn one_change(user: &UserRecord, what: &str, fields: &Markup, words: &str) -> Markup {
    html! {
        form.line method="post" action="/console/users/change" {
            input type="hidden" name="name" value=(user.name);
            input type="hidden" name="what" value=(what);
            (fields)
            button type="submit" { (words) }
        }
    }
}

fn roles(now: Role) -> Markup {
    html! {
        label {
            "Role"
            select name="role" {
                @for role in Role::ALL {
                    option value=(role.name()) selected[role == now] { (words_of(role)) }
                }
            }
        }
    }
}

const fn words_of(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner: everything",
        Role::Operator => "operator: messages, routes, contacts",
        Role::Agent => "agent: messages",
        Role::Auditor => "auditor: reads all, changes nothing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["ada", "ada.lovelace@example.com", "a-1"] {
            assert_eq!(name_fault(good), None, "{good}");
        }
        for bad in ["", "a", "Ada", "ada lovelace", "<b>", &"a".repeat(65)] {
            assert!(name_fault(bad).is_some(), "{bad}");
        }
    }
}
