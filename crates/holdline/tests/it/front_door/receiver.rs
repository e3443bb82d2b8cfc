//! An app's webhook receiver: answers the handshake, keeps what is posted, byte for byte.

use super::LIMIT;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use holdline_channels::whatsapp::signature;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

pub(super) const VERIFY_TOKEN: &str = "a word of the app";
const KEPT_MAX: usize = 1_000;

pub(super) struct Receiver {
    pub(super) url: String,
    posted: mpsc::Receiver<Posted>,
    server: tokio::task::JoinHandle<()>,
}

/// One POST.
#[derive(Debug)]
pub(super) struct Posted {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// How a receiver behaves.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    pub(super) status: StatusCode,
    /// Instead of the challenge.
    pub(super) reply: Option<&'static str>,
    pub(super) shakes_with: &'static str,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            status: StatusCode::OK,
            reply: None,
            shakes_with: VERIFY_TOKEN,
        }
    }
}

struct Keep {
    manner: Manner,
    posted: mpsc::Sender<Posted>,
}

impl Receiver {
    pub(super) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?tenant=7", listener.local_addr().unwrap());
        let (keep, posted) = mpsc::channel(KEPT_MAX);
        let app = Router::new().fallback(take).with_state(Arc::new(Keep {
            manner,
            posted: keep,
        }));
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            url,
            posted,
            server,
        }
    }

    /// What has come until now.
    pub(super) fn try_next(&mut self) -> Option<Posted> {
        self.posted.try_recv().ok()
    }

    /// The first POST from here on whose value is as wanted.
    pub(super) async fn find(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Posted {
        let looking = async {
            loop {
                let posted = self.posted.recv().await.unwrap();
                if wanted(&posted.value()) {
                    return posted;
                }
            }
        };
        let found = tokio::time::timeout(LIMIT, looking).await;
        found.unwrap_or_else(|_| panic!("no webhook with {what} came in time"))
    }

    pub(super) async fn status(&mut self, id: &str, status: &str) -> Posted {
        self.find(&format!("status {status} of {id}"), |value| {
            let given = &value["statuses"][0];
            given["id"] == id && given["status"] == status
        })
        .await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Posted {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The value of the only change.
    pub(super) fn value(&self) -> Value {
        self.json()["entry"][0]["changes"][0]["value"].clone()
    }

    pub(super) fn is_signed_with(&self, secret: &str) -> bool {
        let header = self.headers[signature::HEADER].to_str().unwrap();
        signature::verify(secret.as_bytes(), &self.body, header)
    }
}

async fn take(State(keep): State<Arc<Keep>>, request: Request) -> Response {
    if request.method() == Method::GET {
        return shake(&keep.manner, request.uri().query().unwrap_or_default());
    }
    let headers = request.headers().clone();
    let body = axum::body::to_bytes(request.into_body(), 1024 * 1024)
        .await
        .unwrap();
    let _ = keep.posted.try_send(Posted { headers, body });
    keep.manner.status.into_response()
}

fn shake(manner: &Manner, query: &str) -> Response {
    let query: BTreeMap<_, _> = url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    assert_eq!(query["tenant"], "7", "the receiver's own query is kept");
    assert_eq!(query["hub.mode"], "subscribe");
    let challenge = &query["hub.challenge"];
    assert!(
        challenge.bytes().all(|byte| byte.is_ascii_digit()),
        "{challenge}"
    );
    if query["hub.verify_token"] != manner.shakes_with {
        return StatusCode::FORBIDDEN.into_response();
    }
    // Frameworks like to add a line end.
    manner
        .reply
        .map_or_else(|| format!("{challenge}\n"), Into::into)
        .into_response()
}
