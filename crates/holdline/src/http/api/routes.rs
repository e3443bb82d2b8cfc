//! `GET /routes`, `/outages`, `/templates`: what messages can leave by, when it could not be used,
//! and which templates there are.

use super::input::{Caller, Params};
use super::problem::{Answer, Errors, FieldFault, Problem, ProblemBody};
use super::values::rfc3339;
use crate::http::state::AppState;
use axum::Json;
use axum::extract::{RawQuery, State};
use holdline_engine::ports::records::{OutageRecord, TemplateRecord};
use holdline_engine::request::RouteStatus;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// All routes.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct RouteList {
    pub(crate) data: Vec<RouteView>,
}

/// A route: a sender on a channel, towards one class of destinations.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct RouteView {
    pub(crate) name: String,
    pub(crate) channel: String,
    pub(crate) sender: String,
    /// `up`, `suspect`, `degraded`, `down`, `recovering`; `account_fault` and `self_impaired` are
    /// no outages.
    pub(crate) health: String,
    pub(crate) since: String,
    /// Why it is in this state.
    pub(crate) reason: String,
    /// Messages that would leave by it.
    pub(crate) waiting: usize,
    pub(crate) in_flight: u32,
    pub(crate) oldest_waiting_at: Option<String>,
}

/// Outages, the newest first.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct OutageList {
    pub(crate) data: Vec<OutageView>,
}

/// A time during which a route was down.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct OutageView {
    pub(crate) id: String,
    pub(crate) route: String,
    /// When the trouble began, as far as the evidence tells.
    pub(crate) onset: Option<String>,
    pub(crate) opened_at: String,
    /// Empty while it lasts.
    pub(crate) recovered_at: Option<String>,
    pub(crate) reason: String,
    /// Messages that left the route because of it.
    pub(crate) moved: u64,
}

/// The synced templates.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct TemplateList {
    pub(crate) data: Vec<TemplateView>,
}

/// A template as it was last synced.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct TemplateView {
    pub(crate) waba: String,
    pub(crate) name: String,
    pub(crate) language: String,
    pub(crate) status: String,
    pub(crate) category: String,
    pub(crate) synced_at: String,
}

/// List routes with their health.
#[utoipa::path(
    get, path = "/routes", tag = "Routes",
    responses((status = 200, description = "All routes", body = RouteList), Errors)
)]
pub(crate) async fn routes(
    State(state): State<AppState>,
    _caller: Caller,
    RawQuery(query): RawQuery,
) -> Answer<Json<RouteList>> {
    Params::read(query.as_deref(), &[])?;
    Ok(Json(RouteList {
        data: state.engine.routes().into_iter().map(route).collect(),
    }))
}

/// List outages, the newest first.
#[utoipa::path(
    get, path = "/outages", tag = "Routes",
    params(("limit" = Option<usize>, Query, description = "Most outages, 1 to 500; usually 50")),
    responses(
        (status = 200, description = "Outages", body = OutageList),
        (status = 422, description = "Faulty parameters", body = ProblemBody,
            content_type = "application/problem+json"),
        Errors,
    )
)]
pub(crate) async fn outages(
    State(state): State<AppState>,
    _caller: Caller,
    RawQuery(query): RawQuery,
) -> Answer<Json<OutageList>> {
    let limit = Params::read(query.as_deref(), &["limit"])?.limit()?;
    let found = state.engine.store().outages(limit).await?;
    Ok(Json(OutageList {
        data: found.into_iter().map(outage).collect(),
    }))
}

/// List templates as they were last synced.
#[utoipa::path(
    get, path = "/templates", tag = "Routes",
    params(("sender" = Option<String>, Query, description = "Only those of this sender")),
    responses(
        (status = 200, description = "Templates", body = TemplateList),
        (status = 422, description = "Faulty parameters", body = ProblemBody,
            content_type = "application/problem+json"),
        Errors,
    )
)]
pub(crate) async fn templates(
    State(state): State<AppState>,
    Caller(caller): Caller,
    RawQuery(query): RawQuery,
) -> Answer<Json<TemplateList>> {
    let params = Params::read(query.as_deref(), &["sender"])?;
    let wanted = params.get("sender");
    let senders = state.config.whatsapp_senders.iter().filter(|sender| {
        caller.may_use(&state.config, sender)
            && wanted.is_none_or(|wanted| sender.phone_number_id == wanted)
    });
    let mut wabas: Vec<&str> = senders.map(|sender| sender.waba_id.as_str()).collect();
    wabas.sort_unstable();
    wabas.dedup();
    if wanted.is_some() && wabas.is_empty() {
        let fix = "name a phone-number id that the token reaches";
        return Err(Problem::invalid(vec![FieldFault::new(
            "sender",
            "is not known",
            fix,
        )]));
    }
    let mut data = Vec::new();
    for waba in wabas {
        let found = state.engine.store().templates(waba).await?;
        data.extend(found.into_iter().map(template));
    }
    Ok(Json(TemplateList { data }))
}

fn route(status: RouteStatus) -> RouteView {
    RouteView {
        name: status.name,
        channel: status.channel.to_string(),
        sender: status.sender,
        health: status.health.name().to_owned(),
        since: rfc3339(status.since),
        reason: status.reason,
        waiting: status.waiting,
        in_flight: status.in_flight,
        oldest_waiting_at: status.oldest_waiting_at.map(rfc3339),
    }
}

fn outage(record: OutageRecord) -> OutageView {
    OutageView {
        id: record.id.hex(),
        route: record.route,
        onset: record.onset.map(rfc3339),
        opened_at: rfc3339(record.opened_at),
        recovered_at: record.recovered_at.map(rfc3339),
        reason: record.reason,
        moved: record.moved,
    }
}

fn template(record: TemplateRecord) -> TemplateView {
    TemplateView {
        waba: record.waba,
        name: record.name,
        language: record.language,
        status: record.status,
        category: record.category,
        synced_at: rfc3339(record.synced_at),
    }
}
