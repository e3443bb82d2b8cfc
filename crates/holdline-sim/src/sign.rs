//! How the providers sign what they post, and small digests. Never compares, never logs a secret.

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Value of `X-Hub-Signature-256` over the exact body bytes.
#[must_use]
pub fn meta_signature(app_secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, app_secret.as_bytes());
    format!("sha256={}", hex(hmac::sign(&key, body).as_ref()))
}

/// Value of `X-Twilio-Signature`: the full URL followed by the sorted parameters, names and
/// values joined without separators.
#[must_use]
pub fn twilio_signature(auth_token: &str, url: &str, params: &[(String, String)]) -> String {
    let mut sorted: Vec<&(String, String)> = params.iter().collect();
    sorted.sort();
    let mut text = url.to_owned();
    for (name, value) in sorted {
        text.push_str(name);
        text.push_str(value);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth_token.as_bytes());
    STANDARD.encode(hmac::sign(&key, text.as_bytes()).as_ref())
}

pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meta_signatures_match_known_vectors() {
        let check = |body: &str, expect: &str| {
            assert_eq!(
                meta_signature("app-secret", body.as_bytes()),
                format!("sha256={expect}")
            );
        };
        check(
            r#"{"object":"whatsapp_business_account","entry":[]}"#,
            "d3e4f9da0ce6c71ab3dba55929b8eeeee2455349e534924ead19f98d143e904f",
        );
        check(
            r#"{"a":"café ✓"}"#,
            "6c5173955d73cbea335dea21c6d62d81854293bdcbc13ade00ba1006b334225f",
        );
    }

    #[test]
    fn twilio_signature_matches_the_documented_example() {
        let params = [
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675310"),
            ("Digits", "1234"),
            ("From", "+14158675310"),
            ("To", "+18005551212"),
        ];
        let params: Vec<(String, String)> = params
            .iter()
            .rev()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let url = "https://example.com/myapp.php?foo=1&bar=2";
        assert_eq!(
            twilio_signature("12345", url, &params),
            "L/OH5YylLD5NRKLltdqwSvS0BnU="
        );
    }
}
