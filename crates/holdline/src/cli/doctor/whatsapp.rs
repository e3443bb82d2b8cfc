//! What the Cloud API says of our numbers and accounts: whether each token is good for its number,
//! whether it may send, whether webhooks come to our app, whether there are templates.

use super::Finding;
use super::providers::{Place, refused};
use crate::channels;
use crate::config::{Config, WhatsappSender};
use futures_util::{StreamExt as _, stream};
use holdline_channels::whatsapp::GraphClient;
use holdline_channels::whatsapp::client::GraphFailure;
use holdline_core::message::{Fault, FaultClass};
use serde_json::Value;
use std::collections::BTreeSet;

const NUMBER: &str = "WhatsApp token";
const WEBHOOKS: &str = "WhatsApp webhooks";
const TEMPLATES: &str = "WhatsApp templates";

const FIELDS: &str = "id,display_phone_number,verified_name,quality_rating,health_status";
/// Numbers or accounts that are asked about at a time.
const AT_A_TIME: usize = 8;

const TOKEN_FIX: &str = "our own credential, and no outage: make a system user token for this \
                         number and put it into whatsapp.access_token_file, or into \
                         access_token_file of the sender";
const RIGHTS_FIX: &str = "give the token's system user this account, with \
                          whatsapp_business_messaging and whatsapp_business_management";
const ID_FIX: &str = "check phone_number_id and waba_id of the sender, and that access_token_file \
                      holds a token that may use them";
const SUBSCRIBE_FIX: &str = "subscribe the app to this account (POST /WABA/subscribed_apps): \
                             without webhooks no receipt and no reply comes";

pub(super) async fn findings(config: &Config) -> Vec<Finding> {
    // Settings that cannot be used are reported once for all channels.
    let Ok(Some(graph)) = channels::graph(config) else {
        return Vec::new();
    };
    let graph = &*graph;
    let numbers = stream::iter(&config.whatsapp_senders).map(|sender| number(graph, sender));
    let mut findings: Vec<_> = numbers.buffered(AT_A_TIME).collect().await;
    let wabas: BTreeSet<_> = config
        .whatsapp_senders
        .iter()
        .map(|it| &it.waba_id)
        .collect();
    let app = config.whatsapp.app_id.as_deref();
    let accounts = stream::iter(wabas).map(|waba| async move {
        let (apps, items) = tokio::join!(graph.subscribed_apps(waba), graph.templates(waba));
        [webhooks(waba, app, apps), templates(waba, items)]
    });
    let accounts: Vec<_> = accounts.buffered(AT_A_TIME).collect().await;
    findings.extend(accounts.into_iter().flatten());
    findings
}

async fn number(graph: &GraphClient, sender: &WhatsappSender) -> Finding {
    let id = &sender.phone_number_id;
    match graph.phone(id, FIELDS).await {
        Ok(node) => judge_number(sender, &node),
        Err(failure) => failed(NUMBER, id, &failure),
    }
}

fn judge_number(sender: &WhatsappSender, node: &Value) -> Finding {
    let text = |key: &str| node.get(key).and_then(Value::as_str);
    let id = &sender.phone_number_id;
    let number = text("display_phone_number").unwrap_or(&sender.display_phone_number);
    let found = format!("{id} is {number}");
    if digits(number) != digits(&sender.display_phone_number) {
        let fix = "mend phone_number_id or display_phone_number of the sender";
        return Finding::doubtful(NUMBER, format!("{found}, not the number configured"), fix);
    }
    let may_send = node
        .pointer("/health_status/can_send_message")
        .and_then(Value::as_str);
    let fix = || hint(node).unwrap_or("see the health of the number in WhatsApp Manager");
    match (may_send, text("quality_rating")) {
        (Some("BLOCKED"), _) => Finding::bad(NUMBER, format!("{found}; it may not send"), fix()),
        (Some("LIMITED"), _) => Finding::doubtful(NUMBER, format!("{found}; limited"), fix()),
        (_, Some("RED")) => {
            let fix = "people block or report its messages: send fewer, and only what is wanted";
            Finding::doubtful(NUMBER, format!("{found}; its quality is low"), fix)
        }
        (_, _) => Finding::good(NUMBER, found),
    }
}

/// The provider's own advice, of the first thing that is wrong.
fn hint(node: &Value) -> Option<&str> {
    let entities = node.pointer("/health_status/entities")?.as_array()?;
    let errors = entities
        .iter()
        .filter_map(|entity| entity.get("errors")?.as_array())
        .flatten();
    let mut texts = errors.filter_map(|error| {
        let text = error
            .get("possible_solution")
            .or_else(|| error.get("error_description"));
        text?.as_str()
    });
    texts.next()
}

fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

fn webhooks(waba: &str, app: Option<&str>, apps: Result<Vec<Value>, GraphFailure>) -> Finding {
    let apps = match apps {
        Ok(apps) => apps,
        Err(failure) => return failed(WEBHOOKS, waba, &failure),
    };
    let ids: Vec<&str> = apps.iter().filter_map(app_id).collect();
    match app {
        _ if apps.is_empty() => {
            Finding::doubtful(WEBHOOKS, format!("{waba}: no app gets them"), SUBSCRIBE_FIX)
        }
        Some(app) if !ids.contains(&app) => {
            let found = format!(
                "{waba}: app {app} does not get them, but {}",
                ids.join(", ")
            );
            Finding::doubtful(WEBHOOKS, found, SUBSCRIBE_FIX)
        }
        Some(app) => Finding::good(WEBHOOKS, format!("{waba}: app {app} gets them")),
        None => {
            let found = format!("{waba}: app {} gets them", ids.join(", "));
            Finding::good(WEBHOOKS, found)
        }
    }
}

fn app_id(item: &Value) -> Option<&str> {
    let nested = item.pointer("/whatsapp_business_api_data/id");
    nested.or_else(|| item.get("id"))?.as_str()
}

fn templates(waba: &str, items: Result<Vec<Value>, GraphFailure>) -> Finding {
    let items = match items {
        Ok(items) => items,
        Err(failure) => return failed(TEMPLATES, waba, &failure),
    };
    let approved = |item: &&Value| item.get("status").and_then(Value::as_str) == Some("APPROVED");
    let count = items.iter().filter(approved).count();
    let found = format!("{waba}: {count} of {} are approved", items.len());
    if count > 0 {
        return Finding::good(TEMPLATES, found);
    }
    let fix = "have one approved: only templates reach people who have not written for 24 hours";
    Finding::doubtful(TEMPLATES, found, fix)
}

fn failed(check: &'static str, who: &str, failure: &GraphFailure) -> Finding {
    let place = |credentials_fix| Place {
        check,
        credentials_fix,
        address_key: "whatsapp.base_url",
    };
    match failure {
        GraphFailure::Refused { fault, .. } => refused(&place(fix_of(&fault.code)), who, fault),
        GraphFailure::Transport(error) => {
            let fault = Fault::new(FaultClass::Platform, "no answer", &error.to_string());
            refused(&place(TOKEN_FIX), who, &fault)
        }
        GraphFailure::Unreadable { status } => {
            let found = format!("{who}: the answer ({status}) is none of the Graph API");
            Finding::bad(check, found, "check whatsapp.base_url and whatsapp.version")
        }
    }
}

/// By the code of the Graph API.
fn fix_of(code: &str) -> &'static str {
    match code.split('/').next().and_then(|code| code.parse().ok()) {
        Some(0 | 102 | 190 | 463 | 467) => TOKEN_FIX,
        Some(3 | 10 | 200..=299) => RIGHTS_FIX,
        Some(100 | 33 | 803) => ID_FIX,
        Some(0_u32..) | None => "see the code in Meta's list of Cloud API errors",
    }
}

#[cfg(test)]
mod tests;
