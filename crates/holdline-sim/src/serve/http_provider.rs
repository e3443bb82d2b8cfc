//! Turns one HTTP request into a call of a virtual provider and its answer into a response.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::courier::{self, HttpClient};
use super::shared::Shared;
use crate::outage::Provider;
use crate::providers::{Answer, ApiRequest, Handshake, Reply};

/// Largest body read: the largest document and its envelope.
const BODY_BYTES_MAX: usize = 110 * 1024 * 1024;

/// Why a connection is cut instead of answered.
#[derive(Debug, thiserror::Error)]
#[error("connection cut")]
pub(crate) struct Cut;

pub(crate) async fn handle(
    shared: Arc<Shared>,
    provider: Provider,
    client: Arc<HttpClient>,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Cut> {
    let Some(request) = read(request).await else {
        return Ok(response(Reply::raw(
            413,
            "text/plain",
            "body too large".into(),
        )));
    };
    let answer = shared.with(|world, now_ms| match provider {
        Provider::Whatsapp => world.whatsapp_request(&request, now_ms),
        Provider::Sms => world.sms_request(&request, now_ms),
        Provider::Email => Answer::Reset,
    });
    let answer = match answer {
        Answer::Handshake(handshake) => confirm(&shared, &client, &handshake).await,
        other @ (Answer::Reply(_) | Answer::Reset | Answer::Hang) => other,
    };
    match answer {
        Answer::Reply(reply) => {
            tokio::time::sleep(Duration::from_millis(reply.delay_ms)).await;
            Ok(response(reply))
        }
        Answer::Hang => {
            shared.while_hanging(provider).await;
            Err(Cut)
        }
        Answer::Reset | Answer::Handshake(_) => Err(Cut),
    }
}

async fn confirm(shared: &Shared, client: &HttpClient, handshake: &Handshake) -> Answer {
    let result = courier::confirm(client, handshake).await;
    shared.with(|world, _| world.handshake_done(handshake.ticket, result))
}

async fn read(request: Request<Incoming>) -> Option<ApiRequest> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX)
        .collect()
        .await
        .ok()?
        .to_bytes();
    Some(ApiRequest {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
    })
}

fn response(reply: Reply) -> Response<ReplyBody> {
    let body = ReplyBody {
        left: Some(reply.body),
        sized: !reply.chunked,
    };
    let mut response = Response::new(body);
    if let Ok(status) = http::StatusCode::from_u16(reply.status) {
        *response.status_mut() = status;
    }
    let headers = response.headers_mut();
    if let Ok(kind) = reply.content_type.parse() {
        headers.insert("content-type", kind);
    }
    if let Some(seconds) = reply.retry_after_s {
        headers.insert("retry-after", seconds.into());
    }
    response
}

/// A body in one piece, with or without a length announced.
#[derive(Debug)]
pub(crate) struct ReplyBody {
    left: Option<Bytes>,
    sized: bool,
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.left.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.left.as_ref().map_or(0, Bytes::len) as u64;
        if self.sized {
            SizeHint::with_exact(left)
        } else {
            SizeHint::default()
        }
    }
}
