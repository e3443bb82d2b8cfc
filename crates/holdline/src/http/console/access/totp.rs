//! One-time codes by time (RFC 6238, with HMAC-SHA-1, six digits and steps of 30 s: what every
//! authenticator takes). A code is good for its step and those beside it, and only once.

use aws_lc_rs::hmac;
use data_encoding::BASE32_NOPAD;
use holdline_core::Timestamp;

const STEP_MS: i64 = 30_000;
/// Steps by which the clocks may differ.
const DRIFT: i64 = 1;
/// Bytes of a secret: as many as the hash has (RFC 4226, section 4).
const SECRET_BYTES: usize = 20;
const DIGITS: u32 = 6;

/// A new secret, in base 32.
pub(super) fn new_secret() -> Option<String> {
    let mut secret = [0; SECRET_BYTES];
    getrandom::fill(&mut secret).ok()?;
    Some(BASE32_NOPAD.encode(&secret))
}

/// Whether a text is a secret of ours.
pub(super) fn is_secret(text: &str) -> bool {
    let bytes = BASE32_NOPAD.decode(text.as_bytes());
    bytes.is_ok_and(|bytes| bytes.len() == SECRET_BYTES)
}

/// What an authenticator reads from the picture
/// (github.com/google/google-authenticator/wiki/Key-Uri-Format).
pub(super) fn uri(secret: &str, name: &str) -> String {
    format!("otpauth://totp/Holdline:{name}?secret={secret}&issuer=Holdline")
}

/// The step of the code, when it is good now and comes after the last one that was taken.
pub(super) fn step_of(secret: &str, code: &str, last: i64, now: Timestamp) -> Option<i64> {
    let key = BASE32_NOPAD.decode(secret.as_bytes()).ok()?;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let code: String = code.chars().filter(|it| !it.is_whitespace()).collect();
    let step = now.0.div_euclid(STEP_MS);
    let near = (step - DRIFT..=step + DRIFT).filter(|step| *step > last);
    // All are compared, whichever fits: how long it takes says nothing.
    let fitting = near.filter(|step| is_same(&code_of(&key, *step), &code));
    fitting.fold(None, |_, step| Some(step))
}

/// RFC 4226, section 5.3.
fn code_of(key: &hmac::Key, step: i64) -> String {
    let tag = hmac::sign(key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[tag.len() - 1] & 0xf);
    let mut four = [0; 4];
    four.copy_from_slice(&tag[at..at + 4]);
    let number = (u32::from_be_bytes(four) & 0x7fff_ffff) % 10_u32.pow(DIGITS);
    format!("{number:06}")
}

fn is_same(one: &str, other: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "12345678901234567890", the key of RFC 6238, appendix B.
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    /// The last six of the eight digits of the appendix.
    #[test]
    fn the_codes_are_those_of_the_standard() {
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let now = Timestamp(second * 1_000);
            assert_eq!(
                step_of(SECRET, code, -9, now),
                Some(second / 30),
                "{second}"
            );
        }
    }

    #[test]
    fn a_code_is_good_once_and_for_a_minute_and_a_half() {
        let at = |second: i64| Timestamp(second * 1_000);
        let step = 1_111_111_109 / 30;
        let check = |second, last| step_of(SECRET, " 081 804", last, at(second));
        assert_eq!(check(1_111_111_109, 0), Some(step));
        assert_eq!(check(1_111_111_109 + 30, 0), Some(step));
        assert_eq!(check(1_111_111_109 - 30, 0), Some(step));
        assert_eq!(check(1_111_111_109 + 61, 0), None, "too old");
        assert_eq!(check(1_111_111_109, step), None, "taken already");
        assert_eq!(step_of(SECRET, "", 0, at(59)), None);
        assert_eq!(step_of("no base 32", "081804", 0, at(59)), None);
    }

    #[test]
    fn secrets_are_new_each_time_and_can_be_typed() {
        let (one, other) = (new_secret().unwrap(), new_secret().unwrap());
        assert_ne!(one, other);
        assert!(is_secret(&one) && !is_secret("") && !is_secret("GEZDGNBV"));
        assert_eq!(one.len(), 32);
        assert!(uri(&one, "ada").contains(&one));
    }
}
