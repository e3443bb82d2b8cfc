//! The virtual mail server, spoken to by a raw client.

use holdline_sim::{MailReach, OutageOrder, PersonChange, Provider};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::support::{Bench, hangs, quick};

const MAIL: &str = "From: Shop <shop@x.test>\r\nTo: ann@y.test\r\n\
    Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
    Message-ID: <m1@x.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
    Hello\r\n..dotted\r\nend\r\n.\r\n";

struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    async fn connect(bench: &Bench) -> Self {
        let stream = TcpStream::connect(bench.sandbox.urls().smtp).await.unwrap();
        let mut client = Self {
            stream: BufReader::new(stream),
        };
        assert!(client.reply().await.starts_with("220 "));
        client
    }

    async fn reply(&mut self) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return all;
            }
            all.push_str(&line);
            if line.as_bytes().get(3) == Some(&b' ') {
                return all;
            }
        }
    }

    async fn write(&mut self, text: &str) {
        self.stream
            .get_mut()
            .write_all(text.as_bytes())
            .await
            .unwrap();
    }

    async fn say(&mut self, line: &str) -> String {
        self.write(&format!("{line}\r\n")).await;
        self.reply().await
    }

    async fn mail(&mut self, to: &str) -> String {
        for line in [
            "EHLO me",
            "MAIL FROM:<shop@x.test>",
            &format!("RCPT TO:<{to}>"),
            "DATA",
        ] {
            let reply = self.say(line).await;
            if !reply.starts_with(['2', '3']) {
                return reply;
            }
        }
        self.write(MAIL).await;
        self.reply().await
    }
}

#[tokio::test]
async fn a_mail_is_taken_unstuffed_parsed_and_kept() {
    let bench = Bench::start().await;
    let mut client = Client::connect(&bench).await;
    let hello = client.say("EHLO me").await;
    for word in [
        "PIPELINING",
        "SIZE ",
        "ENHANCEDSTATUSCODES",
        "AUTH PLAIN LOGIN",
        "8BITMIME",
    ] {
        assert!(hello.contains(word), "{hello}");
    }
    client
        .write("MAIL FROM:<shop@x.test> SIZE=100\r\nRCPT TO:<Ann@Y.test>\r\nDATA\r\n")
        .await;
    assert_eq!(client.reply().await, "250 2.1.0 Ok\r\n");
    assert_eq!(client.reply().await, "250 2.1.5 Ok\r\n");
    assert!(client.reply().await.starts_with("354 "));
    client.write(MAIL).await;
    let queued = client.reply().await;
    let id = queued
        .trim_end()
        .strip_prefix("250 2.0.0 Ok: queued as ")
        .unwrap();
    bench.until_received("Grüße\nHello\r\n.dotted\r\nend").await;
    let row = &bench.rows()[0];
    assert_eq!(
        (row.channel, row.address.as_str()),
        (Provider::Email, "ann@y.test")
    );
    assert_eq!(
        (row.provider_message_id.as_str(), row.opaque.as_deref()),
        (id, Some("m1@x.test"))
    );
    let received = &bench.sandbox.person("ANN@y.test").unwrap().received[0];
    assert_eq!(received.raw["subject"], "Grüße");
    assert!(client.say("NOOP").await.starts_with("250 "));
    assert!(client.say("QUIT").await.starts_with("221 "));
}

#[tokio::test]
async fn commands_out_of_order_or_unknown_are_refused() {
    let bench = Bench::start().await;
    let mut client = Client::connect(&bench).await;
    let cases = [
        ("MAIL FROM:<a@x.test>", "503"),
        ("HELO me", "250"),
        ("RCPT TO:<a@x.test>", "503"),
        ("MAIL FROM", "501"),
        ("MAIL FROM:<>", "250"),
        ("MAIL FROM:<a@x.test>", "503"),
        ("DATA", "554"),
        ("RCPT TO:<nowhere>", "501"),
        ("RSET", "250"),
        ("MAIL FROM:<a@x.test> SIZE=99999999999", "552"),
        ("FROB", "502"),
    ];
    for (line, expected) in cases {
        let reply = client.say(line).await;
        assert!(reply.starts_with(expected), "{line} -> {reply}");
    }
}

#[tokio::test]
async fn credentials_are_checked_when_configured() {
    let mut config = quick();
    config.email.username = Some("u".into());
    config.email.password = Some(holdline_sim::config::Secret::new("p"));
    let bench = Bench::with(config).await;
    let mut client = Client::connect(&bench).await;
    assert!(client.mail("ann@y.test").await.starts_with("530 "));
    assert!(client.say("AUTH PLAIN AHUAeA==").await.starts_with("535 "));
    assert!(client.say("AUTH LOGIN").await.starts_with("334 "));
    assert!(client.say("dQ==").await.starts_with("334 "));
    assert!(client.say("cA==").await.starts_with("235 "));
    assert!(client.mail("ann@y.test").await.starts_with("250 "));
    let mut other = Client::connect(&bench).await;
    assert!(other.say("AUTH PLAIN AHUAcA==").await.starts_with("235 "));
}

#[tokio::test]
async fn mail_larger_than_allowed_is_refused_after_the_dot() {
    let mut config = quick();
    config.email.size_max_bytes = 100;
    let bench = Bench::with(config).await;
    let mut client = Client::connect(&bench).await;
    assert!(client.mail("ann@y.test").await.starts_with("552 5.3.4"));
    assert!(client.say("NOOP").await.starts_with("250 "));
    assert!(bench.rows().is_empty());
}

#[tokio::test]
async fn mailboxes_can_be_missing_or_full() {
    let bench = Bench::start().await;
    let cases = [
        (MailReach::NoMailbox, "550 5.1.1"),
        (MailReach::Full, "452 4.2.2"),
    ];
    for (reach, expected) in cases {
        let change = PersonChange {
            email: Some(reach),
            ..PersonChange::default()
        };
        bench.sandbox.change_person("ann@y.test", change).unwrap();
        let reply = Client::connect(&bench).await.mail("ann@y.test").await;
        assert!(reply.starts_with(expected), "{reply}");
    }
}

#[tokio::test]
async fn outages_speak_smtp() {
    let bench = Bench::start().await;
    let start = |profile: &str| {
        bench
            .sandbox
            .start_outage(OutageOrder::new(profile).on(Provider::Email))
            .unwrap()
    };
    for (profile, expected) in [
        ("account_locked", "554 5.7.1"),
        ("rate_limited", "450 4.7.1"),
        ("recipient_unreachable", "550 5.1.1"),
        ("recipient_temporary", "450 4.2.0"),
        ("error_after_accept", "451 4.3.0"),
    ] {
        let mut client = Client::connect(&bench).await;
        let id = start(profile);
        let reply = client.mail("ann@y.test").await;
        assert!(reply.starts_with(expected), "{profile} {reply}");
        bench.sandbox.stop_outage(id);
    }
    let mut client = Client::connect(&bench).await;
    let id = start("own_token_expired");
    assert!(client.say("AUTH PLAIN AHUAcA==").await.starts_with("535 "));
    bench.sandbox.stop_outage(id);
    let id = start("server_errors");
    let reply = client.say("EHLO me").await;
    assert!(
        reply.starts_with("421") || reply.starts_with("451"),
        "{reply}"
    );
    bench.sandbox.stop_outage(id);
}

#[tokio::test]
async fn cut_swallowed_and_unanswered_sessions() {
    let bench = Bench::start().await;
    let start = |profile: &str| {
        bench
            .sandbox
            .start_outage(OutageOrder::new(profile).on(Provider::Email))
            .unwrap()
    };
    let mut open = Client::connect(&bench).await;
    let id = start("hard_down");
    assert_eq!(open.reply().await, "");
    let mut fresh = TcpStream::connect(bench.sandbox.urls().smtp).await.unwrap();
    assert!(fresh.read(&mut [0; 8]).await.map_or(true, |read| read == 0));
    bench.sandbox.stop_outage(id);

    let id = start("blackhole");
    let mut fresh = TcpStream::connect(bench.sandbox.urls().smtp).await.unwrap();
    assert!(hangs(fresh.read(&mut [0; 8])).await);
    bench.sandbox.stop_outage(id);
    assert!(fresh.read(&mut [0; 8]).await.map_or(true, |read| read == 0));

    let mut client = Client::connect(&bench).await;
    let id = start("timeout_after_accept");
    assert!(hangs(client.mail("ann@y.test")).await);
    bench.sandbox.stop_outage(id);
    bench.until_received("Grüße\nHello\r\n.dotted\r\nend").await;
    assert_eq!(bench.rows().len(), 1);

    let id = start("accepted_not_delivered");
    let mut client = Client::connect(&bench).await;
    assert!(client.mail("bob@y.test").await.starts_with("250 "));
    bench.text("16505551234", "marker").await;
    bench.until_received("marker").await;
    assert_eq!(bench.rows().len(), 2);
    bench.sandbox.stop_outage(id);
    crate::support::until("it comes late", || bench.rows().len() == 3).await;
}
