//! Makes calls: one at a time per slot, each within its time-out, each answer within its size.

use super::config::{self, BuildError, ClientConfig};
use super::error::TransportError;
use super::guard::Guard;
use super::request::{Body, Part, Request};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream;
use holdline_engine::ports::blobs::Pieces;
use http::HeaderMap;
use reqwest::multipart;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Longest wait for a free slot before a call is refused, in milliseconds.
pub(super) const SLOT_WAIT_MS_MAX: u64 = 1_000;

/// Longest time that one streamed answer may take, in milliseconds.
pub(super) const STREAM_MS_MAX: u64 = 15 * 60 * 1000;

/// A client with its own connections, slots and limits. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: reqwest::Client,
    slots: Arc<Semaphore>,
    config: Arc<ClientConfig>,
    guard: Option<Guard>,
}

/// A whole answer.
#[derive(Clone)]
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The answer was longer than allowed; `body` is its beginning.
    pub truncated: bool,
}

/// An answer whose body is still to come.
pub struct StreamResponse {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Pieces,
}

impl Client {
    /// # Errors
    /// When the CA file cannot be used.
    pub fn new(config: ClientConfig) -> Result<Self, BuildError> {
        Self::build(config, None)
    }

    /// A client for addresses that apps name: the public internet only, unless `allow_private`.
    ///
    /// # Errors
    /// When the CA file cannot be used.
    pub fn guarded(config: ClientConfig, allow_private: bool) -> Result<Self, BuildError> {
        Self::build(config, Some(Guard { allow_private }))
    }

    /// One call, with its whole answer.
    ///
    /// # Errors
    /// When no whole answer came.
    pub async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let trace = Trace::of(&request);
        let answer = self.exchange(request).await;
        trace.end(answer.as_ref().map(|response| response.status));
        answer
    }

    /// One call, with the body of its answer as a stream. The slot is held until it ends.
    ///
    /// # Errors
    /// When no answer began.
    pub async fn stream(&self, request: Request) -> Result<StreamResponse, TransportError> {
        let trace = Trace::of(&request);
        let answer = self.begin(request).await;
        trace.end(
            answer
                .as_ref()
                .map(|(response, _)| response.status().as_u16()),
        );
        let (response, slot) = answer?;
        Ok(StreamResponse {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: pieces(response, slot, self.timeout(None)),
        })
    }

    fn build(config: ClientConfig, guard: Option<Guard>) -> Result<Self, BuildError> {
        let inner = config::build(&config, guard)?;
        let slots = Arc::new(Semaphore::new(config.in_flight_max.max(1) as usize));
        Ok(Self {
            inner,
            slots,
            config: Arc::new(config),
            guard,
        })
    }

    async fn exchange(&self, request: Request) -> Result<Response, TransportError> {
        let bytes_max = request
            .response_bytes_max
            .unwrap_or(self.config.response_bytes_max);
        let limit = self.timeout(request.timeout_ms);
        self.check(&request)?;
        let _slot = self.slot().await?;
        let call = self.prepare(request)?.timeout(limit);
        let mut response = call.send().await.map_err(TransportError::of)?;
        let (body, truncated) = read(&mut response, bytes_max).await?;
        let status = response.status().as_u16();
        Ok(Response {
            status,
            headers: std::mem::take(response.headers_mut()),
            body,
            truncated,
        })
    }

    async fn begin(
        &self,
        request: Request,
    ) -> Result<(reqwest::Response, OwnedSemaphorePermit), TransportError> {
        let limit = self.timeout(request.timeout_ms);
        self.check(&request)?;
        let slot = self.slot().await?;
        // A body that streams in takes as long as its sender; only the answer is timed.
        let limit = match request.body {
            Body::Stream { .. } => Duration::from_millis(STREAM_MS_MAX),
            Body::Empty | Body::Bytes(_) | Body::Multipart(_) => limit,
        };
        let call = self.prepare(request)?;
        match timeout(limit, call.send()).await {
            Ok(answer) => Ok((answer.map_err(TransportError::of)?, slot)),
            Err(_) => Err(TransportError::timeout()),
        }
    }

    fn check(&self, request: &Request) -> Result<(), TransportError> {
        if let Some(fault) = &request.fault {
            return Err(TransportError::Malformed(fault.clone()));
        }
        if let Some(guard) = self.guard {
            guard.check(&request.url)?;
        }
        Ok(())
    }

    async fn slot(&self) -> Result<OwnedSemaphorePermit, TransportError> {
        let wait = Duration::from_millis(SLOT_WAIT_MS_MAX);
        match timeout(wait, Arc::clone(&self.slots).acquire_owned()).await {
            Ok(Ok(slot)) => Ok(slot),
            Ok(Err(_)) | Err(_) => Err(TransportError::Busy),
        }
    }

    fn prepare(&self, request: Request) -> Result<reqwest::RequestBuilder, TransportError> {
        let call = self
            .inner
            .request(request.method, request.url)
            .headers(request.headers);
        Ok(match request.body {
            Body::Empty => call,
            Body::Bytes(bytes) => call.body(bytes),
            Body::Multipart(parts) => call.multipart(form(parts)?),
            Body::Stream { pieces, length } => {
                let call = match length {
                    Some(length) => call.header(http::header::CONTENT_LENGTH, length),
                    None => call,
                };
                call.body(reqwest::Body::wrap_stream(pieces))
            }
        })
    }

    fn timeout(&self, asked_ms: Option<u32>) -> Duration {
        Duration::from_millis(asked_ms.unwrap_or(self.config.timeout_ms).into())
    }
}

impl Response {
    /// A header as text; names in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }
}

async fn read(
    response: &mut reqwest::Response,
    bytes_max: usize,
) -> Result<(Bytes, bool), TransportError> {
    let first = response.chunk().await.map_err(TransportError::of)?;
    let first = first.unwrap_or_default();
    // Mostly the whole of it, with nothing left to come: taken as it is.
    if first.len() <= bytes_max && response.content_length() == Some(0) {
        return Ok((first, false));
    }
    let mut body = BytesMut::new();
    let mut next = Some(first);
    while let Some(chunk) = next {
        let room = bytes_max - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok((body.freeze(), true));
        }
        next = response.chunk().await.map_err(TransportError::of)?;
    }
    Ok((body.freeze(), false))
}

fn pieces(response: reqwest::Response, slot: OwnedSemaphorePermit, idle: Duration) -> Pieces {
    let end = Instant::now() + Duration::from_millis(STREAM_MS_MAX);
    stream::unfold(Some((response, slot)), move |state| async move {
        let (mut response, slot) = state?;
        let wait = idle.min(end.saturating_duration_since(Instant::now()));
        match timeout(wait, response.chunk()).await {
            Ok(Ok(Some(chunk))) => Some((Ok(chunk), Some((response, slot)))),
            Ok(Ok(None)) => None,
            Ok(Err(error)) => Some((Err(TransportError::of(error).to_string()), None)),
            Err(_) => Some((Err("the answer stopped in the middle".into()), None)),
        }
    })
    .boxed()
}

fn form(parts: Vec<Part>) -> Result<multipart::Form, TransportError> {
    parts
        .into_iter()
        .try_fold(multipart::Form::new(), |form, part| {
            Ok(match part {
                Part::Text { name, value } => form.text(name, value),
                Part::File {
                    name,
                    filename,
                    mime,
                    bytes,
                } => {
                    let length = bytes.len() as u64;
                    let part =
                        multipart::Part::stream_with_length(bytes, length).file_name(filename);
                    let part = part.mime_str(&mime);
                    form.part(
                        name,
                        part.map_err(|_| TransportError::Malformed("media type".into()))?,
                    )
                }
            })
        })
}

/// What is logged of a call.
struct Trace {
    method: http::Method,
    host: String,
    template: &'static str,
    started: Instant,
}

impl Trace {
    fn of(request: &Request) -> Self {
        Self {
            method: request.method.clone(),
            host: request.url.host_str().unwrap_or("-").into(),
            template: request.template,
            started: Instant::now(),
        }
    }

    fn end(&self, result: Result<u16, &TransportError>) {
        let (method, host, path) = (&self.method, &self.host, self.template);
        let ms = self.started.elapsed().as_millis();
        match result {
            Ok(status) => tracing::debug!(%method, host, path, status, ms, "called"),
            Err(error) => tracing::debug!(%method, host, path, %error, ms, "call failed"),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({}, {} bytes)", self.status, self.body.len())
    }
}

impl fmt::Debug for StreamResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamResponse({})", self.status)
    }
}
