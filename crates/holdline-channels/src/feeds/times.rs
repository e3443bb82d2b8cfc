//! Reads instants as feeds write them: ISO 8601, the dates of mail, seconds or milliseconds since
//! 1970. Gives none for anything else; never guesses and never reads a clock.

use holdline_core::Timestamp;

const DAY_MS: i64 = 24 * 3_600_000;
/// Numbers from here on are milliseconds: as seconds they would lie beyond the year 5000.
const MILLISECONDS_FROM: f64 = 1e11;
/// The last instant of the year 9999.
const MS_MAX: i64 = 253_402_300_799_999;
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const ZONES: &[(&str, i64)] = &[
    ("z", 0),
    ("ut", 0),
    ("utc", 0),
    ("gmt", 0),
    ("edt", -4),
    ("est", -5),
    ("cdt", -5),
    ("cst", -6),
    ("mdt", -6),
    ("mst", -7),
    ("pdt", -7),
    ("pst", -8),
];

/// An instant from text in any of the forms.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() > 64 || !text.is_ascii() {
        return None;
    }
    let ms = iso(text)
        .or_else(|| mail(text))
        .or_else(|| number(text.parse().ok()?))?;
    (0..=MS_MAX).contains(&ms).then_some(Timestamp(ms))
}

/// An instant from a number of seconds or milliseconds.
pub(super) fn epoch(value: f64) -> Option<Timestamp> {
    number(value).map(Timestamp)
}

fn number(value: f64) -> Option<i64> {
    let ms = if value < MILLISECONDS_FROM {
        value * 1000.0
    } else {
        value
    };
    // 0 is how some write "never".
    (ms >= 1.0 && ms <= MS_MAX as f64).then_some(ms as i64)
}

/// `2026-03-01`, `2026-03-01T10:20:30.5Z`, `2026-03-01 10:20:30+01:00`.
fn iso(text: &str) -> Option<i64> {
    let date = text.get(..10)?;
    let mut parts = date.splitn(3, '-');
    let year = whole(parts.next()?, 4)?;
    let month = whole(parts.next()?, 2)?;
    let day = whole(parts.next()?, 2)?;
    let rest = text.get(10..)?;
    let days = days(year, month, day)?;
    if rest.is_empty() {
        return Some(days * DAY_MS);
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let end = rest.find(['Z', 'z', '+', '-', ' ']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(end);
    Some(days * DAY_MS + clock_ms(clock)? - zone_ms(zone.trim())?)
}

/// `Sun, 01 Mar 2026 10:20:30 +0000`; the day of the week and the seconds may be absent.
fn mail(text: &str) -> Option<i64> {
    let after_day = text.split_once(',').map_or(text, |(_, rest)| rest);
    let mut parts = after_day.split_ascii_whitespace();
    let day = parts.next()?.parse().ok()?;
    let month = parts.next()?.get(..3)?.to_ascii_lowercase();
    let month = MONTHS.iter().position(|known| *known == month)? as i64 + 1;
    let year = whole(parts.next()?, 4)?;
    let clock = clock_ms(parts.next()?)?;
    let zone = zone_ms(parts.next().unwrap_or_default())?;
    Some(days(year, month, day)? * DAY_MS + clock - zone)
}

fn clock_ms(text: &str) -> Option<i64> {
    let (whole_part, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let mut parts = whole_part.split(':');
    let hours = whole(parts.next()?, 2)?;
    let minutes = whole(parts.next()?, 2)?;
    let seconds = parts.next().map_or(Some(0), |text| whole(text, 2))?;
    if parts.next().is_some() || hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    let ms = match fraction.get(..fraction.len().min(3)) {
        Some("") | None => 0,
        Some(digits) => whole(digits, digits.len())? * 10_i64.pow(3 - digits.len() as u32),
    };
    Some(((hours * 60 + minutes) * 60 + seconds) * 1000 + ms)
}

/// Nothing, a name, or `+01:00`, `-0730`, `+02`.
fn zone_ms(text: &str) -> Option<i64> {
    let hour_ms = 3_600_000;
    let lower = text.to_ascii_lowercase();
    if lower.is_empty() {
        return Some(0);
    }
    if let Some((_, hours)) = ZONES.iter().find(|(name, _)| *name == lower) {
        return Some(hours * hour_ms);
    }
    let sign = match lower.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = lower.get(1..)?.replace(':', "");
    let hours = whole(digits.get(..2)?, 2)?;
    let minutes = match digits.get(2..)? {
        "" => 0,
        text => whole(text, 2)?,
    };
    Some(sign * (hours * hour_ms + minutes * 60_000))
}

/// A number of exactly so many digits.
fn whole(text: &str, digits: usize) -> Option<i64> {
    let good = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    good.then(|| text.parse().ok()).flatten()
}

/// Days since 1970-01-01 of a day of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=month_days(year, month)).contains(&day) {
        return None;
    }
    // Years that begin in March put the leap day at their end.
    let shifted = if month <= 2 { year - 1 } else { year };
    let since_march = (month + 9) % 12;
    let in_year = (153 * since_march + 2) / 5 + day - 1;
    let leaps = shifted.div_euclid(4) - shifted.div_euclid(100) + shifted.div_euclid(400);
    Some(shifted * 365 + leaps + in_year - 719_468)
}

const fn month_days(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
