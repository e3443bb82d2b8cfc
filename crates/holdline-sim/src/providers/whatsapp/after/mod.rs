//! What becomes of an accepted message: sent, delivered, read or failed, as outages and people
//! allow. Decides only.

mod inbound;
mod webhook;

pub(crate) use inbound::person_sends;
pub(crate) use webhook::{account_event, flush};

use serde_json::{Value, json};

use super::state::{HistoryEvent, Sent};
use crate::hooks::HookState;
use crate::outage::{Behaviour, Provider, RecipientFault, Subject};
use crate::people::{PersonSend, Received, WhatsappReach};
use crate::world::{Event, World};

const WINDOW_MS: u64 = 24 * 60 * 60 * 1000;
const NO_WHATSAPP: u32 = 131_026;
const WINDOW_CLOSED: u32 = 131_047;
const WITHHELD: u32 = 131_049;

pub(crate) fn sent(world: &mut World, key: u64, now_ms: u64) {
    let Some(about) = About::of(world, key) else {
        return;
    };
    let withheld = |b| b == Behaviour::WithholdSent;
    if let Some((outage, ..)) = world.outage(Provider::Whatsapp, &about.subject(), withheld) {
        world.hold(outage, Event::WhatsappSent(key));
        return;
    }
    if let Some(code) = failing_code(world, &about, now_ms) {
        failed(world, key, code, now_ms);
        return;
    }
    tell(world, key, "sent", None, now_ms);
    let wait_ms = world.wait_ms(world.config.timing.delivered_ms);
    world.schedule(now_ms, wait_ms, Event::WhatsappDelivered(key));
}

pub(crate) fn delivered(world: &mut World, key: u64, now_ms: u64) {
    let Some(about) = About::of(world, key) else {
        return;
    };
    let withheld = |b| b == Behaviour::WithholdDelivered;
    if let Some((outage, ..)) = world.outage(Provider::Whatsapp, &about.subject(), withheld) {
        world.hold(outage, Event::WhatsappDelivered(key));
        return;
    }
    if world.people.person(&about.to).whatsapp == WhatsappReach::Offline {
        world.wait_for_phone(&about.to, Event::WhatsappDelivered(key));
        return;
    }
    if inbound::reaches_number(world, key, now_ms) {
        tell(world, key, "delivered", None, now_ms);
        return;
    }
    hand_over(world, key, now_ms);
    tell(world, key, "delivered", None, now_ms);
    if will_read(world, &about.to) {
        let wait_ms = world.wait_ms(world.config.timing.read_ms);
        world.schedule(now_ms, wait_ms, Event::WhatsappRead(key));
    }
    answer_by_itself(world, &about.to, key, now_ms);
}

pub(crate) fn read(world: &mut World, key: u64, now_ms: u64) {
    tell(world, key, "read", None, now_ms);
}

pub(crate) fn failed(world: &mut World, key: u64, code: u32, now_ms: u64) {
    let (title, details) = match code {
        WINDOW_CLOSED => (
            "Re-engagement message",
            "Message failed to send because more than 24 hours have passed since the customer \
             last replied to this number.",
        ),
        WITHHELD => (
            "This message was not delivered to maintain healthy ecosystem engagement.",
            "In order to maintain a healthy ecosystem engagement, the message failed to be \
             delivered.",
        ),
        _ => ("Message undeliverable", "Message Undeliverable."),
    };
    let error = json!({
        "code": code, "title": title, "message": title, "error_data": {"details": details},
        "href": "/documentation/business-messaging/whatsapp/support/error-codes"
    });
    tell(world, key, "failed", Some(error), now_ms);
}

/// What an outage needs to know of a message, free of borrows.
struct About {
    number_id: String,
    waba_id: String,
    kind: String,
    category: String,
    to: String,
    is_template: bool,
}

impl About {
    fn of(world: &World, key: u64) -> Option<Self> {
        let sent = world.whatsapp.message(key)?;
        Some(Self {
            number_id: sent.number_id.clone(),
            waba_id: sent.waba_id.clone(),
            kind: sent.kind.clone(),
            category: sent.category.clone(),
            to: sent.to.clone(),
            is_template: sent.is_template,
        })
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            phone_number_id: Some(&self.number_id),
            waba_id: Some(&self.waba_id),
            message_type: Some(&self.kind),
            category: Some(&self.category),
            address: Some(&self.to),
            token: None,
        }
    }
}

fn failing_code(world: &mut World, about: &About, now_ms: u64) -> Option<u32> {
    let faulty = |b| matches!(b, Behaviour::RecipientFault(_));
    let hit = world.outage(Provider::Whatsapp, &about.subject(), faulty);
    if let Some((_, Behaviour::RecipientFault(fault), _)) = hit
        && let Some(code) = fault_code(fault, about.is_template)
    {
        return Some(code);
    }
    let must_write_first = world.config.whatsapp.enforce_window && !about.is_template;
    let unknown_user = crate::text::is_user_id(&about.to);
    let person = world.people.person(&about.to);
    let recently = person
        .last_inbound_ms
        .is_some_and(|at| now_ms.saturating_sub(at) < WINDOW_MS);
    match person.whatsapp {
        WhatsappReach::NoWhatsapp => Some(NO_WHATSAPP),
        WhatsappReach::Normal | WhatsappReach::Offline if unknown_user => Some(NO_WHATSAPP),
        WhatsappReach::WindowClosed if !about.is_template => Some(WINDOW_CLOSED),
        WhatsappReach::Normal | WhatsappReach::Offline | WhatsappReach::WindowClosed => {
            (must_write_first && !recently).then_some(WINDOW_CLOSED)
        }
    }
}

fn fault_code(fault: RecipientFault, is_template: bool) -> Option<u32> {
    match fault {
        RecipientFault::Unreachable => Some(NO_WHATSAPP),
        RecipientFault::WindowClosed => (!is_template).then_some(WINDOW_CLOSED),
        RecipientFault::Withheld => Some(WITHHELD),
        RecipientFault::Temporary => None,
    }
}

fn will_read(world: &mut World, to: &str) -> bool {
    let by_chance = world.draws.percent(world.config.timing.read_percent);
    world.people.person(to).reads.unwrap_or(by_chance)
}

/// The message reaches the phone: this is the moment the ledger counts.
fn hand_over(world: &mut World, key: u64, now_ms: u64) {
    let Some(sent) = world.whatsapp.message_mut(key) else {
        return;
    };
    let received = Received {
        seq: 0,
        channel: Provider::Whatsapp,
        provider_message_id: sent.wamid.clone(),
        from: sent.number_id.clone(),
        text: sent.text.clone(),
        options: std::mem::take(&mut sent.options),
        raw: without_token(std::mem::take(&mut sent.raw)),
        at_ms: now_ms,
    };
    let (to, opaque) = (sent.to.clone(), sent.opaque.clone());
    world.reached(&to, received, opaque);
}

fn without_token(mut raw: Value) -> Value {
    if let Some(object) = raw.as_object_mut() {
        object.remove("access_token");
    }
    raw
}

fn tell(world: &mut World, key: u64, status: &'static str, error: Option<Value>, now_ms: u64) {
    let Some(sent) = world.whatsapp.message_mut(key) else {
        return;
    };
    let place = sent.history.len();
    sent.history.push(HistoryEvent {
        status,
        at_ms: now_ms,
        hook: HookState::Waiting,
        error: error.as_ref().map(|error| text_of(&error["title"])),
    });
    webhook::status(world, key, place, error, now_ms);
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn answer_by_itself(world: &mut World, to: &str, key: u64, now_ms: u64) {
    let Some(reply) = world
        .people
        .find(to)
        .and_then(|person| person.auto_reply.clone())
    else {
        return;
    };
    let number = world
        .whatsapp
        .message(key)
        .map(|sent: &Sent| sent.number_id.clone());
    let has_options = world
        .people
        .received(to)
        .next()
        .is_some_and(|r| !r.options.is_empty());
    let mut send = match reply.press.filter(|_| has_options) {
        Some(press) => PersonSend::press(&press),
        None => PersonSend::text(&reply.text),
    };
    send.to = number;
    let wait_ms = world.wait_ms(reply.after_ms);
    world.schedule(
        now_ms,
        wait_ms,
        Event::Answers(to.to_owned(), Box::new(send)),
    );
}
