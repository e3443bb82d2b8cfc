//! `POST|GET /webhooks`, `DELETE /webhooks/{id}`: where our own events go, in the Standard Webhooks
//! form. An endpoint's secret is told once, when it is made.

use super::check::propose;
use super::input::{Caller, parse, read_body};
use super::problem::{Answer, Errors, FieldFault, Kind, Problem, ProblemBody};
use super::values::rfc3339;
use crate::http::auth;
use crate::http::state::AppState;
use crate::render::standard::{EVENT_TYPES, new_secret};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use holdline_engine::ports::records::EndpointForm;
use holdline_engine::ports::records::EndpointRecord;
use holdline_engine::ports::{Op, StoreError};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

/// Most endpoints of one app.
const ENDPOINTS_MAX: usize = 20;

/// An endpoint to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookWrite {
    /// An http or https address that answers 2xx within ten seconds.
    #[schema(
        example = "https://app.example.com/holdline",
        min_length = 1,
        max_length = 2048
    )]
    pub(crate) url: String,
    /// Event types it wants. Left out: all.
    #[schema(max_items = 16)]
    pub(crate) events: Option<Vec<String>>,
}

/// An endpoint.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct WebhookView {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) events: Vec<String>,
    pub(crate) created_at: String,
}

/// A new endpoint, with its secret.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct WebhookMade {
    #[serde(flatten)]
    pub(crate) webhook: WebhookView,
    /// Proves that an event comes from here. Told only now: keep it.
    pub(crate) secret: String,
}

/// The endpoints of the caller's app.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct WebhookList {
    pub(crate) data: Vec<WebhookView>,
}

/// Make an endpoint for events.
///
/// Events come as POST in the Standard Webhooks form, signed with the secret of the answer. An
/// event that is not taken with 2xx comes again, for seven days.
#[utoipa::path(
    post, path = "/webhooks", tag = "Webhooks", request_body = WebhookWrite,
    responses(
        (status = 201, description = "The endpoint with its secret", body = WebhookMade),
        (status = 422, description = "Faulty fields", body = ProblemBody,
            content_type = "application/problem+json"),
        Errors,
    )
)]
pub(crate) async fn create(
    State(state): State<AppState>,
    Caller(caller): Caller,
    body: Body,
) -> Answer<Response> {
    let written: WebhookWrite = parse(&read_body(&state, body).await?)?;
    let url = target(&written.url)?;
    let events = events(written.events.unwrap_or_default())?;
    let scope = scope(&caller)?;
    if of_app(&state, &caller.app).await?.len() >= ENDPOINTS_MAX {
        let fix = "delete one that is not needed";
        return Err(invalid("/url", "would be one endpoint too many", fix));
    }
    let secret = new_secret().map_err(|why| Problem::from(StoreError::Unavailable(why)))?;
    let endpoint = EndpointRecord {
        id: format!("wh_{:032x}", state.engine.new_id()),
        app: caller.app,
        form: EndpointForm::Standard,
        url,
        secret: secret.clone().into(),
        verify_token: None,
        scope,
        fields: events,
        created_at: state.engine.now(),
    };
    let made = WebhookMade {
        webhook: view(&endpoint),
        secret,
    };
    write(&state, Op::Endpoint(endpoint)).await?;
    let location = [(
        header::LOCATION,
        format!("/api/v1/webhooks/{}", made.webhook.id),
    )];
    Ok((StatusCode::CREATED, location, Json(made)).into_response())
}

/// List the endpoints for events.
#[utoipa::path(
    get, path = "/webhooks", tag = "Webhooks",
    responses((status = 200, description = "The endpoints of your app", body = WebhookList), Errors)
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    Caller(caller): Caller,
) -> Answer<Json<WebhookList>> {
    let data = own(&state, &caller).await?.iter().map(view).collect();
    Ok(Json(WebhookList { data }))
}

/// Delete an endpoint. Events that wait for it are dropped.
#[utoipa::path(
    delete, path = "/webhooks/{id}", tag = "Webhooks",
    params(("id" = String, Path, description = "Id of the endpoint")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "No such endpoint", body = ProblemBody,
            content_type = "application/problem+json"),
        Errors,
    )
)]
pub(crate) async fn delete(
    State(state): State<AppState>,
    Caller(caller): Caller,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    let own = own(&state, &caller).await?;
    if !own.iter().any(|endpoint| endpoint.id == id) {
        return Err(Problem::not_found("webhook endpoint"));
    }
    write(&state, Op::EndpointDelete(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A token for one sender gets the events of this sender; one for all, those of its app.
fn scope(caller: &auth::Caller) -> Answer<String> {
    match caller.token_senders() {
        [] => Ok("app".to_owned()),
        [only] => Ok(phone_scope(only)),
        [_, _, ..] => Err(Problem::new(
            Kind::Forbidden,
            "the token is limited to several senders, an endpoint is for one sender or for the \
             whole app: use a token of one sender, or one without a limit",
        )),
    }
}

fn phone_scope(sender: &str) -> String {
    format!("phone:{sender}")
}

/// The endpoints that the caller may see and delete.
async fn own(state: &AppState, caller: &auth::Caller) -> Answer<Vec<EndpointRecord>> {
    let mut all = of_app(state, &caller.app).await?;
    let senders = caller.token_senders();
    all.retain(|endpoint| {
        let mut scopes = senders.iter().map(|sender| phone_scope(sender));
        senders.is_empty() || scopes.any(|scope| scope == endpoint.scope)
    });
    Ok(all)
}

async fn of_app(state: &AppState, app: &str) -> Answer<Vec<EndpointRecord>> {
    let mut all = state.engine.store().endpoints().await?;
    all.retain(|endpoint| endpoint.app == app && endpoint.form == EndpointForm::Standard);
    Ok(all)
}

async fn write(state: &AppState, op: Op) -> Answer<()> {
    // Endpoints conflict with nothing.
    let _ = state.engine.commit(vec![op]).await?;
    state.engine.reload_endpoints().await?;
    Ok(())
}

fn target(text: &str) -> Answer<String> {
    let url = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
    });
    match url {
        Some(url) => Ok(url.into()),
        None => {
            let fix = "give an absolute http or https address without a user name";
            Err(invalid("/url", "cannot be posted to", fix))
        }
    }
}

fn events(mut wanted: Vec<String>) -> Answer<Vec<String>> {
    let unknown = (0..)
        .zip(&wanted)
        .filter(|(_, name)| !EVENT_TYPES.contains(&name.as_str()));
    let faults: Vec<FieldFault> = unknown
        .map(|(ix, name): (usize, _)| {
            let fix = propose(name, EVENT_TYPES.into_iter());
            FieldFault::new(format!("/events/{ix}"), "is no event type", fix)
        })
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    if faults.is_empty() {
        Ok(wanted)
    } else {
        Err(Problem::invalid(faults))
    }
}

fn view(endpoint: &EndpointRecord) -> WebhookView {
    WebhookView {
        id: endpoint.id.clone(),
        url: endpoint.url.clone(),
        events: endpoint.fields.clone(),
        created_at: rfc3339(endpoint.created_at),
    }
}

fn invalid(field: &str, message: &str, fix: &str) -> Problem {
    Problem::invalid(vec![FieldFault::new(field, message, fix)])
}
