//! The messages that wait: texts of the usual size in every priority, four to a person.

use crate::offer::Ask;
use crate::stage::PHONE_ID;
use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use serde_json::json;
use std::net::SocketAddr;

const PER_PERSON: u64 = 4;
const TEXT: &str = "Dear customer, your order is on its way and will arrive between nine and \
                    twelve tomorrow. Please have your code ready. Answer STOP to end.";

#[derive(Debug)]
pub(super) struct Mail {
    host: String,
    bearer: String,
    people: u64,
}

impl Mail {
    pub(super) fn new(server: SocketAddr, token: String, waiting: u64) -> Self {
        Self {
            host: server.to_string(),
            bearer: format!("Bearer {token}"),
            people: (waiting / PER_PERSON).clamp(1, 1_000_000),
        }
    }
}

impl Ask for Mail {
    fn request(&self, number: u64) -> Request<Full<Bytes>> {
        let body = json!({
            "messaging_product": "whatsapp",
            "to": format!("+16505{:06}", number % self.people),
            "type": "text",
            "text": {"body": format!("{TEXT} #{number:09}")},
        });
        Request::post(format!("/v23.0/{PHONE_ID}/messages"))
            .header(header::HOST, &self.host)
            .header(header::AUTHORIZATION, &self.bearer)
            .header(header::CONTENT_TYPE, "application/json")
            .header("holdline-priority", priority(number))
            .body(Full::from(body.to_string()))
            .unwrap_or_default()
    }

    fn accepted(&self, _: u64, _: &[u8]) {}
}

fn priority(number: u64) -> &'static str {
    match number % 20 {
        0 => "emergency",
        1..4 => "urgent",
        4..8 => "bulk",
        _ => "service",
    }
}
