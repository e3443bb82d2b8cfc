//! What can be read of our numbers: as the provider tells it, if it does so quickly; else as it
//! told it last; else from the configuration. So reading works while WhatsApp is down.

use super::call::Call;
use super::call::params::first;
use super::{fields, forward, registration, reply};
use crate::config::WhatsappSender;
use crate::http::auth::Caller;
use crate::http::state::AppState;
use axum::response::Response;
use holdline_channels::whatsapp::wire::GraphError;
use holdline_core::ChannelKind;
use holdline_core::health::Health;
use serde_json::{Map, Value, json};

const WEBHOOKS: &str = "webhook_configuration";
const HEALTH: &str = "health_status";
/// What is shown when nobody asks for fields.
const DEFAULT: [&str; 4] = [
    "id",
    "verified_name",
    "display_phone_number",
    "quality_rating",
];

/// `GET /{phone}`
pub(super) async fn show(
    state: &AppState,
    caller: &Caller,
    call: &Call,
    sender: &WhatsappSender,
) -> Result<Response, GraphError> {
    let wanted = first(&call.query, "fields").unwrap_or_default();
    let names = fields::read(wanted);
    // The provider knows our address as the webhook; the app's own is known here.
    let asked = without(wanted, WEBHOOKS);
    let mut shown = match names.iter().all(|name| name == WEBHOOKS) && !names.is_empty() {
        true => json!({}),
        false => ask(state, &sender.phone_number_id, "", &asked)
            .await
            .unwrap_or_else(|| configured(sender, &names)),
    };
    if names.iter().any(|name| name == HEALTH) {
        explain_health(state, sender, &mut shown);
    }
    if names.iter().any(|name| name == WEBHOOKS) {
        let of = (sender.phone_number_id.as_str(), sender.waba_id.as_str());
        shown[WEBHOOKS] = registration::configuration(state, caller, of).await?;
    }
    shown["id"] = sender.phone_number_id.clone().into();
    Ok(reply::json(&shown))
}

/// `GET /{waba}/phone_numbers`
pub(super) async fn list(
    state: &AppState,
    caller: &Caller,
    call: &Call,
    waba: &str,
) -> Result<Response, GraphError> {
    let wanted = first(&call.query, "fields").unwrap_or_default();
    let allowed: Vec<&WhatsappSender> = state
        .config
        .whatsapp_senders
        .iter()
        .filter(|sender| sender.waba_id == waba && caller.may_use(&state.config, sender))
        .collect();
    let mine = |item: &Value| {
        let id = item.get("id").and_then(Value::as_str);
        allowed
            .iter()
            .any(|sender| Some(sender.phone_number_id.as_str()) == id)
    };
    let told = ask(state, waba, "phone_numbers", wanted).await;
    let told = told.and_then(|it| Some(it.get("data")?.as_array()?.clone()));
    let data: Vec<Value> = match told {
        Some(items) => items.into_iter().filter(mine).collect(),
        None => {
            let names = fields::read(wanted);
            allowed
                .iter()
                .map(|sender| configured(sender, &names))
                .collect()
        }
    };
    Ok(reply::json(&json!({"data": data})))
}

/// The provider's answer, fresh or the last one.
async fn ask(state: &AppState, id: &str, edge: &str, wanted: &str) -> Option<Value> {
    let key = format!("{id}/{edge}?{wanted}");
    if let Some(fresh) = state.memo.fresh(&key) {
        return Some(fresh);
    }
    let query: &[(&str, &str)] = if wanted.is_empty() {
        &[]
    } else {
        &[("fields", wanted)]
    };
    match forward::ask(state, id, edge, query).await {
        Some(answer) => {
            state.memo.keep(key, answer.clone());
            Some(answer)
        }
        None => state.memo.last(&key),
    }
}

/// What the configuration tells of a number.
fn configured(sender: &WhatsappSender, names: &[String]) -> Value {
    let may = "AVAILABLE";
    let entity = |kind, id| json!({"entity_type": kind, "id": id, "can_send_message": may});
    let health = json!({
        "can_send_message": may,
        "entities": [
            entity("PHONE_NUMBER", &sender.phone_number_id),
            entity("WABA", &sender.waba_id),
        ],
    });
    let name = sender.verified_name.clone();
    let all = json!({
        "id": sender.phone_number_id,
        "verified_name": name.unwrap_or_else(|| sender.display_phone_number.clone()),
        "display_phone_number": sender.display_phone_number,
        "quality_rating": "UNKNOWN",
        "code_verification_status": "VERIFIED",
        "platform_type": "CLOUD_API",
        "throughput": {"level": "STANDARD"},
        "status": "CONNECTED",
        "account_mode": "LIVE",
        HEALTH: health,
    });
    let default: Vec<String> = DEFAULT.iter().map(|name| (*name).into()).collect();
    let wanted = if names.is_empty() {
        default.as_slice()
    } else {
        names
    };
    fields::select(&all, Some(wanted))
}

/// Adds what we see of the route itself: the provider's answer speaks of the account only.
fn explain_health(state: &AppState, sender: &WhatsappSender, shown: &mut Value) {
    let routes = state.engine.routes();
    let ours = routes.iter().find(|route| {
        route.channel == ChannelKind::WHATSAPP && route.sender == sender.phone_number_id
    });
    let Some(route) = ours.filter(|route| route.health != Health::Up) else {
        return;
    };
    let words = format!(
        "WhatsApp is {} for this number ({}); messages wait or go by another channel",
        route.health.name(),
        route.reason
    );
    let entities = shown
        .get_mut(HEALTH)
        .and_then(|health| health.get_mut("entities"));
    for entity in entities.and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(entity) = entity.as_object_mut().filter(|it| is_number(it)) {
            entity.insert("additional_info".into(), json!([words]));
        }
    }
}

fn is_number(entity: &Map<String, Value>) -> bool {
    entity.get("entity_type").and_then(Value::as_str) == Some("PHONE_NUMBER")
}

/// The fields as written, but for one.
fn without(wanted: &str, name: &str) -> String {
    match fields::read(wanted).iter().any(|known| known == name) {
        false => wanted.to_owned(),
        true => {
            let names = fields::read(wanted);
            names
                .into_iter()
                .filter(|known| known != name)
                .collect::<Vec<_>>()
                .join(",")
        }
    }
}
