//! `/console/`: pages for people, made here on the server. Readable without JavaScript; with it
//! they follow what happens. Holds the routes and what all answers have in common.

mod access;
mod assets;
mod banner;
mod contacts;
mod guard;
mod layout;
mod live;
mod messages;
mod outages;
mod overview;
mod said;
mod sandbox;
mod settings;
mod standing;
mod state;
mod time;

pub(crate) use live::Hub;
pub(crate) use state::Console;

use crate::http::state::AppState;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use holdline_core::Redacted;
use holdline_engine::ports::StoreError;
use std::time::Duration;
use tower_http::compression::CompressionLayer;

/// To be nested at `/console/`. What streams takes its time; every other page ends within that of
/// the API.
pub(crate) fn router(state: &AppState) -> Router<AppState> {
    let import = get(contacts::import_page)
        .post(contacts::begin)
        .layer(DefaultBodyLimit::max(contacts::FORM_BYTES_MAX));
    let timed = Router::new()
        .route("/", get(overview::page))
        .route("/banner", get(banner::part))
        .route("/static/{name}", get(assets::serve))
        .route("/messages", get(messages::list))
        .route("/messages/{id}", get(messages::one))
        .route("/messages/{id}/act", post(messages::act))
        .route("/outages", get(outages::list))
        .route("/outages/hold", post(outages::hold))
        .route("/outages/release", post(outages::release))
        .route("/outages/{id}", get(outages::one))
        .route("/contacts", get(contacts::list))
        .route("/contacts/import/{id}", get(contacts::progress))
        .route("/contacts/import/{id}/bad.csv", get(contacts::bad_lines))
        .route("/contacts/{id}", get(contacts::one))
        .route("/settings", get(settings::page))
        .route("/settings/test", post(settings::test))
        .route("/settings/webhooks/{id}", get(settings::webhook))
        .route("/settings/webhooks/{id}/replay", post(settings::replay))
        .route("/audit", get(settings::audit_page))
        .route("/sandbox", get(sandbox::page))
        .route("/sandbox/break", post(sandbox::break_it))
        .route("/sandbox/mend", post(sandbox::mend))
        .merge(access::router())
        .fallback(guard::unknown_page);
    let time_max = Duration::from_millis(state.config.http.request_timeout_ms);
    timed
        .layer(from_fn_with_state(
            (state.clone(), time_max),
            guard::in_time,
        ))
        .route("/live", get(live::stream))
        .route("/contacts/import", import)
        .layer(from_fn_with_state(state.clone(), guard::same_origin))
        .layer(from_fn(guard::headers))
        .layer(CompressionLayer::new())
}

/// What is kept of a password of the console.
pub(crate) fn hash_password(password: &str) -> Option<Redacted<String>> {
    access::hash_now(password)
}

/// While nobody can sign in, whoever holds this link makes the first owner. Each start gives a new
/// one.
pub(crate) async fn open_setup(state: &AppState) -> Result<Option<String>, StoreError> {
    let users = state.engine.store().users().await?;
    if !users.is_empty() || !state.config.console.enabled {
        return Ok(None);
    }
    let token = access::new_token()?;
    state.console.open_setup(&token);
    let base = &state.public_base;
    Ok(Some(format!("{base}/console/setup?token={token}")))
}

/// `/console` without its slash.
pub(crate) async fn to_root(_: Request) -> Response {
    Redirect::permanent("/console/").into_response()
}

/// The address of a page with those of its parameters that say something.
fn with_query(path: &str, given: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(given.iter().filter(|(_, value)| !value.is_empty()));
    let query = query.finish();
    match query.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{query}"),
    }
}

/// Characters of a reason that are not spaces at its ends.
const REASON_CHARS_MIN: usize = 3;
const REASON_CHARS_MAX: usize = 500;

/// Why a reason is none.
fn reason_fault(reason: &str) -> Option<&'static str> {
    let chars = reason.trim().chars().count();
    let fits = (REASON_CHARS_MIN..=REASON_CHARS_MAX).contains(&chars);
    (!fits).then_some("Say in a few words why, for whoever reads it later.")
}
