//! Our own API, `/api/v1`: messages, contacts, routes, webhook endpoints. Each operation is a file
//! or shares one with its kin; every error is a [`problem`].

pub(crate) mod check;
pub(crate) mod contacts;
pub(crate) mod docs;
pub(crate) mod input;
pub(crate) mod kind;
pub(crate) mod messages;
pub(crate) mod problem;
pub(crate) mod routes;
pub(crate) mod values;
pub(crate) mod webhooks;

use super::state::AppState;
use axum::Router;
use axum::routing::{delete, get, post};
use contacts::{import, list, one};
use messages::{preview, read, send};
use problem::{Kind, Problem};

/// The API, to be nested at `/api/v1`. Paths and methods that it does not know get a problem too.
pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/messages", post(send::send).get(read::list))
        .route("/messages/preview", post(preview::preview))
        .route("/messages/{id}", get(read::get))
        .route("/messages/{id}/cancel", post(send::cancel))
        .route("/contacts", post(one::create).get(list::list))
        .route("/contacts/import", post(import::import))
        .route(
            "/contacts/{id}",
            get(one::get).put(one::replace).patch(one::change),
        )
        .route("/routes", get(routes::routes))
        .route("/outages", get(routes::outages))
        .route("/templates", get(routes::templates))
        .route("/webhooks", post(webhooks::create).get(webhooks::list))
        .route("/webhooks/{id}", delete(webhooks::delete))
        .route("/openapi.json", get(docs::openapi))
        .route("/docs", get(docs::page))
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
}

async fn unknown_path() -> Problem {
    let detail = "there is no such path; see /api/v1/docs";
    Problem::new(Kind::NotFound, detail)
}

async fn unknown_method() -> Problem {
    let detail = "this path does not take that method; see /api/v1/docs";
    Problem::new(Kind::MethodNotAllowed, detail)
}
