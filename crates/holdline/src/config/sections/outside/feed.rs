//! Status pages of others that are followed.

use super::super::CHANNELS;
use super::is_local;
use crate::config::field::choice;
use crate::config::reader::{Many, Reader};
use crate::config::section::section;
use std::collections::BTreeSet;
use url::Url;

/// The name under which Meta's page is followed by itself.
const METASTATUS: &str = "metastatus";
const METASTATUS_URL: &str = "https://metastatus.com/";
const NAME_CHARS_MAX: usize = 40;
const FEEDS_MAX: usize = 16;
/// A page on the internet is asked no more often.
const EVERY_S_MIN: u64 = 30;
const EVERY_S: u64 = 60;

choice! {
    /// How a feed is written.
    FeedForm {
        /// The JSON files behind metastatus.com.
        Metastatus = "metastatus",
        /// Statuspage v2 and its relatives.
        Statuspage = "statuspage",
        /// RSS 2.0 or Atom.
        Syndication = "syndication",
    }
    "metastatus, statuspage or syndication"
}

section! {
    /// A status page that is followed. What it tells explains an outage and makes the verdict a
    /// little sooner; it never opens one, and its silence is never taken for health.
    Feed at "feed" many true {
        /// What it is called here: small letters, digits and hyphens.
        name: String;
        /// The site for metastatus and Statuspage, the feed itself for RSS and Atom.
        url: Url;
        /// metastatus, statuspage or syndication (RSS, Atom).
        format: FeedForm;
        /// The channel whose provider it speaks about: whatsapp, sms or email.
        channel: String = "whatsapp";
        /// Whose services are read on metastatus. Unset: whatsapp-business-api.
        org: Option<String>;
        /// How often it is asked, give or take a fifth; 30 at least, but on this machine.
        every_s: u64 = 60, 1 to 86_400;
    }
}

impl Feed {
    /// Meta's own page.
    pub(crate) fn metastatus() -> Option<Self> {
        Some(Self {
            name: METASTATUS.to_owned(),
            url: METASTATUS_URL.parse().ok()?,
            format: FeedForm::Metastatus,
            channel: "whatsapp".to_owned(),
            org: None,
            every_s: EVERY_S,
        })
    }

    pub(crate) fn check_all(feeds: &Many<Self>, reader: &mut Reader) {
        let mut seen = BTreeSet::new();
        for (number, feed) in &feeds.items {
            if !seen.insert(&feed.name) {
                let mend = "give each feed a name of its own";
                reader.fault(
                    &[&at(*number, "name")],
                    "is the name of an earlier feed",
                    mend,
                );
            }
            feed.check(*number, reader);
        }
        if feeds.items.len() > FEEDS_MAX {
            let mend = format!("keep at most {FEEDS_MAX} feeds");
            reader.fault(&[&at(FEEDS_MAX, "name")], "is one too many", &mend);
        }
    }

    fn check(&self, number: usize, reader: &mut Reader) {
        if !is_name(&self.name) {
            let mend = "write small letters, digits and hyphens, at most 40";
            reader.fault(&[&at(number, "name")], "is no name of a feed", mend);
        }
        if !CHANNELS.contains(&self.channel.as_str()) {
            let what = format!("is `{}`, which is no channel", self.channel);
            let mend = "choose among whatsapp, sms, email";
            reader.fault(&[&at(number, "channel")], what, mend);
        }
        if self.every_s < EVERY_S_MIN && !is_local(&self.url) {
            let mend = "choose 30 or more: the page belongs to others";
            reader.fault(&[&at(number, "every_s")], "is too often", mend);
        }
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if let Some(org) = self.org.as_ref().filter(|org| !org.bytes().all(fits)) {
            let what = format!("is `{org}`, which is no id of an organization");
            let mend = "copy the id from the address of its page: whatsapp-business-api";
            reader.fault(&[&at(number, "org")], what, mend);
        }
    }
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=NAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(fits)
}

fn at(number: usize, key: &str) -> String {
    format!("feed.{number}.{key}")
}
