//! One keep-alive connection to a server, with one request under way at a time. Connects when it
//! has to; never asks again by itself.

use anyhow::Context as _;
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest wait for one answer.
const ANSWER_WAIT: Duration = Duration::from_secs(15);
/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after_ms: Option<u64>,
    pub(crate) body: Bytes,
}

#[derive(Debug)]
pub(crate) struct Lane {
    server: SocketAddr,
    open: Option<SendRequest<Full<Bytes>>>,
}

impl Lane {
    pub(crate) fn new(server: SocketAddr) -> Self {
        Self { server, open: None }
    }

    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        let answer = timeout(ANSWER_WAIT, self.exchange(request)).await;
        let answer = answer
            .with_context(|| format!("no answer in {ANSWER_WAIT:?}"))
            .and_then(|it| it);
        if answer.is_err() {
            self.open = None;
        }
        answer
    }

    /// The connection, if the server has not closed it meanwhile.
    async fn kept(&mut self) -> Option<SendRequest<Full<Bytes>>> {
        let mut kept = self.open.take()?;
        kept.ready().await.is_ok().then_some(kept)
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        let mut sender = match self.kept().await {
            Some(kept) => kept,
            None => connect(self.server).await?,
        };
        let response = sender.send_request(request).await.context("no answer")?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("an answer that breaks off: {error}"))?;
        self.open = Some(sender);
        let seconds = parts.headers.get(header::RETRY_AFTER);
        let seconds = seconds.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        Ok(Answer {
            status: parts.status,
            retry_after_ms: seconds.map(|seconds| seconds.saturating_mul(1_000)),
            body: body.to_bytes(),
        })
    }
}

async fn connect(server: SocketAddr) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(server).await.context("no connection")?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    sender.ready().await?;
    Ok(sender)
}

/// One GET for JSON, on a connection of its own.
pub(crate) async fn get_json(server: SocketAddr, path: &str, token: &str) -> anyhow::Result<Value> {
    let answer = call(server, Method::GET, path, token, Bytes::new()).await?;
    Ok(serde_json::from_slice(&answer.body)?)
}

/// One POST of JSON, on a connection of its own.
pub(crate) async fn post(server: SocketAddr, path: &str, body: &Value) -> anyhow::Result<Answer> {
    call(server, Method::POST, path, "", body.to_string().into()).await
}

/// One call on a connection of its own; anything but 2xx is an error.
pub(crate) async fn call(
    server: SocketAddr,
    method: Method,
    path: &str,
    token: &str,
    body: Bytes,
) -> anyhow::Result<Answer> {
    let request = Request::builder()
        .method(&method)
        .uri(path)
        .header(header::HOST, server.to_string())
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(body))?;
    let answer = Lane::new(server).send(request).await;
    let answer = answer.with_context(|| format!("{method} {server}{path}"))?;
    anyhow::ensure!(
        answer.status.is_success(),
        "{method} {server}{path}: {} {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    Ok(answer)
}
