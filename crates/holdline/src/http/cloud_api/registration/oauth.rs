//! `oauth/access_token`: gives an app, for its id and secret, a token that sets up webhooks and
//! nothing else. The token follows from the secret, so asking again gives the same one.

use super::super::call::Params;
use super::super::reply::{self, store_down};
use crate::config::App;
use crate::http::auth::{APP_TOKEN_PREFIX, hash_token};
use crate::http::state::AppState;
use crate::secret::Secret;
use aws_lc_rs::{constant_time, hmac};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdline_channels::whatsapp::wire::GraphError;
use holdline_engine::ports::Op;
use holdline_engine::ports::records::TokenRecord;
use serde_json::json;

const GRANT: &str = "client_credentials";

pub(crate) async fn access_token(
    state: &AppState,
    params: &Params,
) -> Result<Response, GraphError> {
    if params
        .text("grant_type")
        .is_some_and(|grant| grant != GRANT)
    {
        return Err(GraphError::invalid_parameter(
            "grant_type",
            "must be client_credentials",
        ));
    }
    let missing = |name: &str| GraphError::invalid_parameter(name, "is required: add it");
    let id = params
        .text("client_id")
        .ok_or_else(|| missing("client_id"))?;
    let given = params
        .text("client_secret")
        .ok_or_else(|| missing("client_secret"))?;
    let (app, secret) = find(state, &id, &given).ok_or_else(wrong_client)?;
    let token = derive(&app.id, secret);
    keep(state, app, &token).await?;
    Ok(reply::json(
        &json!({"access_token": token, "token_type": "bearer"}),
    ))
}

fn find<'a>(state: &'a AppState, id: &str, given: &str) -> Option<(&'a App, &'a Secret)> {
    let app = state.config.apps.iter().find(|app| app.id == id)?;
    let secret = app.secret.as_ref()?;
    // Hashes have one length, so the comparison tells nothing of the secret's.
    let (given, known) = (hash_token(given), hash_token(secret.expose()));
    constant_time::verify_slices_are_equal(&given, &known)
        .is_ok()
        .then_some((app, secret))
}

fn derive(app: &str, secret: &Secret) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let tag = hmac::sign(&key, format!("app access token\n{app}").as_bytes());
    format!("{app}|{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

/// Stores the hash the first time; a token that was revoked stays so.
async fn keep(state: &AppState, app: &App, token: &str) -> Result<(), GraphError> {
    let hash = hash_token(token);
    let known = state.engine.store().token_by_hash(&hash).await;
    match known.map_err(|error| store_down(&error))? {
        Some(record) if record.revoked_at.is_some() => {
            let mend = "The token of this app was revoked here: give the app another secret";
            return Err(GraphError::bad_token().with_details(mend));
        }
        Some(_) => return Ok(()),
        None => {}
    }
    let record = TokenRecord {
        id: format!("{APP_TOKEN_PREFIX}{}", app.id),
        name: format!("webhook set-up of app {}", app.id),
        hash,
        app: app.id.clone(),
        senders: app.senders.clone(),
        created_at: state.engine.now(),
        revoked_at: None,
    };
    // A token conflicts with nothing.
    let _ = state
        .engine
        .commit(vec![Op::Token(record)])
        .await
        .map_err(|it| store_down(&it))?;
    Ok(())
}

fn wrong_client() -> GraphError {
    GraphError::new(
        400,
        101,
        "Error validating application. Cannot get application info due to a \
                               system error.",
    )
    .with_details("client_id or client_secret is not that of a configured app: check both")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_app_and_follows_from_the_secret() {
        let token = derive("42", &Secret::new("s3cret"));
        assert!(token.starts_with("42|"));
        assert_eq!(token, derive("42", &Secret::new("s3cret")));
        assert_ne!(token, derive("42", &Secret::new("other")));
        assert_ne!(token, derive("43", &Secret::new("s3cret")));
        assert!(!token.contains("s3cret"));
    }
}
