//! Laws of e-mail: nothing that people or apps write adds a header, a recipient or a command; each
//! reply of a server has a meaning.

use super::{NOW, parts, text};
use crate::adapt::Adapted;
use crate::email::encode::{ADDRESS_BYTES_MAX, Draft, File, mail as written};
use crate::email::{EmailConfig, Mailbox, Reply, Stage, classify};
use bytes::Bytes;
use holdline_core::MessageId;
use holdline_core::message::{Fault, Outcome};

/// The headers that a mail of ours may have.
const HEADERS: [&str; 13] = [
    "message-id",
    "date",
    "from",
    "to",
    "reply-to",
    "subject",
    "auto-submitted",
    "in-reply-to",
    "references",
    "list-unsubscribe",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
];

pub(super) fn mail(input: &[u8]) {
    let [mailbox, subject, body, unsubscribe, name, mime] = parts(input);
    let Some(to) = Mailbox::parse(&text(mailbox)) else {
        return;
    };
    safe(&to);
    let from = Mailbox::parse("Shop <shop@example.com>").expect("an address");
    let config = EmailConfig {
        subject: text(subject).into_owned(),
        list_unsubscribe: Some(text(unsubscribe).into_owned()),
        ..EmailConfig::default()
    };
    let adapted = Adapted {
        text: text(body).into_owned(),
        html: crate::adapt::html::render(&[text(body).into_owned()]),
        subject_hint: Some(text(subject).into_owned()),
        ..Adapted::default()
    };
    let file = File {
        name: text(name).into_owned(),
        mime: text(mime).into_owned(),
        bytes: Bytes::copy_from_slice(body),
    };
    let draft = Draft {
        id: MessageId(7),
        from: &from,
        to: &to,
        adapted: &adapted,
        files: vec![file],
        thread: Some((MessageId(1), MessageId(2))),
        now: NOW,
    };
    let mail = written(draft, Some(&to), &config);
    assert_eq!(mail.to, to.address());
    headers(&mail.bytes);
}

fn safe(to: &Mailbox) {
    let address = to.address();
    assert!(address.is_ascii() && address.len() <= ADDRESS_BYTES_MAX);
    assert!(!address.contains(['<', '>', ' ', '\r', '\n', '\0']));
    assert!(
        to.name
            .as_ref()
            .is_none_or(|name| !name.chars().any(char::is_control))
    );
    assert_eq!(
        Mailbox::parse(address)
            .map(|it| it.address().to_owned())
            .as_deref(),
        Some(address)
    );
}

/// Each header stands once, and none is there that we did not write.
fn headers(mail: &[u8]) {
    let mail = String::from_utf8_lossy(mail);
    let (head, _) = mail
        .split_once("\r\n\r\n")
        .expect("a mail has a head and a body");
    let lines = head
        .split("\r\n")
        .filter(|line| !line.starts_with([' ', '\t']));
    let mut seen = Vec::new();
    for line in lines {
        assert!(!line.contains(['\r', '\n']), "a bare line end in the head");
        let name = line
            .split(':')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        assert!(
            HEADERS.contains(&name.as_str()),
            "a header {name:?} that is not ours"
        );
        assert!(!seen.contains(&name), "two headers {name}");
        seen.push(name);
    }
}

pub(super) fn reply(input: &[u8]) {
    const STAGES: [Stage; 9] = [
        Stage::Connect,
        Stage::Greeting,
        Stage::Hello,
        Stage::Tls,
        Stage::Auth,
        Stage::Mail,
        Stage::Rcpt,
        Stage::Data,
        Stage::Content,
    ];
    let [head, words] = parts(input);
    let number = |at: usize| head.get(at).copied().unwrap_or_default();
    let reply = Reply {
        code: u16::from(number(1)) * 100 + u16::from(number(2)),
        enhanced: [number(3), number(4), number(5)],
        text: text(words).into_owned(),
    };
    let stage = STAGES[usize::from(number(0)) % STAGES.len()];
    match classify(stage, &reply) {
        Outcome::Accepted { .. } => panic!("a refusal that counts as taken"),
        Outcome::Rejected(fault) | Outcome::Unknown(fault) | Outcome::Throttled { fault, .. } => {
            sound(&fault, reply.code);
        }
    }
}

fn sound(fault: &Fault, code: u16) {
    assert!(!fault.permanent || code >= 500, "only 5xx is for good");
    assert!(!fault.detail.chars().any(char::is_control));
    assert!(!fault.detail.contains('@'), "an address in the words");
}
