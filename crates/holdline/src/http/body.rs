//! Takes whole request bodies in, bounded in size and time. A body that is too long is read off
//! for a while, so that the caller sees the refusal and not a broken connection.

use axum::body::{Body, BodyDataStream, HttpBody as _};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use std::time::Duration;

/// Most bytes of a refused body that are read off, and the longest time for it.
pub(crate) const DRAIN_BYTES_MAX: usize = 32 * 1024 * 1024;
pub(crate) const DRAIN_TIME_MAX: Duration = Duration::from_secs(5);
/// Longest wait for the next piece of a body.
pub(crate) const PIECE_WAIT_MAX: Duration = Duration::from_secs(30);

/// Why there is no whole body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    TooLong,
    BrokenOff,
}

/// The whole body, at most `bytes_max` of it.
pub(crate) async fn read_whole(body: Body, bytes_max: usize) -> Result<Bytes, Unread> {
    let mut too_long = body.size_hint().lower() > bytes_max as u64;
    let mut pieces = body.into_data_stream();
    let mut read = BytesMut::new();
    while !too_long {
        let next = tokio::time::timeout(PIECE_WAIT_MAX, pieces.next()).await;
        let Some(piece) = next.map_err(|_| Unread::BrokenOff)? else {
            return Ok(read.freeze());
        };
        let piece = piece.map_err(|_| Unread::BrokenOff)?;
        too_long = read.len() + piece.len() > bytes_max;
        read.extend_from_slice(&piece[..piece.len().min(bytes_max)]);
    }
    let _ = tokio::time::timeout(DRAIN_TIME_MAX, drain(pieces)).await;
    Err(Unread::TooLong)
}

/// Reads off what nobody wants, within the bounds above.
pub(crate) async fn read_off(body: Body) {
    let pieces = body.into_data_stream();
    let _ = tokio::time::timeout(DRAIN_TIME_MAX, drain(pieces)).await;
}

async fn drain(mut pieces: BodyDataStream) {
    let mut bytes = 0;
    while let Some(Ok(piece)) = pieces.next().await {
        bytes += piece.len();
        if bytes > DRAIN_BYTES_MAX {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    async fn read(pieces: &'static [&'static [u8]]) -> Result<Bytes, Unread> {
        let pieces = pieces.iter().map(|it| Ok::<_, std::io::Error>(*it));
        read_whole(Body::from_stream(stream::iter(pieces)), 8).await
    }

    #[tokio::test]
    async fn a_body_of_just_the_limit_is_whole_and_a_longer_one_is_refused() {
        assert_eq!(read(&[b"1234", b"5678"]).await.unwrap(), "12345678");
        assert_eq!(read(&[b"1234", b"56789"]).await, Err(Unread::TooLong));
        assert_eq!(read(&[]).await.unwrap(), "");
        let announced = read_whole(Body::from("123456789"), 8).await;
        assert_eq!(announced, Err(Unread::TooLong));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_no_body() {
        let broken = stream::iter([Ok("12"), Err(std::io::Error::other("gone"))]);
        let read = read_whole(Body::from_stream(broken), 8).await;
        assert_eq!(read, Err(Unread::BrokenOff));
    }
}
