//! The provider's formats: forms in and out, JSON answers, and the signature over a call.
//! Pure: reads and writes bytes.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use url::{Url, form_urlencoded};

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "x-twilio-signature";

/// Most fields read of one call.
pub const FIELDS_MAX: usize = 200;

/// What the provider answers to a send; fields that are not needed are passed over.
#[derive(Clone, Default, Deserialize)]
pub struct Answer {
    pub sid: Option<String>,
    pub status: Option<serde_json::Value>,
    pub error_code: Option<u32>,
    /// Of a refusal.
    pub code: Option<u32>,
    pub message: Option<String>,
}

/// The fields of a form, in their order.
#[must_use]
pub fn read_form(body: &[u8]) -> Vec<(String, String)> {
    let pairs = form_urlencoded::parse(body).take(FIELDS_MAX);
    pairs
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// The first field of a name, unless it is empty.
#[must_use]
pub fn field<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let value = form
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str());
    value.filter(|value| !value.is_empty())
}

/// The signature over a call's address and its fields.
#[must_use]
pub fn sign(secret: &[u8], url: &str, form: &[(String, String)]) -> String {
    STANDARD.encode(hmac::sign(&key(secret), signed_text(url, form).as_bytes()))
}

/// Whether `signature` is that of the call. The port of the address may be written or not:
/// proxies and the provider differ.
#[must_use]
pub fn verify(secret: &[u8], url: &str, form: &[(String, String)], signature: &str) -> bool {
    let Ok(tag) = STANDARD.decode(signature.trim()) else {
        return false;
    };
    let key = key(secret);
    let fits = |url: &str| hmac::verify(&key, signed_text(url, form).as_bytes(), &tag).is_ok();
    fits(url) || other_spelling(url).is_some_and(|url| fits(&url))
}

fn key(secret: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret)
}

fn signed_text(url: &str, form: &[(String, String)]) -> String {
    let mut fields: Vec<_> = form.iter().collect();
    fields.sort();
    fields.dedup();
    fields
        .iter()
        .fold(url.to_owned(), |text, (name, value)| text + name + value)
}

/// The address with its standard port if it has none, and without if it has.
fn other_spelling(url: &str) -> Option<String> {
    let parsed = Url::parse(url).ok()?;
    let port = parsed.port_or_known_default()?;
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let other = match authority.strip_suffix(&format!(":{port}")) {
        Some(bare) => bare.to_owned(),
        None => format!("{authority}:{port}"),
    };
    Some(format!("{scheme}://{other}{path}"))
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Answer({:?}, {:?})",
            self.sid,
            self.code.or(self.error_code)
        )
    }
}
