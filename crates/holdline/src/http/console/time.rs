//! Instants and spans as people read them. The page says UTC; a script may show the reader's own
//! time. Pure.

use crate::http::api::values::rfc3339;
use holdline_core::Timestamp;
use maud::{Markup, html};

/// `14:03:07` of today, with the day otherwise; the whole instant for scripts and on hover.
pub(super) fn instant(at: Timestamp) -> Markup {
    let whole = rfc3339(at);
    let (day, clock) = (&whole[..10], &whole[11..19]);
    html! { time datetime=(whole) title=(whole) { (day) " " (clock) } }
}

pub(super) fn maybe(at: Option<Timestamp>) -> Markup {
    at.map_or_else(|| html! { "–" }, instant)
}

/// How long ago, counted on by a script.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> Markup {
    let whole = rfc3339(at);
    html! {
        time datetime=(whole) title=(whole) data-ago="" { (span(now.since_ms(at))) }
    }
}

/// Two units at most: `41 s`, `2 min 5 s`, `3 h 12 min`, `4 d 1 h`.
pub(super) fn span(ms: u64) -> String {
    let s = ms / 1_000;
    let two = |big: u64, unit: &str, small: u64, sub: &str| match small {
        0 => format!("{big} {unit}"),
        small => format!("{big} {unit} {small} {sub}"),
    };
    match s {
        0 => format!("{ms} ms"),
        1..=9 => format!("{:.1} s", ms as f64 / 1_000.0),
        10..=59 => format!("{s} s"),
        60..=3_599 => two(s / 60, "min", s % 60, "s"),
        3_600..=86_399 => two(s / 3_600, "h", s / 60 % 60, "min"),
        _ => two(s / 86_400, "d", s / 3_600 % 24, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units_at_most() {
        for (ms, words) in [
            (0, "0 ms"),
            (820, "820 ms"),
            (1_400, "1.4 s"),
            (41_999, "41 s"),
            (125_000, "2 min 5 s"),
            (120_000, "2 min"),
            (11_520_000, "3 h 12 min"),
            (349_200_000, "4 d 1 h"),
        ] {
            assert_eq!(span(ms), words);
        }
    }

    #[test]
    fn an_instant_is_read_by_people_and_scripts() {
        let text = instant(Timestamp(1_790_000_000_123)).into_string();
        assert!(text.contains("datetime=\"2026-09-21T"), "{text}");
        assert!(text.contains(">2026-09-21 "), "{text}");
    }
}
