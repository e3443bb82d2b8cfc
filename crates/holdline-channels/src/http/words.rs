//! Makes a provider's words fit to keep: short, one line, without addresses. Never judges them.

/// Longest text kept of a provider's words, in characters.
pub(super) const WORDS_CHARS_MAX: usize = 200;

/// Longest run of digits kept: error codes are shorter, phone numbers and ids longer.
const DIGITS_MAX: usize = 7;

/// `text` without mail addresses and long numbers, on one line, cut to a length.
#[must_use]
pub fn tidy(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let kept: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(tidy_word)
        .collect();
    kept.join(" ").chars().take(WORDS_CHARS_MAX).collect()
}

fn tidy_word(word: &str) -> String {
    if word.contains('@') {
        return "[address]".into();
    }
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let version_like = word.chars().any(|c| c.is_alphabetic());
    if digits > DIGITS_MAX && !version_like {
        return "[number]".into();
    }
    mask_runs(word)
}

fn mask_runs(word: &str) -> String {
    let mut kept = String::with_capacity(word.len());
    let mut digits = String::new();
    for c in word.chars().chain(['\0']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        kept.push_str(if digits.len() > DIGITS_MAX {
            "[number]"
        } else {
            &digits
        });
        digits.clear();
        kept.push(c);
    }
    kept.pop();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        assert_eq!(tidy(text), expect);
    }

    #[test]
    fn addresses_and_numbers_are_masked_and_codes_stay() {
        check(
            "The 'To' number +15005550001 is not valid",
            "The 'To' number [number] is not valid",
        );
        check(
            "550 5.1.1 <ann@example.com>: unknown\r\nuser",
            "550 5.1.1 [address] unknown user",
        );
        check("error 131026 happened", "error 131026 happened");
        check("id=4915112345678x", "id=[number]x");
        assert_eq!(tidy(&"x".repeat(500)).len(), WORDS_CHARS_MAX);
    }
}
