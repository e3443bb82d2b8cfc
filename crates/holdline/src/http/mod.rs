//! Everything that is served over HTTP, by path: providers' webhooks, files, our own API and, for
//! all other paths, the Cloud API as apps know it.

pub(crate) mod api;
pub(crate) mod auth;
pub(crate) mod body;
pub(crate) mod cloud_api;
pub(crate) mod console;
mod feature;
mod hooks;
mod media_link;
pub(crate) mod ops;
mod priority;
pub(crate) mod state;

use axum::Router;
use axum::routing::{any, get};
use state::AppState;
use std::time::Duration;

pub(crate) fn router(state: AppState) -> Router {
    let request_time_max = Duration::from_millis(state.config.http.request_timeout_ms);
    let served = Router::new()
        .route("/hooks/{channel}", any(hooks::handle))
        .route("/media/f/{id}", get(media_link::for_app))
        .route("/media/l/{id}", get(media_link::for_person))
        .nest("/api/v1", api::router(request_time_max))
        .merge(ops::router());
    let served = match state.config.console.enabled {
        true => served
            .route("/console", any(console::to_root))
            .nest("/console/", console::router(&state)),
        false => served,
    };
    served.fallback(cloud_api::handle).with_state(state)
}
