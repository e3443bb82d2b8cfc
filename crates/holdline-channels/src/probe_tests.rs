//! Every channel's probe says by the same words how a connection failed.

use crate::email::{EmailChannel, EmailConfig, TlsMode};
use crate::sms::{SmsChannel, SmsConfig};
use crate::test_peers::{Answer, HttpPeer, SmtpPeer, SmtpScript, Tls, closed_port};
use crate::whatsapp::{WhatsappChannel, WhatsappConfig};
use holdline_core::Redacted;
use holdline_core::message::{FaultClass, Outcome};
use holdline_engine::ports::Channel;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use tokio::net::TcpListener;

const TIMEOUT_MS: u32 = 1_000;
/// A name that no resolver is even asked for: a label of it is too long.
const UNSPEAKABLE: &str =
    "a234567890123456789012345678901234567890123456789012345678901234.invalid";

/// Where a provider is reached.
struct At {
    host: String,
    port: u16,
    /// Whether to speak TLS, and the certificates to trust.
    tls: Option<PathBuf>,
}

impl At {
    fn port(port: u16) -> Self {
        Self {
            host: "localhost".into(),
            port,
            tls: None,
        }
    }

    fn of(peer: &HttpPeer) -> Self {
        Self::port(peer.url.rsplit(':').next().unwrap().parse().unwrap())
    }

    fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }
}

fn channels(at: &At) -> Vec<Box<dyn Channel>> {
    let whatsapp = WhatsappConfig {
        base_url: at.url(),
        access_token: Some(Redacted::new("t".into())),
        timeout_ms: TIMEOUT_MS,
        ca_file: at.tls.clone(),
        ..WhatsappConfig::default()
    };
    let sms = SmsConfig {
        base_url: at.url(),
        account_sid: "AC1".into(),
        auth_token: Redacted::new("t".into()),
        public_url: "https://us.example".into(),
        timeout_ms: TIMEOUT_MS,
        ca_file: at.tls.clone(),
        ..SmsConfig::default()
    };
    vec![
        Box::new(WhatsappChannel::new(whatsapp).unwrap()),
        Box::new(SmsChannel::new(sms).unwrap()),
    ]
}

fn mail(at: &At) -> Box<dyn Channel> {
    let tls = match at.tls {
        Some(_) => TlsMode::Tls,
        None => TlsMode::None,
    };
    let config = EmailConfig {
        host: at.host.clone(),
        port: at.port,
        tls,
        ca_file: at.tls.clone(),
        from: "shop@example.com".into(),
        timeout_ms: TIMEOUT_MS,
        ..EmailConfig::default()
    };
    Box::new(EmailChannel::new(config).unwrap())
}

async fn check(channel: &dyn Channel, expected: &str) {
    let outcome = channel.probe("123").await;
    let fault = outcome.fault().unwrap();
    let seen = (fault.class, fault.code.as_str());
    assert_eq!(
        seen,
        (FaultClass::Platform, expected),
        "{:?}",
        channel.kind()
    );
}

async fn check_all(at: &At, expected: &str) {
    for channel in channels(at) {
        check(&*channel, expected).await;
    }
    check(&*mail(at), expected).await;
}

#[tokio::test]
async fn nothing_listens() {
    check_all(&At::port(closed_port()), "connect").await;
}

#[tokio::test]
async fn the_name_is_unknown() {
    let at = At {
        host: UNSPEAKABLE.into(),
        ..At::port(80)
    };
    check_all(&at, "dns").await;
}

#[tokio::test]
async fn the_certificate_is_anothers() {
    let script = SmtpScript {
        tls: Tls::Implicit,
        ..SmtpScript::default()
    };
    let peer = SmtpPeer::start(script.clone()).await;
    let other = SmtpPeer::start(script).await;
    let at = At {
        tls: Some(other.ca_file.clone()),
        ..At::port(peer.port)
    };
    check_all(&at, "tls").await;
}

#[tokio::test]
async fn no_word_comes() {
    let peer = HttpPeer::start(|_| Answer::Hang).await;
    check_all(&At::of(&peer), "timeout").await;
}

#[tokio::test]
async fn the_connection_is_closed_without_a_word() {
    let peer = HttpPeer::start(|_| Answer::Close).await;
    for channel in channels(&At::of(&peer)) {
        check(&*channel, "closed").await;
    }
    let script = SmtpScript {
        answers: vec![("greeting", "close")],
        ..SmtpScript::default()
    };
    let peer = SmtpPeer::start(script).await;
    check(&*mail(&At::port(peer.port)), "closed").await;
}

#[tokio::test]
async fn the_connection_is_cut() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let at = At::port(listener.local_addr().unwrap().port());
    let cutting = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_zero_linger().unwrap();
        }
    });
    check_all(&at, "reset").await;
    cutting.abort();
}

#[tokio::test]
async fn a_proxy_answers_in_place_of_the_provider() {
    let peer = HttpPeer::start(|_| Answer::html(502)).await;
    for channel in channels(&At::of(&peer)) {
        check(&*channel, "http_502").await;
    }
}

#[tokio::test]
async fn a_probe_leaves_nothing_behind() {
    let peer = HttpPeer::start(|_| Answer::json(200, r#"{"id":"1"}"#)).await;
    for channel in channels(&At::of(&peer)) {
        let outcome = channel.probe("123").await;
        assert_eq!(outcome, Outcome::Accepted { provider_id: None });
        let call = peer.last();
        assert_eq!((call.method.as_str(), call.body.len()), ("GET", 0));
        assert!(call.header("authorization").is_some());
    }
    let peer = SmtpPeer::start(SmtpScript::default()).await;
    let outcome = mail(&At::port(peer.port)).probe("x").await;
    assert_eq!(outcome, Outcome::Accepted { provider_id: None });
    let commands = peer.heard().commands;
    let verbs: Vec<&str> = commands.iter().map(|line| &line[..4]).collect();
    assert_eq!(verbs, ["EHLO", "NOOP", "QUIT"]);
}
