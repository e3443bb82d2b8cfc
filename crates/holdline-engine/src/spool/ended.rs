//! Messages of the spool that end as soon as they are drained: those that the ordinary intake
//! refuses, and repeats of what the store knows by their idempotency key. Each is kept under the id
//! that its app was told, with its reason; a refusal is told to the app as any failure is.

use super::record::Asked;
use crate::intake;
use crate::ports::StoreError;
use crate::ports::ops::{Accept, Advance, Idempotency, Op};
use crate::ports::records::{DecisionRecord, DeliveryState, Event, EventKind, StoredMessage};
use crate::request::{Recipient, Refusal};
use crate::shared::Shared;
use holdline_core::message::delivery::End;
use holdline_core::message::{Progress, State};
use holdline_core::{ChannelKind, ContactId, MessageId, Timestamp};

/// Stable words of the timeline.
const REFUSED: &str = "spool_refused";
const REPEAT: &str = "spool_repeat";

/// Keeps a message that cannot be sent, and tells the app.
pub(super) async fn refused(
    shared: &Shared,
    asked: &Asked,
    refusal: &Refusal,
) -> Result<Vec<Op>, StoreError> {
    let now = shared.clock.now();
    let (contact, before) = person_of(shared, asked).await?;
    let end = Ending {
        end: End::Failed,
        told: Progress::None,
        code: REFUSED,
        words: format!("taken while the database was away, refused when it was back: {refusal}"),
    };
    let mut ops = before;
    ops.extend(kept(shared, asked, contact, end, now));
    let kind = EventKind::Failed {
        message: asked.id,
        channel: ChannelKind::WHATSAPP,
        code: code_of(refusal).to_owned(),
        detail: refusal.to_string(),
    };
    ops.extend(told(shared, asked, kind, now));
    Ok(ops)
}

/// Keeps a message whose key the store knows of an earlier one: that one stands, and this one is
/// the same as far as it got until now.
pub(super) async fn repeated(
    shared: &Shared,
    asked: &Asked,
    first: MessageId,
) -> Result<Vec<Op>, StoreError> {
    let now = shared.clock.now();
    let (contact, before) = person_of(shared, asked).await?;
    let first_as_is = shared.store.message(first).await?;
    let (end, progress) = first_as_is.map_or((End::Cancelled, Progress::None), |it| standing(&it));
    let ending = Ending {
        end,
        told: progress,
        code: REPEAT,
        words: format!("a repeat, by its idempotency key: message {first} stands for it"),
    };
    let mut ops = before;
    ops.extend(kept(shared, asked, contact, ending, now));
    if progress > Progress::None {
        let kind = EventKind::Status {
            message: asked.id,
            progress,
            channel: ChannelKind::WHATSAPP,
        };
        ops.extend(told(shared, asked, kind, now));
    }
    Ok(ops)
}

struct Ending {
    end: End,
    told: Progress,
    code: &'static str,
    words: String,
}

fn standing(first: &StoredMessage) -> (End, Progress) {
    let end = match first.delivery.state {
        State::Ended { end, .. } => end,
        State::Waiting { .. }
        | State::InFlight { .. }
        | State::InDoubt { .. }
        | State::Placed { .. } => End::Cancelled,
    };
    (end, first.delivery.told)
}

/// Whom it was for; a contact that is not there is named all the same.
async fn person_of(shared: &Shared, asked: &Asked) -> Result<(ContactId, Vec<Op>), StoreError> {
    let (channel, value) = match &asked.new.to {
        Recipient::Contact(id) => return Ok((*id, Vec::new())),
        Recipient::Address { channel, value } => (*channel, value),
        Recipient::WaUser(user) => (crate::ports::records::WA_USER, user),
    };
    let (person, before) = intake::find_by_address(shared, channel, value, asked.at).await?;
    Ok((person.id, before))
}

fn kept(
    shared: &Shared,
    asked: &Asked,
    contact: ContactId,
    ending: Ending,
    now: Timestamp,
) -> [Op; 2] {
    let delivery = DeliveryState {
        state: State::Ended {
            end: ending.end,
            at: now,
        },
        told: ending.told,
        told_failed: ending.end == End::Failed,
        ..DeliveryState::new(asked.id, asked.at)
    };
    let message = intake::message_of(shared, asked, contact, Vec::new());
    let decision = DecisionRecord {
        message: asked.id,
        at: now,
        hop: 0,
        number: 0,
        code: ending.code.to_owned(),
        words: ending.words,
    };
    let accept = Accept {
        message: message.into(),
        delivery: delivery.clone(),
        idempotency: None::<Idempotency>,
    };
    let advance = Advance {
        state: delivery,
        started: None,
        ended: None,
        receipts: Vec::new(),
        decisions: vec![decision],
        duplicate: None,
    };
    [Op::Accept(Box::new(accept)), Op::Advance(Box::new(advance))]
}

fn told(shared: &Shared, asked: &Asked, kind: EventKind, now: Timestamp) -> Vec<Op> {
    let (app, sender) = (&asked.new.app, &asked.new.sender);
    let event = Event { at: now, kind };
    shared
        .endpoints
        .hooks_for(app, sender, asked.id.0, &event, now)
}

/// The provider's own code, as the front door would have answered at once.
const fn code_of(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NoConsent => "131050",
        Refusal::KeyReused => "100",
        Refusal::NoRoute(_)
        | Refusal::UnknownContact
        | Refusal::UnknownMessage
        | Refusal::UnknownScope(_)
        | Refusal::AlreadyEnded
        | Refusal::Busy { .. }
        | Refusal::Unavailable { .. } => "131026",
    }
}
