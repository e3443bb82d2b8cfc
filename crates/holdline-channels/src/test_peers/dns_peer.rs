//! A small DNS resolver over UDP that answers as a test says.

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA};
use hickory_proto::rr::{RData, Record, RecordType};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DnsScript {
    /// Loopback, as IPv4.
    V4,
    /// Loopback, as IPv6 alone.
    V6Only,
    NoSuchName,
    ServerFailure,
    /// Nothing but the mark that there was more.
    Truncated,
    Silent,
    /// The first question gets no answer.
    LosesFirst,
    /// Answers that are not to the question: another id, another name, no DNS at all.
    Forged,
}

pub(crate) struct DnsPeer {
    pub(crate) at: SocketAddr,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl DnsPeer {
    pub(crate) async fn start(script: DnsScript) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let at = socket.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(serve(socket, script, Arc::clone(&asked)));
        Self { at, asked, task }
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for DnsPeer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, script: DnsScript, asked: Arc<AtomicUsize>) {
    let mut buffer = [0; 1024];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let nth = asked.fetch_add(1, Ordering::SeqCst);
        let question = Message::from_vec(&buffer[..length]).unwrap();
        for bytes in answers(&question, script, nth) {
            socket.send_to(&bytes, from).await.unwrap();
        }
    }
}

fn answers(question: &Message, script: DnsScript, nth: usize) -> Vec<Vec<u8>> {
    let mut answer = question.clone();
    answer.metadata.message_type = MessageType::Response;
    let (name, kind) = (
        question.queries[0].name.clone(),
        question.queries[0].query_type,
    );
    let record = |data| Record::from_rdata(name.clone(), 60, data);
    let v4 = record(RData::A(A(Ipv4Addr::LOCALHOST)));
    match script {
        DnsScript::Silent => return Vec::new(),
        DnsScript::LosesFirst if nth == 0 => return Vec::new(),
        DnsScript::V4 | DnsScript::LosesFirst => drop(answer.add_answer(v4)),
        DnsScript::V6Only if kind == RecordType::AAAA => {
            answer.add_answer(record(RData::AAAA(AAAA(Ipv6Addr::LOCALHOST))));
        }
        DnsScript::V6Only => {}
        DnsScript::NoSuchName => answer.metadata.response_code = ResponseCode::NXDomain,
        DnsScript::ServerFailure => answer.metadata.response_code = ResponseCode::ServFail,
        DnsScript::Truncated => answer.metadata.truncation = true,
        DnsScript::Forged => {
            answer.add_answer(v4);
            return forged(&answer, question);
        }
    }
    vec![answer.to_vec().unwrap()]
}

fn forged(answer: &Message, question: &Message) -> Vec<Vec<u8>> {
    let mut other_id = answer.clone();
    other_id.metadata.id = answer.metadata.id.wrapping_add(1);
    let mut other_name = answer.clone();
    other_name.queries[0].query_type = RecordType::MX;
    let messages = [&other_id, &other_name, question];
    let mut bytes: Vec<Vec<u8>> = messages.iter().map(|m| m.to_vec().unwrap()).collect();
    bytes.push(b"no DNS".to_vec());
    bytes
}
