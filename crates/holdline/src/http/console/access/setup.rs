//! The first owner: made by whoever holds the one-time link that the first start prints.

use super::password;
use super::session::{self, Denied, From};
use super::sign_in::field;
use super::users::{name_fault, new_user};
use crate::http::console::layout;
use crate::http::state::AppState;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use holdline_engine::ports::Op;
use holdline_engine::ports::records::Role;
use maud::html;
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Link {
    #[serde(default)]
    token: String,
}

#[derive(Deserialize)]
pub(super) struct Given {
    token: String,
    name: String,
    password: String,
}

pub(super) async fn page(State(state): State<AppState>, Query(link): Query<Link>) -> Response {
    let is_it = state.console.is_setup(&link.token) && nobody(&state).await;
    match is_it {
        true => shown(&state, StatusCode::OK, &link.token, "", None),
        false => used(&state),
    }
}

pub(super) async fn make(
    State(state): State<AppState>,
    from: From,
    Form(given): Form<Given>,
) -> Response {
    if !state.console.is_setup(&given.token) || !nobody(&state).await {
        return used(&state);
    }
    let name = given.name.trim().to_lowercase();
    let fault = name_fault(&name).or_else(|| password::fault(&given.password, &name));
    if let Some(fault) = fault {
        let code = StatusCode::UNPROCESSABLE_ENTITY;
        return shown(&state, code, &given.token, &name, Some(fault));
    }
    let Ok(hash) = password::hash(&state.console, given.password).await else {
        let fault = "The server is busy. Try again.".to_owned();
        let code = StatusCode::SERVICE_UNAVAILABLE;
        return shown(&state, code, &given.token, &name, Some(fault));
    };
    // Of two who come at one time with the link, one is first.
    if !state.console.take_setup(&given.token) {
        return used(&state);
    }
    let user = new_user(&state, name, Role::Owner, hash);
    let made = async {
        let (mut ops, cookie) = session::begin(&state, &user, &from).await?;
        let actor = format!("console/{}", user.name);
        let what = ("user.set_up", user.name.as_str());
        ops.push(session::audit(&state, &actor, what, ("", "")));
        ops.push(Op::User(user));
        let kept = state.engine.commit(ops).await?;
        Ok(kept.is_ok().then_some(cookie))
    };
    match made.await {
        Ok(Some(cookie)) => session::go_on("/console/", cookie),
        // Somebody else was first, by the link of another server.
        Ok(None) => used(&state),
        Err(error) => {
            state.console.open_setup(&given.token);
            Denied::Store(error).answer(&state)
        }
    }
}

/// Nobody may sign in yet, as far as the store says.
async fn nobody(state: &AppState) -> bool {
    let users = state.engine.store().users().await;
    users.is_ok_and(|users| users.is_empty())
}

fn used(state: &AppState) -> Response {
    let content = html! {
        div.card.narrow {
            p {
                "This link has been used, or it is of an earlier start of the server. While nobody "
                "can sign in, each start prints a new one."
            }
            p { a href="/console/sign-in" { "Sign in" } }
        }
    };
    layout::plain(
        state,
        StatusCode::GONE,
        "The link is not good any more",
        &content,
    )
}

fn shown(
    state: &AppState,
    code: StatusCode,
    token: &str,
    name: &str,
    fault: Option<String>,
) -> Response {
    let content = html! {
        form.card.narrow method="post" action="/console/setup" {
            p { "You are the first: you will be an owner, and can add others." }
            @if let Some(fault) = &fault { (layout::fault(fault)) }
            input type="hidden" name="token" value=(token);
            (field("name", "Name", "text", "username", name))
            (field("password", "Password, 12 characters or more", "password", "new-password", ""))
            button.primary type="submit" { "Make me an owner" }
        }
    };
    layout::plain(state, code, "Set up the console", &content)
}
