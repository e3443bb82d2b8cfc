//! Delivers webhooks and performs the confirmation GET, over plain HTTP, within bounds of time,
//! size and number. Retries are the world's decision.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::{Semaphore, mpsc};

use super::shared::Shared;
use crate::hooks::Post;
use crate::providers::Handshake;

/// Bytes read of a receiver's answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
const HANDSHAKE_MS_MAX: u64 = 5_000;
const CONNECT_MS_MAX: u64 = 3_000;

pub(crate) type HttpClient = Client<HttpConnector, Full<Bytes>>;

pub(crate) fn client() -> HttpClient {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(Duration::from_millis(CONNECT_MS_MAX)));
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .build(connector)
}

/// Posts what is handed over, a bounded number at a time, until the sandbox stops.
pub(crate) async fn run(shared: Arc<Shared>, mut posts: mpsc::Receiver<Post>, at_once: usize) {
    let client = client();
    let places = Arc::new(Semaphore::new(at_once));
    loop {
        let post = tokio::select! {
            () = shared.stopped() => return,
            post = posts.recv() => post,
        };
        let (Some(post), Ok(place)) = (post, Arc::clone(&places).acquire_owned().await) else {
            return;
        };
        let (task_shared, client) = (Arc::clone(&shared), client.clone());
        shared.spawn(async move {
            let id = post.id;
            let status = tokio::select! {
                () = task_shared.stopped() => return,
                status = deliver(&client, post) => status,
            };
            drop(place);
            task_shared.with(|world, now_ms| world.hook_answered(id, status, now_ms));
        });
    }
}

/// Asks a receiver to confirm itself; the error says what was wrong.
pub(crate) async fn confirm(client: &HttpClient, handshake: &Handshake) -> Result<(), String> {
    let mut url = url::Url::parse(&handshake.url).map_err(|error| error.to_string())?;
    url.query_pairs_mut()
        .append_pair("hub.mode", "subscribe")
        .append_pair("hub.challenge", &handshake.challenge)
        .append_pair("hub.verify_token", &handshake.verify_token);
    let request = request(Method::GET, url.as_str(), Bytes::new())?;
    let limit = Duration::from_millis(HANDSHAKE_MS_MAX);
    let (status, body) = tokio::time::timeout(limit, exchange(client, request))
        .await
        .map_err(|_| "HTTP request timed out".to_owned())??;
    if status != 200 {
        return Err(format!("HTTP Status Code = {status}"));
    }
    if String::from_utf8_lossy(&body).trim() != handshake.challenge {
        return Err("Response does not match challenge".into());
    }
    Ok(())
}

async fn deliver(client: &HttpClient, post: Post) -> Option<u16> {
    let mut request = request(Method::POST, &post.url, post.body).ok()?;
    let headers = request.headers_mut();
    headers.insert("content-type", post.content_type.parse().ok()?);
    headers.insert(post.signature_header, post.signature.parse().ok()?);
    let limit = Duration::from_millis(post.timeout_ms);
    match tokio::time::timeout(limit, exchange(client, request)).await {
        Ok(Ok((status, _))) => Some(status),
        Ok(Err(error)) => {
            tracing::debug!(id = post.id, %error, "a webhook could not be posted");
            None
        }
        Err(_) => None,
    }
}

fn request(method: Method, url: &str, body: Bytes) -> Result<Request<Full<Bytes>>, String> {
    let uri: Uri = url.parse().map_err(|_| "not a valid URL".to_owned())?;
    if uri.scheme_str() != Some("http") {
        return Err("the sandbox posts to http:// addresses only".into());
    }
    Request::builder()
        .method(method)
        .uri(uri)
        .header("user-agent", "facebookexternalua")
        .header("accept", "*/*")
        .body(Full::new(body))
        .map_err(|error| error.to_string())
}

async fn exchange(
    client: &HttpClient,
    request: Request<Full<Bytes>>,
) -> Result<(u16, Bytes), String> {
    let response = client
        .request(request)
        .await
        .map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await;
    Ok((status, body.map(|body| body.to_bytes()).unwrap_or_default()))
}
