//! The plan of a message: over which channels it may go, in which order, to which addresses. Made
//! once, when the message is accepted, and kept with it.
//!
//! A caller's own plan is taken as it is. Otherwise: the configured order, over the addresses the
//! person has; the channel on which the person wrote within the last half hour comes first; an
//! address known to be dead comes last; one whose owner said stop is left out.

use crate::config::STICKY_MS;
use crate::ports::records::{AddressRecord, ContactRecord, PlannedHop, WA_USER};
use crate::request::{HopRequest, Recipient, Refusal};
use crate::shared::Shared;
use holdline_core::contact::Consent;
use holdline_core::health::Feature;
use holdline_core::message::terms::HOPS_MAX;
use holdline_core::message::{Priority, Success};
use holdline_core::{ChannelKind, Redacted, Timestamp};

pub(crate) struct PlanInput<'a> {
    pub(crate) sender: &'a str,
    pub(crate) to: &'a Recipient,
    pub(crate) hops: Option<&'a [HopRequest]>,
    pub(crate) priority: Priority,
    pub(crate) feature: Feature,
    pub(crate) contact: &'a ContactRecord,
    pub(crate) now: Timestamp,
}

pub(crate) fn make(shared: &Shared, input: &PlanInput<'_>) -> Result<Vec<PlannedHop>, Refusal> {
    let plan = match input.hops {
        Some(hops) => asked_for(shared, input, hops)?,
        None => by_order(shared, input),
    };
    if plan.is_empty() {
        return Err(none_left(input));
    }
    Ok(plan)
}

fn asked_for(
    shared: &Shared,
    input: &PlanInput<'_>,
    hops: &[HopRequest],
) -> Result<Vec<PlannedHop>, Refusal> {
    let mut plan = Vec::new();
    for hop in hops.iter().take(HOPS_MAX) {
        let address = address_of(shared, input, hop.channel).ok_or_else(|| {
            Refusal::NoRoute(format!("the person has no address for {}", hop.channel))
        })?;
        if address.consent == Consent::Withdrawn {
            continue;
        }
        let planned = planned(shared, input, hop, address.value).ok_or_else(|| {
            Refusal::NoRoute(format!("channel {} is not configured", hop.channel))
        })?;
        plan.push(planned);
    }
    Ok(plan)
}

fn by_order(shared: &Shared, input: &PlanInput<'_>) -> Vec<PlannedHop> {
    let mut found: Vec<(u8, PlannedHop)> = Vec::new();
    let spoken = last_spoken(input);
    for channel in shared.config.order.iter().take(HOPS_MAX) {
        let Some(address) = address_of(shared, input, *channel) else {
            continue;
        };
        if address.consent == Consent::Withdrawn {
            continue;
        }
        let dead = address
            .unreachable_until
            .is_some_and(|until| until > input.now);
        let rank = if dead {
            2
        } else {
            u8::from(spoken != Some(*channel))
        };
        if let Some(hop) = planned(shared, input, &plain(*channel), address.value) {
            found.push((rank, hop));
        }
    }
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, hop)| hop).collect()
}

fn plain(channel: ChannelKind) -> HopRequest {
    HopRequest {
        channel,
        after_ms: None,
        success: None,
        on: None,
        ttl_ms: None,
        template: None,
    }
}

/// The channel of the person's last words, while they are fresh.
fn last_spoken(input: &PlanInput<'_>) -> Option<ChannelKind> {
    let spoken = input.contact.addresses.iter().filter_map(|address| {
        let channel = if address.channel == WA_USER {
            ChannelKind::WHATSAPP
        } else {
            address.channel
        };
        address.last_inbound_at.map(|at| (at, channel))
    });
    let (at, channel) = spoken.max()?;
    (input.now.since_ms(at) <= STICKY_MS).then_some(channel)
}

fn planned(
    shared: &Shared,
    input: &PlanInput<'_>,
    hop: &HopRequest,
    address: Redacted<String>,
) -> Option<PlannedHop> {
    let sender = sender_on(shared, hop.channel, input.sender)?;
    let best = shared
        .channels
        .get(&hop.channel)?
        .capabilities()
        .best_receipt;
    let wait = hop
        .after_ms
        .unwrap_or(shared.config.receipt_wait_ms(input.priority));
    Some(PlannedHop {
        channel: hop.channel,
        sender,
        address,
        receipt_wait_ms: wait,
        wait_is_explicit: hop.after_ms.is_some(),
        ttl_ms: hop.ttl_ms.unwrap_or(0),
        success: hop.success.unwrap_or(Success::Delivered).min(best),
        on: hop.on.unwrap_or_default(),
        template: hop.template.clone(),
        feature: match hop.channel {
            ChannelKind::WHATSAPP => input.feature,
            _other => Feature::Session,
        },
    })
}

/// The app's own sender where the channel has it, else the channel's first.
fn sender_on(shared: &Shared, channel: ChannelKind, wanted: &str) -> Option<String> {
    let routes = || {
        shared
            .config
            .routes
            .iter()
            .filter(|route| route.channel == channel)
    };
    let own = routes().find(|route| route.sender == wanted);
    let any = if channel == ChannelKind::WHATSAPP {
        None
    } else {
        routes().next()
    };
    own.or(any).map(|route| route.sender.clone())
}

/// The address to use on a channel: the one named, else a known one, else the WhatsApp number.
fn address_of(
    shared: &Shared,
    input: &PlanInput<'_>,
    channel: ChannelKind,
) -> Option<AddressRecord> {
    if let Recipient::Address {
        channel: named,
        value,
    } = input.to
        && *named == channel
    {
        let known = known(input.contact, channel).find(|a| a.value.expose() == value);
        return Some(
            known
                .cloned()
                .unwrap_or_else(|| crate::intake::new_address(channel, value)),
        );
    }
    if let (Recipient::WaUser(user), ChannelKind::WHATSAPP) = (input.to, channel) {
        let known = known(input.contact, WA_USER).find(|a| a.value.expose() == user);
        return Some(
            known
                .cloned()
                .unwrap_or_else(|| crate::intake::new_address(WA_USER, user)),
        );
    }
    let alive = |address: &&AddressRecord| address.consent != Consent::Withdrawn;
    known(input.contact, channel)
        .find(alive)
        .or_else(|| known(input.contact, channel).next())
        .cloned()
        .or_else(|| stand_in(shared, input, channel))
}

fn stand_in(shared: &Shared, input: &PlanInput<'_>, channel: ChannelKind) -> Option<AddressRecord> {
    if channel == ChannelKind::WHATSAPP {
        return known(input.contact, WA_USER).next().cloned();
    }
    let number = match input.to {
        Recipient::Address {
            channel: ChannelKind::WHATSAPP,
            value,
        } => Some(value.clone()),
        Recipient::Address { .. } | Recipient::Contact(_) | Recipient::WaUser(_) => {
            known(input.contact, ChannelKind::WHATSAPP)
                .next()
                .map(|a| a.value.expose().clone())
        }
    };
    let derived = channel == ChannelKind::SMS && shared.config.sms_from_whatsapp;
    number
        .filter(|_| derived)
        .map(|number| crate::intake::new_address(channel, &number))
}

fn known(contact: &ContactRecord, channel: ChannelKind) -> impl Iterator<Item = &AddressRecord> {
    contact
        .addresses
        .iter()
        .filter(move |address| address.channel == channel)
}

fn none_left(input: &PlanInput<'_>) -> Refusal {
    let withdrawn = input
        .contact
        .addresses
        .iter()
        .any(|a| a.consent == Consent::Withdrawn);
    if withdrawn {
        Refusal::NoConsent
    } else {
        Refusal::NoRoute(String::from(
            "no configured channel has an address of this person",
        ))
    }
}
