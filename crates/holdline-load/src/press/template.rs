//! A request made once, in which only the person and the number of the message change: the
//! generator must not pay for rendering what it sends.

use super::Write;
use crate::stage::PHONE_ID;
use serde_json::json;
use std::net::SocketAddr;

/// Where the digits of the person and of the number stand.
const PERSON: &str = "PPPPPP";
const NUMBER: &str = "NNNNNNNNN";
/// More than half of the body of 300 bytes, as a usual notice.
const TEXT: &str = "was confirmed and will be with you on Thursday between nine and noon. Answer \
                    STOP to end these notices, or HELP to reach a person at any hour.";

#[derive(Debug)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    person_at: usize,
    number_at: Vec<usize>,
    people: u64,
}

impl Template {
    /// To the front door, with a priority unless it is the usual one.
    pub(crate) fn front_door(
        server: SocketAddr,
        token: &str,
        priority: Option<&str>,
        people: u64,
    ) -> Self {
        Self::front_door_of(server, token, PHONE_ID, priority, people)
    }

    /// To the front door, in the name of a number of ours.
    pub(crate) fn front_door_of(
        server: SocketAddr,
        token: &str,
        phone_id: &str,
        priority: Option<&str>,
        people: u64,
    ) -> Self {
        let body = json!({
            "messaging_product": "whatsapp", "recipient_type": "individual",
            "to": format!("+16505{PERSON}"), "type": "text",
            "text": {"preview_url": false, "body": format!("Your order #{NUMBER} {TEXT}")},
            "biz_opaque_callback_data": NUMBER,
        });
        let header = priority.map(|it| format!("holdline-priority: {it}\r\n"));
        let path = format!("/v23.0/{phone_id}/messages");
        let headers = header.unwrap_or_default();
        Self::of(server, token, &path, &headers, (&body.to_string(), people))
    }

    /// To our own API.
    pub(crate) fn api(server: SocketAddr, token: &str, people: u64) -> Self {
        let body = json!({
            "to": {"phone": format!("+16505{PERSON}")},
            "text": format!("Your order #{NUMBER} {TEXT}"),
            "callback_data": NUMBER,
        });
        let path = "/api/v1/messages";
        Self::of(server, token, path, "", (&body.to_string(), people))
    }

    fn of(
        server: SocketAddr,
        token: &str,
        path: &str,
        headers: &str,
        (body, people): (&str, u64),
    ) -> Self {
        let text = format!(
            "POST {path} HTTP/1.1\r\nHost: {server}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let from = text.len() - body.len();
        let places = |mark: &str| -> Vec<usize> {
            body.match_indices(mark).map(|(at, _)| from + at).collect()
        };
        Self {
            person_at: places(PERSON).first().copied().unwrap_or_default(),
            number_at: places(NUMBER),
            bytes: text.into_bytes(),
            people: people.clamp(1, 1_000_000),
        }
    }
}

impl Write for Template {
    fn write(&self, number: u64, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.bytes);
        let person = &mut to[self.person_at..self.person_at + PERSON.len()];
        digits(person, number % self.people);
        for at in &self.number_at {
            digits(&mut to[*at..*at + NUMBER.len()], number);
        }
    }
}

fn digits(place: &mut [u8], mut value: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_person_and_number_change() {
        let server = SocketAddr::from(([127, 0, 0, 1], 80));
        let template = Template::front_door(server, "token", Some("urgent"), 40);
        let mut request = Vec::new();
        template.write(42, &mut request);
        let text = String::from_utf8(request).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("\r\nholdline-priority: urgent\r\n"));
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())));
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["to"], "+16505000002");
        assert_eq!(body["biz_opaque_callback_data"], "000000042");
        let said = body["text"]["body"].as_str().unwrap();
        assert!(said.starts_with("Your order #000000042 was"));
    }
}
