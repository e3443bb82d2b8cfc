//! `GET /audit`: what people did, the newest first. Only reads; the engine writes each row in the
//! same commit as what it tells of.

use crate::http::api::input::{Caller, Params};
use crate::http::api::problem::{Answer, Errors, Kind, Problem, ProblemBody};
use crate::http::api::values::rfc3339;
use crate::http::state::AppState;
use axum::Json;
use axum::extract::{RawQuery, State};
use holdline_engine::ports::records::AuditRecord;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A page of the audit, the newest first.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct AuditList {
    pub(crate) data: Vec<AuditView>,
    /// `before` of the next page; empty when there is none.
    pub(crate) next: Option<String>,
}

/// Something that a person did, or that ended by itself.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct AuditView {
    pub(crate) id: String,
    pub(crate) at: String,
    /// The token by which it was done, as `app/id`; `holdline` where a time ran out.
    pub(crate) actor: String,
    /// `route.hold`, `route.release` or `route.expire`.
    pub(crate) action: String,
    /// The scope.
    pub(crate) subject: String,
    /// In the words of who did it.
    pub(crate) reason: String,
    pub(crate) detail: String,
}

/// List what people did, the newest first.
///
/// Needs a token without a limit to senders.
#[utoipa::path(
    get, path = "/audit", tag = "Routes",
    params(
        ("before" = Option<String>, Query, description = "Only rows older than this one"),
        ("limit" = Option<usize>, Query, description = "Most rows, 1 to 500; usually 50"),
    ),
    responses(
        (status = 200, description = "A page of the audit", body = AuditList),
        (status = 403, description = "The token is limited to some senders", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "Faulty parameters", body = ProblemBody,
            content_type = "application/problem+json"),
        Errors,
    )
)]
pub(crate) async fn audit(
    State(state): State<AppState>,
    Caller(caller): Caller,
    RawQuery(query): RawQuery,
) -> Answer<Json<AuditList>> {
    if caller.sees(&state.config).is_some() {
        let detail = "the audit tells of all senders: use a token without a limit";
        return Err(Problem::new(Kind::Forbidden, detail));
    }
    let params = Params::read(query.as_deref(), &["before", "limit"])?;
    let limit = params.limit()?;
    let before = params.get_as("before", "give the `next` of a page", read_id)?;
    let mut rows = state.engine.store().audit(before, limit + 1).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let data: Vec<AuditView> = rows.into_iter().map(view).collect();
    let next = data.last().filter(|_| more).map(|row| row.id.clone());
    Ok(Json(AuditList { data, next }))
}

fn view(record: AuditRecord) -> AuditView {
    AuditView {
        id: format!("{:032x}", record.id),
        at: rfc3339(record.at),
        actor: record.actor,
        action: record.action,
        subject: record.subject,
        reason: record.reason,
        detail: record.detail,
    }
}

fn read_id(text: &str) -> Option<u128> {
    let plain = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u128::from_str_radix(text, 16).ok())?
}
