//! A provider that answers at once, in the form of the Cloud API, and remembers what it was sent:
//! when the first came, how many, and which came twice.

use crate::stage::number_in;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

const BODY_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug)]
pub(super) struct Sink {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug)]
struct Seen {
    /// Which numbers came.
    numbers: Vec<bool>,
    taken: u64,
    doubled: u64,
    first: Option<Instant>,
}

impl Sink {
    /// For numbers below twice `count`.
    pub(super) async fn start(count: u64) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Mutex::new(Seen {
            numbers: vec![false; usize::try_from(count * 2)?],
            taken: 0,
            doubled: 0,
            first: None,
        }));
        let kept = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&kept)));
            }
        });
        Ok(Self { address, seen })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn taken(&self) -> u64 {
        lock(&self.seen).taken
    }

    pub(super) fn doubled(&self) -> u64 {
        lock(&self.seen).doubled
    }

    /// From now on the next send is the first.
    pub(super) fn forget_first(&self) {
        lock(&self.seen).first = None;
    }

    pub(super) fn first(&self) -> Option<Instant> {
        lock(&self.seen).first
    }
}

async fn serve(stream: TcpStream, seen: Arc<Mutex<Seen>>) {
    let service = service_fn(move |request| {
        let seen = Arc::clone(&seen);
        async move { Ok::<_, Infallible>(answer(request, &seen).await) }
    });
    let _ = stream.set_nodelay(true);
    // A connection that breaks off is the other side's affair.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(request: Request<Incoming>, seen: &Mutex<Seen>) -> Response<Full<Bytes>> {
    let sends = request.method() == Method::POST && request.uri().path().ends_with("/messages");
    let body = Limited::new(request.into_body(), BODY_BYTES_MAX)
        .collect()
        .await;
    let body = body
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let text = if sends {
        let place = take(seen, &body);
        json!({
            "messaging_product": "whatsapp",
            "contacts": [{"input": "16505000000", "wa_id": "16505000000"}],
            "messages": [{"id": format!("wamid.SINK{place:012}")}],
        })
    } else {
        json!({"data": [], "id": crate::stage::PHONE_ID})
    };
    let mut response = Response::new(Full::from(text.to_string()));
    let json = http::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    response
}

fn take(seen: &Mutex<Seen>, body: &[u8]) -> u64 {
    let number = std::str::from_utf8(body).ok().and_then(number_in);
    let mut seen = lock(seen);
    seen.first.get_or_insert_with(Instant::now);
    seen.taken += 1;
    let place = number.and_then(|number| usize::try_from(number).ok());
    let twice = place
        .and_then(|place| seen.numbers.get_mut(place))
        .is_some_and(|came| std::mem::replace(came, true));
    seen.doubled += u64::from(twice);
    seen.taken
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offer::Lane;

    #[tokio::test]
    async fn what_comes_twice_is_counted_and_every_answer_has_its_id() {
        let sink = Sink::start(4).await.unwrap();
        let mut lane = Lane::new(sink.address);
        let mut ids = Vec::new();
        for number in [1, 2, 1] {
            let body = json!({"text": {"body": format!("hello #{number:09}")}}).to_string();
            let request = Request::post("/v23.0/1/messages").header("host", "sink");
            let answer = lane
                .send(request.body(Full::from(body)).unwrap())
                .await
                .unwrap();
            ids.push(answer.body);
        }
        assert_eq!((sink.taken(), sink.doubled()), (3, 1));
        assert!(sink.first().is_some() && ids[0] != ids[1]);
        sink.forget_first();
        let request = Request::get("/v23.0/1").header("host", "sink");
        lane.send(request.body(Full::default()).unwrap())
            .await
            .unwrap();
        assert_eq!((sink.taken(), sink.first()), (3, None));
    }
}
