//! What each outage profile looks like at the virtual SMS provider. Decides only.

use super::ApiError;
use crate::outage::{Behaviour, Provider, Subject};
use crate::providers::{Answer, html_error};
use crate::world::World;

const SLOW_MS: u64 = 6_000;

/// Faults of the platform and throttling, before credentials are looked at.
pub(crate) fn before(world: &mut World, subject: &Subject<'_>, is_send: bool) -> Option<Answer> {
    let looked_for = if is_send {
        is_send_fault
    } else {
        is_platform_fault
    };
    let (_, behaviour, _) = world.outage(Provider::Sms, subject, looked_for)?;
    Some(if behaviour == Behaviour::Reset {
        Answer::Reset
    } else if behaviour == Behaviour::Swallow {
        Answer::Hang
    } else if behaviour == Behaviour::HtmlError {
        html_error(world.draws.next_u64())
    } else if behaviour == Behaviour::RateLimited {
        Answer::Reply(ApiError::too_many().reply())
    } else {
        Answer::Reply(server_error(world.draws.percent(50)).reply())
    })
}

/// Faults of our own account.
pub(crate) fn of_account(world: &mut World, subject: &Subject<'_>) -> Result<(), ApiError> {
    let (_, behaviour, _) = match world.outage(Provider::Sms, subject, is_account_fault) {
        Some(hit) => hit,
        None => return Ok(()),
    };
    if behaviour == Behaviour::TokenExpired {
        return Err(ApiError::new(401, 20_003, "Authenticate"));
    }
    Err(ApiError::new(403, 20_005, "Account not active"))
}

/// Slowness, and faults that show only after a message was taken.
pub(crate) fn after(world: &mut World, subject: &Subject<'_>, answer: Answer) -> Answer {
    let Answer::Reply(mut reply) = answer else {
        return answer;
    };
    if let Some((_, _, delay_ms)) = world.outage(Provider::Sms, subject, |b| b == Behaviour::Slow) {
        reply.delay_ms += world.wait_ms(delay_ms.unwrap_or(SLOW_MS));
    }
    if reply.status != 201 {
        return Answer::Reply(reply);
    }
    match world.outage(Provider::Sms, subject, is_late_fault) {
        Some((_, Behaviour::SwallowAfterAccept, _)) => Answer::Hang,
        Some(_) => Answer::Reply(server_error(false).reply()),
        None => Answer::Reply(reply),
    }
}

fn server_error(unavailable: bool) -> ApiError {
    if unavailable {
        ApiError::new(503, 20_503, "Service Unavailable")
    } else {
        ApiError::new(500, 20_500, "Internal Server Error")
    }
}

fn is_platform_fault(behaviour: Behaviour) -> bool {
    matches!(
        behaviour,
        Behaviour::Reset | Behaviour::Swallow | Behaviour::HtmlError | Behaviour::ServerError
    )
}

fn is_send_fault(behaviour: Behaviour) -> bool {
    is_platform_fault(behaviour)
        || matches!(behaviour, Behaviour::UnknownError | Behaviour::RateLimited)
}

fn is_account_fault(behaviour: Behaviour) -> bool {
    matches!(
        behaviour,
        Behaviour::TokenExpired | Behaviour::AccountLocked
    )
}

fn is_late_fault(behaviour: Behaviour) -> bool {
    matches!(
        behaviour,
        Behaviour::SwallowAfterAccept | Behaviour::ErrorAfterAccept
    )
}
