//! `GET /contacts`: all people, a page at a time, in the order in which they became known.

use super::ContactView;
use crate::http::api::input::{Caller, Params};
use crate::http::api::problem::{Answer, Errors, FieldFault, Problem, ProblemBody};
use crate::http::state::AppState;
use axum::Json;
use axum::extract::{RawQuery, State};
use holdline_core::ContactId;
use holdline_engine::ports::records::ContactRecord;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A page of contacts.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct ContactPage {
    pub(crate) data: Vec<ContactView>,
    /// Id to give as `after` for the next page, if there is one.
    pub(crate) next: Option<String>,
}

/// List contacts.
///
/// A page at a time: `next` of one page is `after` of the page after it. With `channel` and
/// `address` the list holds the one contact that has this address, or none.
#[utoipa::path(
    get, path = "/contacts", tag = "Contacts",
    params(
        ("after" = Option<String>, Query, description = "Only contacts after this id"),
        ("limit" = Option<usize>, Query, description = "Contacts on a page, 1 to 500; usually 50"),
        ("channel" = Option<String>, Query, description = "Together with `address`"),
        ("address" = Option<String>, Query, description = "Only the contact with this address"),
    ),
    responses(
        (status = 200, description = "A page", body = ContactPage),
        (status = 422, description = "Faulty parameters", body = ProblemBody,
            content_type = "application/problem+json"),
        Errors,
    )
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    _caller: Caller,
    RawQuery(query): RawQuery,
) -> Answer<Json<ContactPage>> {
    let params = Params::read(query.as_deref(), &["after", "limit", "channel", "address"])?;
    let limit = params.limit()?;
    if let Some(found) = by_address(&state, &params).await? {
        let data = found.iter().map(ContactView::of).collect();
        return Ok(Json(ContactPage { data, next: None }));
    }
    let after = params.get_as("after", "give the id of a contact", ContactId::parse)?;
    let mut found = state.engine.store().list_contacts(after, limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.id.hex());
    Ok(Json(ContactPage {
        data: found.iter().map(ContactView::of).collect(),
        next,
    }))
}

/// `None` when the caller asks for no address.
async fn by_address(state: &AppState, params: &Params) -> Answer<Option<Option<ContactRecord>>> {
    let (channel, address) = match (params.get("channel"), params.get("address")) {
        (None, None) => return Ok(None),
        (Some(channel), Some(address)) => (channel, address),
        (Some(_), None) => return Err(fault("address", "is required beside `channel`", "add it")),
        (None, Some(_)) => return Err(fault("channel", "is required beside `address`", "add it")),
    };
    let kind =
        super::address::channel(channel).map_err(|why| fault("channel", &why.message, &why.fix))?;
    let country = state.config.sms.default_country.as_deref();
    let value = super::address::normal(kind, address, country)
        .map_err(|why| fault("address", &why.message, &why.fix))?;
    Ok(Some(
        state
            .engine
            .store()
            .contact_by_address(kind, &value)
            .await?,
    ))
}

fn fault(field: &str, message: &str, fix: &str) -> Problem {
    Problem::invalid(vec![FieldFault::new(field, message, fix)])
}
