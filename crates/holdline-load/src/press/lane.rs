//! One keep-alive connection that writes requests as they are and reads of answers what it must:
//! status and length. Knows HTTP/1.1 with a `Content-Length`, and nothing else of HTTP.

use anyhow::{Context as _, bail};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const HEAD_BYTES_MAX: usize = 64 * 1024;
const READ_BYTES: usize = 4 * 1024;

#[derive(Debug)]
pub(crate) struct RawLane {
    server: SocketAddr,
    open: Option<TcpStream>,
    /// The last answer.
    answer: Vec<u8>,
    body_at: usize,
}

/// What matters of the head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Of the head with the empty line.
    bytes: usize,
    body_bytes: usize,
    closes: bool,
}

impl RawLane {
    pub(crate) fn new(server: SocketAddr) -> Self {
        Self {
            server,
            open: None,
            answer: Vec::with_capacity(READ_BYTES),
            body_at: 0,
        }
    }

    /// Sends a request and gives the status of its answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        let mut stream = match self.open.take() {
            Some(stream) => stream,
            None => connect(self.server).await?,
        };
        stream.write_all(request).await?;
        let head = self.read(&mut stream).await?;
        if !head.closes {
            self.open = Some(stream);
        }
        Ok(head.status)
    }

    /// That of the last answer.
    pub(crate) fn body(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.answer.get(self.body_at..).unwrap_or_default())
    }

    async fn read(&mut self, stream: &mut TcpStream) -> anyhow::Result<Head> {
        self.answer.clear();
        self.body_at = 0;
        let head = loop {
            self.more(stream).await?;
            if let Some(head) = head(&self.answer)? {
                break head;
            }
            anyhow::ensure!(self.answer.len() < HEAD_BYTES_MAX, "a head without an end");
        };
        self.body_at = head.bytes;
        while self.answer.len() < head.bytes + head.body_bytes {
            self.more(stream).await?;
        }
        Ok(head)
    }

    async fn more(&mut self, stream: &mut TcpStream) -> anyhow::Result<()> {
        self.answer.reserve(READ_BYTES);
        match stream.read_buf(&mut self.answer).await? {
            0 => bail!("an answer that breaks off"),
            _ => Ok(()),
        }
    }
}

async fn connect(server: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(server).await.context("no connection")?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// None while its end has not come.
fn head(bytes: &[u8]) -> anyhow::Result<Option<Head>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end]).context("a head that is no text")?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.get(9..12)?.parse().ok());
    let mut head = Head {
        status: status.context("an answer without a status")?,
        bytes: end + 4,
        body_bytes: 0,
        closes: false,
    };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            head.body_bytes = value.trim().parse().context("a length that is none")?;
        } else if name.eq_ignore_ascii_case("connection") {
            head.closes = value.trim().eq_ignore_ascii_case("close");
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            bail!("an answer in chunks, which this client does not read");
        }
    }
    Ok(Some(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let text = b"HTTP/1.1 201 Created\r\nContent-Length: 12\r\nconnection: close\r\n\r\n{}";
        let expect = Head {
            status: 201,
            bytes: text.len() - 2,
            body_bytes: 12,
            closes: true,
        };
        assert_eq!(head(text).unwrap(), Some(expect));
        assert_eq!(head(&text[..40]).unwrap(), None);
    }

    #[test]
    fn what_it_does_not_read_is_an_error() {
        let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(head(chunks).is_err());
        assert!(head(b"SMTP\r\n\r\n").is_err());
    }
}
