//! What requests say and answers look like, read and written without a parser: the provider must
//! cost less than what it measures. Pure.

use super::Form;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

pub(super) const REFUSAL: &str =
    r#"{"error":{"message":"Service temporarily unavailable","code":2,"is_transient":true}}"#;
/// To whatever is no send: probes, templates.
pub(super) const OTHER: &str = r#"{"data":[],"id":"106540352242922"}"#;
const OPAQUE: &[u8] = br#""biz_opaque_callback_data":""#;
const NUMBER_DIGITS: usize = 9;

/// Whether a path is that of a send.
pub(super) fn is_send(path: &str) -> bool {
    path.ends_with("/messages") || path.ends_with("/Messages.json")
}

/// The number of a message: nine digits after `#`, which a form writes as `%23`.
pub(super) fn number_in(body: &[u8]) -> Option<u64> {
    let marks = body.iter().enumerate().filter_map(|(at, byte)| match byte {
        b'#' => Some(at + 1),
        b'%' if body.get(at + 1..at + 3) == Some(b"23") => Some(at + 3),
        _ => None,
    });
    marks
        .filter_map(|at| digits(body.get(at..at + NUMBER_DIGITS)?))
        .next()
}

fn digits(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit()
            .then(|| value * 10 + u64::from(byte - b'0'))
    })
}

/// What a receipt must give back.
pub(super) fn opaque_in(body: &[u8]) -> &str {
    let begin = body.windows(OPAQUE.len()).position(|it| it == OPAQUE);
    let rest = begin.and_then(|at| body.get(at + OPAQUE.len()..));
    let word = rest.and_then(|rest| rest.split(|byte| *byte == b'"').next());
    word.and_then(|word| std::str::from_utf8(word).ok())
        .unwrap_or_default()
}

pub(super) fn id_of(place: u64) -> String {
    format!("wamid.SINK{place:012}")
}

pub(super) fn accepted(form: Form, id: &str) -> (StatusCode, String) {
    match form {
        Form::CloudApi => {
            let contacts = r#"[{"input":"16505000000","wa_id":"16505000000"}]"#;
            let messages = format!(r#"[{{"id":"{id}"}}]"#);
            let product = r#""messaging_product":"whatsapp""#;
            let text = format!(r#"{{{product},"contacts":{contacts},"messages":{messages}}}"#);
            (StatusCode::OK, text)
        }
        Form::Sms => {
            let text = format!(r#"{{"sid":"{id}","status":"queued","num_segments":"2"}}"#);
            (StatusCode::CREATED, text)
        }
    }
}

pub(super) fn response(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_found_in_json_and_in_forms() {
        assert_eq!(number_in(br#"{"body":"no. #1, but #000000042"}"#), Some(42));
        assert_eq!(number_in(b"Body=no.+%23000000042&To=%2B1650"), Some(42));
        assert_eq!(number_in(b"Body=no.+%2300000&To=%2B1650"), None);
    }

    #[test]
    fn what_a_receipt_gives_back_is_found() {
        let body = br#"{"to":"1","biz_opaque_callback_data":"hl1.abc","type":"text"}"#;
        assert_eq!(opaque_in(body), "hl1.abc");
        assert_eq!(opaque_in(b"{}"), "");
    }
}
