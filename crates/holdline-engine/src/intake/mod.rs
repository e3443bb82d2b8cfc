//! Accepts one message durably, then answers. Finds the person, makes the plan, and hands both to
//! the driver, which commits message and first attempt together.

mod plan;

use crate::cluster::hand_to;
use crate::cluster::handoff::Handoff;
use crate::driver::event::{AcceptEvent, Event};
use crate::driver::turn::refusal_of;
use crate::ports::ops::{Accept, GroupResult, Idempotency, Op};
use crate::ports::records::{
    AddressRecord, ContactRecord, DeliveryState, MessageRecord, PlannedHop, WA_USER,
};
use crate::ports::{Partition, StoreError};
use crate::request::{Accepted, AnswerFacts, NewMessage, Recipient, Refusal};
use crate::shared::Shared;
use crate::spool::record::Asked;
use bytes::Bytes;
use holdline_core::contact::Consent;
use holdline_core::{ChannelKind, ContactId, MessageId, Redacted, Timestamp};
use plan::PlanInput;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Channels whose addresses are phone numbers.
const PHONE_CHANNELS: [ChannelKind; 2] = [ChannelKind::WHATSAPP, ChannelKind::SMS];

/// Pause before a commit of unknown fate is repeated.
const COMMIT_AGAIN_MS: u64 = 200;

/// A message that is ready to be committed.
pub(crate) struct Prepared {
    pub(crate) accept: Accept,
    /// Committed before the message: the person, if new.
    pub(crate) before: Vec<Op>,
    pub(crate) answer: Bytes,
}

/// Returns when the message is committed and synced, or not kept at all.
pub(crate) async fn accept(shared: &Shared, new: NewMessage) -> Result<Accepted, Refusal> {
    if shared.open() >= shared.config.open_messages_max {
        return Err(Refusal::Busy { retry_after_s: 10 });
    }
    let at = shared.clock.now();
    let id = MessageId(shared.ids.id(at));
    let asked = Asked { id, at, new };
    match &shared.spooling {
        Some(spooling) => spooling.accept(shared, asked).await,
        None => direct(shared, &asked).await.map(|(accepted, _)| accepted),
    }
}

/// Into the store, at once.
pub(crate) async fn direct(
    shared: &Shared,
    asked: &Asked,
) -> Result<(Accepted, ContactId), Refusal> {
    if let Some(why) = shared.storing.refuses() {
        return Err(Refusal::Unavailable {
            retry_after_s: 5,
            why,
            away: shared.storing.is_away(),
        });
    }
    let prepared = prepare(shared, asked).await?;
    let contact = prepared.accept.message.contact;
    let partition = Partition::of_contact(contact);
    let accepted = if shared.owns(partition) {
        submit(shared, prepared).await?
    } else if shared.is_crowded(partition) {
        return Err(Refusal::Busy { retry_after_s: 10 });
    } else {
        leave_to(shared, partition, prepared).await?
    };
    Ok((accepted, contact))
}

async fn submit(shared: &Shared, prepared: Prepared) -> Result<Accepted, Refusal> {
    let (reply, result) = oneshot::channel();
    let event = Event::Accept(Box::new(AcceptEvent {
        accept: prepared.accept,
        before: prepared.before,
        answer: prepared.answer,
        reply,
        may_be_known: false,
    }));
    shared
        .mailbox
        .try_send(event)
        .map_err(|_| Refusal::Busy { retry_after_s: 1 })?;
    result.await.map_err(|_| Refusal::Unavailable {
        retry_after_s: 5,
        why: String::from("the server is stopping"),
        away: false,
    })?
}

/// Keeps a message that another node will drive, and says so to it. Harmless when done twice.
pub(crate) async fn leave_to(
    shared: &Shared,
    partition: Partition,
    prepared: Prepared,
) -> Result<Accepted, Refusal> {
    let Prepared {
        accept,
        before,
        answer,
    } = prepared;
    let id = accept.message.id;
    let told = hand_to(shared, partition, &Handoff::accepted(id));
    let mut ops = before;
    ops.extend([Op::Accept(Box::new(accept)), told]);
    match commit_or_know(shared, ops).await? {
        Ok(()) => {
            shared.counts.accepted();
            Ok(Accepted {
                id,
                answer,
                repeat: false,
            })
        }
        Err(conflict) => refusal_of(conflict),
    }
}

/// A commit of unknown fate is repeated until the store says what is there: what was kept may not
/// be refused.
async fn commit_or_know(shared: &Shared, ops: Vec<Op>) -> Result<GroupResult, StoreError> {
    loop {
        match shared.batcher.commit(ops.clone()).await {
            Err(StoreError::Ambiguous(_)) if !shared.stop.is_stopped() => {
                let now = shared.clock.now();
                shared.clock.sleep_until(now.plus_ms(COMMIT_AGAIN_MS)).await;
            }
            known => return known,
        }
    }
}

/// Finds the person and makes the plan.
pub(crate) async fn prepare(shared: &Shared, asked: &Asked) -> Result<Prepared, Refusal> {
    let Asked { at, new, .. } = asked;
    let (contact, before) = find_contact(shared, &new.to, *at).await?;
    let input = PlanInput {
        sender: &new.sender,
        to: &new.to,
        hops: new.hops.as_deref(),
        priority: new.priority,
        feature: new.feature,
        contact: &contact,
        now: *at,
    };
    let plan = plan::make(shared, &input)?;
    let answer = (new.answer)(&AnswerFacts {
        contact: Some(contact.id),
        ..asked.facts()
    });
    let idempotency = new.idempotency.as_ref().map(|key| Idempotency {
        scope: new.app.clone(),
        key: key.key.clone(),
        body_hash: key.body_hash,
        answer: answer.clone(),
        expires_at: at.plus_ms(shared.config.key_kept_ms),
    });
    let accept = Accept {
        message: message_of(shared, asked, contact.id, plan).into(),
        delivery: DeliveryState::new(asked.id, *at),
        idempotency,
    };
    Ok(Prepared {
        accept,
        before,
        answer,
    })
}

pub(crate) fn message_of(
    shared: &Shared,
    asked: &Asked,
    contact: ContactId,
    plan: Vec<PlannedHop>,
) -> MessageRecord {
    let Asked { id, at, new } = asked;
    let usual_end = || at.plus_ms(shared.config.expiry_ms(new.priority));
    let usual_class = || String::from("personal");
    MessageRecord {
        id: *id,
        app: new.app.clone(),
        sender: new.sender.clone(),
        contact,
        to_input: Redacted::new(new.to_input.clone()),
        kind: new.kind.clone(),
        body: Redacted::new(new.body.clone()),
        opaque: new.opaque.clone(),
        priority: new.priority,
        duplicate_rule: new.duplicate_rule.unwrap_or(new.priority.duplicate_rule()),
        data_class: new.data_class.clone().unwrap_or_else(usual_class),
        created_at: *at,
        expires_at: new.expires_at.unwrap_or_else(usual_end),
        plan,
    }
}

/// The person behind a recipient, and what is to be written when it is somebody new.
pub(crate) async fn find_contact(
    shared: &Shared,
    to: &Recipient,
    now: Timestamp,
) -> Result<(Arc<ContactRecord>, Vec<Op>), Refusal> {
    let (channel, value) = match to {
        Recipient::Contact(id) => {
            let known = shared.store.contact(*id).await?;
            return known
                .map(|contact| (contact.into(), Vec::new()))
                .ok_or(Refusal::UnknownContact);
        }
        Recipient::Address { channel, value } => (*channel, value),
        Recipient::WaUser(user) => (WA_USER, user),
    };
    Ok(find_by_address(shared, channel, value, now).await?)
}

/// A phone number is one person, whichever channel it was seen on first.
pub(crate) async fn find_by_address(
    shared: &Shared,
    channel: ChannelKind,
    value: &str,
    now: Timestamp,
) -> Result<(Arc<ContactRecord>, Vec<Op>), StoreError> {
    if let Some(known) = shared.store.contact_at_hand(channel, value) {
        return Ok((known, Vec::new()));
    }
    let by_phone = PHONE_CHANNELS.contains(&channel);
    let others = PHONE_CHANNELS
        .into_iter()
        .filter(|other| by_phone && *other != channel);
    let channels = [channel].into_iter().chain(others);
    let addresses = channels.map(|channel| (channel, value.to_owned()));
    if let Some(known) = shared.batcher.owner_of(addresses.collect()).await? {
        return Ok((known.into(), Vec::new()));
    }
    let named_by = if by_phone { PHONE_CHANNELS[0] } else { channel };
    let contact = ContactRecord {
        id: ContactId::of_address(named_by, value),
        name: None,
        external_id: None,
        created_at: now,
        updated_at: now,
        addresses: vec![new_address(channel, value)],
    };
    let op = Op::ContactSeen(Box::new(contact.clone()));
    Ok((contact.into(), vec![op]))
}

pub(crate) fn new_address(channel: ChannelKind, value: &str) -> AddressRecord {
    AddressRecord {
        channel,
        value: Redacted::new(value.to_owned()),
        verified_at: None,
        consent: Consent::Unknown,
        unreachable_until: None,
        last_inbound_at: None,
    }
}
