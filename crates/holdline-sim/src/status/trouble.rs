//! Which outages the platform owns up to, how bad it calls them and which service it blames. Pure
//! data.

use crate::outage::{Behaviour, Outage};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    Low,
    Medium,
    High,
}

pub(super) const CLOUD_API: u32 = 4;
pub(super) const MARKETING: u32 = 8;

/// The services of the organization, by number.
pub(super) const SERVICES: &[(u32, &str)] = &[
    (CLOUD_API, "Cloud API"),
    (5, "Cloud API - Calling"),
    (6, "WhatsApp Business Account Management"),
    (1, "Embedded Signup"),
    (7, "WhatsApp Flows"),
    (MARKETING, "Marketing Messages API"),
];

/// How an outage shows on the page; none for what concerns one account or recipient only.
pub(super) fn trouble(outage: &Outage) -> Option<(Severity, u32)> {
    let service = if outage.profile == "marketing_only" {
        MARKETING
    } else {
        CLOUD_API
    };
    severity(outage.behaviour).map(|severity| (severity, service))
}

pub(super) fn name(service: u32) -> &'static str {
    SERVICES
        .iter()
        .find(|(id, _)| *id == service)
        .map_or("Cloud API", |(_, name)| name)
}

fn severity(behaviour: Behaviour) -> Option<Severity> {
    use Behaviour as B;
    match behaviour {
        B::Reset | B::Swallow | B::ServerError | B::HtmlError => Some(Severity::High),
        B::UnknownError
        | B::WithholdSent
        | B::WithholdDelivered
        | B::DropWebhooks
        | B::SwallowAfterAccept
        | B::ErrorAfterAccept => Some(Severity::Medium),
        B::Slow
        | B::DelayWebhooks
        | B::DisorderWebhooks
        | B::FeatureError
        | B::InboundSilent
        | B::ContractChange => Some(Severity::Low),
        B::TokenExpired
        | B::AccountLocked
        | B::Payment
        | B::RateLimited
        | B::PairLimited
        | B::TemplatePaused
        | B::RecipientFault(_) => None,
    }
}
