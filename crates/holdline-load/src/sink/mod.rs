//! A provider that costs next to nothing, in the form of the Cloud API or of the SMS provider: it
//! answers at once, late, with 503 or never, and remembers what it was sent: when each number came,
//! how many, and which came twice. Lives on a thread of its own; never decides anything.

mod receipts;
mod seen;
mod wire;

pub(crate) use receipts::{now_s, status, webhook};
pub(crate) use seen::Seen;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use receipts::Receipts;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

const BODY_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    /// Its thread ends with this.
    _open: oneshot::Sender<()>,
}

/// How it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    CloudApi,
    Sms,
}

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    AtOnce,
    After(Duration),
    /// With 503.
    Refuses,
    /// Takes the request and never answers.
    Hangs,
}

#[derive(Debug)]
struct Shared {
    form: Form,
    manner: Mutex<Manner>,
    seen: Mutex<Seen>,
    receipts: Option<Receipts>,
}

impl Sink {
    /// For numbers below twice `count`; receipts go to the webhook of `server`, if there is one.
    pub(crate) async fn start(
        form: Form,
        count: u64,
        server: Option<SocketAddr>,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let listener = listener.into_std()?;
        let (receipts, posts) = server.map(Receipts::new).unzip();
        let shared = Arc::new(Shared {
            form,
            manner: Mutex::new(Manner::AtOnce),
            seen: Mutex::new(Seen::new(usize::try_from(count * 2)?)),
            receipts,
        });
        let kept = Arc::clone(&shared);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (open, mut closed) = oneshot::channel::<()>();
        std::thread::Builder::new()
            .name("sink".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    if let Some(posts) = posts {
                        posts.begin();
                    }
                    tokio::select! {
                        _ = listen(listener, kept) => {}
                        _ = &mut closed => {}
                    }
                });
            })?;
        Ok(Self {
            address,
            shared,
            _open: open,
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From the next request on; those that hang go on hanging.
    pub(crate) fn becomes(&self, manner: Manner) {
        *lock(&self.shared.manner) = manner;
    }

    /// What it was sent so far.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.shared.seen)
    }

    pub(crate) fn taken(&self) -> u64 {
        self.seen().taken
    }
}

async fn listen(listener: std::net::TcpListener, shared: Arc<Shared>) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream, Arc::clone(&shared)));
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(request, &shared).await) }
    });
    let _ = stream.set_nodelay(true);
    // A connection that breaks off is the other side's affair.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(request: Request<Incoming>, shared: &Shared) -> Response<Full<Bytes>> {
    let sends = request.method() == Method::POST && wire::is_send(request.uri().path());
    let body = Limited::new(request.into_body(), BODY_BYTES_MAX)
        .collect()
        .await;
    let body = body
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    if sends {
        lock(&shared.seen).call();
    }
    let manner = *lock(&shared.manner);
    match manner {
        Manner::AtOnce => {}
        Manner::After(wait) => tokio::time::sleep(wait).await,
        Manner::Refuses => {
            return wire::response(StatusCode::SERVICE_UNAVAILABLE, wire::REFUSAL.into());
        }
        Manner::Hangs => std::future::pending().await,
    }
    if !sends {
        return wire::response(StatusCode::OK, wire::OTHER.into());
    }
    let place = lock(&shared.seen).take(wire::number_in(&body));
    let id = wire::id_of(place);
    if let Some(receipts) = &shared.receipts {
        receipts.add(place, wire::opaque_in(&body));
    }
    let (status, text) = wire::accepted(shared.form, &id);
    wire::response(status, text)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
