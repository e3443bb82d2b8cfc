//! Echoes: messages between two of our own numbers that test sending, delivery and webhooks.

use super::super::{Whatsapp, WhatsappSender};
use super::is_local;
use crate::config::reader::{Many, Reader};
use crate::config::section::section;

/// Real numbers are written to no more often.
const EVERY_S_MIN: u64 = 10;
const PAIRS_MAX: usize = 16;
/// Digits of a number in E.164.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

section! {
    /// Messages from one of our numbers to another, which keep detection alive where there is
    /// little traffic. They are billed and limited like any other. Set up both directions: each
    /// message then keeps the other number's customer service window open.
    HealthEcho at "health.echo" many true {
        /// phone_number_id of the number that writes.
        from: String;
        /// phone_number_id of the number that is written to.
        to: String;
        /// How often; 10 at least, but with a provider on this machine.
        every_s: u64 = 60, 1 to 86_400;
    }
}

impl HealthEcho {
    pub(crate) fn check_all(
        echoes: &Many<Self>,
        (whatsapp, senders): (Option<&Whatsapp>, &Many<WhatsappSender>),
        reader: &mut Reader,
    ) {
        let local = whatsapp.is_none_or(|whatsapp| is_local(&whatsapp.base_url));
        let mut seen = Vec::new();
        for (number, echo) in &echoes.items {
            if senders.complete {
                echo.check_senders(*number, senders, reader);
            }
            if echo.from == echo.to {
                let mend = "name two different numbers";
                reader.fault(&[&at(*number, "to")], "is the number that writes", mend);
            }
            let pair = (&echo.from, &echo.to);
            if seen.contains(&pair) {
                let mend = "remove one of the two tables";
                reader.fault(&[&at(*number, "from")], "repeats an earlier pair", mend);
            }
            seen.push(pair);
            if echo.every_s < EVERY_S_MIN && !local {
                let mend = "choose 10 or more: the provider limits messages between two numbers";
                reader.fault(&[&at(*number, "every_s")], "is too often", mend);
            }
        }
        if echoes.items.len() > PAIRS_MAX {
            let mend = format!("keep at most {PAIRS_MAX} pairs");
            reader.fault(&[&at(PAIRS_MAX, "from")], "is one too many", &mend);
        }
    }

    fn check_senders(&self, number: usize, senders: &Many<WhatsappSender>, reader: &mut Reader) {
        for (key, id) in [("from", &self.from), ("to", &self.to)] {
            let mut known = senders.items.iter().map(|(_, sender)| sender);
            match known.find(|sender| sender.phone_number_id == *id) {
                None => {
                    let what = format!("names {id}, which is no [[whatsapp.sender]]");
                    let mend = "name a phone_number_id of one of them";
                    reader.fault(&[&at(number, key)], what, mend);
                }
                Some(sender) if !DIGITS.contains(&sender.digits().len()) => {
                    let what = format!("names {id}, whose display_phone_number is no number");
                    let mend = "write display_phone_number with its country code: +1 555 078 3881";
                    reader.fault(&[&at(number, key)], what, mend);
                }
                Some(_) => {}
            }
        }
    }
}

fn at(number: usize, key: &str) -> String {
    format!("health.echo.{number}.{key}")
}
