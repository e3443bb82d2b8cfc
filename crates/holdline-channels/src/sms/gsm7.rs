//! How a text travels by SMS: in the GSM 7-bit alphabet (3GPP TS 23.038) or in UCS-2, and in how
//! many parts. Simplifies typographic characters on request; never drops any.

/// The basic table, in its order, without the escape.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                     ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// Characters behind the escape: they take two places.
const EXTENDED: &str = "\u{c}^{}\\[~]|€";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alphabet {
    Gsm7,
    Ucs2,
}

/// What a text costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    pub alphabet: Alphabet,
    /// Septets or 16-bit units.
    pub units: usize,
    pub segments: usize,
}

/// The cost of sending `text`.
#[must_use]
pub fn cost(text: &str) -> Cost {
    let widths: Option<Vec<usize>> = text.chars().map(septets).collect();
    let (alphabet, widths, single, part) = match widths {
        Some(widths) => (Alphabet::Gsm7, widths, 160, 153),
        None => (
            Alphabet::Ucs2,
            text.chars().map(char::len_utf16).collect(),
            70,
            67,
        ),
    };
    let units = widths.iter().sum();
    let segments = if units <= single {
        1
    } else {
        parts(&widths, part)
    };
    Cost {
        alphabet,
        units,
        segments,
    }
}

/// The text with typographic characters as plain ones, where the alphabet has no place for them.
#[must_use]
pub fn simplify(text: &str) -> String {
    let mut simple = String::with_capacity(text.len());
    for c in text.chars() {
        match plain(c) {
            Some(plain) if septets(c).is_none() => simple.push_str(plain),
            _ => simple.push(c),
        }
    }
    simple
}

/// Places that a character takes in the 7-bit alphabet, if it is in it.
fn septets(c: char) -> Option<usize> {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' => Some(1),
        _ if BASIC.contains(c) => Some(1),
        _ if EXTENDED.contains(c) => Some(2),
        _ => None,
    }
}

/// No character is cut in two: one that does not fit begins the next part.
fn parts(widths: &[usize], room: usize) -> usize {
    let mut parts = 1;
    let mut used = 0;
    for width in widths {
        if used + width > room {
            parts += 1;
            used = 0;
        }
        used += width;
    }
    parts
}

fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}' | '\u{2032}' | '\u{00b4}' | '`' => "'",
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{201f}' | '\u{2033}' | '«' | '»' => "\"",
        '\u{2010}'..='\u{2015}' | '\u{2212}' => "-",
        '\u{2026}' => "...",
        '\u{00a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' | '\t' => " ",
        '\u{2022}' | '\u{00b7}' => "*",
        '\u{2044}' => "/",
        '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{00ad}' => "",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Alphabet::{Gsm7, Ucs2};

    fn check(text: &str, alphabet: Alphabet, units: usize, segments: usize) {
        assert_eq!(
            cost(text),
            Cost {
                alphabet,
                units,
                segments
            },
            "{text}"
        );
    }

    #[test]
    fn the_tables_are_whole() {
        assert_eq!(BASIC.chars().count(), 127);
        assert_eq!(EXTENDED.chars().count(), 10);
    }

    #[test]
    fn parts_are_counted_as_the_network_cuts_them() {
        check("", Gsm7, 0, 1);
        check(&"a".repeat(160), Gsm7, 160, 1);
        check(&"a".repeat(161), Gsm7, 161, 2);
        check(&"a".repeat(306), Gsm7, 306, 2);
        check(&"a".repeat(307), Gsm7, 307, 3);
        check(&"€".repeat(80), Gsm7, 160, 1);
        check(&"é".repeat(160), Gsm7, 160, 1);
        check(&"ж".repeat(70), Ucs2, 70, 1);
        check(&"ж".repeat(71), Ucs2, 71, 2);
        check(&"ж".repeat(134), Ucs2, 134, 2);
        check(&"ж".repeat(135), Ucs2, 135, 3);
        check("ç", Ucs2, 1, 1);
    }

    #[test]
    fn no_character_is_cut_in_two() {
        // Each part of 153 holds 76 euro signs and leaves one place empty.
        check(&"€".repeat(153), Gsm7, 306, 3);
        // Each part of 67 holds 33 surrogate pairs.
        check(&"😀".repeat(67), Ucs2, 134, 3);
        check(&"😀".repeat(35), Ucs2, 70, 1);
    }

    #[test]
    fn typographic_characters_become_plain_and_others_stay() {
        assert_eq!(
            simplify("\u{201c}Don\u{2019}t\u{201d}\u{a0}\u{2014} ok\u{2026}"),
            "\"Don't\" - ok..."
        );
        assert_eq!(simplify("é ж 😀 €"), "é ж 😀 €");
    }
}
