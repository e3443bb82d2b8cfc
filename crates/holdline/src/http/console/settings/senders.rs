//! The senders, each with a test that sends for real: an accepted message like any other, with one
//! hop, whose page then shows what becomes of it.

use super::URL;
use crate::http::api::contacts::address;
use crate::http::console::access::{Act, Denied, Signed, deed};
use crate::http::console::standing::{channel_name, health_words};
use crate::http::console::{layout, said};
use crate::http::state::AppState;
use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use bytes::Bytes;
use holdline_core::ChannelKind;
use holdline_core::health::Feature;
use holdline_core::message::{DuplicateRule, Priority};
use holdline_engine::request::{HopRequest, NewMessage, Recipient};
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;

/// Whose messages tests are; no endpoint hears of them.
const APP: &str = "console";
/// A test is over after so long: nobody waits for it any more.
const LIFE_MS: u64 = 10 * 60_000;
const TEXT: &str = "This is a test of Holdline. You need not answer.";

#[derive(Deserialize)]
pub(in crate::http::console) struct Given {
    channel: String,
    sender: String,
    to: String,
}

pub(super) fn table(state: &AppState, signed: &Signed) -> Markup {
    let routes = state.engine.routes();
    html! {
        @if routes.is_empty() { p.quiet { "No channel is set up. See the configuration." } }
        table.rows {
            (layout::head(&["Channel", "Sender", "State", "A second", "Test"]))
            tbody {
                @for route in &routes {
                    @let (words, class) = health_words(route.health);
                    tr {
                        th scope="row" { (channel_name(route.channel)) }
                        td data-label="Sender" { code { (route.sender) } }
                        td data-label="State" { span class={ "tag " (class) } { (words) } }
                        td data-label="A second" { (format!("{:.0}", route.rate_per_s)) }
                        td data-label="Test" {
                            @if signed.may(Act::Operate) { (form(route.channel, &route.sender)) }
                            @else { "–" }
                        }
                    }
                }
            }
        }
    }
}

fn form(channel: ChannelKind, sender: &str) -> Markup {
    let (label, example) = match channel {
        ChannelKind::EMAIL => ("Mail address to test with", "you@example.com"),
        _ => ("Number to test with", "+447700900123"),
    };
    html! {
        form.line method="post" action={ (URL) "/test" } {
            input type="hidden" name="channel" value=(channel.as_str());
            input type="hidden" name="sender" value=(sender);
            input name="to" aria-label={ (label) ", " (channel_name(channel)) }
                placeholder=(example) required maxlength="254";
            button type="submit" { "Send a test" }
        }
    }
}

pub(in crate::http::console) async fn test(
    State(state): State<AppState>,
    signed: Signed,
    Form(given): Form<Given>,
) -> Response {
    if let Err(denied) = signed.must(Act::Operate) {
        return denied.answer(&state);
    }
    let routes = state.engine.routes();
    let known = |channel: ChannelKind| {
        let mut routes = routes.iter();
        routes.any(|it| it.channel == channel && it.sender == given.sender)
    };
    let Some(channel) = ChannelKind::new(&given.channel).filter(|it| known(*it)) else {
        return said::refused(URL, "There is no such sender.");
    };
    let country = state.config.sms.default_country.as_deref();
    let value = match address::normal(channel, given.to.trim(), country) {
        Ok(value) => value,
        Err(why) => {
            return said::refused(URL, &format!("The address {}: {}.", why.message, why.fix));
        }
    };
    let what = ("sender.test", given.sender.as_str());
    let deed = deed(&state, &signed.actor(), what, ("", channel.as_str()));
    if let Err(error) = state.engine.commit(deed).await {
        return Denied::Store(error).answer(&state);
    }
    let message = message(&state, channel, &given.sender, value);
    match state.engine.accept(message).await {
        Ok(accepted) => {
            let to = format!("/console/messages/{}", accepted.id.hex());
            Redirect::to(&to).into_response()
        }
        Err(refusal) => said::refused(URL, &format!("Not sent: {refusal}.")),
    }
}

fn message(state: &AppState, channel: ChannelKind, sender: &str, value: String) -> NewMessage {
    let own = channel == ChannelKind::WHATSAPP;
    let first = state.config.whatsapp_senders.first();
    let first = first.map(|it| it.phone_number_id.clone());
    let body = serde_json::json!({
        "messaging_product": "whatsapp",
        "to": value.trim_start_matches('+'),
        "type": "text",
        "text": { "body": TEXT },
    });
    NewMessage {
        app: APP.to_owned(),
        sender: match own {
            true => sender.to_owned(),
            false => first.unwrap_or_else(|| sender.to_owned()),
        },
        to: Recipient::Address {
            channel,
            value: value.clone(),
        },
        to_input: value,
        kind: "text".to_owned(),
        feature: Feature::Session,
        body: body.to_string().into(),
        opaque: None,
        priority: Priority::Urgent,
        duplicate_rule: Some(DuplicateRule::Never),
        data_class: None,
        expires_at: Some(state.engine.now().plus_ms(LIFE_MS)),
        hops: Some(vec![HopRequest {
            channel,
            after_ms: None,
            success: None,
            on: None,
            ttl_ms: None,
            template: None,
        }]),
        idempotency: None,
        answer: Arc::new(|_| Bytes::new()),
    }
}
