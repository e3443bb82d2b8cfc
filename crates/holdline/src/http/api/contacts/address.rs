//! Addresses of people: which channels there are, and how an address on each is written. Pure;
//! the faults it names never repeat the address.

use crate::http::api::check::propose;
use holdline_channels::phone::Phone;
use holdline_core::ChannelKind;
use holdline_engine::ports::records::WA_USER;

/// Kinds of address that a contact may have.
pub(crate) const KINDS: [ChannelKind; 4] = [
    ChannelKind::WHATSAPP,
    ChannelKind::SMS,
    ChannelKind::EMAIL,
    WA_USER,
];

const MAIL_BYTES_MAX: usize = 254;
const USER_ID_CHARS_MAX: usize = 128;

/// What is wrong with an address or a channel, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) message: String,
    pub(crate) fix: String,
}

/// The kind of address by its name.
pub(crate) fn channel(name: &str) -> Result<ChannelKind, Wrong> {
    let known = KINDS.into_iter().find(|kind| kind.as_str() == name);
    known.ok_or_else(|| wrong("is no kind of address", &propose(name, NAMES.into_iter())))
}

/// The one way in which the address is stored: phone numbers as `+` and digits, mail addresses
/// with a lower-case domain.
pub(crate) fn normal(
    channel: ChannelKind,
    value: &str,
    country: Option<&str>,
) -> Result<String, Wrong> {
    let value = value.trim();
    if channel == ChannelKind::EMAIL {
        mail(value)
    } else if channel == WA_USER {
        user_id(value)
    } else {
        let phone = Phone::parse(value, country).map_err(|why| of_phone(&why.to_string()))?;
        Ok(phone.e164().to_owned())
    }
}

const NAMES: [&str; 4] = ["whatsapp", "sms", "email", "wa_user"];

/// The words of a fault hold the way to mend it behind a colon, or do not.
fn of_phone(words: &str) -> Wrong {
    let usual = "write it with + and country code, as in +16505551234";
    let (message, fix) = words.split_once(": ").unwrap_or((words, usual));
    wrong(message, fix)
}

fn mail(value: &str) -> Result<String, Wrong> {
    if !value.is_ascii() {
        let fix = "use a mailbox name in ASCII, and the xn-- form of the domain";
        return Err(wrong(
            "has characters that not every mail server takes",
            fix,
        ));
    }
    let parts = value.rsplit_once('@').filter(|(local, domain)| {
        let local_fits = (1..=64).contains(&local.len()) && local.chars().all(is_mail_char);
        local_fits && is_domain(domain) && value.len() <= MAIL_BYTES_MAX
    });
    match parts {
        Some((local, domain)) => Ok(format!("{local}@{}", domain.to_lowercase())),
        None => Err(wrong("is no mail address", "write it as name@example.com")),
    }
}

fn is_mail_char(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !"@<>()[],;:\\\"".contains(c)
}

fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    domain.split('.').all(label)
}

/// `CC.` with letters and digits; `CC.ENT.` for the id of a parent account.
fn user_id(value: &str) -> Result<String, Wrong> {
    let fits = value.split_once('.').is_some_and(|(country, rest)| {
        let rest = rest.strip_prefix("ENT.").unwrap_or(rest);
        country.len() == 2
            && country.bytes().all(|byte| byte.is_ascii_uppercase())
            && (1..=USER_ID_CHARS_MAX).contains(&rest.len())
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    match fits {
        true => Ok(value.to_owned()),
        false => Err(wrong(
            "is no WhatsApp user id",
            "write it as WhatsApp gave it, as in US.13491208655302741918",
        )),
    }
}

fn wrong(message: &str, fix: &str) -> Wrong {
    Wrong {
        message: message.to_owned(),
        fix: fix.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(channel: ChannelKind, value: &str, expect: Option<&str>) {
        assert_eq!(
            normal(channel, value, None).ok().as_deref(),
            expect,
            "{value}"
        );
    }

    #[test]
    fn phone_numbers_become_plus_and_digits() {
        check(
            ChannelKind::WHATSAPP,
            "+1 650-555-1234",
            Some("+16505551234"),
        );
        check(ChannelKind::WHATSAPP, "16505551234", Some("+16505551234"));
        check(ChannelKind::SMS, "call me", None);
        assert_eq!(
            normal(ChannelKind::SMS, "650 555 1234", Some("US")).unwrap(),
            "+16505551234"
        );
    }

    #[test]
    fn mail_addresses_keep_their_local_part() {
        check(
            ChannelKind::EMAIL,
            " Ada@Example.COM ",
            Some("Ada@example.com"),
        );
        check(ChannelKind::EMAIL, "ada@localhost", Some("ada@localhost"));
        for value in [
            "",
            "ada",
            "@x.com",
            "ada@",
            "ada@x..com",
            "a da@x.com",
            "<ada@x.com>",
            "a@-x",
            "jos\u{e9}@example.com",
        ] {
            check(ChannelKind::EMAIL, value, None);
        }
    }

    #[test]
    fn user_ids_have_a_country_and_digits() {
        check(WA_USER, "US.134912", Some("US.134912"));
        check(WA_USER, "US.ENT.134912", Some("US.ENT.134912"));
        for value in ["134912", "us.1", "USA.1", "US.", "US.1 2"] {
            check(WA_USER, value, None);
        }
    }

    #[test]
    fn an_unknown_kind_names_the_one_that_was_meant() {
        assert_eq!(channel("sms"), Ok(ChannelKind::SMS));
        assert_eq!(
            channel("whatsap").unwrap_err().fix,
            "did you mean `whatsapp`?"
        );
        assert_eq!(
            channel("fax").unwrap_err().fix,
            "use one of: whatsapp, sms, email, wa_user"
        );
    }
}
