//! Calls are answered before clients give up, whatever the configuration allows.

use super::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn r11_a_call_whose_body_does_not_come_is_answered_before_clients_give_up() {
    let options = Options::default().with("http", "request_timeout_ms = 60000");
    let stack = Stack::start_with(options).await;
    let started = Instant::now();
    let mut socket = TcpStream::connect(stack.address()).await.expect("connects");
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        messages(&stack),
        stack.token
    );
    socket.write_all(head.as_bytes()).await.expect("is sent");
    let mut start = [0; 12];
    let reading = socket.read_exact(&mut start);
    let read = tokio::time::timeout(Duration::from_secs(10), reading).await;
    read.expect("an answer").expect("a status line");
    assert_eq!(&start, b"HTTP/1.1 503");
    let took = started.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
}
