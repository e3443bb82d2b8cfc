//! What `doctor` asks of providers: whether they answer, take our credentials and know where their
//! webhooks go. Sends nothing to anybody and changes nothing.

use super::status::Finding;
use crate::channels;
use crate::config::Config;
use crate::engine_config::{email_sender, sms_sender};
use holdline_core::ChannelKind;
use holdline_core::message::{Fault, FaultClass};
use holdline_engine::ports::Channel;
use std::collections::BTreeSet;

const TOKEN_FIX: &str = "make a system user token for this number and put it into \
                         whatsapp.access_token_file, or access_token_file of the sender";
const SUBSCRIBE_FIX: &str =
    "subscribe the app to this account: without webhooks no receipt and no reply comes";

/// One finding for each sender, and one for the webhooks of each account.
pub(super) async fn findings(config: &Config) -> Vec<Finding> {
    let public_base = config.http.public_base(config.http.listen);
    let channels = match channels::build(config, &public_base) {
        Ok(channels) => channels,
        Err(error) => {
            let fix = "mend the setting that is named";
            return vec![Finding::bad("channels", error.to_string(), fix)];
        }
    };
    let mut findings = Vec::new();
    for channel in &channels {
        for sender in senders(config, channel.kind()) {
            findings.push(sender_finding(&**channel, &sender).await);
        }
    }
    findings.extend(webhook_findings(config).await);
    findings
}

fn senders(config: &Config, kind: ChannelKind) -> Vec<String> {
    if kind == ChannelKind::WHATSAPP {
        let senders = config.whatsapp_senders.iter();
        return senders
            .map(|sender| sender.phone_number_id.clone())
            .collect();
    }
    if kind == ChannelKind::SMS {
        vec![sms_sender(config)]
    } else {
        vec![email_sender(config)]
    }
}

async fn sender_finding(channel: &dyn Channel, sender: &str) -> Finding {
    let (check, credentials_fix, place) = if channel.kind() == ChannelKind::WHATSAPP {
        ("WhatsApp token", TOKEN_FIX, "whatsapp.base_url")
    } else if channel.kind() == ChannelKind::SMS {
        (
            "sms",
            "check sms.account_sid and sms.auth_token_file",
            "sms.base_url",
        )
    } else {
        (
            "email",
            "check email.username, email.password_file and email.tls",
            "email.host",
        )
    };
    let outcome = channel.probe(sender).await;
    let Some(fault) = outcome.fault() else {
        return Finding::good(check, format!("{sender} can be used"));
    };
    let found = format!("{sender}: {}", words(fault));
    match fault.class {
        FaultClass::Throttled => {
            Finding::doubtful(check, found, "the provider slows us down: try again later")
        }
        FaultClass::Platform => {
            let fix = format!("check {place}, and whether the provider has an outage");
            Finding::bad(check, found, &fix)
        }
        FaultClass::Account
        | FaultClass::Request
        | FaultClass::Recipient
        | FaultClass::Engagement
        | FaultClass::Template => Finding::bad(check, found, credentials_fix),
    }
}

fn words(fault: &Fault) -> String {
    if fault.detail.is_empty() {
        fault.code.clone()
    } else {
        format!("{}: {}", fault.code, fault.detail)
    }
}

async fn webhook_findings(config: &Config) -> Vec<Finding> {
    let check = "WhatsApp webhooks";
    let wabas: BTreeSet<_> = config
        .whatsapp_senders
        .iter()
        .map(|it| &it.waba_id)
        .collect();
    let Ok(Some(graph)) = channels::graph(config) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for waba in wabas {
        findings.push(match graph.subscribed_apps(waba).await {
            Ok(apps) if apps.is_empty() => Finding::doubtful(
                check,
                format!("{waba}: no app is subscribed"),
                SUBSCRIBE_FIX,
            ),
            Ok(apps) => Finding::good(check, format!("{waba}: {} apps are subscribed", apps.len())),
            Err(error) => {
                let fix = "the token needs whatsapp_business_management to tell";
                Finding::doubtful(check, format!("{waba}: {error}"), fix)
            }
        });
    }
    findings
}
