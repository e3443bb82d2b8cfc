//! The virtual mail server: what it says to each command and where mail ends. Decides only; lines
//! and bytes come from the shell.

mod session;

use mail_parser::MessageParser;
use serde_json::{Value, json};

pub(crate) use session::{Said, Session};

use crate::outage::{Behaviour, Provider, Subject};
use crate::people::Received;
use crate::ring::Ring;
use crate::world::{Event, World};

/// Mails accepted and not yet in a mailbox, or shortly after.
pub(crate) const MAILS_MAX: usize = 50_000;

#[derive(Debug)]
pub(crate) struct State {
    mails: Ring<Mail>,
}

/// One mail for one mailbox.
#[derive(Debug)]
pub(crate) struct Mail {
    queue_id: String,
    from: String,
    to: String,
    raw: Vec<u8>,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            mails: Ring::new(MAILS_MAX),
        }
    }
}

/// Takes a mail for each recipient and starts its way; returns the queue id.
pub(crate) fn accept(
    world: &mut World,
    from: &str,
    recipients: &[String],
    raw: &[u8],
    now_ms: u64,
) -> String {
    let queue_id = world.draws.hex_upper(12);
    for to in recipients {
        let mail = Mail {
            queue_id: queue_id.clone(),
            from: from.to_owned(),
            to: to.clone(),
            raw: raw.to_vec(),
        };
        let (key, _) = world.email.mails.push(mail);
        let wait_ms = world.wait_ms(world.config.timing.mail_ms);
        world.schedule(now_ms, wait_ms, Event::MailDelivered(key));
    }
    queue_id
}

/// The mail comes into the mailbox, unless an outage withholds it.
pub(crate) fn delivered(world: &mut World, key: u64, now_ms: u64) {
    let Some(to) = world.email.mails.get(key).map(|mail| mail.to.clone()) else {
        return;
    };
    let subject = Subject {
        address: Some(&to),
        ..Subject::default()
    };
    let withheld = |b| b == Behaviour::WithholdSent;
    if let Some((outage, ..)) = world.outage(Provider::Email, &subject, withheld) {
        world.hold(outage, Event::MailDelivered(key));
        return;
    }
    let Some(mail) = world.email.mails.get_mut(key) else {
        return;
    };
    let raw = std::mem::take(&mut mail.raw);
    let (text, parts, message_id) = read(&raw);
    let received = Received {
        seq: 0,
        channel: Provider::Email,
        provider_message_id: mail.queue_id.clone(),
        from: mail.from.clone(),
        text,
        options: Vec::new(),
        raw: parts,
        at_ms: now_ms,
    };
    world.reached(&to, received, message_id);
}

/// Text as read by a person, the parts, and the Message-ID.
fn read(raw: &[u8]) -> (String, Value, Option<String>) {
    let Some(mail) = MessageParser::default().parse(raw) else {
        return (String::from_utf8_lossy(raw).into_owned(), Value::Null, None);
    };
    let subject = mail.subject().unwrap_or_default();
    let body = mail.body_text(0).unwrap_or_default();
    let attachments: Vec<Value> = mail
        .attachments()
        .map(|part| {
            use mail_parser::MimeHeaders as _;
            json!({"name": part.attachment_name(), "size": part.contents().len()})
        })
        .collect();
    let headers: Vec<Value> = mail
        .headers_raw()
        .map(|(name, value)| json!([name, value.trim()]))
        .collect();
    let message_id = mail.message_id().map(str::to_owned);
    let parts = json!({
        "subject": subject, "text": body, "html": mail.body_html(0), "message_id": message_id,
        "in_reply_to": mail.in_reply_to().as_text(), "headers": headers,
        "attachments": attachments
    });
    (format!("{subject}\n{}", body.trim_end()), parts, message_id)
}
