//! Files, lists and forwarded calls.

use super::{WABA, channel, graph};
use crate::http::{Body, TransportError};
use crate::test_peers::{Answer, HttpPeer};
use crate::whatsapp::client::graph::without_token;
use crate::whatsapp::client::{Forward, GraphFailure};
use futures_util::StreamExt;
use holdline_core::message::FaultClass;
use holdline_engine::ports::Channel;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::json;

#[tokio::test]
async fn files_are_fetched_checked_and_bounded() {
    let peer = HttpPeer::start(|call| {
        let host = call.header("host").unwrap();
        let digest = match call.path.as_str() {
            "/v23.0/900" => "277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9",
            "/v23.0/901" => "00",
            _ => return Answer::json(200, "bytes"),
        };
        let url = format!("http://{host}/file");
        let info = json!({"url": url, "mime_type": "image/png", "sha256": digest, "id": "900"});
        Answer::json(200, &info.to_string())
    })
    .await;
    let channel = channel(&peer);
    let (mime, bytes) = channel.fetch("900", 100).await.unwrap();
    assert_eq!((mime.as_str(), &bytes[..]), ("image/png", &b"bytes"[..]));
    assert_eq!(
        peer.last().header("authorization"),
        Some("Bearer m3ta-s3cret")
    );
    assert!(
        channel
            .fetch("901", 100)
            .await
            .unwrap_err()
            .contains("announced")
    );
    assert!(
        channel
            .fetch("900", 2)
            .await
            .unwrap_err()
            .contains("larger")
    );
}

#[tokio::test]
async fn a_call_is_forwarded_with_our_token_alone() {
    let peer = HttpPeer::start(|_| Answer::json(418, "{\"as\":\"it was\"}")).await;
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("text/x"));
    headers.insert(
        "authorization",
        HeaderValue::from_static("Bearer the-apps-own"),
    );
    headers.insert("cookie", HeaderValue::from_static("a=b"));
    let call = |path: &str| Forward {
        method: Method::POST,
        version: Some("v19.0".into()),
        path: path.into(),
        query: Some("a=1&access_token=the-apps-own&b=%20".into()),
        headers: headers.clone(),
        body: Body::Bytes("payload".into()),
    };
    let answer = graph(&peer).forward(call("123/register")).await.unwrap();
    assert_eq!(answer.status, 418);
    let body: Vec<_> = answer.body.map(Result::unwrap).collect().await;
    assert_eq!(body.concat(), b"{\"as\":\"it was\"}");
    let seen = peer.last();
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("POST", "/v19.0/123/register?a=1&b=%20")
    );
    assert_eq!(seen.header("authorization"), Some("Bearer m3ta-s3cret"));
    assert_eq!(
        (seen.header("content-type"), seen.header("cookie")),
        (Some("text/x"), None)
    );
    assert_eq!(seen.text(), "payload");
    for path in [
        "../admin",
        "a/%2e%2E/b",
        ".",
        "1/.%2e/2",
        "1/%2e./2",
        "1\\2",
        "1/%2f2",
    ] {
        let refused = graph(&peer).forward(call(path)).await.err();
        assert!(
            matches!(refused, Some(TransportError::Malformed(_))),
            "{path}"
        );
    }
}

#[tokio::test]
async fn lists_are_read_to_the_end() {
    let peer = HttpPeer::start(|call| match call.path.contains("after=A") {
        false => Answer::json(
            200,
            r#"{"data":[{"name":"a"}],"paging":{"cursors":{"after":"A"},"next":"https://x/next"}}"#,
        ),
        true => Answer::json(
            200,
            r#"{"data":[{"name":"b"}],"paging":{"cursors":{"after":"B"}}}"#,
        ),
    })
    .await;
    let templates = graph(&peer).templates(WABA).await.unwrap();
    assert_eq!(templates, [json!({"name": "a"}), json!({"name": "b"})]);
    assert!(
        peer.last()
            .path
            .starts_with(&format!("/v23.0/{WABA}/message_templates?limit=100"))
    );
    let down = HttpPeer::start(|_| {
        Answer::json(
            401,
            r#"{"error":{"code":190,"message":"Session has expired"}}"#,
        )
    })
    .await;
    let refused = graph(&down).subscribed_apps(WABA).await.unwrap_err();
    let GraphFailure::Refused { status, fault } = refused else {
        panic!("{refused:?}")
    };
    assert_eq!((status, fault.class), (401, FaultClass::Account));
}

#[test]
fn our_token_is_not_passed_on_however_its_name_is_written() {
    let query = "a=1&access%5Ftoken=x&ACCESS_TOKEN=y&access_token&b=%20";
    assert_eq!(without_token(query), "a=1&b=%20");
}
