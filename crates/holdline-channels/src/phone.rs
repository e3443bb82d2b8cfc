//! Phone numbers: what people and apps write, made into E.164; the only place that knows the
//! library for it. Never guesses another person's number: an alias is only ever looked up.

use crate::whatsapp::wire::ids::digits_from;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, Region};
use std::fmt;
use thiserror::Error;

/// Longest text that is looked at, in characters.
pub const PHONE_CHARS_MAX: usize = 64;

/// A number in E.164: `+` and digits. Never printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phone(String);

/// Why a text is no phone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PhoneError {
    #[error("has characters that no phone number has: use digits, +, spaces and -().")]
    Characters,
    #[error("has no known country code: write it as + and country code, as in +16505551234")]
    Country,
    #[error("has too few or too many digits for its country")]
    Length,
}

impl Phone {
    /// Reads a number with or without `+`, spaces and punctuation. `region` (`US`, `BR`) is the
    /// country of numbers that are written without a country code.
    ///
    /// # Errors
    /// What is wrong with the text, without repeating it.
    pub fn parse(text: &str, region: Option<&str>) -> Result<Self, PhoneError> {
        let plain = plain(text)?;
        if plain.starts_with('+') {
            return Self::settled(&plain, &international(&plain)?);
        }
        let with_plus = format!("+{plain}");
        let with_code = international(&with_plus);
        let local = region
            .and_then(|region| region.parse::<Region>().ok())
            .and_then(|region| PHONE_NUMBER_UTIL.parse(&plain, Some(region)).ok())
            .filter(|number| PHONE_NUMBER_UTIL.is_possible_number(number));
        // Digits as WhatsApp writes them carry the country code; home numbers come second.
        match (with_code, local) {
            (Ok(number), _) if number.is_valid() => Self::settled(&with_plus, &number),
            (_, Some(number)) => Self::settled(&plain, &number),
            (with_code, None) => Self::settled(&with_plus, &with_code?),
        }
    }

    /// `+` and digits.
    #[must_use]
    pub fn e164(&self) -> &str {
        &self.0
    }

    /// Digits only, as WhatsApp names a person.
    #[must_use]
    pub fn wa_id(&self) -> &str {
        self.0.trim_start_matches('+')
    }

    /// The calling code, as in 1, 44, 55.
    #[must_use]
    pub fn country_code(&self) -> Option<u16> {
        self.parsed()
            .and_then(|number| u16::try_from(number.country_code).ok())
    }

    /// The country of the number, as in `US`.
    #[must_use]
    pub fn region(&self) -> Option<String> {
        Some(
            self.parsed()?
                .get_region_code()?
                .as_region_str()
                .to_string(),
        )
    }

    /// Other ways in which WhatsApp may write this number, as E.164: to look a person up by, not
    /// to send to.
    #[must_use]
    pub fn aliases(&self) -> Vec<Self> {
        let digits = self.wa_id();
        let alias = match digits.get(..2) {
            Some("55") => brazil(digits),
            Some("52") => mexico(digits),
            Some("54") => argentina(digits),
            _ => None,
        };
        alias
            .map(|digits| Self(format!("+{digits}")))
            .into_iter()
            .collect()
    }

    /// A business-scoped user id for a person of this number: country, dot, digits that follow
    /// from `key` (our id of the person) and not from the number.
    #[must_use]
    pub fn user_id(&self, key: u128) -> String {
        mint_user_id(self.region().as_deref(), key)
    }

    /// The form that reads back as itself, as `text` mostly does that the number was read from. Odd
    /// numbers with several trunk zeros lose one at each reading, and a person must have one
    /// address.
    fn settled(text: &str, number: &PhoneNumber) -> Result<Self, PhoneError> {
        let written = |number: &PhoneNumber| number.format_as(PhoneNumberFormat::E164).into_owned();
        let mut form = written(number);
        if form == text {
            return Ok(Self(form));
        }
        for _ in 0..READINGS_MAX {
            let next = written(&international(&form)?);
            if next == form {
                return Ok(Self(form));
            }
            form = next;
        }
        Err(PhoneError::Length)
    }

    fn parsed(&self) -> Option<PhoneNumber> {
        PHONE_NUMBER_UTIL.parse(&self.0, None).ok()
    }
}

/// A business-scoped user id. People whose country is not known get `ZZ`, which stands for none.
#[must_use]
pub fn mint_user_id(region: Option<&str>, key: u128) -> String {
    let country = region.filter(|name| name.len() == 2).unwrap_or("ZZ");
    format!("{country}.{}", digits_from(key, USER_ID_DIGITS))
}

/// `+` and digits, or only digits.
fn plain(text: &str) -> Result<String, PhoneError> {
    let text = text.trim();
    let allowed = |c: char| c.is_ascii_digit() || c.is_whitespace() || PUNCTUATION.contains(c);
    let (plus, rest) = match text.strip_prefix(['+', '\u{FF0B}']) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if text.chars().count() > PHONE_CHARS_MAX || !rest.chars().all(allowed) {
        return Err(PhoneError::Characters);
    }
    let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
    match digits.strip_prefix("00") {
        _ if digits.is_empty() => Err(PhoneError::Length),
        Some(rest) => Ok(format!("+{rest}")),
        None if plus => Ok(format!("+{digits}")),
        None => Ok(digits),
    }
}

fn international(plain: &str) -> Result<PhoneNumber, PhoneError> {
    let number = PHONE_NUMBER_UTIL
        .parse(without_old_prefix(plain), None)
        .map_err(|_| PhoneError::Country)?;
    match PHONE_NUMBER_UTIL.is_possible_number(&number) {
        true => Ok(number),
        false => Err(PhoneError::Length),
    }
}

/// Mexican numbers as WhatsApp writes them keep the mobile prefix 1, which was given up in 2019.
fn without_old_prefix(plain: &str) -> String {
    match plain.strip_prefix("+521") {
        Some(national) if national.len() == 10 => format!("+52{national}"),
        _ => plain.into(),
    }
}

/// Mobile numbers with and without the ninth digit after the area code.
fn brazil(digits: &str) -> Option<String> {
    let (area, local) = digits.split_at_checked(4)?;
    match (local.len(), local.as_bytes().first()?) {
        (9, b'9') => Some(format!("{area}{}", &local[1..])),
        (8, b'6'..=b'9') => Some(format!("{area}9{local}")),
        _ => None,
    }
}

fn mexico(digits: &str) -> Option<String> {
    (digits.len() == 12).then(|| format!("521{}", &digits[2..]))
}

/// Only without the 9: with one added, the number may be another person's.
fn argentina(digits: &str) -> Option<String> {
    Some(format!("54{}", digits.strip_prefix("549")?))
}

const PUNCTUATION: &str = "-().\u{2010}\u{2011}\u{2012}\u{2013}\u{2212}/";

/// Readings until a number has to read back as itself.
const READINGS_MAX: usize = 8;

/// As many as the provider's own ids have.
const USER_ID_DIGITS: usize = 20;

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, region: Option<&str>, expect: Result<&str, PhoneError>) {
        let read = Phone::parse(text, region);
        assert_eq!(
            read.as_ref().map(Phone::e164).map_err(|error| *error),
            expect,
            "{text}"
        );
    }

    #[test]
    fn what_is_read_reads_back_as_itself() {
        for text in [
            "008 20032001",
            "5500951228275",
            "+550095122827",
            "+82 00 32 001",
        ] {
            let Ok(phone) = Phone::parse(text, None) else {
                continue;
            };
            check(phone.e164(), None, Ok(phone.e164()));
            check(phone.wa_id(), None, Ok(phone.e164()));
        }
        check("008 20032001", None, Ok("+8232001"));
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for text in [
            "+16505551234",
            "16505551234",
            " +1 (650) 555-1234 ",
            "1.650.555.1234",
            "0016505551234",
            "+1\u{a0}650\u{2011}555\u{2011}1234",
        ] {
            check(text, None, Ok("+16505551234"));
        }
        check("020 7183 8750", Some("GB"), Ok("+442071838750"));
        check("(650) 555-1234", Some("US"), Ok("+16505551234"));
        check("442071838750", Some("US"), Ok("+442071838750"));
    }

    #[test]
    fn other_texts_are_refused_with_the_reason() {
        check("", None, Err(PhoneError::Length));
        check("1-800-FLOWERS", None, Err(PhoneError::Characters));
        check("++16505551234", None, Err(PhoneError::Characters));
        check("+99912345678", None, Err(PhoneError::Country));
        check("+1650", None, Err(PhoneError::Length));
        check(&"1".repeat(65), None, Err(PhoneError::Characters));
    }

    #[test]
    fn aliases_cover_what_whatsapp_alters_and_invent_no_argentine() {
        let aliases = |text: &str| {
            let phone = Phone::parse(text, None).unwrap();
            phone
                .aliases()
                .iter()
                .map(|alias| alias.wa_id().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(aliases("+5511987654321"), ["551187654321"]);
        assert_eq!(aliases("+551187654321"), ["5511987654321"]);
        assert_eq!(aliases("+525512345678"), ["5215512345678"]);
        assert_eq!(aliases("+5491123456789"), ["541123456789"]);
        assert!(aliases("+541123456789").is_empty());
        assert!(aliases("+16505551234").is_empty());
        check("5215512345678", None, Ok("+525512345678"));
    }

    #[test]
    fn a_number_tells_its_country_and_is_not_printed() {
        let phone = Phone::parse("+5511987654321", None).unwrap();
        assert_eq!(phone.country_code(), Some(55));
        assert_eq!(phone.region().as_deref(), Some("BR"));
        assert_eq!(phone.wa_id(), "5511987654321");
        assert_eq!(format!("{phone:?}"), "Phone");
    }

    #[test]
    fn user_ids_follow_from_the_key_alone() {
        let one = Phone::parse("+16505551234", None).unwrap().user_id(7);
        let other = Phone::parse("+16505559999", None).unwrap().user_id(7);
        assert_eq!(one, other);
        let (country, digits) = one.split_once('.').unwrap();
        assert_eq!((country, digits.len()), ("US", 20));
        assert!(digits.bytes().all(|b| b.is_ascii_digit()));
        assert_ne!(one, mint_user_id(Some("US"), 8));
        assert!(mint_user_id(None, 8).starts_with("ZZ."));
    }
}
