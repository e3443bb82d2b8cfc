//! Whether the providers of SMS and mail answer and take our credentials, by the probe that the
//! server uses too; and in which words a fault of any provider is told.

use super::Finding;
use crate::config::Config;
use crate::engine_config::{email_sender, sms_sender};
use futures_util::future::join_all;
use holdline_core::ChannelKind;
use holdline_core::message::{Fault, FaultClass};
use holdline_engine::ports::Channel;
use std::sync::Arc;

/// What is special about the provider of a channel.
pub(super) struct Place {
    pub(super) check: &'static str,
    pub(super) credentials_fix: &'static str,
    pub(super) address_key: &'static str,
}

const SMS: Place = Place {
    check: "sms",
    credentials_fix: "check sms.account_sid and sms.auth_token_file: they are our own credentials, \
                      and no outage",
    address_key: "sms.base_url",
};

const EMAIL: Place = Place {
    check: "email",
    credentials_fix: "check email.username, email.password_file and email.tls: they are our own \
                      credentials, and no outage",
    address_key: "email.host and email.port",
};

/// One finding for each channel but WhatsApp, which has checks of its own.
pub(super) async fn findings(config: &Config, channels: &[Arc<dyn Channel>]) -> Vec<Finding> {
    let known = [
        (ChannelKind::SMS, sms_sender(config), SMS),
        (ChannelKind::EMAIL, email_sender(config), EMAIL),
    ];
    let checks = known.into_iter().filter_map(|(kind, sender, place)| {
        let channel = channels.iter().find(|channel| channel.kind() == kind)?;
        Some(async move {
            match channel.probe(&sender).await.fault() {
                None => Finding::good(place.check, format!("{sender} can be used")),
                Some(fault) => refused(&place, &sender, fault),
            }
        })
    });
    join_all(checks).await
}

/// A provider's refusal, with what can be done about it.
pub(super) fn refused(place: &Place, who: &str, fault: &Fault) -> Finding {
    let found = match fault.detail.as_str() {
        "" => format!("{who}: {}", fault.code),
        detail => format!("{who}: {}: {detail}", fault.code),
    };
    match fault.class {
        FaultClass::Throttled => {
            let fix = "the provider works but slows us down: ask again later";
            Finding::doubtful(place.check, found, fix)
        }
        FaultClass::Platform => {
            let key = place.address_key;
            let fix = format!("check {key} and the network; else the provider has an outage");
            Finding::bad(place.check, found, fix)
        }
        FaultClass::Account
        | FaultClass::Request
        | FaultClass::Recipient
        | FaultClass::Engagement
        | FaultClass::Template => Finding::bad(place.check, found, place.credentials_fix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::Tone;

    #[test]
    fn a_fault_of_ours_is_told_from_one_of_the_provider() {
        let look = |class| refused(&SMS, "+15550100", &Fault::new(class, "7", "why"));
        let account = look(FaultClass::Account);
        assert_eq!(account.found, "+15550100: 7: why");
        assert!(
            account.fix.contains("sms.auth_token_file"),
            "{}",
            account.fix
        );
        let platform = look(FaultClass::Platform);
        assert!(platform.tone == Tone::Bad && platform.fix.contains("sms.base_url"));
        assert_eq!(look(FaultClass::Throttled).tone, Tone::Doubtful);
    }
}
