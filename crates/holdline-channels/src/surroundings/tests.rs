//! Looks around among resolvers, control hosts and ports of this machine.

use super::{NetworkReport, Resolved, SelfTest, Surroundings, SurroundingsConfig};
use crate::test_peers::{Answer, Call, DnsPeer, DnsScript, HttpPeer, closed_port};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use url::Url;

const TIMEOUT_MS: u32 = 600;
/// A name that no resolver is even asked for: a label of it is too long.
const UNSPEAKABLE: &str =
    "a234567890123456789012345678901234567890123456789012345678901234.invalid";

fn config() -> SurroundingsConfig {
    SurroundingsConfig {
        timeout_ms: TIMEOUT_MS,
        ..SurroundingsConfig::default()
    }
}

fn looking(config: SurroundingsConfig) -> Surroundings {
    Surroundings::new(config).unwrap()
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

async fn said_by(script: DnsScript) -> Resolved {
    let peer = DnsPeer::start(script).await;
    let around = looking(SurroundingsConfig {
        resolvers: vec![peer.at],
        ..config()
    });
    let report = around.check("localhost", closed_port()).await;
    assert_eq!(report.resolved[0], ("system".into(), Resolved::Address));
    assert_eq!(report.resolved[1].0, peer.at.to_string());
    assert!(peer.asked() > 0);
    report.resolved[1].1
}

#[tokio::test]
async fn each_resolver_is_heard_for_itself() {
    for (script, expected) in [
        (DnsScript::V4, Resolved::Address),
        (DnsScript::V6Only, Resolved::Address),
        (DnsScript::Truncated, Resolved::Address),
        (DnsScript::LosesFirst, Resolved::Address),
        (DnsScript::NoSuchName, Resolved::NoSuchName),
        (DnsScript::ServerFailure, Resolved::NoSuchName),
        (DnsScript::Silent, Resolved::Silent),
        (DnsScript::Forged, Resolved::Silent),
    ] {
        assert_eq!(said_by(script).await, expected, "{script:?}");
    }
}

#[tokio::test]
async fn a_resolver_that_is_not_there_is_silent() {
    let around = looking(SurroundingsConfig {
        resolvers: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, closed_port()))],
        ..config()
    });
    let report = around.check("localhost", closed_port()).await;
    assert_eq!(report.resolved[1].1, Resolved::Silent);
}

#[tokio::test]
async fn any_http_answer_of_a_control_host_counts() {
    let well = HttpPeer::start(|_| Answer::json(200, "")).await;
    let ill = HttpPeer::start(|_| Answer::json(503, "")).await;
    let mute = HttpPeer::start(|_| Answer::Hang).await;
    let gone = format!("http://127.0.0.1:{}", closed_port());
    let around = looking(SurroundingsConfig {
        controls: vec![url(&well.url), url(&ill.url), url(&mute.url), url(&gone)],
        ..config()
    });
    let report = around.check("127.0.0.1", closed_port()).await;
    let reached: Vec<bool> = report
        .controls
        .iter()
        .map(|(_, reached)| *reached)
        .collect();
    assert_eq!(reached, [true, true, false, false]);
    assert_eq!(report.controls_reached(), Some(true));
    assert_eq!(well.last().method, "HEAD");
    assert!(report.words().starts_with("2 of 4 control hosts reached; "));
}

#[tokio::test]
async fn an_address_needs_no_resolver() {
    let (_listener, port) = listener().await;
    let peer = DnsPeer::start(DnsScript::V4).await;
    let around = looking(SurroundingsConfig {
        resolvers: vec![peer.at],
        ..config()
    });
    let report = around.check("127.0.0.1", port).await;
    assert!(report.resolved.is_empty());
    assert_eq!(report.connected, Some(true));
    assert_eq!(peer.asked(), 0);
    assert_eq!(report.controls_reached(), None);
    assert_eq!(
        report.words(),
        "no control hosts configured; TCP connect made"
    );
    let bracketed = around.check("[::1]", closed_port()).await;
    assert_eq!(
        (bracketed.host.as_str(), bracketed.connected),
        ("::1", Some(false))
    );
}

#[tokio::test]
async fn a_closed_port_is_told_from_a_name_that_is_gone() {
    let around = looking(config());
    let closed = around.check("localhost", closed_port()).await;
    assert_eq!(
        (closed.connected, closed.connect_fault),
        (Some(false), Some("refused"))
    );
    assert!(
        closed
            .words()
            .ends_with("; localhost resolved by system; TCP connect refused")
    );
    let nameless = around.check(UNSPEAKABLE, 443).await;
    assert_eq!(nameless.connected, None);
    assert_ne!(nameless.resolved[0].1, Resolved::Address);
}

#[tokio::test]
async fn what_another_resolver_knows_is_tried_where_the_system_knows_nothing() {
    let (_listener, port) = listener().await;
    let peer = DnsPeer::start(DnsScript::V4).await;
    let around = looking(SurroundingsConfig {
        resolvers: vec![peer.at],
        ..config()
    });
    let report = around
        .check("holdline-is-not-there.localhost.invalid", port)
        .await;
    assert_eq!(report.resolved[1].1, Resolved::Address);
    assert_eq!(report.connected, Some(true));
}

#[tokio::test]
async fn all_checks_together_take_hardly_longer_than_one() {
    let mute = HttpPeer::start(|_| Answer::Hang).await;
    let silent = DnsPeer::start(DnsScript::Silent).await;
    let around = looking(SurroundingsConfig {
        controls: vec![url(&mute.url); 8],
        resolvers: vec![silent.at; 8],
        ..config()
    });
    let started = Instant::now();
    let report = around.check("localhost", closed_port()).await;
    assert!(started.elapsed() < Duration::from_millis(u64::from(TIMEOUT_MS) * 4));
    assert_eq!(report.controls_reached(), Some(false));
    let silent = report
        .resolved
        .iter()
        .filter(|(_, said)| *said == Resolved::Silent);
    assert_eq!(silent.count(), 8);
}

#[test]
fn a_report_reads_as_one_sentence() {
    let report = NetworkReport {
        host: "graph.facebook.com".into(),
        controls: vec![("a".into(), true), ("b".into(), true)],
        resolved: vec![
            ("system".into(), Resolved::Address),
            ("1.1.1.1".into(), Resolved::Address),
            ("9.9.9.9".into(), Resolved::Silent),
        ],
        connected: Some(false),
        connect_fault: Some("refused"),
    };
    assert_eq!(
        report.words(),
        "2 of 2 control hosts reached; graph.facebook.com resolved by system and 1.1.1.1, \
         no word from 9.9.9.9; TCP connect refused"
    );
}

#[test]
fn too_many_peers_and_strange_schemes_are_refused() {
    let refused = |config| Surroundings::new(config).unwrap_err().to_string();
    let many = SurroundingsConfig {
        controls: vec![url("https://a.example"); 9],
        ..config()
    };
    assert!(refused(many).starts_with("surroundings.controls: at most 8"));
    let strange = SurroundingsConfig {
        controls: vec![url("ftp://a.example")],
        ..config()
    };
    assert!(refused(strange).contains("http://"));
}

fn asked_for(call: &Call, name: &str) -> Option<String> {
    let asked = url(&format!("http://x{}", call.path));
    let mut pairs = asked.query_pairs();
    pairs
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

fn plain(status: u16, body: String) -> Answer {
    Answer::Reply {
        status,
        headers: Vec::new(),
        body: body.into_bytes(),
    }
}

async fn tested(answer: fn(&Call) -> Answer, allow_private: bool) -> (SelfTest, usize) {
    let peer = HttpPeer::start(answer).await;
    let around = looking(SurroundingsConfig {
        allow_private,
        ..config()
    });
    let hook = url(&format!("{}/hooks/whatsapp?tenant=1", peer.url));
    let result = around.self_test(&hook, "verify me").await;
    (result, peer.calls().len())
}

#[tokio::test]
async fn our_webhook_is_asked_as_the_provider_asks() {
    let answers = |call: &Call| {
        let good = call.method == "GET"
            && call
                .path
                .starts_with("/hooks/whatsapp?tenant=1&hub.mode=subscribe&")
            && asked_for(call, "hub.verify_token").as_deref() == Some("verify me");
        let challenge = asked_for(call, "hub.challenge").unwrap();
        assert!(challenge.bytes().all(|byte| byte.is_ascii_digit()));
        plain(if good { 200 } else { 403 }, challenge)
    };
    assert_eq!(tested(answers, true).await.0, SelfTest::Answered);
}

#[tokio::test]
async fn a_webhook_that_is_not_ours_is_no_answer() {
    let check = async |answer: fn(&Call) -> Answer, expected: &str| {
        let (result, _) = tested(answer, true).await;
        assert_eq!(result, SelfTest::WrongAnswer(expected.into()));
    };
    check(|_| plain(403, "no".into()), "HTTP 403").await;
    check(|_| plain(302, String::new()), "HTTP 302").await;
    check(
        |_| plain(200, "<html>".into()),
        "HTTP 200 without our challenge",
    )
    .await;
}

#[tokio::test]
async fn a_webhook_that_cannot_be_reached_says_why() {
    let unreachable = |result: SelfTest| match result {
        SelfTest::Unreachable(why) => why,
        other @ (SelfTest::Answered | SelfTest::WrongAnswer(_)) => panic!("{other}"),
    };
    let (silent, _) = tested(|_| Answer::Hang, true).await;
    let why = unreachable(silent);
    assert!(why.contains("timeout") && !why.contains("verify"), "{why}");
    let (private, calls) = tested(|_| plain(200, String::new()), false).await;
    assert!(unreachable(private).contains("allow_private_networks"));
    assert_eq!(calls, 0);
    let gone = url(&format!("http://127.0.0.1:{}/hooks", closed_port()));
    let around = looking(SurroundingsConfig {
        allow_private: true,
        ..config()
    });
    assert!(unreachable(around.self_test(&gone, "t").await).contains("connect"));
}
