//! A stream that ends when nothing moves on it for too long, or when its first bytes do not come
//! in time. Knows nothing of what is carried.

use std::future::Future as _;
use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Bytes that have to come within the opening time: so many are needed to tell HTTP/1 from HTTP/2,
/// and until then nobody else looks at the clock.
const OPENING_BYTES: usize = 24;

/// Gives a time-out error to a read or write that waits while nothing has moved for `limit`.
#[derive(Debug)]
pub(super) struct IdleLimit<S> {
    stream: S,
    limit: Duration,
    moved: Instant,
    opening_end: Instant,
    read: usize,
    timer: Pin<Box<Sleep>>,
}

impl<S> IdleLimit<S> {
    pub(super) fn new(stream: S, opening: Duration, limit: Duration) -> Self {
        let now = Instant::now();
        Self {
            stream,
            limit,
            moved: now,
            opening_end: now + opening,
            read: 0,
            timer: Box::pin(tokio::time::sleep(opening.min(limit))),
        }
    }

    fn end(&self) -> Instant {
        let idle_end = self.moved + self.limit;
        match self.read < OPENING_BYTES {
            true => idle_end.min(self.opening_end),
            false => idle_end,
        }
    }

    /// The timer is set anew only when it fires, not at every read.
    fn judge<T>(&mut self, cx: &mut Context<'_>, polled: Poll<Result<T>>) -> Poll<Result<T>> {
        if polled.is_ready() {
            self.moved = Instant::now();
            return polled;
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            let end = self.end();
            if end <= Instant::now() {
                let error = Error::new(ErrorKind::TimedOut, "nothing moved on the connection");
                return Poll::Ready(Err(error));
            }
            self.timer.as_mut().reset(end);
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for IdleLimit<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let came = buffer.filled().len().saturating_sub(before);
        self.read = self.read.saturating_add(came);
        self.judge(cx, polled)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for IdleLimit<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[std::io::IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.judge(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        if polled.is_ready() {
            polled
        } else {
            self.judge(cx, polled)
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        if polled.is_ready() {
            polled
        } else {
            self.judge(cx, polled)
        }
    }
}
