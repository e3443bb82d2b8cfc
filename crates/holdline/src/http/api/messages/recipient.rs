//! Whom a request means, and by which channels that person can be reached. Looks people up, never
//! creates one: the engine does, when it accepts.

use super::To;
use crate::http::api::contacts::address;
use crate::http::api::problem::{Answer, FieldFault, Problem};
use crate::http::state::AppState;
use holdline_core::{ChannelKind, ContactId};
use holdline_engine::ports::records::{ContactRecord, WA_USER};
use holdline_engine::request::Recipient;

/// A recipient that was understood.
pub(super) struct Target {
    pub(super) recipient: Recipient,
    /// As the caller wrote it.
    pub(super) input: String,
    /// The store was asked; while it is away nobody knows what else the person can be reached by.
    pub(super) is_known: bool,
    /// Channels with an address of this person.
    pub(super) reach: Vec<ChannelKind>,
    /// The digits of a phone number, or a WhatsApp user id: what the Cloud API would be told.
    pub(super) phone: Option<String>,
    pub(super) wa_user: Option<String>,
}

pub(super) async fn resolve(state: &AppState, to: &To) -> Answer<Target> {
    match given(to)? {
        Given::Contact(text) => by_contact(state, text).await,
        Given::Address {
            channel,
            value,
            field,
        } => {
            let country = state.config.sms.default_country.as_deref();
            let value = address::normal(channel, value, country)
                .map_err(|why| invalid(field, why.message, why.fix))?;
            by_address(state, channel, value, input(to)).await
        }
    }
}

enum Given<'a> {
    Contact(&'a str),
    Address {
        channel: ChannelKind,
        value: &'a str,
        field: &'static str,
    },
}

fn given(to: &To) -> Answer<Given<'_>> {
    let simple = [
        (&to.phone, ChannelKind::WHATSAPP, "/to/phone"),
        (&to.email, ChannelKind::EMAIL, "/to/email"),
        (&to.wa_user, WA_USER, "/to/wa_user"),
    ];
    let mut found: Vec<Given<'_>> = to
        .contact
        .as_deref()
        .map(Given::Contact)
        .into_iter()
        .collect();
    for (value, channel, field) in simple {
        found.extend(value.as_deref().map(|value| Given::Address {
            channel,
            value,
            field,
        }));
    }
    match (&to.channel, &to.address) {
        (Some(channel), Some(value)) => {
            let channel = address::channel(channel)
                .map_err(|why| invalid("/to/channel", why.message, why.fix))?;
            found.push(Given::Address {
                channel,
                value,
                field: "/to/address",
            });
        }
        (Some(_), None) => return Err(invalid("/to/address", "is required", "add it")),
        (None, Some(_)) => return Err(invalid("/to/channel", "is required", "add it")),
        (None, None) => {}
    }
    let one = found.pop();
    match one.filter(|_| found.is_empty()) {
        Some(given) => Ok(given),
        None => Err(invalid(
            "/to",
            "does not name one recipient",
            "give exactly one of contact, phone, email, wa_user, or channel with address",
        )),
    }
}

fn input(to: &To) -> String {
    let all = [&to.phone, &to.email, &to.wa_user, &to.address];
    all.into_iter()
        .flatten()
        .next()
        .cloned()
        .unwrap_or_default()
}

async fn by_contact(state: &AppState, text: &str) -> Answer<Target> {
    let unknown = || invalid("/to/contact", "there is no such contact", "create it first");
    let id = ContactId::parse(text).ok_or_else(unknown)?;
    let looking = state.engine.store().contact(id);
    let Some(found) = state.engine.look(looking).await? else {
        return Ok(Target {
            is_known: false,
            ..Target::new(Recipient::Contact(id), text.to_owned())
        });
    };
    let contact = found.ok_or_else(unknown)?;
    Ok(target(
        state,
        Recipient::Contact(id),
        text.to_owned(),
        &contact,
    ))
}

async fn by_address(
    state: &AppState,
    channel: ChannelKind,
    value: String,
    input: String,
) -> Answer<Target> {
    let store = state.engine.store();
    let looking = store.contact_by_address(channel, &value);
    let known = state.engine.look(looking).await?;
    let is_known = known.is_some();
    let recipient = if channel == WA_USER {
        Recipient::WaUser(value.clone())
    } else {
        Recipient::Address {
            channel,
            value: value.clone(),
        }
    };
    let mut target = match known.flatten() {
        Some(contact) => target(state, recipient, input, &contact),
        None => Target {
            is_known,
            ..Target::new(recipient, input)
        },
    };
    target.add(state, channel, &value);
    Ok(target)
}

fn target(state: &AppState, recipient: Recipient, input: String, of: &ContactRecord) -> Target {
    let mut target = Target::new(recipient, input);
    for address in &of.addresses {
        target.add(state, address.channel, address.value.expose());
    }
    target
}

impl Target {
    const fn new(recipient: Recipient, input: String) -> Self {
        Self {
            recipient,
            input,
            is_known: true,
            reach: Vec::new(),
            phone: None,
            wa_user: None,
        }
    }

    fn add(&mut self, state: &AppState, channel: ChannelKind, value: &str) {
        let digits = || Some(value.trim_start_matches('+').to_owned());
        if channel == WA_USER {
            self.wa_user.get_or_insert_with(|| value.to_owned());
            self.reach(ChannelKind::WHATSAPP);
        } else if channel == ChannelKind::WHATSAPP {
            self.phone = digits();
            self.reach(channel);
            if state.config.sms.derive_from_whatsapp {
                self.reach(ChannelKind::SMS);
            }
        } else {
            if channel == ChannelKind::SMS {
                self.phone = self.phone.take().or_else(digits);
            }
            self.reach(channel);
        }
    }

    fn reach(&mut self, channel: ChannelKind) {
        if !self.reach.contains(&channel) {
            self.reach.push(channel);
        }
    }
}

fn invalid(field: &str, message: impl Into<String>, fix: impl Into<String>) -> Problem {
    Problem::invalid(vec![FieldFault::new(field, message, fix)])
}
