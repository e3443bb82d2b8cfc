//! More than there is room for: bodies that are too long, more open messages than allowed. The
//! caller learns when to come back, on a connection that still works.

use super::{check_error, read};
use crate::stack::{Options, Stack, until, until_true};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const LONG: usize = 10 * 1024 * 1024;

/// One connection that is spoken to by hand, so that it is the same one throughout.
struct Wire {
    stream: TcpStream,
    head: String,
}

impl Wire {
    async fn open(stack: &Stack) -> Self {
        let head = format!(
            "POST /v23.0/{}/messages HTTP/1.1\r\nHost: holdline\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\n",
            stack.phone_id, stack.token
        );
        Self {
            stream: TcpStream::connect(stack.address())
                .await
                .expect("connected"),
            head,
        }
    }

    async fn send_whole(&mut self, body: &[u8]) -> (u16, Value) {
        let head = format!("{}Content-Length: {}\r\n\r\n", self.head, body.len());
        self.stream
            .write_all(head.as_bytes())
            .await
            .expect("written");
        self.stream.write_all(body).await.expect("written");
        self.answer().await
    }

    async fn send_in_pieces(&mut self, body: &[u8]) -> (u16, Value) {
        let head = format!("{}Transfer-Encoding: chunked\r\n\r\n", self.head);
        self.stream
            .write_all(head.as_bytes())
            .await
            .expect("written");
        for piece in body.chunks(64 * 1024) {
            let size = format!("{:x}\r\n", piece.len());
            self.stream
                .write_all(size.as_bytes())
                .await
                .expect("written");
            self.stream.write_all(piece).await.expect("written");
            self.stream.write_all(b"\r\n").await.expect("written");
        }
        self.stream.write_all(b"0\r\n\r\n").await.expect("written");
        self.answer().await
    }

    async fn answer(&mut self) -> (u16, Value) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.expect("the connection is open"));
        }
        let head = String::from_utf8(head).expect("text").to_ascii_lowercase();
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|it| it.parse().ok())
            .expect("a status");
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.expect("a length").parse().expect("a number")];
        self.stream.read_exact(&mut body).await.expect("a body");
        (status, serde_json::from_slice(&body).expect("JSON"))
    }
}

fn text(body: &str) -> Vec<u8> {
    let text = json!({"messaging_product": "whatsapp", "to": "+16505553201",
        "type": "text", "text": {"body": body}});
    text.to_string().into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_megabytes_are_refused_and_the_connection_goes_on() {
    let stack = Stack::start().await;
    let mut wire = Wire::open(&stack).await;
    let long = text(&"x".repeat(LONG));
    let details = "The body is longer than 1048576 bytes: send less";
    let (status, reply) = wire.send_whole(&long).await;
    assert_eq!(status, 413, "{reply}");
    check_error(&reply, 100, Some(details));
    let (status, reply) = wire.send_whole(&text("after a long one")).await;
    assert_eq!(status, 200, "{reply}");
    let (status, reply) = wire.send_in_pieces(&long).await;
    assert_eq!(status, 413, "{reply}");
    check_error(&reply, 100, Some(details));
    let (status, reply) = wire.send_in_pieces(&text("after one in pieces")).await;
    assert_eq!(status, 200, "{reply}");
    assert_eq!(
        super::list(&stack).await.len(),
        2,
        "nothing of the long ones was kept"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_open_messages_are_refused_until_there_is_room() {
    let stack = Stack::start_with(Options::default().with("limits", "open_messages_max = 3")).await;
    stack.outage("webhooks_delayed");
    let mut accepted = Vec::new();
    for number in 0..3 {
        accepted.push(
            stack
                .send_text("+16505553202", &format!("message {number}"))
                .await,
        );
    }
    let fourth = json!({"to": "+16505553203", "type": "text", "text": {"body": "one too many"}});
    let (status, after, reply) = read(stack.post(fourth.clone()).await).await;
    assert_eq!(status, 429, "{reply}");
    let after = after.expect("Retry-After");
    assert!(
        (1..=60).contains(&after.parse().unwrap_or(0)),
        "Retry-After: {after}"
    );
    let details = format!("Too many messages wait at this number: try again in {after} s");
    check_error(&reply, 130_429, Some(&details));
    assert_eq!(super::list(&stack).await.len(), 3);
    stack.mend();
    until("there is room again", || async {
        (stack.post(fourth.clone()).await.status() == 200).then_some(())
    })
    .await;
    until_true("everybody has theirs", || {
        stack.sandbox.ledger(0, 10).len() == 4
    })
    .await;
    assert_eq!(
        stack.received("+16505553203").len(),
        1,
        "the refused copy was never sent"
    );
}
