//! Makes the mail of a message: text and HTML, files, and headers that keep a conversation in one
//! thread. Message-ID follows from our message id alone, so that a copy is known as one. No value
//! can add a header or a recipient.

use super::config::EmailConfig;
use crate::adapt::Adapted;
use crate::http::BuildError;
use bytes::Bytes;
use holdline_core::{MessageId, Timestamp};
use mail_builder::MessageBuilder;
use mail_builder::headers::date::Date;
use mail_builder::headers::raw::Raw;
use std::fmt;

/// Longest subject, in characters.
pub(crate) const SUBJECT_CHARS_MAX: usize = 150;

/// Longest address (RFC 5321), in bytes.
pub(crate) const ADDRESS_BYTES_MAX: usize = 254;

/// A name with an address that is safe to write into a command or a header.
#[derive(Clone, PartialEq, Eq)]
pub struct Mailbox {
    pub name: Option<String>,
    address: String,
}

/// A file that goes along.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) mime: String,
    pub(crate) bytes: Bytes,
}

/// A mail ready to be submitted.
pub(crate) struct Mail {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) bytes: Vec<u8>,
    /// Without the angle brackets.
    pub(crate) id: String,
}

/// What a mail is made of.
pub(crate) struct Draft<'a> {
    pub(crate) id: MessageId,
    pub(crate) from: &'a Mailbox,
    pub(crate) to: &'a Mailbox,
    pub(crate) adapted: &'a Adapted,
    pub(crate) files: Vec<File>,
    /// The first and the last mail of the conversation.
    pub(crate) thread: Option<(MessageId, MessageId)>,
    pub(crate) now: Timestamp,
}

impl Mailbox {
    /// Reads `Name <local@domain>` or the bare address; ASCII only.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (name, address) = match text
            .strip_suffix('>')
            .and_then(|rest| rest.rsplit_once('<'))
        {
            Some((name, address)) => (clean(name.trim().trim_matches('"')), address),
            None => (String::new(), text),
        };
        let name = Some(name).filter(|name| !name.is_empty());
        is_address(address).then(|| Self {
            name,
            address: address.into(),
        })
    }

    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    #[must_use]
    pub fn domain(&self) -> &str {
        self.address
            .rsplit_once('@')
            .map_or("localhost", |(_, domain)| domain)
    }
}

/// The Message-ID of a message, without the angle brackets.
#[must_use]
pub fn message_id(id: MessageId, domain: &str) -> String {
    format!("{id}@{domain}")
}

/// Checks the addresses of the settings.
pub(super) fn mailboxes(config: &EmailConfig) -> Result<(Mailbox, Option<Mailbox>), BuildError> {
    let need = |field, text: &str| {
        Mailbox::parse(text).ok_or_else(|| {
            BuildError::setting(
                field,
                "write it as name@example.com or Name <name@example.com>",
            )
        })
    };
    let from = need("email.from", &config.from)?;
    let reply_to = config
        .reply_to
        .as_deref()
        .map(|text| need("email.reply_to", text));
    Ok((from, reply_to.transpose()?))
}

pub(crate) fn mail(draft: Draft<'_>, reply_to: Option<&Mailbox>, config: &EmailConfig) -> Mail {
    let domain = draft.from.domain();
    let id = message_id(draft.id, domain);
    let mut builder = MessageBuilder::new()
        .message_id(id.clone())
        .date(Date::new(draft.now.seconds()))
        .from(address(draft.from))
        .to(address(draft.to))
        .subject(subject(draft.adapted, &config.subject))
        .header("Auto-Submitted", Raw::new("auto-generated"))
        .text_body(draft.adapted.text.as_str())
        .html_body(html(&draft.adapted.html));
    if let Some(reply_to) = reply_to {
        builder = builder.reply_to(address(reply_to));
    }
    if let Some((first, last)) = draft.thread {
        let (first, last) = (message_id(first, domain), message_id(last, domain));
        let references = if first == last {
            vec![first]
        } else {
            vec![first, last.clone()]
        };
        let last = references.last().cloned().unwrap_or(last);
        builder = builder.in_reply_to(last).references(references);
    }
    if let Some(address) = &config.list_unsubscribe {
        builder = builder.header(
            "List-Unsubscribe",
            Raw::new(format!("<{}>", clean(address))),
        );
    }
    for file in draft.files {
        builder = builder.attachment(clean(&file.mime), clean(&file.name), file.bytes.to_vec());
    }
    let mut bytes = Vec::new();
    builder.serialize(&mut bytes);
    Mail {
        from: draft.from.address.clone(),
        to: draft.to.address.clone(),
        bytes,
        id,
    }
}

fn address(mailbox: &Mailbox) -> mail_builder::headers::address::Address<'static> {
    let name = mailbox.name.clone();
    mail_builder::headers::address::Address::new_address(name, mailbox.address.clone())
}

fn subject(adapted: &Adapted, default: &str) -> String {
    let hint = adapted
        .subject_hint
        .as_deref()
        .map(clean)
        .filter(|hint| !hint.is_empty());
    hint.unwrap_or_else(|| clean(default))
        .chars()
        .take(SUBJECT_CHARS_MAX)
        .collect()
}

fn html(body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head><body>\n{body}</body></html>\n"
    )
}

/// One line without control characters.
fn clean(text: &str) -> String {
    let words = text.split(|c: char| c.is_control() || c.is_whitespace());
    words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let plain = |c: char| c.is_ascii_graphic() && !"<>()[],;:\\\"@".contains(c);
    text.len() <= ADDRESS_BYTES_MAX
        && !local.is_empty()
        && !domain.is_empty()
        && local.chars().all(plain)
        && domain
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbox")
    }
}
