//! One contact: make, show, replace, change. Contacts are shared by all apps of the installation.

use super::save::{addresses, fits, lifts, save};
use super::{ContactChange, ContactView, ContactWrite};
use crate::http::api::input::{Caller, parse, read_body};
use crate::http::api::problem::{Answer, Errors, Problem, ProblemBody};
use crate::http::state::AppState;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use holdline_core::ContactId;
use holdline_engine::ports::records::ContactRecord;

/// Make a contact.
#[utoipa::path(
    post, path = "/contacts", tag = "Contacts", request_body = ContactWrite,
    responses(
        (status = 201, description = "The contact", body = ContactView),
        (status = 409, description = "An address belongs to another contact", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "Faulty fields", body = ProblemBody,
            content_type = "application/problem+json"),
        Errors,
    )
)]
pub(crate) async fn create(
    State(state): State<AppState>,
    _caller: Caller,
    body: Body,
) -> Answer<Response> {
    let written: ContactWrite = parse(&read_body(&state, body).await?)?;
    let now = state.engine.now();
    let country = state.config.sms.default_country.as_deref();
    let contact = ContactRecord {
        id: ContactId(state.engine.new_id()),
        name: written.name.map(Into::into),
        external_id: written.external_id,
        created_at: now,
        updated_at: now,
        addresses: addresses(&written.addresses, &[], country, now)?,
    };
    fits(&contact.addresses, &[])?;
    let lifts = lifts(&written.addresses, &contact.addresses);
    let view = save(&state, contact, lifts).await?;
    let location = [(header::LOCATION, format!("/api/v1/contacts/{}", view.id))];
    Ok((StatusCode::CREATED, location, Json(view)).into_response())
}

/// Show a contact.
#[utoipa::path(
    get, path = "/contacts/{id}", tag = "Contacts",
    params(("id" = String, Path, description = "Id of the contact")),
    responses(
        (status = 200, description = "The contact", body = ContactView),
        (status = 404, description = "No such contact", body = ProblemBody,
            content_type = "application/problem+json"),
        Errors,
    )
)]
pub(crate) async fn get(
    State(state): State<AppState>,
    _caller: Caller,
    Path(id): Path<String>,
) -> Answer<Json<ContactView>> {
    Ok(Json(ContactView::of(&find(&state, &id).await?)))
}

/// Replace a contact.
///
/// Name, external id and addresses become what is given here. An address that stays keeps what is
/// known of it. One whose consent is withdrawn stays, left out or not, until `consent: given` is
/// said for it.
#[utoipa::path(
    put, path = "/contacts/{id}", tag = "Contacts", request_body = ContactWrite,
    params(("id" = String, Path, description = "Id of the contact")),
    responses(
        (status = 200, description = "The contact", body = ContactView),
        (status = 404, description = "No such contact", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "An address belongs to another contact", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "Faulty fields", body = ProblemBody,
            content_type = "application/problem+json"),
        Errors,
    )
)]
pub(crate) async fn replace(
    State(state): State<AppState>,
    _caller: Caller,
    Path(id): Path<String>,
    body: Body,
) -> Answer<Json<ContactView>> {
    let written: ContactWrite = parse(&read_body(&state, body).await?)?;
    let change = ContactChange {
        name: Some(written.name),
        external_id: Some(written.external_id),
        addresses: Some(written.addresses),
    };
    apply(&state, find(&state, &id).await?, change).await
}

/// Change a contact.
///
/// What is left out stays as it is; `null` empties a field; `addresses` stands for all of them but
/// those whose consent is withdrawn, which stay until `consent: given` is said for them.
#[utoipa::path(
    patch, path = "/contacts/{id}", tag = "Contacts", request_body = ContactChange,
    params(("id" = String, Path, description = "Id of the contact")),
    responses(
        (status = 200, description = "The contact", body = ContactView),
        (status = 404, description = "No such contact", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "An address belongs to another contact", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "Faulty fields", body = ProblemBody,
            content_type = "application/problem+json"),
        Errors,
    )
)]
pub(crate) async fn change(
    State(state): State<AppState>,
    _caller: Caller,
    Path(id): Path<String>,
    body: Body,
) -> Answer<Json<ContactView>> {
    let change: ContactChange = parse(&read_body(&state, body).await?)?;
    apply(&state, find(&state, &id).await?, change).await
}

async fn find(state: &AppState, id: &str) -> Answer<ContactRecord> {
    let unknown = || Problem::not_found("contact");
    let id = ContactId::parse(id).ok_or_else(unknown)?;
    state.engine.store().contact(id).await?.ok_or_else(unknown)
}

async fn apply(
    state: &AppState,
    mut contact: ContactRecord,
    change: ContactChange,
) -> Answer<Json<ContactView>> {
    let now = state.engine.now();
    let mut given = Vec::new();
    if let Some(name) = change.name {
        contact.name = name.map(Into::into);
    }
    if let Some(external_id) = change.external_id {
        contact.external_id = external_id;
    }
    if let Some(written) = change.addresses {
        let country = state.config.sms.default_country.as_deref();
        let records = addresses(&written, &contact.addresses, country, now)?;
        fits(&records, &contact.addresses)?;
        given = lifts(&written, &records);
        contact.addresses = records;
    }
    contact.updated_at = now;
    save(state, contact, given).await.map(Json)
}
