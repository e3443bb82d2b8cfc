//! Times and spans as the API writes them: RFC 3339 in UTC, and `30s` or milliseconds. Pure.

use holdline_core::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const DAY_MS: i64 = 86_400_000;
/// Units of a span, longest name first where one ends with another.
const UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// A span of time: milliseconds as a number, or a text such as `500ms`, `30s`, `5m`, `2h`, `1d`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Span {
    Ms(u64),
    Text(String),
}

impl Span {
    /// `None` when the text is no span.
    pub(crate) fn ms(&self) -> Option<u64> {
        match self {
            Self::Ms(ms) => Some(*ms),
            Self::Text(text) => parse_span(text),
        }
    }
}

/// `2026-11-23T00:35:20.123Z`.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    let (days, ms) = (at.0.div_euclid(DAY_MS), at.0.rem_euclid(DAY_MS));
    let (year, month, day) = civil_of(days);
    let (s, ms) = (ms / 1000, ms % 1000);
    let (hour, minute, second) = (s / 3600, s / 60 % 60, s % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// Reads RFC 3339 with any offset; fractions beyond milliseconds are cut off.
pub(crate) fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (time, rest) = rest.split_at_checked(8)?;
    let (year, month, day) = triple(date, "-")?;
    let (hour, minute, second) = triple(time, ":")?;
    let (fraction_ms, zone) = fraction(rest)?;
    let in_range = (1..=12).contains(&month)
        && (1..=days_of_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    let clock_ms = ((hour * 60 + minute) * 60 + second) * 1000 + fraction_ms;
    let days = days_of(year, month, day);
    in_range.then_some(Timestamp(days * DAY_MS + clock_ms - offset_ms(zone)?))
}

fn parse_span(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit.trim())?;
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Three groups of digits; the parts are of fixed width, so a sign has no place in them.
fn triple(text: &str, separator: &str) -> Option<(i64, i64, i64)> {
    let mut parts = text.split(separator).map(|part| {
        part.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| part.parse::<i64>().ok())?
    });
    let triple = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(triple)
}

fn fraction(rest: &str) -> Option<(i64, &str)> {
    let Some(rest) = rest.strip_prefix('.') else {
        return Some((0, rest));
    };
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .filter(|end| *end > 0)?;
    let (digits, zone) = rest.split_at(end);
    let padded: String = digits.chars().chain("000".chars()).take(3).collect();
    Some((padded.parse().ok()?, zone))
}

fn offset_ms(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes, _) = triple(&format!("{}:00", &zone[1..]), ":")?;
    let in_range = zone.len() == 6 && hours < 24 && minutes < 60;
    in_range.then(|| sign * (hours * 60 + minutes) * 60_000)
}

/// Days since 1970-01-01 of a date of the Gregorian calendar, counted in eras of 400 years that
/// begin in March.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    let next = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    days_of(next.0, next.1, 1) - days_of(year, month, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expect: Option<i64>) {
        assert_eq!(parse_rfc3339(text).map(|at| at.0), expect, "{text}");
    }

    #[test]
    fn times_read_with_any_offset_and_fraction() {
        check("1970-01-01T00:00:00Z", Some(0));
        check("2026-11-23T00:35:20.123Z", Some(1_795_394_120_123));
        check("2026-11-23T01:35:20.123999+01:00", Some(1_795_394_120_123));
        check("2026-11-22T19:05:20.1-05:30", Some(1_795_394_120_100));
        check("2024-02-29T00:00:00z", Some(1_709_164_800_000));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026-11-23",
            "2026-11-23T00:35:20",
            "2025-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T00:00:00.Z",
            "2026-11-23T00:00:00+1:00",
            "2026-11-23T00:00:00+922337203685477580:00",
            "+026-11-23T00:00:00Z",
            "2026-11-23T00:00:00é",
            "1795394120",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn spans_are_numbers_of_milliseconds_or_texts_with_a_unit() {
        for (text, ms) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("5 m", 300_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(Span::Text(text.into()).ms(), Some(ms), "{text}");
        }
        for text in ["", "30", "s", "-1s", "1.5s", "1w", "99999999999999999999s"] {
            assert_eq!(Span::Text(text.into()).ms(), None, "{text}");
        }
        assert_eq!(Span::Ms(7).ms(), Some(7));
    }

    proptest! {
        #[test]
        fn every_time_of_four_digit_years_reads_back(ms in 0_i64..253_402_300_800_000) {
            prop_assert_eq!(parse_rfc3339(&rfc3339(Timestamp(ms))), Some(Timestamp(ms)));
        }

        #[test]
        fn reading_never_panics(text in ".{0,40}") {
            let _ = parse_rfc3339(&text);
            let _ = parse_span(&text);
        }
    }
}
