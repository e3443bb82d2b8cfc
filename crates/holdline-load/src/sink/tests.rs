//! The provider as a server sees it.

use super::*;
use crate::press::RawLane;

async fn send(lane: &mut RawLane, path: &str, body: &str) -> u16 {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: sink\r\nContent-Length: {}",
        body.len()
    );
    let request = format!("{head}\r\n\r\n{body}");
    lane.exchange(request.as_bytes()).await.unwrap()
}

#[tokio::test]
async fn what_comes_twice_is_counted_and_every_answer_has_its_id() {
    let sink = Sink::start(Form::CloudApi, 4, None).await.unwrap();
    let mut lane = RawLane::new(sink.address);
    let mut answers = Vec::new();
    for number in [1, 2, 1] {
        let body = format!(r#"{{"text":{{"body":"hello #{number:09}"}}}}"#);
        assert_eq!(send(&mut lane, "/v23.0/1/messages", &body).await, 200);
        answers.push(lane.body().into_owned());
    }
    assert!(answers[0] != answers[1]);
    let mut seen = sink.seen();
    assert_eq!((seen.taken, seen.doubled, seen.calls), (3, 1, 3));
    assert!(seen.first().is_some() && seen.came(2) > seen.came(1));
    assert!(seen.came(3).is_none());
    seen.forget_first();
    assert_eq!(seen.first(), None);
}

#[tokio::test]
async fn it_refuses_when_told_and_takes_nothing_then() {
    let sink = Sink::start(Form::Sms, 4, None).await.unwrap();
    let mut lane = RawLane::new(sink.address);
    let path = "/2010-04-01/Accounts/AC0/Messages.json";
    sink.becomes(Manner::Refuses);
    assert_eq!(send(&mut lane, path, "Body=%23000000001").await, 503);
    sink.becomes(Manner::After(Duration::from_millis(1)));
    assert_eq!(send(&mut lane, path, "Body=%23000000001").await, 201);
    let seen = sink.seen();
    assert_eq!((seen.taken, seen.calls), (1, 2));
}

#[tokio::test]
async fn a_question_that_is_no_send_is_no_call() {
    let sink = Sink::start(Form::CloudApi, 4, None).await.unwrap();
    let mut lane = RawLane::new(sink.address);
    assert_eq!(send(&mut lane, "/v23.0/1", "").await, 200);
    assert_eq!(sink.seen().calls, 0);
}
