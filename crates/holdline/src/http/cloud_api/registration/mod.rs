//! Where an app wants its webhooks: for all of it, for one account, for one number. Each address
//! proves itself before it is kept. Never sends an event.

mod handshake;
mod oauth;

pub(super) use oauth::access_token;

use super::call::{Call, Params};
use super::reply::{self, store_down};
use crate::config::App;
use crate::http::auth::Caller;
use crate::http::state::AppState;
use axum::http::Method;
use axum::response::Response;
use holdline_channels::whatsapp::wire::GraphError;
use holdline_core::Redacted;
use holdline_engine::ports::Op;
use holdline_engine::ports::records::{EndpointForm, EndpointRecord};
use serde_json::{Value, json};

const OBJECT: &str = "whatsapp_business_account";
const FIELDS_MAX: usize = 100;

/// An address that a request names.
pub(super) struct Callback {
    pub(super) url: String,
    pub(super) verify_token: String,
    pub(super) scope: String,
    pub(super) fields: Vec<String>,
}

/// `/{app}/subscriptions`
pub(super) async fn subscriptions(
    state: &AppState,
    caller: &Caller,
    call: &Call,
    (app, params): (&str, &Params),
) -> Result<Response, GraphError> {
    let app = app_of(state, caller, app)?;
    if params.text("object").is_some_and(|object| object != OBJECT) {
        let mend = format!("must be {OBJECT}");
        return Err(GraphError::invalid_parameter("object", &mend));
    }
    match call.method {
        Method::GET => Ok(reply::json(&json!({"data": list(state, &app.id).await?}))),
        Method::POST | Method::DELETE if app.callback_url.is_some() => keep_configured(app, params),
        Method::POST => {
            let fields = params.list("fields");
            if fields.len() > FIELDS_MAX {
                return Err(GraphError::invalid_parameter(
                    "fields",
                    "names too many fields",
                ));
            }
            let callback = callback(params, "callback_url", "app".into(), fields)?;
            save(state, app, callback).await
        }
        Method::DELETE => remove(state, &app.id, "app").await,
        _ => Err(GraphError::unknown_path()),
    }
}

/// An address that the configuration names is not changed by the app.
fn keep_configured(app: &App, params: &Params) -> Result<Response, GraphError> {
    let configured = app.callback_url.as_ref().map(url::Url::as_str);
    let asked = params
        .text("callback_url")
        .and_then(|url| url.parse::<url::Url>().ok());
    if asked.as_ref().map(url::Url::as_str) == configured {
        return Ok(reply::success());
    }
    let mend = "is set in the configuration of this server: remove app.callback_url there to let \
                the app set it";
    Err(GraphError::invalid_parameter("callback_url", mend))
}

/// `/{waba}/subscribed_apps`
pub(super) async fn subscribed_apps(
    state: &AppState,
    caller: &Caller,
    call: &Call,
    (waba, params): (&str, &Params),
) -> Result<Response, GraphError> {
    let scope = format!("waba:{waba}");
    match call.method {
        Method::GET => {
            let endpoint = find(state, &caller.app, &scope).await?;
            Ok(reply::json(
                &json!({"data": [subscribed(&caller.app, endpoint.as_ref())]}),
            ))
        }
        Method::POST if params.text("override_callback_uri").is_some() => {
            let app = app_of(state, caller, &caller.app)?;
            let callback = callback(params, "override_callback_uri", scope, Vec::new())?;
            save(state, app, callback).await
        }
        // Without an override the account goes back to the address of the app.
        Method::POST | Method::DELETE => remove(state, &caller.app, &scope).await,
        _ => Err(GraphError::unknown_path()),
    }
}

/// `POST /{phone}` with `webhook_configuration`.
pub(super) async fn phone(
    state: &AppState,
    caller: &Caller,
    phone: &str,
    given: &Value,
) -> Result<Response, GraphError> {
    let scope = format!("phone:{phone}");
    let params = Params {
        object: given.clone(),
        bytes: bytes::Bytes::new(),
    };
    if params.text("override_callback_uri").is_none() {
        return remove(state, &caller.app, &scope).await;
    }
    let app = app_of(state, caller, &caller.app)?;
    save(
        state,
        app,
        callback(&params, "override_callback_uri", scope, Vec::new())?,
    )
    .await
}

/// The addresses that this app has set, as `webhook_configuration` shows them.
pub(super) async fn configuration(
    state: &AppState,
    caller: &Caller,
    (phone, waba): (&str, &str),
) -> Result<Value, GraphError> {
    let mut shown = serde_json::Map::new();
    for (name, scope) in [
        ("phone_number", format!("phone:{phone}")),
        ("whatsapp_business_account", format!("waba:{waba}")),
        ("application", "app".to_owned()),
    ] {
        if let Some(endpoint) = find(state, &caller.app, &scope).await? {
            shown.insert(name.into(), endpoint.url.into());
        }
    }
    Ok(Value::Object(shown))
}

/// The endpoint of an app for one scope has always the same id.
fn endpoint_id(app: &str, scope: &str) -> String {
    format!("cloud-{app}-{}", scope.replace(':', "-"))
}

fn app_of<'a>(state: &'a AppState, caller: &Caller, id: &str) -> Result<&'a App, GraphError> {
    let app = state.config.apps.iter().find(|app| app.id == id);
    match app {
        Some(app) if caller.app == app.id => Ok(app),
        Some(_) => Err(GraphError::permission()),
        None => Err(GraphError::unknown_object()),
    }
}

fn callback(
    params: &Params,
    name: &str,
    scope: String,
    fields: Vec<String>,
) -> Result<Callback, GraphError> {
    let need = |name: &str| {
        let mend = "is required: add it";
        params
            .text(name)
            .ok_or_else(|| GraphError::invalid_parameter(name, mend))
    };
    Ok(Callback {
        url: need(name)?,
        verify_token: need("verify_token")?,
        scope,
        fields,
    })
}

async fn save(state: &AppState, app: &App, callback: Callback) -> Result<Response, GraphError> {
    let secret = app.secret.as_ref().ok_or_else(|| {
        let mend = "names an app without a secret: set it in the configuration of this server";
        GraphError::invalid_parameter("app", mend)
    })?;
    handshake::check(state, &callback).await?;
    let endpoint = EndpointRecord {
        id: endpoint_id(&app.id, &callback.scope),
        app: app.id.clone(),
        form: EndpointForm::Cloud,
        url: callback.url,
        secret: Redacted::new(secret.expose().to_owned()),
        verify_token: Some(Redacted::new(callback.verify_token)),
        scope: callback.scope,
        fields: callback.fields,
        created_at: state.engine.now(),
    };
    write(state, Op::Endpoint(endpoint)).await
}

async fn remove(state: &AppState, app: &str, scope: &str) -> Result<Response, GraphError> {
    match find(state, app, scope).await? {
        Some(endpoint) => write(state, Op::EndpointDelete(endpoint.id)).await,
        None => Ok(reply::success()),
    }
}

async fn write(state: &AppState, op: Op) -> Result<Response, GraphError> {
    // An endpoint conflicts with nothing.
    let _ = state
        .engine
        .commit(vec![op])
        .await
        .map_err(|error| store_down(&error))?;
    state
        .engine
        .reload_endpoints()
        .await
        .map_err(|error| store_down(&error))?;
    Ok(reply::success())
}

async fn find(
    state: &AppState,
    app: &str,
    scope: &str,
) -> Result<Option<EndpointRecord>, GraphError> {
    let all = state
        .engine
        .store()
        .endpoints()
        .await
        .map_err(|error| store_down(&error))?;
    let ours =
        |it: &EndpointRecord| it.app == app && it.scope == scope && it.form == EndpointForm::Cloud;
    Ok(all.into_iter().find(ours))
}

async fn list(state: &AppState, app: &str) -> Result<Vec<Value>, GraphError> {
    let Some(endpoint) = find(state, app, "app").await? else {
        return Ok(Vec::new());
    };
    let version = &state.config.whatsapp.version;
    let field = |name: &String| json!({"name": name, "version": version});
    Ok(vec![json!({
        "object": OBJECT,
        "callback_url": endpoint.url,
        "active": true,
        "fields": endpoint.fields.iter().map(field).collect::<Vec<_>>(),
    })])
}

fn subscribed(app: &str, endpoint: Option<&EndpointRecord>) -> Value {
    let data = json!({"id": app, "name": app, "link": ""});
    match endpoint {
        Some(endpoint) => {
            json!({"whatsapp_business_api_data": data, "override_callback_uri": endpoint.url})
        }
        None => json!({"whatsapp_business_api_data": data}),
    }
}
