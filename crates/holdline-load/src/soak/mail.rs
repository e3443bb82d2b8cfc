//! The messages of a run: a steady mix of kinds and priorities to a fixed number of people, each
//! with its number where a person would read it and where the app gets it back.

use super::book::Book;
use crate::offer::Ask;
use crate::stage::{PHONE_ID, Told};
use bytes::Bytes;
use holdline_sim::samples;
use http::{Request, header};
use http_body_util::Full;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;

const PEOPLE: u64 = 5_000;

#[derive(Debug)]
pub(super) struct Mail {
    pub(super) server: SocketAddr,
    pub(super) token: String,
    /// Keys and numbers of two runs do not meet.
    pub(super) run: u64,
    pub(super) book: Arc<Book>,
}

impl Ask for Mail {
    fn request(&self, number: u64) -> Request<Full<Bytes>> {
        let body = message(number).to_string();
        Request::post(format!("/v23.0/{PHONE_ID}/messages"))
            .header(header::HOST, self.server.to_string())
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", format!("{}-{number}", self.run))
            .header("holdline-priority", priority(number))
            .body(Full::from(body))
            .unwrap_or_default()
    }

    fn accepted(&self, number: u64, _: &[u8]) {
        self.book.accepted(number);
    }
}

impl Told for Book {
    fn told(&self, number: u64, status: &str) {
        Self::told(self, number, status);
    }
}

/// One in fifty answers what they get.
pub(super) fn who_answer() -> Vec<String> {
    (0..PEOPLE).step_by(50).map(address).collect()
}

fn address(person: u64) -> String {
    format!("+16505{:06}", person % PEOPLE)
}

fn priority(number: u64) -> &'static str {
    match number % 20 {
        0 => "emergency",
        1..4 => "urgent",
        4..6 => "bulk",
        _ => "service",
    }
}

fn message(number: u64) -> Value {
    let mark = format!("#{number:09}");
    let mut message = match number % 10 {
        0 | 1 => samples::template(&mark),
        2 => samples::buttons(&mark),
        3 => samples::location(&mark),
        _ => samples::text(&mark),
    };
    message["messaging_product"] = json!("whatsapp");
    message["to"] = json!(address(number));
    message["biz_opaque_callback_data"] = json!(number.to_string());
    message
}
