//! Takes connections, plain and TLS, and hands their requests to the router. Bounds everything a
//! stranger can hold on to: connections, handshakes, heads of requests, slow bodies, silence. Ends
//! gracefully.

mod handles;
mod idle;
mod paced;
mod places;
mod refusal;
#[cfg(test)]
mod slow_tests;
#[cfg(test)]
mod tests;

pub(crate) use handles::make_room;

use crate::tls::TlsReloader;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use idle::IdleLimit;
use paced::{Pace, Paced};
use places::{Place, Places};
use refusal::Refusal;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

/// Longest time that requests get to end after shutdown began.
pub(crate) const SHUTDOWN_MAX: Duration = Duration::from_secs(10);
/// Connections that the kernel keeps for us while we are busy.
const BACKLOG: u32 = 1024;
/// Pause after the system refused us a connection, usually for want of file handles.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const STREAMS_MAX: u32 = 128;

/// What one listener allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListenLimits {
    pub(crate) connections_max: usize,
    pub(crate) connections_per_address_max: usize,
    /// For the head of a request, for a TLS handshake, and for a body that does not move.
    pub(crate) header_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) head_bytes_max: usize,
    pub(crate) headers_max: usize,
    pub(crate) body_bytes_per_s_min: u64,
}

impl From<&crate::config::Http> for ListenLimits {
    fn from(http: &crate::config::Http) -> Self {
        Self {
            connections_max: http.connections_max,
            connections_per_address_max: http.connections_per_address_max,
            header_timeout: Duration::from_millis(http.header_timeout_ms),
            idle_timeout: Duration::from_millis(http.idle_timeout_ms),
            head_bytes_max: http.head_max_bytes,
            headers_max: http.headers_max,
            body_bytes_per_s_min: http.body_min_bytes_per_s,
        }
    }
}

/// Opens a listening socket. Must run inside the runtime.
///
/// # Errors
/// When the address is taken or not ours.
pub(crate) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `shutdown` turns true (or its sender is gone); then takes nothing new and gives
/// what runs [`SHUTDOWN_MAX`].
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<Arc<TlsReloader>>,
    router: Router,
    limits: ListenLimits,
    mut shutdown: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    let places = Places::new(limits.connections_max, limits.connections_per_address_max);
    let refusal = Refusal::new();
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer) = tokio::select! {
            taken = accept(&listener) => taken,
            _ = shutdown.wait_for(|stop| *stop) => break,
        };
        while connections.try_join_next().is_some() {}
        let place = match places.take(peer.ip()) {
            Ok(place) => place,
            Err(full) => {
                refusal.turn_away(stream, full, tls.is_none());
                continue;
            }
        };
        let connection = Connection {
            tls: tls.clone(),
            router: router.clone(),
            limits,
            peer,
            _place: place,
        };
        connections.spawn(connection.run(stream, graceful.watcher()));
    }
    drop(listener);
    if tokio::time::timeout(SHUTDOWN_MAX, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            open = connections.len(),
            "connections were cut off at shutdown"
        );
    }
    connections.shutdown().await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(taken) => return taken,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// In the extensions of requests that came by TLS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OverTls;

struct Connection {
    tls: Option<Arc<TlsReloader>>,
    router: Router,
    limits: ListenLimits,
    peer: SocketAddr,
    _place: Place,
}

impl Connection {
    async fn run(self, stream: TcpStream, watcher: Watcher) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let stream = self.limited(stream);
        let Some(tls) = &self.tls else {
            return self.http(stream, watcher).await;
        };
        let handshake = tls.acceptor().accept(stream);
        match tokio::time::timeout(self.limits.header_timeout, handshake).await {
            Ok(Ok(stream)) => self.http(self.limited(stream), watcher).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    fn limited<S>(&self, stream: S) -> IdleLimit<S> {
        IdleLimit::new(stream, self.limits.header_timeout, self.limits.idle_timeout)
    }

    async fn http<S>(&self, stream: S, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (router, peer) = (self.router.clone(), self.peer);
        let by_tls = self.tls.is_some();
        let pace = Pace {
            grace: self.limits.header_timeout,
            bytes_per_s_min: self.limits.body_bytes_per_s_min,
        };
        let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            if by_tls {
                request.extensions_mut().insert(OverTls);
            }
            let paced = |body| Body::new(Paced::new(body, pace));
            router.clone().oneshot(request.map(paced))
        });
        let server = self.server();
        let connection = server.serve_connection_with_upgrades(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection.into_owned()).await {
            tracing::debug!(error, "a connection ended early");
        }
    }

    fn server(&self) -> auto::Builder<TokioExecutor> {
        let mut server = auto::Builder::new(TokioExecutor::new());
        server
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_timeout)
            .max_headers(self.limits.headers_max)
            .max_buf_size(self.limits.head_bytes_max);
        server
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(self.limits.head_bytes_max).unwrap_or(u32::MAX))
            .max_concurrent_streams(STREAMS_MAX);
        server
    }
}
