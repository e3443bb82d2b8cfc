//! Reads SMTP lines and mail from a socket and writes the session's replies. Lines, mail and
//! idle time are bounded; what is said is the session's decision.

use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::shared::Shared;
use crate::outage::Provider;
use crate::providers::email::{Said, Session};

const LINE_BYTES_MAX: usize = 12_288;
const IDLE_MS_MAX: u64 = 300_000;

struct Wire {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

/// Whether the talk goes on.
#[derive(PartialEq, Eq)]
enum Next {
    Line,
    Data,
    End,
}

pub(crate) async fn talk(shared: &Shared, stream: TcpStream) {
    let (reader, writer) = stream.into_split();
    let mut wire = Wire {
        reader: BufReader::new(reader),
        writer,
    };
    let mut session = Session::default();
    let said = shared.with(|world, _| Session::banner(world));
    let mut next = say(shared, &mut wire, said).await;
    loop {
        let said = match next {
            Next::End => return,
            Next::Line => match line(&mut wire).await {
                Some(line) => shared.with(|world, _| session.line(world, &line)),
                None => return,
            },
            Next::Data => {
                let size_max = shared.with(|world, _| world.config.email.size_max_bytes);
                let Some(mail) = mail(&mut wire, size_max).await else {
                    return;
                };
                shared.with(|world, now_ms| session.data(world, mail.as_deref(), now_ms))
            }
        };
        next = say(shared, &mut wire, said).await;
    }
}

async fn say(shared: &Shared, wire: &mut Wire, said: Said) -> Next {
    let pause_ms = shared.with(|world, _| world.mail_pause_ms());
    tokio::time::sleep(Duration::from_millis(pause_ms)).await;
    let (text, next) = match said {
        Said::Reply(text) => (text, Next::Line),
        Said::Data(text) => (text, Next::Data),
        Said::Close(text) => (text, Next::End),
        Said::Reset => return Next::End,
        Said::Hang => {
            shared.while_hanging(Provider::Email).await;
            return Next::End;
        }
    };
    match wire.writer.write_all(text.as_bytes()).await {
        Ok(()) => next,
        Err(_) => Next::End,
    }
}

/// One command line without its end; none when the peer is gone, silent or endless.
async fn line(wire: &mut Wire) -> Option<String> {
    let limit = Duration::from_millis(IDLE_MS_MAX);
    let bytes = timeout(limit, bounded_line(&mut wire.reader, LINE_BYTES_MAX))
        .await
        .ok()??;
    let text = String::from_utf8_lossy(&bytes);
    Some(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The mail up to the lone dot: outer none when the peer is gone, inner none when too large.
async fn mail(wire: &mut Wire, size_max_bytes: usize) -> Option<Option<Vec<u8>>> {
    let limit = Duration::from_millis(IDLE_MS_MAX);
    let mut mail = Vec::new();
    let mut too_large = false;
    loop {
        let most = size_max_bytes + LINE_BYTES_MAX;
        let line = timeout(limit, bounded_line(&mut wire.reader, most))
            .await
            .ok()??;
        if line == b".\r\n" {
            return Some((!too_large).then_some(mail));
        }
        too_large |= mail.len() + line.len() > size_max_bytes;
        if !too_large {
            mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }
}

async fn bounded_line(reader: &mut (impl AsyncBufRead + Unpin), max: usize) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    loop {
        let ready = reader.fill_buf().await.ok()?;
        if ready.is_empty() {
            return None;
        }
        let end = ready
            .iter()
            .position(|byte| *byte == b'\n')
            .map(|place| place + 1);
        let taken = end.unwrap_or(ready.len());
        line.extend_from_slice(&ready[..taken]);
        reader.consume(taken);
        if line.len() > max {
            return None;
        }
        if end.is_some() {
            return Some(line);
        }
    }
}
