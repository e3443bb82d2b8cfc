//! The limit of W1: the body is parsed, its row committed where rows are kept, and the answer of
//! the Cloud API given.

use super::rows::Rows;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::serve::ListenerExt as _;
use serde::Deserialize;
use serde_json::json;
use std::path::Path;
use tokio::net::TcpListener;

/// All that a text message says, whichever way it comes.
#[derive(Deserialize)]
#[expect(dead_code, reason = "read as the server must read it")]
struct Message<'a> {
    to: serde_json::Value,
    #[serde(rename = "type")]
    kind: Option<&'a str>,
    messaging_product: Option<&'a str>,
    text: serde_json::Value,
}

/// Says its address, and ends with the standard input.
pub(super) async fn run(folder: Option<&Path>) -> anyhow::Result<()> {
    let rows = folder.map(Rows::start).transpose()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", json!({"address": listener.local_addr()?}));
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let app = Router::new().fallback(post(take)).with_state(rows);
    let to_the_end = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    tokio::select! {
        served = async { axum::serve(listener, app).await } => served?,
        ended = tokio::task::spawn_blocking(to_the_end) => drop(ended??),
    }
    Ok(())
}

async fn take(State(rows): State<Option<Rows>>, body: Bytes) -> Response {
    let Ok(message) = serde_json::from_slice::<Message<'_>>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let to = message.to.as_str().unwrap_or_default().to_owned();
    let id = match &rows {
        None => Ok(0),
        Some(rows) => rows.add(body).await,
    };
    let Ok(id) = id else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let contact = format!(r#"{{"input":"{to}","wa_id":"{to}"}}"#);
    let text = format!(
        r#"{{"messaging_product":"whatsapp","contacts":[{contact}],"messages":[{{"id":"{id}"}}]}}"#
    );
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
