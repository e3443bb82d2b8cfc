//! `GET /templates`: the templates as they were last synced, of the accounts that the caller
//! reaches.

use crate::http::api::input::{Caller, Params};
use crate::http::api::problem::{Answer, Errors, FieldFault, Problem, ProblemBody};
use crate::http::api::values::rfc3339;
use crate::http::state::AppState;
use axum::Json;
use axum::extract::{RawQuery, State};
use holdline_engine::ports::records::TemplateRecord;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
