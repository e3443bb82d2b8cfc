//! Laws of what people write and of what resolvers answer: numbers, texts as HTML, datagrams.

use super::{parts, text};
use crate::adapt::html::{render, without_marks};
use crate::phone::Phone;
use crate::surroundings::dns;
use hickory_proto::op::Message;

/// The tags that a text can get.
const TAGS: [&str; 10] = [
    "<p>",
    "</p>",
    "<br>",
    "<strong>",
    "</strong>",
    "<em>",
    "</em>",
    "<s>",
    "</s>",
    "</a>",
];

/// Region and number.
pub(super) fn phone(input: &[u8]) {
    let [region, number] = parts(input);
    let region = std::str::from_utf8(region).ok().filter(|it| !it.is_empty());
    let Ok(phone) = Phone::parse(&text(number), region) else {
        return;
    };
    let digits = phone.wa_id();
    assert!(!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
    assert_eq!(phone.e164(), format!("+{digits}"));
    assert_eq!(
        Phone::parse(phone.e164(), None).as_ref(),
        Ok(&phone),
        "E.164 reads back"
    );
    assert_eq!(
        Phone::parse(digits, None).as_ref(),
        Ok(&phone),
        "as does WhatsApp's form"
    );
    assert!(phone.aliases().iter().all(|alias| *alias != phone));
    assert!(phone.user_id(1).is_ascii());
}

pub(super) fn html(input: &[u8]) {
    let written = text(input);
    let html = render(&[written.clone().into_owned()]);
    assert!(html.len() <= 40 * written.len() + 16);
    let mut rest = html.as_str();
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        let link = rest.starts_with("<a href=\"http");
        assert!(
            link || TAGS.iter().any(|tag| rest.starts_with(tag)),
            "a tag that was written"
        );
        rest = &rest[1..];
    }
    assert!(without_marks(&written).len() <= written.len());
}

pub(super) fn dns_answer(input: &[u8]) {
    let Ok(answer) = Message::from_vec(input) else {
        return;
    };
    let found = dns::meaning(&answer);
    assert!(found.addresses.len() <= answer.answers.len());
}
