//! The client against scripted servers: what each failure is taken for, and what it never does.

use super::*;
use crate::test_peers::{Answer, HttpPeer, closed_port};
use bytes::Bytes;
use futures_util::StreamExt;
use holdline_engine::ports::{Hook, HookOutcome};
use url::Url;

fn url(base: &str, path: &str) -> Url {
    Url::parse(base).unwrap().join(path).unwrap()
}

fn quick() -> ClientConfig {
    ClientConfig {
        timeout_ms: 400,
        connect_timeout_ms: 300,
        ..ClientConfig::default()
    }
}

fn code_of(error: &TransportError) -> &'static str {
    match error {
        TransportError::NotSent { code, .. } | TransportError::Ambiguous { code, .. } => code,
        TransportError::Busy => "busy",
        TransportError::Forbidden(_) => "forbidden",
        TransportError::Malformed(_) => "malformed",
    }
}

async fn failure(base: &str) -> TransportError {
    let client = Client::new(quick()).unwrap();
    client
        .send(Request::post(url(base, "/x"), "/x").json("{}"))
        .await
        .unwrap_err()
}

#[tokio::test]
async fn certainly_unsent_and_perhaps_sent_are_told_apart() {
    let refused = failure(&format!("http://127.0.0.1:{}", closed_port())).await;
    assert_eq!(
        (code_of(&refused), refused.certainly_not_sent()),
        ("connect", true)
    );

    let unknown = failure("http://no-such-host.invalid").await;
    assert!(unknown.certainly_not_sent(), "{unknown:?}");

    let plain = HttpPeer::start(|_| Answer::Close).await;
    let tls = failure(&plain.url.replace("http://", "https://")).await;
    assert!(tls.certainly_not_sent(), "{tls:?}");

    let silent = HttpPeer::start(|_| Answer::Hang).await;
    let silence = failure(&silent.url).await;
    assert_eq!(
        (code_of(&silence), silence.certainly_not_sent()),
        ("timeout", false)
    );

    let closing = HttpPeer::start(|_| Answer::Close).await;
    assert!(!failure(&closing.url).await.certainly_not_sent());

    let torn = HttpPeer::start(|_| Answer::Torn).await;
    assert!(!failure(&torn.url).await.certainly_not_sent());
}

#[tokio::test]
async fn a_call_is_made_once_and_redirects_are_not_followed() {
    let peer = HttpPeer::start(|call| match call.path.as_str() {
        "/close" => Answer::Close,
        _ => Answer::Reply {
            status: 302,
            headers: vec![("Location".into(), "/elsewhere".into())],
            body: Vec::new(),
        },
    })
    .await;
    let client = Client::new(quick()).unwrap();
    client
        .send(Request::get(url(&peer.url, "/close"), "/close"))
        .await
        .unwrap_err();
    assert_eq!(peer.calls().len(), 1, "no call is repeated");
    let answer = client
        .send(Request::get(url(&peer.url, "/here"), "/here"))
        .await
        .unwrap();
    assert_eq!(
        (answer.status, answer.header("location")),
        (302, Some("/elsewhere"))
    );
    assert_eq!(peer.calls().len(), 2);
}

#[tokio::test]
async fn a_long_answer_is_cut_and_said_to_be() {
    let peer = HttpPeer::start(|_| Answer::json(200, &"x".repeat(5_000))).await;
    let client = Client::new(ClientConfig {
        response_bytes_max: 1_000,
        ..quick()
    })
    .unwrap();
    let answer = client
        .send(Request::get(url(&peer.url, "/"), "/"))
        .await
        .unwrap();
    assert_eq!((answer.body.len(), answer.truncated), (1_000, true));
    let more = Request::get(url(&peer.url, "/"), "/").response_bytes_max(5_000);
    let answer = client.send(more).await.unwrap();
    assert_eq!((answer.body.len(), answer.truncated), (5_000, false));
}

#[tokio::test]
async fn calls_beyond_the_limit_are_refused_and_slots_come_back() {
    let peer = HttpPeer::start(|call| match call.path.as_str() {
        "/hang" => Answer::Hang,
        _ => Answer::json(200, "{}"),
    })
    .await;
    let config = ClientConfig {
        in_flight_max: 1,
        timeout_ms: 2_500,
        ..ClientConfig::default()
    };
    let client = Client::new(config).unwrap();
    let hanging = client.send(Request::get(url(&peer.url, "/hang"), "/hang"));
    let second = client.send(Request::get(url(&peer.url, "/second"), "/second"));
    let (hung, refused) = tokio::join!(hanging, second);
    assert_eq!(code_of(&hung.unwrap_err()), "timeout");
    assert_eq!(refused.unwrap_err(), TransportError::Busy);
    assert_eq!(peer.calls().len(), 1, "a refused call is not made");
    assert!(
        client
            .send(Request::get(url(&peer.url, "/third"), "/third"))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn an_answer_can_be_streamed() {
    let peer = HttpPeer::start(|_| Answer::json(200, "{\"a\":1}")).await;
    let client = Client::new(ClientConfig {
        in_flight_max: 1,
        ..quick()
    })
    .unwrap();
    let pieces = futures_util::stream::iter([Ok(Bytes::from("one")), Ok(Bytes::from("two"))]);
    let body = Body::Stream {
        pieces: pieces.boxed(),
        length: Some(6),
    };
    let request = Request::post(url(&peer.url, "/"), "/").body(body);
    let answer = client.stream(request).await.unwrap();
    let whole: Vec<_> = answer.body.map(Result::unwrap).collect().await;
    assert_eq!(whole.concat(), b"{\"a\":1}");
    assert_eq!(peer.last().text(), "onetwo");
    assert_eq!(peer.last().header("content-length"), Some("6"));
    // The slot is free again once the stream has ended.
    assert!(
        client
            .send(Request::get(url(&peer.url, "/"), "/"))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn the_guard_refuses_private_addresses_by_number_and_by_name() {
    let peer = HttpPeer::start(|_| Answer::json(200, "{}")).await;
    let named = peer.url.replace("127.0.0.1", "localhost");
    let guarded = Client::guarded(quick(), false).unwrap();
    for base in [&peer.url, &named] {
        let error = guarded
            .send(Request::get(url(base, "/"), "/"))
            .await
            .unwrap_err();
        assert_eq!(code_of(&error), "forbidden", "{error:?}");
    }
    assert!(peer.calls().is_empty());
    let open = Client::guarded(quick(), true).unwrap();
    for base in [&peer.url, &named] {
        assert!(open.send(Request::get(url(base, "/"), "/")).await.is_ok());
    }
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let url = Url::parse("http://host.example/path?token=s3cret").unwrap();
    let request = Request::post(url, "/path").bearer("s3cret").json("s3cret");
    let shown = format!("{request:?} {:?}", request.body);
    assert!(!shown.contains("s3cret"), "{shown}");
    let bad = Request::get(Url::parse("http://127.0.0.1/").unwrap(), "/").bearer("a\nb");
    let error = Client::new(quick()).unwrap().send(bad).await.unwrap_err();
    assert_eq!(code_of(&error), "malformed");
}

#[tokio::test]
async fn hooks_take_any_success_and_send_a_length() {
    let peer = HttpPeer::start(|call| match call.path.as_str() {
        "/ok" => Answer::json(202, ""),
        "/moved" => Answer::Reply {
            status: 301,
            headers: vec![("Location".into(), "/ok".into())],
            body: Vec::new(),
        },
        _ => Answer::json(500, "oh"),
    })
    .await;
    let poster = HookPoster::new("holdline/test", 4, true).unwrap();
    let headers = [("X-Hub-Signature-256".to_owned(), "sha256=00".to_owned())];
    let post = |path: &str| {
        let (url, poster, headers) = (format!("{}{path}", peer.url), poster.clone(), &headers);
        async move { poster.post(&url, headers, Bytes::from("{\"a\":1}")).await }
    };
    assert_eq!(post("/ok").await, HookOutcome::Taken);
    let call = peer.last();
    assert_eq!(call.header("content-length"), Some("7"));
    assert_eq!(call.header("transfer-encoding"), None);
    assert_eq!(call.header("x-hub-signature-256"), Some("sha256=00"));
    assert_eq!(call.header("content-type"), Some("application/json"));
    assert_eq!(
        post("/moved").await,
        HookOutcome::Refused("answered 301".into())
    );
    assert_eq!(
        post("/bad").await,
        HookOutcome::Refused("answered 500".into())
    );
    let closed = HookPoster::new("holdline/test", 4, false).unwrap();
    let refused = closed.post(&peer.url, &[], Bytes::new()).await;
    assert!(matches!(refused, HookOutcome::Refused(why) if why.contains("allow_private_networks")));
}
