//! What the API tells about a message: where it is, what it waits for, and everything that
//! happened to it, each decision with its reason in words. Pure: turns records into answers.

use super::{DuplicateRuleName, FaultClassName, PriorityName, SuccessName};
use crate::http::api::problem::{Answer, Problem};
use crate::http::api::values::rfc3339;
use holdline_channels::whatsapp::wire::ids::{Direction, parse_wamid, wamid_of};
use holdline_core::message::State;
use holdline_core::{MessageId, Timestamp};
use holdline_engine::ports::records::{
    AttemptRecord, DecisionRecord, DeliveryState, MessageRecord, PlannedHop, ReceiptRecord,
    StoredMessage, Timeline,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A message that was accepted.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct SentMessage {
    /// Our id of the message.
    pub(crate) id: String,
    /// The same id as the WhatsApp Cloud API shapes it.
    pub(crate) wamid: String,
    /// The contact it goes to. Left out while the database is away and only an address is known:
    /// the message will tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) contact: Option<String>,
    /// Always `waiting`: delivery begins now.
    pub(crate) state: String,
    pub(crate) accepted_at: String,
}

/// A message in a list.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct MessageSummary {
    pub(crate) id: String,
    pub(crate) wamid: String,
    pub(crate) contact: String,
    /// The sender it was given for (phone-number id).
    pub(crate) from: String,
    /// `text`, `template`, `image`, …
    pub(crate) kind: String,
    pub(crate) state: StateName,
    pub(crate) priority: PriorityName,
    /// The channel that it is with now, or was last.
    pub(crate) channel: Option<String>,
    /// The best the sender was told: `none`, `sent`, `delivered`, `read`.
    pub(crate) progress: String,
    pub(crate) created_at: String,
    pub(crate) ended_at: Option<String>,
}

/// A message with all that happened to it.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct MessageView {
    #[serde(flatten)]
    pub(crate) summary: MessageSummary,
    /// The recipient as the sender wrote it.
    pub(crate) to: String,
    pub(crate) duplicate_rule: DuplicateRuleName,
    pub(crate) data_class: String,
    pub(crate) callback_data: Option<String>,
    pub(crate) expires_at: String,
    /// What it waits for, in words.
    pub(crate) waits_for: String,
    /// When it moves by itself if nothing else happens first.
    pub(crate) next_wake_at: Option<String>,
    /// Number of the hop it is on, from 1.
    pub(crate) hop: u8,
    pub(crate) plan: Vec<HopView>,
    /// The message object; empty once retention has deleted it.
    #[schema(value_type = Option<Object>)]
    pub(crate) message: Option<serde_json::Value>,
    pub(crate) timeline: TimelineView,
}

/// Where a delivery is. The last four are ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StateName {
    Waiting,
    InFlight,
    InDoubt,
    Placed,
    Delivered,
    Expired,
    Failed,
    Cancelled,
}

impl StateName {
    /// The names as queries write them.
    pub(crate) const NAMES: [&str; 8] = [
        "waiting",
        "in_flight",
        "in_doubt",
        "placed",
        "delivered",
        "expired",
        "failed",
        "cancelled",
    ];
}

/// One hop of the plan.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct HopView {
    pub(crate) channel: String,
    /// Our identity on that channel.
    pub(crate) sender: String,
    /// The recipient's address.
    pub(crate) address: String,
    /// How long it waits for success after the provider accepted.
    pub(crate) after_ms: u32,
    /// How long the hop may be tried; 0 = until the message expires.
    pub(crate) ttl_ms: u32,
    pub(crate) success: SuccessName,
    /// Kinds of refusal that lead on to the next hop.
    pub(crate) on: Vec<FaultClassName>,
    pub(crate) template: Option<String>,
    /// Given up for good.
    pub(crate) spent: bool,
}

/// Everything that happened, each list in the order of time.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct TimelineView {
    pub(crate) attempts: Vec<AttemptView>,
    pub(crate) receipts: Vec<ReceiptView>,
    pub(crate) decisions: Vec<DecisionView>,
}

/// One try on one route.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct AttemptView {
    /// From 1, over all hops.
    pub(crate) number: u16,
    pub(crate) hop: u8,
    pub(crate) channel: String,
    pub(crate) route: String,
    pub(crate) started_at: String,
    pub(crate) ended_at: Option<String>,
    /// `accepted`, `rejected`, `throttled`, `unknown`; empty while it is under way.
    pub(crate) outcome: Option<String>,
    pub(crate) provider_id: Option<String>,
    pub(crate) fault: Option<FaultView>,
}

/// Why a provider refused, in its own code and words.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct FaultView {
    pub(crate) class: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) detail: Option<String>,
}

/// The provider's later word about an attempt.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct ReceiptView {
    /// The attempt it speaks of.
    pub(crate) number: u16,
    pub(crate) status: String,
    /// The provider's time.
    pub(crate) at: String,
    pub(crate) received_at: String,
    pub(crate) fault: Option<FaultView>,
}

/// Why the delivery did what it did.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct DecisionView {
    pub(crate) at: String,
    pub(crate) hop: u8,
    /// The attempt it belongs to; 0 before the first.
    pub(crate) number: u16,
    /// A stable word.
    pub(crate) code: String,
    /// The reason in words.
    pub(crate) words: String,
}

/// A message's id: 32 hexadecimal digits, or the wamid.
pub(crate) fn message_id(text: &str) -> Answer<MessageId> {
    let outbound = |(id, direction)| (direction == Direction::Outbound).then_some(MessageId(id));
    MessageId::parse(text)
        .or_else(|| parse_wamid(text).and_then(outbound))
        .ok_or_else(|| Problem::not_found("message"))
}

pub(super) fn summary(stored: &StoredMessage) -> MessageSummary {
    let (message, delivery) = (&stored.message, &stored.delivery);
    let hop = message.plan.get(usize::from(delivery.hop));
    MessageSummary {
        id: message.id.hex(),
        wamid: wamid_of(message.id.0, Direction::Outbound),
        contact: message.contact.hex(),
        from: message.sender.clone(),
        kind: message.kind.clone(),
        state: state_name(delivery.state),
        priority: message.priority.into(),
        channel: hop.map(|hop| hop.channel.to_string()),
        progress: delivery.told.name().to_owned(),
        created_at: rfc3339(message.created_at),
        ended_at: ended_at(delivery.state).map(rfc3339),
    }
}

pub(super) fn whole(stored: &StoredMessage, timeline: Timeline) -> MessageView {
    let (message, delivery) = (&stored.message, &stored.delivery);
    let (waits_for, wake_at) = waits(delivery.state, message);
    MessageView {
        summary: summary(stored),
        to: message.to_input.expose().clone(),
        duplicate_rule: message.duplicate_rule.into(),
        data_class: message.data_class.clone(),
        callback_data: message.opaque.clone(),
        expires_at: rfc3339(message.expires_at),
        waits_for: waits_for.to_owned(),
        next_wake_at: wake_at.map(rfc3339),
        hop: delivery.hop + 1,
        plan: (0..)
            .zip(&message.plan)
            .map(|(ix, hop)| hop_view(hop, ix, delivery))
            .collect(),
        message: serde_json::from_slice(message.body.expose()).ok(),
        timeline: TimelineView {
            attempts: timeline.attempts.into_iter().map(attempt).collect(),
            receipts: timeline.receipts.into_iter().map(receipt).collect(),
            decisions: timeline.decisions.into_iter().map(decision).collect(),
        },
    }
}

fn state_name(state: State) -> StateName {
    use holdline_core::message::End;
    match state {
        State::Waiting { .. } => StateName::Waiting,
        State::InFlight { .. } => StateName::InFlight,
        State::InDoubt { .. } => StateName::InDoubt,
        State::Placed { .. } => StateName::Placed,
        State::Ended {
            end: End::Delivered,
            ..
        } => StateName::Delivered,
        State::Ended {
            end: End::Expired, ..
        } => StateName::Expired,
        State::Ended {
            end: End::Failed, ..
        } => StateName::Failed,
        State::Ended {
            end: End::Cancelled,
            ..
        } => StateName::Cancelled,
    }
}

fn ended_at(state: State) -> Option<Timestamp> {
    match state {
        State::Ended { at, .. } => Some(at),
        State::Waiting { .. }
        | State::InFlight { .. }
        | State::InDoubt { .. }
        | State::Placed { .. } => None,
    }
}

fn waits(state: State, message: &MessageRecord) -> (&'static str, Option<Timestamp>) {
    let no_later = |at: Timestamp| Some(at.min(message.expires_at));
    match state {
        State::Waiting { due } => ("a usable route, or the end of a pause", no_later(due)),
        State::InFlight { .. } => ("the provider's answer to the attempt under way", None),
        State::InDoubt { until, .. } => {
            ("a receipt that settles an unknown outcome", no_later(until))
        }
        State::Placed { until, .. } => ("the receipt that counts as success", no_later(until)),
        State::Ended { .. } => ("nothing: it has ended", None),
    }
}

fn hop_view(hop: &PlannedHop, ix: u8, delivery: &DeliveryState) -> HopView {
    HopView {
        channel: hop.channel.to_string(),
        sender: hop.sender.clone(),
        address: hop.address.expose().clone(),
        after_ms: hop.receipt_wait_ms,
        ttl_ms: hop.ttl_ms,
        success: hop.success.into(),
        on: hop.on.iter().map(Into::into).collect(),
        template: hop.template.clone(),
        spent: delivery
            .spent
            .checked_shr(ix.into())
            .is_some_and(|bits| bits & 1 == 1),
    }
}

fn attempt(record: AttemptRecord) -> AttemptView {
    AttemptView {
        number: record.key.number,
        hop: record.hop + 1,
        channel: record.channel.to_string(),
        route: record.route,
        started_at: rfc3339(record.started_at),
        ended_at: record.ended_at.map(rfc3339),
        outcome: record.outcome,
        provider_id: record.provider_id,
        fault: fault(record.fault_class, record.fault_code, record.fault_detail),
    }
}

fn receipt(record: ReceiptRecord) -> ReceiptView {
    ReceiptView {
        number: record.key.number,
        status: record.status,
        at: rfc3339(record.at),
        received_at: rfc3339(record.received_at),
        fault: fault(None, record.fault_code, record.fault_detail),
    }
}

fn decision(record: DecisionRecord) -> DecisionView {
    DecisionView {
        at: rfc3339(record.at),
        hop: record.hop + 1,
        number: record.number,
        code: record.code,
        words: record.words,
    }
}

fn fault(class: Option<String>, code: Option<String>, detail: Option<String>) -> Option<FaultView> {
    let any = class.is_some() || code.is_some() || detail.is_some();
    any.then_some(FaultView {
        class,
        code,
        detail,
    })
}
