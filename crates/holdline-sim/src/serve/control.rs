//! `/control`: start and stop outages, look at people, the ledger, webhooks and requests, let
//! people write. JSON in and out; every refusal says what was wrong and how to mend it.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Urls;
use super::shared::Shared;
use crate::outage::{OutageId, OutageOrder, PROFILES, Profile};
use crate::people::{PersonChange, PersonSend};
use crate::status::FeedFault;

const PAGE_DEFAULT: usize = 1_000;
const PAGE_MAX: usize = 10_000;

type World = State<Arc<Shared>>;
type Answer = Result<Json<Value>, Refused>;

/// The routes of the control.
pub(crate) fn router(shared: &Arc<Shared>, urls: &Urls) -> Router {
    let about = json!({
        "whatsapp": urls.whatsapp, "sms": urls.sms, "smtp": urls.smtp.to_string(),
        "control": urls.control, "status": urls.status
    });
    Router::new()
        .route("/control", get(|| async move { Json(about) }))
        .route(
            "/control/outages",
            get(outages).post(start_outage).delete(stop_all),
        )
        .route("/control/outages/{id}", delete(stop_outage))
        .route("/control/profiles", get(profiles))
        .route("/control/people", get(people))
        .route("/control/people/{address}", get(person))
        .route("/control/people/{address}/send", post(person_sends))
        .route("/control/people/{address}/state", post(person_state))
        .route("/control/ledger", get(ledger))
        .route("/control/webhooks", get(webhooks))
        .route("/control/requests", get(requests))
        .route("/control/targets", post(targets))
        .route("/control/feed", post(feed))
        .fallback(|| async { Refused(404, "no such path; GET /control/profiles is one".into()) })
        .with_state(Arc::clone(shared))
}

/// A refusal with its status and reason.
#[derive(Debug)]
struct Refused(u16, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0).unwrap_or(StatusCode::BAD_REQUEST);
        (status, Json(json!({"error": self.1}))).into_response()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Page {
    after: u64,
    limit: Option<usize>,
}

impl Page {
    fn max(&self) -> usize {
        self.limit.unwrap_or(PAGE_DEFAULT).min(PAGE_MAX)
    }
}

/// New targets; what is left out stays, null takes a target away.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Targets {
    #[serde(default, deserialize_with = "given")]
    whatsapp_webhook_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    sms_inbound_url: Option<Option<String>>,
}

/// A change of the status page; what is left out stays, null mends it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FeedChange {
    lag_ms: Option<u64>,
    #[serde(default, deserialize_with = "given")]
    broken: Option<Option<FeedFault>>,
}

async fn outages(State(shared): World) -> Answer {
    shown(shared.with(|world, _| world.outages().to_vec()))
}

async fn start_outage(State(shared): World, body: Bytes) -> Response {
    let started = parse::<OutageOrder>(&body).and_then(|order| {
        shared
            .start_outage(order)
            .map_err(|error| Refused(422, error.to_string()))
    });
    match started {
        Ok(id) => (StatusCode::CREATED, Json(json!({"id": id}))).into_response(),
        Err(refused) => refused.into_response(),
    }
}

async fn stop_outage(State(shared): World, Path(id): Path<OutageId>) -> Answer {
    if !shared.stop_outage(id) {
        let why = format!("outage {id} is not on; GET /control/outages lists those that are");
        return Err(Refused(404, why));
    }
    Ok(Json(json!({"stopped": 1})))
}

async fn stop_all(State(shared): World) -> Answer {
    let ids = shared.with(|world, _| world.outages().iter().map(|o| o.id).collect::<Vec<_>>());
    let stopped = ids.into_iter().filter(|id| shared.stop_outage(*id)).count();
    Ok(Json(json!({"stopped": stopped})))
}

async fn profiles() -> Json<Value> {
    let line = |profile: &Profile| {
        json!({
            "name": profile.name, "description": profile.description,
            "at_end": profile.at_end, "providers": profile.providers
        })
    };
    Json(Value::Array(PROFILES.iter().map(line).collect()))
}

async fn people(State(shared): World, Query(page): Query<Page>) -> Answer {
    shown(shared.with(|world, _| world.people(page.max())))
}

async fn person(State(shared): World, Path(address): Path<String>) -> Answer {
    let view = shared.with(|world, _| world.person(&address));
    shown(view.ok_or_else(|| {
        Refused(
            404,
            "nobody at this address has been written to or has written".into(),
        )
    })?)
}

async fn person_sends(State(shared): World, Path(address): Path<String>, body: Bytes) -> Answer {
    let send: PersonSend = parse(&body)?;
    let sent = shared.with(|world, now_ms| world.person_sends(&address, send, now_ms));
    let id = sent.map_err(|error| Refused(422, error.to_string()))?;
    Ok(Json(json!({"id": id})))
}

async fn person_state(State(shared): World, Path(address): Path<String>, body: Bytes) -> Answer {
    let change: PersonChange = parse(&body)?;
    let changed = shared.with(|world, now_ms| world.change_person(&address, change, now_ms));
    changed.map_err(|error| Refused(422, error.to_string()))?;
    Ok(Json(json!({"success": true})))
}

async fn ledger(State(shared): World, Query(page): Query<Page>) -> Answer {
    let rows = shared.with(|world, _| world.ledger(page.after, page.max()));
    let last = rows.last().map_or(page.after, |row| row.seq);
    Ok(Json(json!({"rows": rows, "after": last})))
}

async fn webhooks(State(shared): World, Query(page): Query<Page>) -> Answer {
    let (rows, totals) =
        shared.with(|world, _| (world.webhooks(page.max()), world.webhook_totals()));
    Ok(Json(
        json!({"waiting": totals.0, "dropped": totals.1, "rows": rows}),
    ))
}

async fn requests(State(shared): World) -> Answer {
    shown(shared.with(|world, _| world.requests()))
}

async fn targets(State(shared): World, body: Bytes) -> Answer {
    let targets: Targets = parse(&body)?;
    shared.with(|world, _| {
        if let Some(url) = targets.whatsapp_webhook_url {
            world.set_whatsapp_webhook(url);
        }
        if let Some(url) = targets.sms_inbound_url {
            world.set_sms_inbound(url);
        }
    });
    Ok(Json(json!({"success": true})))
}

async fn feed(State(shared): World, body: Bytes) -> Answer {
    let change: FeedChange = parse(&body)?;
    shared.with(|world, _| {
        if let Some(lag_ms) = change.lag_ms {
            world.set_feed_lag(lag_ms);
        }
        if let Some(fault) = change.broken {
            world.set_feed_fault(fault);
        }
    });
    Ok(Json(json!({"success": true})))
}

fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| Refused(400, format!("body: {error}")))
}

fn shown<T: serde::Serialize>(value: T) -> Answer {
    let value = serde_json::to_value(value).map_err(|error| Refused(500, error.to_string()))?;
    Ok(Json(value))
}

fn given<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(from).map(Some)
}
