//! `X-Hub-Signature-256`: made for the webhooks we send, checked on those we get, always over the
//! exact bytes. Never keeps or prints a secret.

use aws_lc_rs::hmac;

/// The header that carries the signature.
pub const HEADER: &str = "x-hub-signature-256";

/// The header's value for `body`.
#[must_use]
pub fn sign(secret: &[u8], body: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), body);
    tag.as_ref()
        .iter()
        .fold(String::from(SCHEME), |text, byte| {
            text + &format!("{byte:02x}")
        })
}

/// Whether `header` is the signature of `body`; compared in constant time.
#[must_use]
pub fn verify(secret: &[u8], body: &[u8], header: &str) -> bool {
    let Some(tag) = header.trim().strip_prefix(SCHEME).and_then(unhex) else {
        return false;
    };
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret), body, &tag).is_ok()
}

fn unhex(text: &str) -> Option<[u8; TAG_BYTES]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * TAG_BYTES {
        return None;
    }
    let mut bytes = [0; TAG_BYTES];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = hex_value(pair[0])? << 4 | hex_value(pair[1])?;
    }
    Some(bytes)
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

const SCHEME: &str = "sha256=";
const TAG_BYTES: usize = 32;
