//! `GET /outages`, `GET /outages/{id}`: the times a scope was down, from the first evidence to the
//! return, and how good the detection was.

use super::{figure, finite};
use crate::http::api::input::{Caller, Params};
use crate::http::api::problem::{Answer, Errors, Problem, ProblemBody};
use crate::http::api::values::rfc3339;
use crate::http::state::AppState;
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use holdline_core::Timestamp;
use holdline_core::id::OutageId;
use holdline_engine::ports::records::OutageRecord;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Outages, the newest first.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct OutageList {
    pub(crate) data: Vec<OutageView>,
}

/// A time during which a scope was down. Times that are empty have not come, or are not known.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct OutageView {
    pub(crate) id: String,
    /// The scope by its name: `channel/sender/feature/+country`.
    pub(crate) route: String,
    /// The scope as people say it.
    pub(crate) scope: String,
    /// The signal that decided.
    pub(crate) signal: String,
    /// When the trouble began, as far as the evidence tells.
    pub(crate) onset: Option<String>,
    pub(crate) suspect_at: Option<String>,
    pub(crate) degraded_at: Option<String>,
    /// When it was called down.
    pub(crate) opened_at: String,
    pub(crate) recovering_at: Option<String>,
    /// Empty while it lasts.
    pub(crate) recovered_at: Option<String>,
    pub(crate) reason: String,
    /// Messages that left the route because of it.
    pub(crate) moved: u64,
    /// How strong the evidence was, in nats.
    pub(crate) nats: f64,
    /// Observations that no detector with this false-alarm rate can do without, on average.
    pub(crate) bound: Option<f64>,
    /// Observations that it took, divided by that.
    pub(crate) ratio: Option<f64>,
    /// What the provider's own status feed said.
    pub(crate) feed: Option<String>,
    /// When that feed first told.
    pub(crate) feed_at: Option<String>,
    /// Seconds from the onset until it was suspected, or degraded where that came first.
    pub(crate) noticed_after_s: Option<f64>,
    /// Seconds from degraded until the feed told; negative when the feed was first.
    pub(crate) ahead_of_feed_s: Option<f64>,
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
pub(crate) async fn list(
    State(state): State<AppState>,
    _caller: Caller,
    RawQuery(query): RawQuery,
) -> Answer<Json<OutageList>> {
    let limit = Params::read(query.as_deref(), &["limit"])?.limit()?;
    let found = state.engine.store().outages(limit).await?;
    Ok(Json(OutageList {
        data: found.into_iter().map(view).collect(),
    }))
}

/// Show one outage.
#[utoipa::path(
    get, path = "/outages/{id}", tag = "Routes",
    params(("id" = String, Path, description = "Id of the outage")),
    responses(
        (status = 200, description = "The outage", body = OutageView),
        (status = 404, description = "No such outage", body = ProblemBody,
            content_type = "application/problem+json"),
        Errors,
    )
)]
pub(crate) async fn get(
    State(state): State<AppState>,
    _caller: Caller,
    Path(id): Path<String>,
) -> Answer<Json<OutageView>> {
    let found = match OutageId::parse(&id) {
        Some(id) => state.engine.store().outage(id).await?,
        None => None,
    };
    let found = found.ok_or_else(|| Problem::not_found("outage"))?;
    Ok(Json(view(found)))
}

fn view(record: OutageRecord) -> OutageView {
    let noticed_at = earliest(record.suspect_at, record.degraded_at);
    let known_at = record.degraded_at.or(Some(record.opened_at));
    OutageView {
        noticed_after_s: seconds(record.onset, noticed_at),
        ahead_of_feed_s: seconds(known_at, record.feed_at),
        id: record.id.hex(),
        route: record.route,
        scope: record.scope,
        signal: record.signal,
        onset: record.onset.map(rfc3339),
        suspect_at: record.suspect_at.map(rfc3339),
        degraded_at: record.degraded_at.map(rfc3339),
        opened_at: rfc3339(record.opened_at),
        recovering_at: record.recovering_at.map(rfc3339),
        recovered_at: record.recovered_at.map(rfc3339),
        reason: record.reason,
        moved: record.moved,
        nats: finite(record.nats),
        bound: figure(record.bound),
        ratio: figure(record.ratio),
        feed: record.feed,
        feed_at: record.feed_at.map(rfc3339),
    }
}

fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

/// From one to the other, with its sign.
fn seconds(from: Option<Timestamp>, to: Option<Timestamp>) -> Option<f64> {
    let ms = to?.0.saturating_sub(from?.0);
    Some(ms as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdline_core::id::OutageId;

    fn record() -> OutageRecord {
        OutageRecord {
            id: OutageId(7),
            route: "whatsapp/1/all".into(),
            scope: "everything by whatsapp 1".into(),
            signal: "sends".into(),
            onset: Some(Timestamp(1_000)),
            suspect_at: Some(Timestamp(3_500)),
            degraded_at: Some(Timestamp(5_000)),
            opened_at: Timestamp(35_000),
            recovering_at: None,
            recovered_at: None,
            reason: "it goes on".into(),
            moved: 3,
            nats: 17.234_567,
            bound: Some(3.6),
            ratio: Some(f64::INFINITY),
            feed: None,
            feed_at: None,
        }
    }

    #[test]
    fn how_soon_it_was_noticed_counts_from_the_onset() {
        assert_eq!(view(record()).noticed_after_s, Some(2.5));
        let unsuspected = OutageRecord {
            suspect_at: None,
            ..record()
        };
        assert_eq!(view(unsuspected).noticed_after_s, Some(4.0));
        let unknown = OutageRecord {
            onset: None,
            ..record()
        };
        assert_eq!(view(unknown).noticed_after_s, None);
    }

    #[test]
    fn the_lag_of_the_feed_counts_from_degraded_and_has_a_sign() {
        let told = |at| OutageRecord {
            feed_at: Some(Timestamp(at)),
            ..record()
        };
        assert_eq!(view(record()).ahead_of_feed_s, None);
        assert_eq!(view(told(3_845_000)).ahead_of_feed_s, Some(3_840.0));
        assert_eq!(view(told(2_000)).ahead_of_feed_s, Some(-3.0));
    }

    #[test]
    fn figures_can_be_written_as_json() {
        let shown = view(record());
        assert_eq!((shown.nats, shown.ratio), (17.23, None));
    }
}
