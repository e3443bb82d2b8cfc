//! A request body that has to come with a least speed. What the server itself makes it wait does
//! not count. Never reads ahead.

use hyper::body::{Body, Frame, SizeHint};
use std::fmt::Display;
use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// How slow a body may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Waited for in any case.
    pub(super) grace: Duration,
    /// On average beyond that; 0 asks for none.
    pub(super) bytes_per_s_min: u64,
}

#[derive(Debug)]
pub(super) struct Paced<B> {
    body: B,
    pace: Pace,
    bytes: u64,
    /// Time spent in waiting, without the wait that goes on.
    waited: Duration,
    waits_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<B> Paced<B> {
    pub(super) fn new(body: B, pace: Pace) -> Self {
        Self {
            body,
            pace,
            bytes: 0,
            waited: Duration::ZERO,
            waits_since: None,
            timer: None,
        }
    }

    fn came(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        if let Some(since) = self.waits_since.take() {
            self.waited += since.elapsed();
        }
    }

    /// Ready once the body has been waited for too long.
    fn too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.pace.bytes_per_s_min == 0 {
            return Poll::Pending;
        }
        let earned = self.bytes.saturating_mul(1_000) / self.pace.bytes_per_s_min;
        let allowed = self
            .pace
            .grace
            .saturating_add(Duration::from_millis(earned));
        let since = *self.waits_since.get_or_insert_with(Instant::now);
        let left = allowed.saturating_sub(self.waited);
        let Some(end) = since.checked_add(left) else {
            return Poll::Pending;
        };
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
        if timer.deadline() != end {
            timer.as_mut().reset(end);
        }
        timer.as_mut().poll(cx)
    }
}

impl<B> Body for Paced<B>
where
    B: Body<Data: bytes::Buf, Error: Display> + Unpin,
{
    type Data = B::Data;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                let data = frame.as_ref().and_then(|it| it.as_ref().ok()?.data_ref());
                self.came(data.map_or(0, |data| bytes::Buf::remaining(data) as u64));
                Poll::Ready(frame.map(|it| it.map_err(|error| Error::other(error.to_string()))))
            }
            Poll::Pending => self.too_slow(cx).map(|()| {
                let error = Error::new(ErrorKind::TimedOut, "the body comes too slowly");
                Some(Err(error))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body as Axum;
    use futures_util::{StreamExt as _, stream};
    use http_body_util::BodyExt as _;

    const PACE: Pace = Pace {
        grace: Duration::from_secs(10),
        bytes_per_s_min: 100,
    };

    /// The body of `pieces`, each after a wait.
    fn body(pieces: &'static [(u64, &'static str)]) -> Paced<Axum> {
        let pieces = stream::iter(pieces).then(|(wait_s, text)| async move {
            tokio::time::sleep(Duration::from_secs(*wait_s)).await;
            Ok::<_, Error>(*text)
        });
        Paced::new(Axum::from_stream(pieces), PACE)
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_now_and_then_is_too_slow() {
        let trickle = body(&[(4, "a"), (4, "b"), (4, "c"), (4, "d")]);
        let started = Instant::now();
        let error = trickle.collect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let took = started.elapsed();
        assert!(
            (10..12).contains(&took.as_secs()),
            "given up after {took:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_come_earns_time_for_the_rest() {
        const PIECE: &str = "0123456789012345678901234567890123456789";
        let steady = body(&[(1, PIECE); 4]);
        assert_eq!(steady.collect().await.unwrap().to_bytes().len(), 160);
        let pause = body(&[(0, PIECE), (0, PIECE), (10, "end")]);
        assert_eq!(pause.collect().await.unwrap().to_bytes().len(), 83);
    }

    #[tokio::test(start_paused = true)]
    async fn what_we_make_it_wait_does_not_count() {
        let mut slow_reader = body(&[(6, "a"), (3, "b")]);
        slow_reader.frame().await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert!(slow_reader.frame().await.unwrap().is_ok());
        assert!(slow_reader.frame().await.is_none());
    }
}
