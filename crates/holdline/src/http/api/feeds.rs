//! `GET /feeds`: what the status pages that are followed say, and how late they usually are.

use super::input::{Caller, Params};
use super::problem::{Answer, Errors};
use super::values::rfc3339;
use crate::http::state::AppState;
use crate::watch::{FeedStatus, Grade};
use axum::Json;
use axum::extract::{RawQuery, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// All status feeds that are followed.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct FeedList {
    pub(crate) data: Vec<FeedView>,
}

/// A status page of a provider, as it was last read.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct FeedView {
    pub(crate) name: String,
    /// The channel whose provider it speaks about.
    pub(crate) channel: String,
    /// `green`, `open` (something is wrong) or `unknown`: not read or not understood, which is
    /// never taken for health.
    pub(crate) state: String,
    /// Titles of what is open on it, the gravest first.
    pub(crate) incidents: Vec<String>,
    /// When it was last read and understood.
    pub(crate) seen_at: Option<String>,
    /// Why it is unknown.
    pub(crate) error: Option<String>,
    pub(crate) lag: FeedLag,
}

/// How late a feed is: from the onset of our own outages to its word on them.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct FeedLag {
    /// Outages of its channel that we saw, the newest 500 of all channels.
    pub(crate) outages: usize,
    /// Those that it told of.
    pub(crate) told: usize,
    /// Negative where the feed was first.
    pub(crate) mean_lag_s: Option<f64>,
    /// Of the newest outage that it told of.
    pub(crate) last_lag_s: Option<f64>,
}

/// List the status feeds that are followed, with what they say.
#[utoipa::path(
    get, path = "/feeds", tag = "Routes",
    responses((status = 200, description = "All feeds", body = FeedList), Errors)
)]
pub(crate) async fn feeds(
    State(state): State<AppState>,
    _caller: Caller,
    RawQuery(query): RawQuery,
) -> Answer<Json<FeedList>> {
    Params::read(query.as_deref(), &[])?;
    Ok(Json(FeedList {
        data: state.feeds.all().into_iter().map(feed).collect(),
    }))
}

fn feed(status: FeedStatus) -> FeedView {
    FeedView {
        name: status.name,
        channel: status.channel.to_string(),
        state: status.state.name().to_owned(),
        incidents: status.incidents,
        seen_at: status.seen_at.map(rfc3339),
        error: status.error,
        lag: lag(status.lag),
    }
}

fn lag(grade: Grade) -> FeedLag {
    FeedLag {
        outages: grade.outages,
        told: grade.told,
        mean_lag_s: grade.mean_lag_s,
        last_lag_s: grade.last_lag_s,
    }
}
