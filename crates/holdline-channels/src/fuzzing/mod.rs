//! The laws that every parser of this crate keeps whatever bytes it gets, each as a target for a
//! fuzzer. Built for tests and with the feature `fuzzing` alone. Never part of the product.

mod email;
mod feeds;
mod people;
mod replay;
mod sms;
mod whatsapp;

pub use replay::replay;

use holdline_core::Timestamp;

/// One law, or several about the same input.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Also the name of the folder of its corpus.
    pub name: &'static str,
    /// Panics where a law is broken.
    pub check: fn(&[u8]),
}

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    target("email_mail", email::mail),
    target("email_reply", email::reply),
    target("feed_metastatus", feeds::metastatus),
    target("feed_statuspage", feeds::statuspage),
    target("feed_syndication", feeds::syndication),
    target("dns_answer", people::dns_answer),
    target("html_text", people::html),
    target("phone_number", people::phone),
    target("sms_answer", sms::answer),
    target("sms_call", sms::call),
    target("sms_signature", sms::signature),
    target("sms_text", sms::text),
    target("whatsapp_answer", whatsapp::answer),
    target("whatsapp_checks", whatsapp::checks),
    target("whatsapp_ids", whatsapp::ids),
    target("whatsapp_request", whatsapp::request),
    target("whatsapp_signature", whatsapp::signature),
    target("whatsapp_template", whatsapp::template),
    target("whatsapp_webhook", whatsapp::webhook),
];

/// 2026-03-10T12:00:00Z
const NOW: Timestamp = Timestamp(1_773_144_000_000);

#[must_use]
pub const fn target(name: &'static str, check: fn(&[u8])) -> Target {
    Target { name, check }
}

/// The input cut at its first `count` zero bytes; what is missing is empty.
#[must_use]
pub fn parts<const COUNT: usize>(input: &[u8]) -> [&[u8]; COUNT] {
    let mut all = input.splitn(COUNT, |byte| *byte == 0);
    std::array::from_fn(|_| all.next().unwrap_or_default())
}

/// The input as text, with what is no UTF-8 replaced.
#[must_use]
pub fn text(input: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_breaks_no_law() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus");
        replay(TARGETS, std::path::Path::new(corpus));
    }

    #[test]
    fn an_input_is_cut_at_its_zero_bytes() {
        assert_eq!(parts::<3>(b"a\0b\0c\0d"), [&b"a"[..], b"b", b"c\0d"]);
        assert_eq!(parts::<3>(b"a"), [&b"a"[..], b"", b""]);
    }
}
