//! Accepts connections of one provider and lets outages cut or swallow them before a byte is
//! read. A bounded number at a time.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::courier::HttpClient;
use super::shared::Shared;
use super::{http_provider, smtp};
use crate::outage::Provider;
use crate::world::ConnectionFault;

/// Connections open to one provider.
const CONNECTIONS_MAX: usize = 4_096;
const HEADERS_MS_MAX: u64 = 30_000;
/// Pause after accept itself failed, as when no file handles are left.
const ACCEPT_PAUSE_MS: u64 = 50;

/// What is spoken on a listener.
#[derive(Debug, Clone)]
pub(crate) enum Serving {
    Http {
        provider: Provider,
        client: Arc<HttpClient>,
    },
    Smtp,
    Router(Router),
}

impl Serving {
    fn provider(&self) -> Option<Provider> {
        match self {
            Self::Http { provider, .. } => Some(*provider),
            Self::Smtp => Some(Provider::Email),
            Self::Router(_) => None,
        }
    }
}

pub(crate) async fn run(shared: Arc<Shared>, listener: TcpListener, serving: Serving) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            () = shared.stopped() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
            continue;
        };
        let (task_shared, serving) = (Arc::clone(&shared), serving.clone());
        shared.spawn(async move {
            tokio::select! {
                () = task_shared.stopped() => {}
                () = connection(&task_shared, stream, serving) => {}
            }
            drop(place);
        });
    }
}

async fn connection(shared: &Arc<Shared>, stream: TcpStream, serving: Serving) {
    let Some(provider) = serving.provider() else {
        return talk(shared, stream, serving).await;
    };
    match shared.with(|world, _| world.connection_fault(provider)) {
        ConnectionFault::Reset => reset(stream),
        ConnectionFault::Swallow => {
            shared.while_hanging(provider).await;
            drop(stream);
        }
        ConnectionFault::None => tokio::select! {
            () = cut_off(shared, provider) => {}
            () = talk(shared, stream, serving) => {}
        },
    }
}

async fn talk(shared: &Arc<Shared>, stream: TcpStream, serving: Serving) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(HEADERS_MS_MAX));
    let ended = match serving {
        Serving::Smtp => return smtp::talk(shared, stream).await,
        Serving::Router(router) => {
            let service = TowerToHyperService::new(router);
            server.serve_connection(TokioIo::new(stream), service).await
        }
        Serving::Http { provider, client } => {
            let service = service_fn(|request| {
                http_provider::handle(Arc::clone(shared), provider, client.clone(), request)
            });
            server.serve_connection(TokioIo::new(stream), service).await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended early");
    }
}

/// Closes at once with a reset instead of a goodbye.
fn reset(stream: TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!(%error, "a connection could only be closed, not reset");
    }
}

/// Waits until the whole provider is cut off.
async fn cut_off(shared: &Shared, provider: Provider) {
    shared
        .while_so(|world| world.connection_fault(provider) != ConnectionFault::Reset)
        .await;
}
