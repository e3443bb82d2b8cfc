//! Passwords: what is asked of one, and Argon2id (RFC 9106) with the crate's defaults, those of
//! OWASP: 19 MiB, two passes. Hashing runs beside the async threads, two at a time.

use crate::http::console::state::Console;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use holdline_core::Redacted;
use std::time::Duration;
use tokio::time::timeout;

/// Characters of a password. A long sentence is as welcome as a short riddle.
const CHARS_MIN: usize = 12;
const BYTES_MAX: usize = 256;
/// Longest wait for a turn.
const TURN_MAX: Duration = Duration::from_secs(5);
/// Of nobody's password: an unknown name takes as long as a known one.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRmb3Jub2JvZHk$\
    a0Y2rqpVGCmQVmYJ2nPyXbSMMdvVyTZkzeuD2wRGyrE";

/// Too many sign in at this moment.
#[derive(Debug)]
pub(super) struct Busy;

/// Why a password is not taken, in words.
pub(super) fn fault(password: &str, name: &str) -> Option<String> {
    let low = password.to_lowercase();
    if password.chars().count() < CHARS_MIN {
        return Some(format!("Give it {CHARS_MIN} characters or more."));
    }
    if password.len() > BYTES_MAX {
        return Some(format!("Give it {BYTES_MAX} bytes at most."));
    }
    if low.contains(name) || low.contains("holdline") {
        return Some("Leave your name and the product's out of it.".into());
    }
    let mut letters: Vec<char> = password.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    (letters.len() < 5).then(|| "Use more than four different characters.".into())
}

pub(super) async fn hash(console: &Console, password: String) -> Result<Redacted<String>, Busy> {
    let hashed = turn(console, move || hash_now(&password)).await?;
    hashed.ok_or(Busy)
}

/// Takes some 30 ms of the thread. The parameters are the crate's own and the length is bounded:
/// nothing but a lack of random bytes can fail.
pub(in crate::http::console) fn hash_now(password: &str) -> Option<Redacted<String>> {
    let hash = Argon2::default().hash_password(password.as_bytes()).ok()?;
    Some(Redacted::new(hash.to_string()))
}

/// Whether it is the password of this hash; `None` = of nobody.
pub(super) async fn is_right(
    console: &Console,
    password: String,
    hash: Option<Redacted<String>>,
) -> Result<bool, Busy> {
    if password.len() > BYTES_MAX {
        return Ok(false);
    }
    turn(console, move || {
        let known = hash.is_some();
        let text = hash.as_ref().map_or(NOBODY, |it| it.expose().as_str());
        let Ok(parsed) = PasswordHash::new(text) else {
            return false;
        };
        let verified = Argon2::default().verify_password(password.as_bytes(), &parsed);
        verified.is_ok() && known
    })
    .await
}

async fn turn<T: Send + 'static>(
    console: &Console,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Busy> {
    let hashing = std::sync::Arc::clone(&console.hashing);
    let permit = timeout(TURN_MAX, hashing.acquire_owned()).await;
    let permit = permit.map_err(|_| Busy)?.map_err(|_| Busy)?;
    // The turn is over when the work is, also when whoever asked has gone.
    let work = move || {
        let _permit = permit;
        work()
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| Busy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other_is() {
        let console = Console::default();
        let word = || String::from("correct horse battery");
        let hash = super::hash(&console, word()).await.unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let check = async |password: String, hash: Option<&Redacted<String>>| {
            is_right(&console, password, hash.cloned()).await.unwrap()
        };
        assert!(check(word(), Some(&hash)).await);
        assert!(!check(word() + "!", Some(&hash)).await);
        assert!(!check(word(), None).await, "nobody has no password");
        assert!(!check("x".repeat(BYTES_MAX + 1), Some(&hash)).await);
        let broken = Redacted::new(String::from("no hash"));
        assert!(!check(word(), Some(&broken)).await);
    }

    #[test]
    fn the_hash_of_nobody_can_be_read() {
        assert!(PasswordHash::new(NOBODY).is_ok());
    }

    #[test]
    fn weak_passwords_are_refused_with_a_reason() {
        for weak in [
            "short",
            "aaaabbbbccccdddd",
            "ada-lovelace-1815",
            "Holdline-2026!",
        ] {
            assert!(fault(weak, "ada").is_some(), "{weak}");
        }
        assert_eq!(fault("correct horse battery", "ada"), None);
        assert_eq!(
            fault("пароль из слов", "ada"),
            None,
            "characters, not bytes"
        );
    }
}
