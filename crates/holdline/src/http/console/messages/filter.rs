//! What the list of messages is asked for: read from the address, put into a form, turned into what
//! the store is asked. What cannot be read is said above the list, and left out.

use super::state_words;
use crate::http::api::messages::view::{StateName, message_id};
use crate::http::api::values::parse_rfc3339;
use crate::http::console::standing::channel_name;
use crate::http::console::with_query;
use crate::http::state::AppState;
use holdline_core::{ChannelKind, ContactId, MessageId, Timestamp};
use holdline_engine::ports::records::WA_USER;
use holdline_engine::ports::store::{MessageFilter, StoreResult};
use maud::{Markup, html};

const PATH: &str = "/console/messages";
pub(super) const LOOKED_BACK_DAYS: i64 = 7;
const LOOKED_BACK_MS: i64 = LOOKED_BACK_DAYS * 86_400_000;

/// The list's address, read.
#[derive(Debug, Default)]
pub(super) struct Filter {
    /// An id, or an address of the person.
    q: String,
    state: String,
    channel: String,
    since: String,
    until: String,
    before: Option<MessageId>,
    fault: Option<String>,
}

/// What is to be looked for.
pub(super) enum Found {
    These(Box<MessageFilter>),
    /// Nobody has this address or id, and no message has it.
    Nobody,
}

impl Filter {
    pub(super) fn read(query: &str) -> Self {
        let mut filter = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let value = value.trim().to_owned();
            match &*name {
                "q" => filter.q = value,
                "state" => filter.state = value,
                "channel" => filter.channel = value,
                "since" => filter.since = value,
                "until" => filter.until = value,
                "before" => filter.before = MessageId::parse(&value),
                _ => {}
            }
        }
        filter.fault = filter.find_fault();
        filter
    }

    fn find_fault(&self) -> Option<String> {
        if !self.state.is_empty() && !StateName::NAMES.contains(&self.state.as_str()) {
            return Some(format!("There is no state “{}”.", self.state));
        }
        if !self.channel.is_empty() && ChannelKind::new(&self.channel).is_none() {
            return Some(format!("There is no channel “{}”.", self.channel));
        }
        let times = [&self.since, &self.until];
        let unread = times
            .into_iter()
            .find(|text| !text.is_empty() && instant(text).is_none());
        unread.map(|text| format!("“{text}” is no time: write it as 2026-11-30 14:05 (UTC)."))
    }

    pub(super) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// It shows a later page than the first.
    pub(super) const fn is_later(&self) -> bool {
        self.before.is_some()
    }

    pub(super) async fn wanted(&self, state: &AppState) -> StoreResult<Found> {
        let mut wanted = MessageFilter {
            state: Some(self.state.clone()).filter(|it| StateName::NAMES.contains(&it.as_str())),
            channel: ChannelKind::new(&self.channel),
            since: self.since(state.engine.now()),
            until: instant(&self.until),
            before: self.before,
            ..MessageFilter::default()
        };
        if self.q.is_empty() {
            return Ok(Found::These(Box::new(wanted)));
        }
        if let Ok(id) = message_id(&self.q) {
            let found = state.engine.store().message(id).await?;
            if let Some(found) = found {
                // By its place among all: it and nothing else.
                wanted.contact = Some(found.message.contact);
                wanted.before = Some(MessageId(id.0.saturating_add(1)));
                wanted.since = Some(found.message.created_at);
                return Ok(Found::These(Box::new(wanted)));
            }
        }
        let contact = self.contact(state).await?;
        if contact.is_none() {
            return Ok(Found::Nobody);
        }
        wanted.contact = contact;
        Ok(Found::These(Box::new(wanted)))
    }

    /// A search that no index helps looks back for a time, unless the reader says from when.
    fn since(&self, now: Timestamp) -> Option<Timestamp> {
        let given = instant(&self.since);
        let back = Timestamp(now.0.saturating_sub(LOOKED_BACK_MS));
        given.or_else(|| self.is_long().then_some(back))
    }

    /// It might look through everything there is.
    pub(super) fn is_long(&self) -> bool {
        let scanned = ["waiting", "delivered"].contains(&self.state.as_str());
        self.q.is_empty() && self.since.is_empty() && (scanned || !self.channel.is_empty())
    }

    pub(super) fn q(&self) -> &str {
        &self.q
    }

    /// Whoever has this id or address.
    async fn contact(&self, state: &AppState) -> StoreResult<Option<ContactId>> {
        let store = state.engine.store();
        if let Some(id) = ContactId::parse(&self.q)
            && store.contact(id).await?.is_some()
        {
            return Ok(Some(id));
        }
        let number = match self.q.starts_with('+') {
            true => self.q.clone(),
            false => format!("+{}", self.q),
        };
        let number: String = number.chars().filter(|it| !" -()".contains(*it)).collect();
        let texts = [number, self.q.clone()];
        let kinds = [
            ChannelKind::WHATSAPP,
            ChannelKind::SMS,
            ChannelKind::EMAIL,
            WA_USER,
        ];
        let of = |kind| texts.iter().map(move |text| (kind, text.clone()));
        let all: Vec<(ChannelKind, String)> = kinds.into_iter().flat_map(of).collect();
        let found = store.contacts_by_address(&all).await?;
        if let Some(one) = found.into_iter().flatten().next() {
            return Ok(Some(one.id));
        }
        Ok(None)
    }

    /// The address of what is shown.
    pub(super) fn url(&self) -> String {
        self.url_with(self.before)
    }

    pub(super) fn first(&self) -> String {
        self.url_with(None)
    }

    pub(super) fn after(&self, last: MessageId) -> String {
        self.url_with(Some(last))
    }

    fn url_with(&self, before: Option<MessageId>) -> String {
        let before = before.map(|id| id.hex()).unwrap_or_default();
        let all = [
            ("q", self.q.as_str()),
            ("state", &self.state),
            ("channel", &self.channel),
            ("since", &self.since),
            ("until", &self.until),
            ("before", &before),
        ];
        with_query(PATH, &all)
    }

    pub(super) fn form(&self, state: &AppState) -> Markup {
        let channels = &state.config.failover.order;
        html! {
            form.filter method="get" action=(PATH) role="search" {
                label {
                    "Person or message"
                    input type="search" name="q" value=(self.q) placeholder="+44…, mail, id"
                        maxlength="200";
                }
                label {
                    "State"
                    select name="state" {
                        option value="" { "any" }
                        @for name in StateName::NAMES {
                            @let words = state_words(name).0;
                            option value=(name) selected[name == self.state] { (words) }
                        }
                    }
                }
                label {
                    "Tried by"
                    select name="channel" {
                        option value="" { "any channel" }
                        @for name in channels {
                            @if let Some(kind) = ChannelKind::new(name) {
                                option value=(name) selected[*name == self.channel] {
                                    (channel_name(kind))
                                }
                            }
                        }
                    }
                }
                (time_field("since", "From (UTC)", &self.since))
                (time_field("until", "Until (UTC)", &self.until))
                button type="submit" { "Show" }
                a.button href=(PATH) { "Clear" }
            }
        }
    }
}

fn time_field(name: &str, words: &str, value: &str) -> Markup {
    html! {
        label {
            (words)
            input type="text" name=(name) value=(value) placeholder="2026-11-30 14:05"
                maxlength="30";
        }
    }
}

/// `2026-11-30`, `2026-11-30 14:05`, with seconds, or RFC 3339; UTC where no zone is named.
fn instant(text: &str) -> Option<Timestamp> {
    let whole = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        16 => format!("{text}:00Z"),
        19 => format!("{text}Z"),
        _ => text.to_owned(),
    };
    parse_rfc3339(&whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_list_says_what_it_shows() {
        let url = "/console/messages?q=%2B44+7700&state=failed&since=2026-11-30";
        let filter = Filter::read(url.split_once('?').unwrap().1);
        assert_eq!(filter.url(), url);
        let next = filter.after(MessageId(1));
        assert!(
            next.ends_with("&before=00000000000000000000000000000001"),
            "{next}"
        );
        assert!(Filter::read(next.split_once('?').unwrap().1).is_later());
        assert_eq!(Filter::read("").url(), PATH);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let check = |query: &str, expect: Option<&str>| {
            assert_eq!(Filter::read(query).fault(), expect, "{query}");
        };
        check("state=failed&since=2026-11-30 14:05", None);
        check("state=lost", Some("There is no state “lost”."));
        check("channel=Pigeon!", Some("There is no channel “Pigeon!”."));
        let words = "“yesterday” is no time: write it as 2026-11-30 14:05 (UTC).";
        check("until=yesterday", Some(words));
    }

    #[test]
    fn what_no_index_helps_looks_back_a_week() {
        let check = |query: &str, expect: bool| {
            assert_eq!(Filter::read(query).is_long(), expect, "{query}");
        };
        check("state=waiting", true);
        check("channel=sms", true);
        check("channel=sms&since=2026-11-30", false);
        check("channel=sms&q=%2B44", false);
        check("state=failed", false);
        check("", false);
        let since = Filter::read("channel=sms").since(Timestamp(LOOKED_BACK_MS + 5));
        assert_eq!(since, Some(Timestamp(5)));
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let noon = parse_rfc3339("2026-11-30T12:00:00Z");
        for text in [
            "2026-11-30 12:00",
            "2026-11-30T12:00:00",
            "2026-11-30T13:00:00+01:00",
        ] {
            assert_eq!(instant(text), noon, "{text}");
        }
        assert!(instant("2026-11-30").is_some() && instant("12:00").is_none());
    }
}
