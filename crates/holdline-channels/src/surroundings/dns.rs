//! One question to one resolver over UDP, and what its answer means. Asks again within the
//! time-out, since datagrams get lost; believes only an answer to the very question.

use super::report::Resolved;
use hickory_proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// Times that a question is put.
const TRIES: u32 = 3;
/// Largest answer that fits a datagram without extensions is 512 bytes; some send more.
const ANSWER_BYTES_MAX: usize = 4096;

/// What a resolver knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) resolved: Resolved,
    pub(crate) addresses: Vec<IpAddr>,
}

impl Found {
    pub(super) const fn nothing(resolved: Resolved) -> Self {
        Self {
            resolved,
            addresses: Vec::new(),
        }
    }
}

/// Asks `resolver` for the addresses of `host`: IPv4 first, then IPv6 where there is none.
pub(super) async fn ask(resolver: SocketAddr, host: &str, limit: Duration) -> Found {
    let Some(name) = name_of(host) else {
        return Found::nothing(Resolved::NoSuchName);
    };
    let both = async {
        let first = ask_for(resolver, &name, RecordType::A, limit).await?;
        match first.resolved {
            Resolved::NoSuchName => ask_for(resolver, &name, RecordType::AAAA, limit).await,
            Resolved::Address | Resolved::Silent => Ok(first),
        }
    };
    match timeout(limit, both).await {
        Ok(Ok(found)) => found,
        Ok(Err(_)) | Err(_) => Found::nothing(Resolved::Silent),
    }
}

fn name_of(host: &str) -> Option<Name> {
    let mut name = Name::from_ascii(host).ok()?;
    name.set_fqdn(true);
    Some(name)
}

async fn ask_for(
    resolver: SocketAddr,
    name: &Name,
    kind: RecordType,
    limit: Duration,
) -> io::Result<Found> {
    let socket = UdpSocket::bind(any_port(resolver)).await?;
    // Only this resolver's datagrams come in from here on.
    socket.connect(resolver).await?;
    let mut question = Message::query();
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(name.clone(), kind));
    let bytes = question.to_vec().map_err(io::Error::other)?;
    for _ in 0..TRIES {
        socket.send(&bytes).await?;
        if let Ok(found) = timeout(limit / TRIES, answer(&socket, &question)).await {
            return found;
        }
    }
    Ok(Found::nothing(Resolved::Silent))
}

/// The first datagram that answers the question; others are passed over.
async fn answer(socket: &UdpSocket, question: &Message) -> io::Result<Found> {
    let mut buffer = [0; ANSWER_BYTES_MAX];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let read = Message::from_vec(&buffer[..length]);
        if let Ok(answer) = read
            && is_answer_to(&answer, question)
        {
            return Ok(meaning(&answer));
        }
    }
}

fn is_answer_to(answer: &Message, question: &Message) -> bool {
    answer.metadata.message_type == MessageType::Response
        && answer.metadata.id == question.metadata.id
        && answer.queries == question.queries
}

/// A truncated answer holds more addresses than fit: that is one all the same.
pub(crate) fn meaning(answer: &Message) -> Found {
    let records = answer.answers.iter();
    let addresses: Vec<IpAddr> = records.filter_map(|record| record.data.ip_addr()).collect();
    let whole = answer.metadata.response_code == ResponseCode::NoError;
    let resolved = match whole && (!addresses.is_empty() || answer.metadata.truncation) {
        true => Resolved::Address,
        false => Resolved::NoSuchName,
    };
    Found {
        resolved,
        addresses,
    }
}

fn any_port(resolver: SocketAddr) -> SocketAddr {
    match resolver {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}
