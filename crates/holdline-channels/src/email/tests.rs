//! The e-mail channel: the suite that every channel passes, the mail as it goes out, TLS and
//! login, connections that are kept, and what the server's replies mean.

use super::encode::Mailbox;
use super::{EmailChannel, EmailConfig, Login, Reply, Stage, TlsMode, classify, message_id};
use crate::test_peers::{
    SmtpPeer, SmtpScript, TestLibrary, Tls, closed_port, dispatch, media_record,
};
use async_trait::async_trait;
use bytes::Bytes;
use holdline_core::message::{FaultClass, Outcome, ThrottleScope};
use holdline_core::{MessageId, Redacted};
use holdline_engine::contract::channel::{Rig, Script, TIMEOUT_MS, check};
use holdline_engine::ports::records::RawInbound;
use holdline_engine::ports::{Channel, Dispatch, HookRequest, Library};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const TO: &str = "ann@example.org";
const PASSWORD: &str = "m4il-s3cret";

fn config(port: u16) -> EmailConfig {
    EmailConfig {
        host: "localhost".into(),
        port,
        tls: TlsMode::None,
        from: "The Shop <shop@example.com>".into(),
        timeout_ms: TIMEOUT_MS,
        connect_timeout_ms: TIMEOUT_MS / 2,
        ..EmailConfig::default()
    }
}

fn text(body: &str) -> Value {
    json!({"messaging_product": "whatsapp", "to": "+16505551234", "type": "text",
        "text": {"body": body}})
}

fn attempt(body: &Value) -> Dispatch {
    dispatch("email", "default", TO, body)
}

fn script(answers: &[(&'static str, &'static str)]) -> SmtpScript {
    SmtpScript {
        answers: answers.to_vec(),
        ..SmtpScript::default()
    }
}

async fn outcome(answers: &[(&'static str, &'static str)]) -> Outcome {
    let peer = SmtpPeer::start(script(answers)).await;
    let channel = EmailChannel::new(config(peer.port)).unwrap();
    channel
        .send(&attempt(&text("hi")), &TestLibrary::default())
        .await
}

async fn mail(body: &Value, library: &TestLibrary, change: fn(&mut EmailConfig)) -> String {
    let peer = SmtpPeer::start(SmtpScript::default()).await;
    let mut config = config(peer.port);
    change(&mut config);
    let outcome = EmailChannel::new(config)
        .unwrap()
        .send(&attempt(body), library)
        .await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    peer.heard().mails.pop().unwrap()
}

struct EmailRig {
    peers: Mutex<Vec<SmtpPeer>>,
    library: TestLibrary,
}

#[async_trait]
impl Rig for EmailRig {
    async fn channel(&self, given: Script) -> Arc<dyn Channel> {
        let peer = SmtpPeer::start(match given {
            Script::Accept | Script::Refuse => SmtpScript::default(),
            Script::Silent => script(&[(".", "hang")]),
            Script::Broken => script(&[("MAIL", "451 4.3.0 try again later")]),
            Script::WrongCredentials => script(&[("AUTH", "535 5.7.8 no")]),
        })
        .await;
        let port = if given == Script::Refuse {
            closed_port()
        } else {
            peer.port
        };
        self.peers.lock().unwrap().push(peer);
        let password = Redacted::new(PASSWORD.into());
        let login = Some(Login {
            username: "shop".into(),
            password,
        });
        Arc::new(
            EmailChannel::new(EmailConfig {
                login,
                ..config(port)
            })
            .unwrap(),
        )
    }

    fn dispatch(&self) -> Dispatch {
        attempt(&text("the words of a person"))
    }

    fn library(&self) -> &dyn Library {
        &self.library
    }

    fn hook(&self) -> Option<HookRequest> {
        None
    }

    fn samples(&self) -> Vec<RawInbound> {
        Vec::new()
    }

    fn secrets(&self) -> Vec<String> {
        ["the words of a person", TO, PASSWORD]
            .map(Into::into)
            .into()
    }
}

#[tokio::test]
async fn the_channel_holds_to_the_contract() {
    check(&EmailRig {
        peers: Mutex::default(),
        library: TestLibrary::default(),
    })
    .await;
}

#[tokio::test]
async fn a_mail_says_it_twice_and_names_itself_after_the_message() {
    let thread = Some((MessageId(1), MessageId(2)));
    let library = TestLibrary {
        thread,
        ..TestLibrary::default()
    };
    let body = text("Your order <A-17> is here.\n\n.a line with a dot\nCafé");
    let mail = mail(&body, &library, |config| {
        config.reply_to = Some("help@example.com".into());
        config.list_unsubscribe = Some("https://example.com/off".into());
    })
    .await;
    let id = attempt(&body).message.id;
    for line in [
        format!("Message-ID: <{id}@example.com>"),
        format!("In-Reply-To: <{}@example.com>", MessageId(2)),
        "From: \"The Shop\" <shop@example.com>".into(),
        "To: <ann@example.org>".into(),
        "Reply-To: <help@example.com>".into(),
        "Auto-Submitted: auto-generated".into(),
        "List-Unsubscribe: <https://example.com/off>".into(),
        "Subject: Your order <A-17> is here.".into(),
        "Date: Sun, 15 Jun 2025 15:06:40 +0000".into(),
    ] {
        assert!(mail.contains(&line), "{line} is not in\n{mail}");
    }
    assert!(
        mail.contains(&format!("<{}@example.com>", MessageId(1))),
        "{mail}"
    );
    assert!(mail.contains("text/plain") && mail.contains("text/html"));
    assert!(mail.contains("&lt;A-17&gt;"), "{mail}");
    assert!(mail.contains("\r\n.a line with a dot"), "{mail}");
}

#[tokio::test]
async fn no_value_can_add_a_header_or_a_recipient() {
    let body = text("Hello\r\nBcc: eve@example.net\r\n\r\nbody");
    let mail = mail(&body, &TestLibrary::default(), |config| {
        config.subject = "a\r\nBcc: eve@example.net".into();
    })
    .await;
    let head = mail.split("\r\n\r\n").next().unwrap();
    assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
    for address in [
        "a@b.c>\r\nRCPT TO:<eve@example.net",
        "a b@c.d",
        "a@b@c",
        "@b",
        "a@",
        "é@b.c",
    ] {
        assert!(Mailbox::parse(address).is_none(), "{address}");
        let peer = SmtpPeer::start(SmtpScript::default()).await;
        let channel = EmailChannel::new(config(peer.port)).unwrap();
        let bad = dispatch("email", "default", address, &text("hi"));
        let outcome = channel.send(&bad, &TestLibrary::default()).await;
        let fault = outcome.fault().unwrap();
        assert_eq!(
            (fault.class, fault.marks_unreachable),
            (FaultClass::Recipient, true)
        );
        assert_eq!(peer.heard().connections, 0);
    }
}

#[tokio::test]
async fn files_are_attached_or_linked() {
    let document = json!({"messaging_product": "whatsapp", "to": "+16505551234", "type": "document",
        "document": {"id": "77", "filename": "bill.pdf", "caption": "the bill"}});
    let library = TestLibrary {
        media: vec![(
            media_record("77", "application/pdf", None, 9),
            Bytes::from("%PDF-1.4\n"),
        )],
        ..TestLibrary::default()
    };
    let attached = mail(&document, &library, |_| {}).await;
    assert!(
        attached.contains("application/pdf") && attached.contains("bill.pdf"),
        "{attached}"
    );
    assert!(!attached.contains("us.example"), "{attached}");
    let linked = mail(&document, &library, |config| {
        config.attachment_bytes_max = 8
    })
    .await;
    assert!(linked.contains("https://us.example/m/77"), "{linked}");
    assert!(!linked.contains("application/pdf"));
    let by_link = json!({"messaging_product": "whatsapp", "to": "+16505551234", "type": "image",
        "image": {"link": "https://cdn.example/a.png"}});
    let linked = mail(&by_link, &library, |_| {}).await;
    assert!(linked.contains("https://cdn.example/a.png"), "{linked}");
}

#[tokio::test]
async fn tls_and_login_work_in_both_modes() {
    for (mode, tls) in [
        (TlsMode::StartTls, Tls::Start),
        (TlsMode::Tls, Tls::Implicit),
    ] {
        let peer = SmtpPeer::start(SmtpScript {
            tls,
            ..SmtpScript::default()
        })
        .await;
        let password = Redacted::new(PASSWORD.into());
        let good = EmailConfig {
            tls: mode,
            ca_file: Some(peer.ca_file.clone()),
            login: Some(Login {
                username: "shop".into(),
                password,
            }),
            ..config(peer.port)
        };
        let channel = EmailChannel::new(good.clone()).unwrap();
        let outcome = channel
            .send(&attempt(&text("hi")), &TestLibrary::default())
            .await;
        assert!(
            matches!(outcome, Outcome::Accepted { .. }),
            "{mode:?} {outcome:?}"
        );
        let commands = peer.heard().commands;
        assert!(
            commands.iter().any(|command| command.starts_with("AUTH ")),
            "{commands:?}"
        );
        // A certificate that is not trusted ends it before anything is said.
        let other = SmtpPeer::start(SmtpScript::default()).await;
        let bad = EmailConfig {
            ca_file: Some(other.ca_file.clone()),
            ..good
        };
        let refused = EmailChannel::new(bad).unwrap();
        let outcome = refused
            .send(&attempt(&text("hi")), &TestLibrary::default())
            .await;
        assert_eq!(outcome.name(), "rejected");
        assert_eq!(
            outcome.fault().map(|fault| fault.code.as_str()),
            Some("tls")
        );
        assert_eq!(peer.heard().mails.len(), 1);
    }
}

#[tokio::test]
async fn a_server_without_starttls_gets_no_mail_in_the_clear() {
    let peer = SmtpPeer::start(script(&[("STARTTLS", "502 5.5.1 not here")])).await;
    let ca_file = Some(peer.ca_file.clone());
    let tls = EmailConfig {
        tls: TlsMode::StartTls,
        ca_file,
        ..config(peer.port)
    };
    let channel = EmailChannel::new(tls).unwrap();
    let outcome = channel
        .send(&attempt(&text("hi")), &TestLibrary::default())
        .await;
    assert_eq!(
        outcome.fault().map(|fault| fault.class),
        Some(FaultClass::Account)
    );
    assert!(
        !peer
            .heard()
            .commands
            .iter()
            .any(|command| command.starts_with("MAIL"))
    );
}

#[tokio::test]
async fn connections_are_kept_and_dead_ones_replaced() {
    let peer = SmtpPeer::start(SmtpScript::default()).await;
    let channel = EmailChannel::new(config(peer.port)).unwrap();
    for _ in 0..5 {
        let outcome = channel
            .send(&attempt(&text("hi")), &TestLibrary::default())
            .await;
        assert!(matches!(outcome, Outcome::Accepted { .. }));
    }
    let heard = peer.heard();
    assert_eq!((heard.connections, heard.mails.len()), (1, 5));

    let closing = SmtpScript {
        mails_per_connection: Some(1),
        ..SmtpScript::default()
    };
    let peer = SmtpPeer::start(closing).await;
    let channel = EmailChannel::new(config(peer.port)).unwrap();
    for _ in 0..3 {
        let outcome = channel
            .send(&attempt(&text("hi")), &TestLibrary::default())
            .await;
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    }
    assert_eq!(peer.heard().mails.len(), 3, "each mail was sent once");
}

#[tokio::test]
async fn a_refused_mail_leaves_the_connection_usable() {
    let peer = SmtpPeer::start(script(&[(
        "RCPT TO:<ann",
        "550 5.1.1 <ann@example.org>: unknown",
    )]))
    .await;
    let channel = EmailChannel::new(config(peer.port)).unwrap();
    let refused = channel
        .send(&attempt(&text("hi")), &TestLibrary::default())
        .await;
    let fault = refused.fault().unwrap();
    assert_eq!(
        (fault.class, fault.code.as_str()),
        (FaultClass::Recipient, "5.1.1")
    );
    assert!(fault.marks_unreachable && fault.permanent);
    assert_eq!(fault.detail, "[address] unknown");
    let other = dispatch("email", "default", "bob@example.org", &text("hi"));
    let taken = channel.send(&other, &TestLibrary::default()).await;
    assert!(matches!(taken, Outcome::Accepted { .. }));
    assert_eq!(peer.heard().connections, 1);
}

#[tokio::test]
async fn only_after_the_final_dot_is_an_outcome_unknown() {
    for at in ["greeting", "EHLO", "MAIL", "RCPT", "DATA"] {
        for fault in ["hang", "close"] {
            let outcome = outcome(&[(at, fault)]).await;
            assert_eq!(outcome.name(), "rejected", "{at} {fault} {outcome:?}");
            assert_eq!(
                outcome.fault().map(|fault| fault.class),
                Some(FaultClass::Platform)
            );
        }
    }
    for fault in ["hang", "close"] {
        assert_eq!(outcome(&[(".", fault)]).await.name(), "unknown");
    }
    let refused = outcome(&[(".", "554 5.6.0 not like this")]).await;
    assert_eq!(
        refused.fault().map(|fault| fault.class),
        Some(FaultClass::Request)
    );
}

#[tokio::test]
async fn probes_tell_the_account_from_the_platform() {
    let probe = async |answers: &[(&'static str, &'static str)]| {
        let peer = SmtpPeer::start(script(answers)).await;
        let password = Redacted::new(PASSWORD.into());
        let login = Some(Login {
            username: "shop".into(),
            password,
        });
        EmailChannel::new(EmailConfig {
            login,
            ..config(peer.port)
        })
        .unwrap()
        .probe("x")
        .await
    };
    assert_eq!(probe(&[]).await, Outcome::Accepted { provider_id: None });
    let class = |outcome: Outcome| outcome.fault().map(|fault| fault.class);
    assert_eq!(
        class(probe(&[("AUTH", "535 5.7.8 no")]).await),
        Some(FaultClass::Account)
    );
    assert_eq!(
        class(probe(&[("EHLO", "421 4.3.2 closing")]).await),
        Some(FaultClass::Platform)
    );
    assert_eq!(
        class(probe(&[("greeting", "hang")]).await),
        Some(FaultClass::Platform)
    );
}

#[test]
fn replies_are_classified() {
    let check = |stage, code, enhanced, name: &str, class| {
        let outcome = classify(
            stage,
            &Reply {
                code,
                enhanced,
                text: String::new(),
            },
        );
        let fault = outcome.fault().unwrap();
        assert_eq!(
            (outcome.name(), fault.class),
            (name, class),
            "{stage:?} {code} {enhanced:?}"
        );
        fault.clone()
    };
    let none = [0; 3];
    use FaultClass::{Account, Platform, Recipient, Request, Throttled};
    assert!(check(Stage::Rcpt, 550, [5, 1, 1], "rejected", Recipient).marks_unreachable);
    assert!(check(Stage::Rcpt, 550, none, "rejected", Recipient).marks_unreachable);
    assert!(!check(Stage::Rcpt, 552, [5, 2, 2], "rejected", Recipient).marks_unreachable);
    assert!(!check(Stage::Rcpt, 450, [4, 2, 0], "rejected", Recipient).permanent);
    check(Stage::Rcpt, 450, [4, 7, 1], "throttled", Throttled);
    check(Stage::Rcpt, 452, [4, 5, 3], "throttled", Throttled);
    check(Stage::Rcpt, 554, [5, 7, 1], "rejected", Account);
    check(Stage::Mail, 550, [5, 1, 8], "rejected", Account);
    check(Stage::Mail, 550, none, "rejected", Account);
    check(Stage::Mail, 530, none, "rejected", Account);
    check(Stage::Auth, 535, [5, 7, 8], "rejected", Account);
    check(Stage::Auth, 535, none, "rejected", Account);
    check(Stage::Auth, 454, [4, 7, 0], "rejected", Platform);
    check(Stage::Greeting, 554, none, "rejected", Account);
    assert!(!check(Stage::Greeting, 421, none, "rejected", Platform).permanent);
    check(Stage::Mail, 451, [4, 3, 0], "rejected", Platform);
    check(Stage::Mail, 452, none, "rejected", Platform);
    check(Stage::Data, 552, [5, 3, 4], "rejected", Request);
    check(Stage::Content, 554, [5, 6, 0], "rejected", Request);
    check(Stage::Content, 451, none, "rejected", Platform);
    let grey = Reply {
        code: 451,
        enhanced: [4, 7, 1],
        text: "Greylisted, try later".into(),
    };
    let Outcome::Throttled { scope, .. } = classify(Stage::Rcpt, &grey) else {
        panic!()
    };
    assert_eq!(scope, ThrottleScope::Recipient);
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let refused = |change: fn(&mut EmailConfig)| {
        let mut config = config(25);
        change(&mut config);
        EmailChannel::new(config).unwrap_err().to_string()
    };
    assert!(refused(|c| c.from = "nobody".into()).starts_with("email.from"));
    assert!(refused(|c| c.host.clear()).starts_with("email.host"));
    let missing = refused(|c| {
        c.tls = TlsMode::StartTls;
        c.ca_file = Some("/no/such/file.pem".into());
    });
    assert!(missing.contains("/no/such/file.pem"), "{missing}");
}

#[test]
fn a_copy_of_a_message_has_the_same_id() {
    let shown = message_id(MessageId(5), "example.com");
    assert_eq!(shown, format!("{:032x}@example.com", 5));
}

proptest! {
    #[test]
    fn a_mailbox_never_holds_what_could_end_a_command(text in "\\PC{0,40}|[a-z<>@\\r\\n ]{0,20}") {
        if let Some(mailbox) = Mailbox::parse(&text) {
            prop_assert!(!mailbox.address().contains(['<', '>', '\r', '\n', ' ']));
            prop_assert!(mailbox.name.is_none_or(|name| !name.contains(['\r', '\n'])));
        }
    }
}
