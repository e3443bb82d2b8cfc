//! `GET /routes`: what messages can leave by, how it stands, and why. Outages, what operators say
//! of routes, the audit and templates are files of their own.

pub(crate) mod audit;
pub(crate) mod holds;
pub(crate) mod name;
pub(crate) mod outages;
pub(crate) mod templates;

use super::input::{Caller, Params};
use super::problem::{Answer, Errors};
use super::values::rfc3339;
use crate::http::state::AppState;
use axum::Json;
use axum::extract::{RawQuery, State};
use holdline_core::Timestamp;
use holdline_engine::request::{HoldStatus, RouteStatus, ScopeStatus};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// All routes.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct RouteList {
    pub(crate) data: Vec<RouteView>,
}

/// A sender on a channel, as a whole.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct RouteView {
    /// `channel/sender/all`.
    pub(crate) name: String,
    pub(crate) channel: String,
    pub(crate) sender: String,
    /// `up`, `suspect`, `degraded`, `down`, `recovering`; `account_fault` and `self_impaired` are
    /// no outages.
    pub(crate) health: String,
    /// Empty when nothing has been wrong within the last hour.
    pub(crate) since: Option<String>,
    /// Why it is in this state.
    pub(crate) reason: String,
    /// Messages that wait at it, for whatever reason: of very many the 50,000 of each priority that
    /// stand in memory. Counted twice a second.
    pub(crate) waiting: usize,
    pub(crate) in_flight: u32,
    pub(crate) oldest_waiting_at: Option<String>,
    /// Messages a second that may leave; less than configured while the provider throttles.
    pub(crate) rate_per_s: f64,
    /// What an operator said that bears on it.
    pub(crate) hold: Option<RouteHold>,
    /// Every part of it, or around it, that is not as it should be.
    pub(crate) scopes: Vec<ScopeView>,
}

/// An operator's word, until its time.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct RouteHold {
    pub(crate) scope: String,
    /// `hold`, `up` or `down`.
    pub(crate) kind: String,
    pub(crate) reason: String,
    pub(crate) until: String,
}

/// A scope that is not as it should be: what is affected, since when, and by what evidence.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct ScopeView {
    /// `channel/sender/feature/+country`; `all`, `*` and `waba:ID` leave open.
    pub(crate) name: String,
    /// The scope as people say it.
    pub(crate) words: String,
    pub(crate) health: String,
    pub(crate) since: String,
    pub(crate) reason: String,
    /// When the trouble began, as far as the evidence tells.
    pub(crate) onset: Option<String>,
    pub(crate) suspect_at: Option<String>,
    pub(crate) degraded_at: Option<String>,
    pub(crate) down_at: Option<String>,
    pub(crate) recovering_at: Option<String>,
    /// The strongest signal.
    pub(crate) signal: String,
    /// How strong the evidence was, in nats.
    pub(crate) nats: f64,
    /// Observations that no detector with this false-alarm rate can do without, on average.
    pub(crate) bound: Option<f64>,
    /// Observations that it took, divided by that.
    pub(crate) ratio: Option<f64>,
    /// What the provider's own status feed says.
    pub(crate) feed: Option<String>,
    /// When that feed first told.
    pub(crate) feed_at: Option<String>,
    /// The provider's code, where our account is at fault.
    pub(crate) account_code: Option<String>,
    /// The provider's own account status says the same.
    pub(crate) account_confirmed: bool,
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

fn route(status: RouteStatus) -> RouteView {
    RouteView {
        name: status.name,
        channel: status.channel.to_string(),
        sender: status.sender,
        health: status.health.name().to_owned(),
        since: (status.since > Timestamp(0)).then(|| rfc3339(status.since)),
        reason: status.reason,
        waiting: status.waits.all(),
        in_flight: status.in_flight,
        oldest_waiting_at: status.oldest_waiting_at.map(rfc3339),
        rate_per_s: finite(status.rate_per_s),
        hold: status.hold.map(hold),
        scopes: status.scopes.into_iter().map(scope).collect(),
    }
}

fn hold(status: HoldStatus) -> RouteHold {
    RouteHold {
        scope: status.scope,
        kind: status.kind.name().to_owned(),
        reason: status.reason,
        until: rfc3339(status.until),
    }
}

fn scope(status: ScopeStatus) -> ScopeView {
    let course = status.course;
    let (feed, feed_at) = course.feed.unzip();
    ScopeView {
        name: status.name,
        words: status.words,
        health: status.health.name().to_owned(),
        since: rfc3339(status.since),
        reason: status.reason,
        onset: course.onset.map(rfc3339),
        suspect_at: course.suspect_at.map(rfc3339),
        degraded_at: course.degraded_at.map(rfc3339),
        down_at: course.down_at.map(rfc3339),
        recovering_at: course.recovering_at.map(rfc3339),
        signal: course.signal,
        nats: finite(course.nats),
        bound: figure(course.bound),
        ratio: figure(course.ratio),
        feed,
        feed_at: feed_at.map(rfc3339),
        account_code: course.account_code,
        account_confirmed: course.account_confirmed,
    }
}

/// JSON has no infinity; two digits behind the point are more than the figures bear.
pub(super) fn finite(number: f64) -> f64 {
    figure(Some(number)).unwrap_or(0.0)
}

pub(crate) fn figure(number: Option<f64>) -> Option<f64> {
    let known = number.filter(|number| number.is_finite());
    known.map(|number| (number * 100.0).round() / 100.0)
}
