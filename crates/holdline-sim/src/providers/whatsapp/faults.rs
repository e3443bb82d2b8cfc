//! What each outage profile looks like at the virtual WhatsApp. Decides only.

use super::Call;
use super::graph_error::{GraphError, Refusal};
use crate::outage::{Behaviour, Provider};
use crate::providers::{Answer, html_error};
use crate::world::World;

const SLOW_MS: u64 = 6_000;

/// Faults of the platform, before anything is looked at.
pub(crate) fn before(world: &mut World, call: &Call) -> Option<Refusal> {
    let (_, behaviour, _) = world.outage(Provider::Whatsapp, &call.subject(), is_platform_fault)?;
    if behaviour == Behaviour::ServerError {
        let status = if world.draws.percent(50) { 500 } else { 503 };
        return Some(GraphError::unavailable(status).into());
    }
    Some(Refusal::Other(cut_off(behaviour, world.draws.next_u64())))
}

/// Faults of one account, number, type or person, once the token is known to be one of ours.
pub(crate) fn of_account(world: &mut World, call: &Call) -> Option<Refusal> {
    let subject = call.subject();
    let expired = |b| b == Behaviour::TokenExpired;
    if world
        .outage(Provider::Whatsapp, &subject, expired)
        .is_some()
    {
        return Some(GraphError::expired_token().into());
    }
    let feature = |b| b == Behaviour::FeatureError;
    if world
        .outage(Provider::Whatsapp, &subject, feature)
        .is_some()
    {
        return Some(GraphError::new(500, 131_016, "Service unavailable").into());
    }
    if !call.is_send() {
        return None;
    }
    let (_, behaviour, _) = world.outage(Provider::Whatsapp, &subject, is_send_fault)?;
    send_error(behaviour).map(Refusal::from)
}

/// Faults that show only after the call was processed, and slowness.
pub(crate) fn after(world: &mut World, call: &Call, answer: Answer) -> Answer {
    let subject = call.subject();
    let Answer::Reply(mut reply) = answer else {
        return answer;
    };
    let slow = world.outage(Provider::Whatsapp, &subject, |b| b == Behaviour::Slow);
    if let Some((_, _, delay_ms)) = slow {
        reply.delay_ms += world.wait_ms(delay_ms.unwrap_or(SLOW_MS));
    }
    if !call.is_send() || reply.status != 200 {
        return Answer::Reply(reply);
    }
    match world.outage(Provider::Whatsapp, &subject, is_late_fault) {
        Some((_, Behaviour::SwallowAfterAccept, _)) => Answer::Hang,
        Some(_) => Answer::Reply(something_went_wrong().reply(&mut world.draws)),
        None => Answer::Reply(reply),
    }
}

fn cut_off(behaviour: Behaviour, draw: u64) -> Answer {
    if behaviour == Behaviour::Reset {
        Answer::Reset
    } else if behaviour == Behaviour::Swallow {
        Answer::Hang
    } else {
        html_error(draw)
    }
}

type MakeError = fn() -> GraphError;

const SEND_ERRORS: &[(Behaviour, MakeError)] = &[
    (Behaviour::UnknownError, something_went_wrong),
    (Behaviour::AccountLocked, account_locked),
    (Behaviour::Payment, payment),
    (Behaviour::RateLimited, GraphError::throughput),
    (Behaviour::PairLimited, GraphError::pair_rate),
    (Behaviour::TemplatePaused, template_paused),
];

fn send_error(behaviour: Behaviour) -> Option<GraphError> {
    SEND_ERRORS
        .iter()
        .find(|(known, _)| *known == behaviour)
        .map(|(_, make)| make())
}

fn something_went_wrong() -> GraphError {
    GraphError::new(500, 131_000, "Something went wrong")
}

fn account_locked() -> GraphError {
    GraphError::new(403, 131_031, "Business Account locked")
        .details("Business account has been restricted or disabled for violating a platform policy")
}

fn payment() -> GraphError {
    GraphError::new(400, 131_042, "Business eligibility payment issue").details(
        "Message failed to send because there were one or more errors related to your payment \
         method",
    )
}

pub(crate) fn template_paused() -> GraphError {
    GraphError::new(400, 132_015, "Template is Paused")
        .details("Template is paused due to low quality so it cannot be sent in a template message")
}

fn is_send_fault(behaviour: Behaviour) -> bool {
    SEND_ERRORS.iter().any(|(known, _)| *known == behaviour)
}

fn is_platform_fault(behaviour: Behaviour) -> bool {
    matches!(
        behaviour,
        Behaviour::Reset | Behaviour::Swallow | Behaviour::HtmlError | Behaviour::ServerError
    )
}

fn is_late_fault(behaviour: Behaviour) -> bool {
    matches!(
        behaviour,
        Behaviour::SwallowAfterAccept | Behaviour::ErrorAfterAccept
    )
}
