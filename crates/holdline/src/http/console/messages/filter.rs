//! What the list of messages is asked for: read from the address, put into a form, turned into what
//! the store is asked. What cannot be read is said above the list, and left out.

use super::state_words;
use crate::http::api::messages::view::{StateName, message_id};
use crate::http::api::values::parse_rfc3339;
use crate::http::console::standing::channel_name;
use crate::http::state::AppState;
use holdline_core::{ChannelKind, ContactId, MessageId, Timestamp};
use holdline_engine::ports::records::WA_USER;
use holdline_engine::ports::store::{MessageFilter, StoreResult};
use maud::{Markup, html};

const PATH: &str = "/console/messages";

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
    /// Nothing can fit, and why.
    Nobody(String),
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
            since: instant(&self.since),
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
            let words = format!(
                "Nobody has the address “{}”, and no message has this id.",
                self.q
            );
            return Ok(Found::Nobody(words));
        }
        wanted.contact = contact;
        Ok(Found::These(Box::new(wanted)))
    }

    /// Whoever has this id, external id or address.
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
        let named = store.find_contacts(&self.q, None, 1).await?;
        Ok(named.first().map(|it| it.id))
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
            ("q", &self.q),
            ("state", &self.state),
            ("channel", &self.channel),
            ("since", &self.since),
            ("until", &self.until),
            ("before", &before),
        ];
        let given = all.into_iter().filter(|(_, value)| !value.is_empty());
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(given);
        let query = text.finish();
        match query.is_empty() {
            true => PATH.to_owned(),
            false => format!("{PATH}?{query}"),
        }
    }

    pub(super) fn form(&self, state: &AppState) -> Markup {
        let channels = &state.config.failover.order;
        html! {
            form.filter method="get" action=(PATH) role="search" {
                label {
                    "Person or message"
                    input type="search" name="q" value=(self.q) placeholder="+44…, mail, id" maxlength="200";
                }
                label {
                    "State"
                    select name="state" {
                        option value="" { "any" }
                        @for name in StateName::NAMES {
                            option value=(name) selected[name == self.state] { (state_words(name).0) }
                        }
                    }
                }
                label {
                    "Tried by"
                    select name="channel" {
                        option value="" { "any channel" }
                        @for name in channels {
                            @if let Some(kind) = ChannelKind::new(name) {
                                option value=(name) selected[*name == self.channel] { (channel_name(kind)) }
                            }
                        }
                    }
                }
                label { "From (UTC)" input type="text" name="since" value=(self.since) placeholder="2026-11-30 14:05" maxlength="30"; }
                label { "Until (UTC)" input type="text" name="until" value=(self.until) placeholder="2026-11-30 15:00" maxlength="30"; }
                button type="submit" { "Show" }
                a.button href=(PATH) { "Clear" }
            }
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
