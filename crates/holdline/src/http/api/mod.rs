//! Our own API, `/api/v1`: messages, contacts, routes, webhook endpoints. Each operation is a file
//! or shares one with its kin; every error is a [`problem`].

pub(crate) mod check;
pub(crate) mod contacts;
pub(crate) mod docs;
pub(crate) mod feeds;
pub(crate) mod input;
pub(crate) mod kind;
pub(crate) mod messages;
pub(crate) mod problem;
pub(crate) mod routes;
pub(crate) mod values;
pub(crate) mod webhooks;

use super::state::AppState;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse as _;
use axum::routing::{delete, get, post};
use contacts::{import, list, one};
use messages::{preview, read, send};
use problem::{Kind, Problem};
use routes::{audit, holds, outages, templates};
use std::time::Duration;
use tokio::time::timeout;

/// Seconds after which a call that took too long may come again.
const TIMEOUT_RETRY_S: u32 = 5;

/// The API, to be nested at `/api/v1`. Paths and methods that it does not know get a problem too.
/// A long list takes as long as it takes; every other call has `time_max`.
pub(crate) fn router(time_max: Duration) -> Router<AppState> {
    let timed = Router::new()
        .route("/messages", post(send::send).get(read::list))
        .route("/messages/preview", post(preview::preview))
        .route("/messages/{id}", get(read::get))
        .route("/messages/{id}/cancel", post(send::cancel))
        .route("/contacts", post(one::create).get(list::list))
        .route(
            "/contacts/{id}",
            get(one::get).put(one::replace).patch(one::change),
        )
        .route("/routes", get(routes::routes))
        .route("/routes/hold", post(holds::hold))
        .route("/routes/release", post(holds::release))
        .route("/outages", get(outages::list))
        .route("/outages/{id}", get(outages::get))
        .route("/audit", get(audit::audit))
        .route("/feeds", get(feeds::feeds))
        .route("/templates", get(templates::templates))
        .route("/webhooks", post(webhooks::create).get(webhooks::list))
        .route("/webhooks/{id}", delete(webhooks::delete))
        .route("/openapi.json", get(docs::openapi))
        .route("/docs", get(docs::page));
    within(time_max, timed)
        .route("/contacts/import", post(import::import))
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
}

/// Calls of the paths that are there so far end in time.
fn within<S>(time_max: Duration, paths: Router<S>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    paths.route_layer(from_fn(move |request: Request, next: Next| async move {
        let answered = timeout(time_max, next.run(request)).await;
        answered.unwrap_or_else(|_| too_late().into_response())
    }))
}

fn too_late() -> Problem {
    let detail = "it took too long; a repeat with the same Idempotency-Key does nothing twice";
    Problem::retry(Kind::Unavailable, detail, TIMEOUT_RETRY_S)
}

async fn unknown_path() -> Problem {
    let detail = "there is no such path; see /api/v1/docs";
    Problem::new(Kind::NotFound, detail)
}

async fn unknown_method() -> Problem {
    let detail = "this path does not take that method; see /api/v1/docs";
    Problem::new(Kind::MethodNotAllowed, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::{StatusCode, header};
    use tower::ServiceExt as _;

    #[tokio::test]
    async fn a_call_that_hangs_ends_with_503_and_others_are_let_be() {
        let paths = Router::new()
            .route("/slow", get(std::future::pending::<()>))
            .route("/quick", get(async || "done"));
        let router = within(Duration::from_millis(20), paths).with_state(());
        let call = |path: &str| {
            let request = Request::get(path).body(Body::empty()).unwrap();
            router.clone().oneshot(request)
        };
        let slow = call("/slow").await.unwrap();
        assert_eq!(slow.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(slow.headers()[header::RETRY_AFTER], "5");
        assert_eq!(call("/quick").await.unwrap().status(), StatusCode::OK);
    }
}
