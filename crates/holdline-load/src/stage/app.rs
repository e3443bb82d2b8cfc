//! The app's webhook address: checks every signature, hands on what each status says of which
//! message, keeps nothing.

use super::APP_SECRET;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::{TcpListener, TcpStream};

const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Takes what an app is told: the number of the message, and the status.
pub(crate) trait Told: Send + Sync + 'static {
    fn told(&self, number: u64, status: &str);
}

#[derive(Debug)]
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    pub(crate) counts: Arc<Counts>,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) posts: AtomicU64,
    pub(crate) bad: AtomicU64,
    /// Messages that people wrote.
    pub(crate) inbound: AtomicU64,
}

impl App {
    pub(crate) async fn start<T: Told>(to: Arc<T>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let kept = Arc::clone(&counts);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&to), Arc::clone(&kept)));
            }
        });
        Ok(Self { address, counts })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/webhooks", self.address)
    }
}

async fn serve<T: Told>(stream: TcpStream, to: Arc<T>, counts: Arc<Counts>) {
    let service = service_fn(move |request| {
        let (to, counts) = (Arc::clone(&to), Arc::clone(&counts));
        async move { Ok::<_, Infallible>(answer(request, &*to, &counts).await) }
    });
    let _ = stream.set_nodelay(true);
    // A connection that breaks off is the other side's affair.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer<T: Told>(
    request: Request<Incoming>,
    to: &T,
    counts: &Counts,
) -> Response<Full<Bytes>> {
    if request.method() == Method::GET {
        let query = request.uri().query().unwrap_or_default();
        let challenge = query
            .split('&')
            .find_map(|it| it.strip_prefix("hub.challenge="));
        return Response::new(Full::from(challenge.unwrap_or_default().to_owned()));
    }
    counts.posts.fetch_add(1, Ordering::Relaxed);
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
    let body = body
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let header = parts.headers.get("x-hub-signature-256");
    let signed = header.and_then(|value| value.to_str().ok())
        == Some(&holdline_sim::meta_signature(APP_SECRET, &body));
    let json = serde_json::from_slice::<Value>(&body);
    let mut response = Response::new(Full::default());
    match json {
        Ok(json) if signed => take(&json, to, counts),
        Ok(_) | Err(_) => {
            counts.bad.fetch_add(1, Ordering::Relaxed);
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
    }
    response
}

fn take<T: Told>(json: &Value, to: &T, counts: &Counts) {
    let value = &json["entry"][0]["changes"][0]["value"];
    for status in value["statuses"].as_array().into_iter().flatten() {
        let number = status["biz_opaque_callback_data"].as_str();
        let number = number.and_then(|text| text.parse().ok());
        match number.zip(status["status"].as_str()) {
            Some((number, status)) => to.told(number, status),
            None => {
                counts.bad.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    let written = value["messages"].as_array().map_or(0, Vec::len);
    counts.inbound.fetch_add(written as u64, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offer::Lane;
    use serde_json::json;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Seen(Mutex<Vec<(u64, String)>>);

    impl Told for Seen {
        fn told(&self, number: u64, status: &str) {
            self.0.lock().unwrap().push((number, status.to_owned()));
        }
    }

    #[tokio::test]
    async fn only_what_is_signed_is_taken() {
        let seen = Arc::new(Seen::default());
        let app = App::start(Arc::clone(&seen)).await.unwrap();
        let status = json!({"biz_opaque_callback_data": "42", "status": "delivered"});
        let value = json!({"statuses": [status], "messages": []});
        let body = json!({"entry": [{"changes": [{"value": value}]}]}).to_string();
        let mut lane = Lane::new(app.address);
        for secret in ["other", APP_SECRET] {
            let signature = holdline_sim::meta_signature(secret, body.as_bytes());
            let request = Request::post("/webhooks")
                .header("host", "app")
                .header("x-hub-signature-256", signature)
                .body(Full::from(body.clone()));
            let answer = lane.send(request.unwrap()).await.unwrap();
            assert_eq!(answer.status.is_success(), secret == APP_SECRET);
        }
        let seen = seen.0.lock().unwrap().clone();
        assert_eq!(seen, [(42, String::from("delivered"))]);
        assert_eq!(app.counts.bad.load(Ordering::Relaxed), 1);
    }
}
