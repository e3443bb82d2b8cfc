//! Numbers, accounts, subscriptions, profile, history and the app token. Decides only; the
//! confirmation of a webhook address is asked of the shell.

use serde_json::{Value, json};

use super::Call;
use super::graph_error::{GraphError, Outcome, Refusal};
use super::state::{HANDSHAKES_MAX, HandshakeFor, NumberState, Sent};
use crate::hooks::HookState;
use crate::outage::{Behaviour, Provider};
use crate::providers::{Answer, Handshake, Reply};
use crate::text::select;
use crate::world::World;

pub(crate) fn number(world: &mut World, call: &Call, id: &str, edge: &str) -> Outcome {
    let method = call.method.as_str();
    match (method, edge) {
        ("GET", "") => number_fields(world, call, id),
        ("POST", "") => change_number(world, call, id),
        ("GET", "whatsapp_business_profile") => read_profile(world, id),
        ("POST", "whatsapp_business_profile") => write_profile(world, call, id),
        ("GET", "message_history") => message_history(world, call, id),
        ("POST", "register") => register(world, id, true),
        ("POST", "deregister") => register(world, id, false),
        (_, edge) => Err(no_such_edge(edge)),
    }
}

pub(crate) fn waba(world: &mut World, call: &Call, id: &str, edge: &str) -> Outcome {
    match (call.method.as_str(), edge) {
        ("GET", "") => {
            let health = health_status(world, call, None, id);
            let node = json!({
                "id": id, "name": "Holdline Sandbox", "currency": "EUR", "timezone_id": "1",
                "message_template_namespace": "a1b2c3d4_e5f6_7890_abcd_ef0123456789",
                "account_review_status": "APPROVED", "health_status": health
            });
            let default = [
                "id",
                "name",
                "currency",
                "timezone_id",
                "message_template_namespace",
            ];
            Ok(Reply::json(
                200,
                &select(&node, call.params.text("fields"), &default),
            ))
        }
        ("GET", "phone_numbers") => phone_numbers(world, call, id),
        ("GET", "subscribed_apps") => Ok(Reply::json(200, &subscribed_apps(world, id))),
        ("POST", "subscribed_apps") => subscribe(world, call, id),
        ("DELETE", "subscribed_apps") => {
            if let Some(waba) = world.whatsapp.wabas.get_mut(id) {
                waba.subscribed = false;
                waba.webhook = None;
            }
            Ok(success())
        }
        (_, edge) => Err(no_such_edge(edge)),
    }
}

pub(crate) fn subscriptions(world: &mut World, call: &Call) -> Outcome {
    match call.method.as_str() {
        "GET" => {
            let data: Vec<Value> = world
                .whatsapp
                .app_webhook
                .iter()
                .map(|url| {
                    json!({
                        "object": "whatsapp_business_account", "callback_url": url, "active": true,
                        "fields": [{"name": "messages", "version": "v24.0"}]
                    })
                })
                .collect();
            Ok(Reply::json(200, &json!({"data": data})))
        }
        "POST" => {
            for name in ["object", "callback_url", "verify_token"] {
                if call.params.text(name).is_none() {
                    return Err(GraphError::missing_top(name).into());
                }
            }
            let url = call
                .params
                .text("callback_url")
                .unwrap_or_default()
                .to_owned();
            let token = call.params.text("verify_token").unwrap_or_default();
            handshake(world, HandshakeFor::App { url: url.clone() }, &url, token)
        }
        "DELETE" => {
            world.whatsapp.app_webhook = None;
            Ok(success())
        }
        _ => Err(no_such_edge("subscriptions")),
    }
}

pub(crate) fn app_token(world: &mut World, call: &Call) -> Outcome {
    let config = &world.config.whatsapp;
    let id = call.params.text("client_id");
    let secret = call.params.text("client_secret");
    if id != Some(config.app_id.as_str()) || secret != Some(config.app_secret.expose()) {
        let why = "Error validating client secret.";
        return Err(GraphError::new(400, 1, why).into());
    }
    let token = format!("{}|{}", config.app_id, config.app_secret.expose());
    Ok(Reply::json(
        200,
        &json!({"access_token": token, "token_type": "bearer"}),
    ))
}

/// The shell's word on a confirmation: applies the address or refuses it.
pub(crate) fn handshake_done(world: &mut World, ticket: u64, result: Result<(), String>) -> Answer {
    let Some(what) = world.whatsapp.handshakes.remove(&ticket) else {
        return Answer::Reset;
    };
    if let Err(why) = result {
        let message = format!("Callback verification failed with the following errors: {why}");
        let error = GraphError::new(400, 2_200, &message);
        return Answer::Reply(error.reply(&mut world.draws));
    }
    match what {
        HandshakeFor::App { url } => world.whatsapp.app_webhook = Some(url),
        HandshakeFor::Waba { waba_id, url } => {
            if let Some(waba) = world.whatsapp.wabas.get_mut(&waba_id) {
                waba.subscribed = true;
                waba.webhook = Some(url);
            }
        }
        HandshakeFor::Number { number_id, url } => {
            if let Some(number) = world.whatsapp.number_mut(&number_id) {
                number.webhook = Some(url);
            }
        }
    }
    Answer::Reply(success())
}

pub(crate) fn no_such_edge(edge: &str) -> Refusal {
    let shown: String = edge.chars().take(60).collect();
    GraphError::invalid(&format!("Tried accessing nonexisting field ({shown})")).into()
}

pub(crate) fn success() -> Reply {
    Reply::json(200, &json!({"success": true}))
}

/// Account state as the platform tells it; says nothing about the platform itself.
pub(crate) fn health_status(
    world: &mut World,
    call: &Call,
    number_id: Option<&str>,
    waba_id: &str,
) -> Value {
    let mut subject = call.subject();
    subject.waba_id = Some(waba_id);
    let locked = world.outage(Provider::Whatsapp, &subject, is_account_fault);
    let mut entities = Vec::new();
    if let Some(id) = number_id {
        entities.push(json!({
            "entity_type": "PHONE_NUMBER", "id": id, "can_send_message": "AVAILABLE"
        }));
    }
    let mut waba = json!({"entity_type": "WABA", "id": waba_id, "can_send_message": "AVAILABLE"});
    if let Some((_, behaviour, _)) = locked {
        waba["can_send_message"] = "BLOCKED".into();
        waba["errors"] = json!([account_error(behaviour)]);
    }
    entities.push(waba);
    let business = format!("1{waba_id}");
    entities.push(json!({
        "entity_type": "BUSINESS", "id": business, "can_send_message": "AVAILABLE"
    }));
    let app = &world.config.whatsapp.app_id;
    entities.push(json!({"entity_type": "APP", "id": app, "can_send_message": "AVAILABLE"}));
    let overall = if locked.is_some() {
        "BLOCKED"
    } else {
        "AVAILABLE"
    };
    json!({"can_send_message": overall, "entities": entities})
}

fn account_error(behaviour: Behaviour) -> Value {
    if behaviour == Behaviour::Payment {
        return json!({
            "error_code": 141_006,
            "error_description": "There is an error with your payment method",
            "possible_solution": "Add or mend the payment method of the account"
        });
    }
    json!({
        "error_code": 131_031,
        "error_description": "The account has been locked for violating a platform policy",
        "possible_solution": "Ask for a review of the account"
    })
}

fn is_account_fault(behaviour: Behaviour) -> bool {
    matches!(behaviour, Behaviour::AccountLocked | Behaviour::Payment)
}

fn number_fields(world: &mut World, call: &Call, id: &str) -> Outcome {
    let node = number_node(world, call, id);
    const DEFAULT: [&str; 4] = [
        "id",
        "display_phone_number",
        "verified_name",
        "quality_rating",
    ];
    Ok(Reply::json(
        200,
        &select(&node, call.params.text("fields"), &DEFAULT),
    ))
}

fn number_node(world: &mut World, call: &Call, id: &str) -> Value {
    let waba_id = call.subject().waba_id.unwrap_or_default().to_owned();
    let health = health_status(world, call, Some(id), &waba_id);
    let app = world.whatsapp.app_webhook.clone();
    let Some(state) = world.whatsapp.number(id) else {
        return Value::Null;
    };
    json!({
        "id": id,
        "verified_name": state.number.verified_name,
        "display_phone_number": state.number.display_phone_number,
        "quality_rating": "GREEN",
        "quality_score": {"score": "GREEN"},
        "status": if state.registered { "CONNECTED" } else { "DISCONNECTED" },
        "name_status": "APPROVED",
        "code_verification_status": "VERIFIED",
        "account_mode": "LIVE",
        "platform_type": "CLOUD_API",
        "throughput": {"level": "STANDARD"},
        "whatsapp_business_manager_messaging_limit": "TIER_100K",
        "is_on_biz_app": false,
        "is_official_business_account": false,
        "health_status": health,
        "webhook_configuration": webhook_configuration(state, app.as_deref()),
    })
}

fn webhook_configuration(state: &NumberState, app: Option<&str>) -> Value {
    let mut out = json!({});
    if let Some(url) = &state.webhook {
        out["phone_number"] = url.as_str().into();
    }
    if let Some(url) = app {
        out["application"] = url.into();
    }
    out
}

fn change_number(world: &mut World, call: &Call, id: &str) -> Outcome {
    let Some(wanted) = call.params.values.get("webhook_configuration") else {
        return Ok(success());
    };
    let url = wanted
        .get("override_callback_uri")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let token = wanted
        .get("verify_token")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if url.is_empty() {
        if let Some(number) = world.whatsapp.number_mut(id) {
            number.webhook = None;
        }
        return Ok(success());
    }
    let what = HandshakeFor::Number {
        number_id: id.to_owned(),
        url: url.to_owned(),
    };
    handshake(world, what, url, token)
}

fn read_profile(world: &mut World, id: &str) -> Outcome {
    let profile = world.whatsapp.number(id).map(|state| state.profile.clone());
    Ok(Reply::json(
        200,
        &json!({"data": profile.into_iter().collect::<Vec<_>>()}),
    ))
}

fn write_profile(world: &mut World, call: &Call, id: &str) -> Outcome {
    const FIELDS: [&str; 6] = [
        "about",
        "address",
        "description",
        "email",
        "websites",
        "vertical",
    ];
    if let Some(state) = world.whatsapp.number_mut(id) {
        for field in FIELDS {
            if let Some(value) = call.params.values.get(field) {
                state.profile[field] = value.clone();
            }
        }
    }
    Ok(success())
}

fn register(world: &mut World, id: &str, registered: bool) -> Outcome {
    if let Some(state) = world.whatsapp.number_mut(id) {
        state.registered = registered;
    }
    Ok(success())
}

fn phone_numbers(world: &mut World, call: &Call, waba_id: &str) -> Outcome {
    let ids: Vec<String> = world
        .whatsapp
        .numbers
        .iter()
        .filter(|state| state.number.waba_id == waba_id)
        .map(|state| state.number.id.clone())
        .collect();
    const DEFAULT: [&str; 6] = [
        "verified_name",
        "code_verification_status",
        "display_phone_number",
        "quality_rating",
        "platform_type",
        "throughput",
    ];
    let fields = call.params.text("fields");
    let data: Vec<Value> = ids
        .iter()
        .map(|id| select(&number_node(world, call, id), fields, &DEFAULT))
        .collect();
    let paging = json!({"cursors": {"before": "QVFI", "after": "QVFJ"}});
    Ok(Reply::json(200, &json!({"data": data, "paging": paging})))
}

fn subscribed_apps(world: &World, waba_id: &str) -> Value {
    let app = &world.config.whatsapp.app_id;
    let Some(waba) = world
        .whatsapp
        .wabas
        .get(waba_id)
        .filter(|waba| waba.subscribed)
    else {
        return json!({"data": []});
    };
    let mut item = json!({"whatsapp_business_api_data": {
        "id": app, "name": "Holdline", "link": "https://apps.example/holdline"
    }});
    if let Some(url) = &waba.webhook {
        item["override_callback_uri"] = url.as_str().into();
    }
    json!({"data": [item]})
}

fn subscribe(world: &mut World, call: &Call, waba_id: &str) -> Outcome {
    if let Some(url) = call.params.text("override_callback_uri") {
        let token = call.params.text("verify_token").unwrap_or_default();
        let what = HandshakeFor::Waba {
            waba_id: waba_id.to_owned(),
            url: url.to_owned(),
        };
        return handshake(world, what, url, token);
    }
    if let Some(waba) = world.whatsapp.wabas.get_mut(waba_id) {
        waba.subscribed = true;
        waba.webhook = None;
    }
    Ok(success())
}

fn handshake(world: &mut World, what: HandshakeFor, url: &str, token: &str) -> Outcome {
    if url::Url::parse(url).is_err() {
        return Err(GraphError::invalid("callback URL is not a valid URL").into());
    }
    let state = &mut world.whatsapp;
    if state.handshakes.len() >= HANDSHAKES_MAX {
        state.handshakes.pop_first();
    }
    state.last_ticket += 1;
    let ticket = state.last_ticket;
    state.handshakes.insert(ticket, what);
    let challenge = world.draws.digits(10);
    Err(Refusal::Other(Answer::Handshake(Handshake {
        url: url.to_owned(),
        verify_token: token.to_owned(),
        challenge,
        ticket,
    })))
}

/// A number knows what went out from it, and nothing of what others sent.
fn message_history(world: &mut World, call: &Call, number_id: &str) -> Outcome {
    let Some(wamid) = call.params.text("message_id") else {
        return Err(GraphError::missing_top("message_id").into());
    };
    let found = world.whatsapp.by_wamid(wamid);
    let data: Vec<Value> = match found.filter(|(_, sent)| sent.number_id == number_id) {
        Some((key, sent)) => vec![history_of(world, key, sent)],
        None => Vec::new(),
    };
    Ok(Reply::json(200, &json!({"data": data})))
}

fn history_of(world: &World, key: u64, sent: &Sent) -> Value {
    let uri = world
        .whatsapp
        .webhook_of(&sent.number_id, &sent.waba_id)
        .unwrap_or_default();
    let event = |event: &super::state::HistoryEvent| {
        let mut told = json!({
            "delivery_status": event.status.to_ascii_uppercase(),
            "webhook_update_state": match event.hook {
                HookState::Waiting => "PENDING",
                HookState::Retrying => "RETRYING",
                HookState::Delivered => "DELIVERED",
                HookState::Failed => "FAILED",
            },
            "timestamp": event.at_ms / 1000,
            "application": {"id": world.config.whatsapp.app_id},
            "webhook_uri": uri,
        });
        if let Some(why) = &event.error {
            told["error_description"] = why.as_str().into();
        }
        told
    };
    let events: Vec<Value> = sent.history.iter().map(event).collect();
    json!({"id": format!("9{key:015}"), "message_id": sent.wamid, "events": {"data": events}})
}
