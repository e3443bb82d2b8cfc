//! The page of one message: what is known of it, its plan, and one timeline of all that happened,
//! each decision with its reason; the provider's own words behind a fold.

use super::act::can_be_sent_again;
use super::state_tag;
use crate::http::api::messages::view::message_id;
use crate::http::console::access::{Act, Denied, Signed};
use crate::http::console::layout::{self, Nav};
use crate::http::console::live::Topic;
use crate::http::console::standing::channel_name;
use crate::http::console::{guard, time};
use crate::http::state::AppState;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use holdline_core::message::State as Where;
use holdline_core::{ChannelKind, MessageId, Timestamp};
use holdline_engine::ports::records::{
    AttemptRecord, DecisionRecord, ReceiptRecord, StoredMessage, Timeline,
};
use maud::{Markup, html};
use std::collections::BTreeSet;

pub(in crate::http::console) async fn page(
    State(state): State<AppState>,
    signed: Signed,
    Path(id): Path<String>,
) -> Response {
    let Ok(id) = message_id(&id) else {
        return guard::unknown_page(State(state), signed).await;
    };
    let store = state.engine.store();
    let read = async { Ok((store.message(id).await?, store.timeline(id).await?)) };
    let (stored, timeline) = match read.await {
        Ok((Some(stored), timeline)) => (stored, timeline),
        Ok((None, _)) => return guard::unknown_page(State(state), signed).await,
        Err(error) => return Denied::Store(error).answer(&state),
    };
    let now = state.engine.now();
    let url = url_of(id);
    let content = html! {
        h1 { "Message" }
        (layout::live("message", Topic::Messages, &url, &html! {
            (facts(&stored, now))
            h2 { "What happened" }
            (steps(&stored, &timeline))
        }))
        @let lost = can_be_sent_again(&stored);
        @if signed.may(Act::Messages) && (lost || !stored.delivery.state.is_ended()) {
            h2 { "Do something" }
            (acts(&stored))
        }
        h2 { "Content" }
        (body(&stored))
    };
    let page = layout::page(&state, &signed, Nav::Messages, "Message", &content).await;
    (StatusCode::OK, page).into_response()
}

pub(super) fn url_of(id: MessageId) -> String {
    format!("/console/messages/{}", id.hex())
}

fn facts(stored: &StoredMessage, now: Timestamp) -> Markup {
    let (message, delivery) = (&stored.message, &stored.delivery);
    html! {
        div.card {
            p.state { (state_tag(delivery.state.name())) " " (waits(stored, now)) }
            dl {
                dt { "Id" } dd { code { (message.id.hex()) } }
                dt { "To" }
                dd {
                    (message.to_input.expose()) " ("
                    a href={ "/console/contacts/" (message.contact.hex()) } { "contact" } ")"
                }
                dt { "Accepted" } dd { (time::instant(message.created_at)) }
                dt { "Expires" } dd { (time::instant(message.expires_at)) }
                dt { "App" } dd { (message.app) " as " (message.sender) }
                dt { "Kind" }
                dd { (message.kind) ", " (message.priority.name()) ", data " (message.data_class) }
                dt { "If unsure" } dd { "duplicate rule " (message.duplicate_rule.name()) }
                dt { "The app knows" }
                dd { (delivery.told.name()) @if delivery.told_failed { ", failed" } }
                dt { "Plan" }
                dd { ol.plan { @for hop in &message.plan {
                    li {
                        (channel_name(hop.channel)) " from " (hop.sender) " to "
                        (hop.address.expose())
                    }
                } } }
            }
        }
    }
}

fn waits(stored: &StoredMessage, now: Timestamp) -> String {
    let left = |at: Timestamp| time::span(at.since_ms(now));
    let expires_at = stored.message.expires_at;
    match stored.delivery.state {
        Where::Waiting { due } if due >= expires_at => {
            format!(
                "held until a route changes; it expires in {}",
                left(expires_at)
            )
        }
        Where::Waiting { due } if due > now => format!("looked at again in {}", left(due)),
        Where::Waiting { .. } => "as soon as a route has room".to_owned(),
        Where::InFlight { since } => format!("sent {} ago", time::span(now.since_ms(since))),
        Where::InDoubt { until, .. } => {
            format!(
                "nothing is sent again for {}, unless a receipt tells",
                left(until)
            )
        }
        Where::Placed { until, .. } => format!("its receipt is waited for another {}", left(until)),
        Where::Ended { .. } => String::new(),
    }
}

/// A step of the timeline: when, how it is coloured, and what it says.
struct StepShown {
    at: Timestamp,
    class: &'static str,
    words: Markup,
}

/// Attempts, receipts and decisions in the order of time.
fn steps(stored: &StoredMessage, timeline: &Timeline) -> Markup {
    let mut all: Vec<StepShown> = vec![StepShown {
        at: stored.message.created_at,
        class: "",
        words: html! { "Accepted from " (stored.message.app) ", committed before it was answered" },
    }];
    // What has the same instant keeps this order: what came in, the decision that follows from it,
    // the attempt that follows from that, and an outcome that came in no time.
    let is_instant = |one: &&AttemptRecord| one.ended_at == Some(one.started_at);
    let (instant, others): (Vec<_>, Vec<_>) = timeline.attempts.iter().partition(is_instant);
    all.extend(others.iter().filter_map(|it| ended(it)));
    all.extend(timeline.receipts.iter().map(receipt));
    all.extend(timeline.decisions.iter().map(decision));
    all.extend(timeline.attempts.iter().map(started));
    all.extend(instant.iter().filter_map(|it| ended(it)));
    all.sort_by_key(|step| step.at);
    html! {
        ol.steps {
            @for (ix, step) in all.iter().enumerate() {
                li id={ "step-" (ix) } class=(step.class) {
                    (time::instant(step.at)) " " (step.words)
                }
            }
        }
    }
}

fn decision(one: &DecisionRecord) -> StepShown {
    StepShown {
        at: one.at,
        class: "",
        words: html! {
            span.tag { "decision" } " Hop " (one.hop + 1) ": " (one.words) " "
            code.quiet { (one.code) }
        },
    }
}

fn started(one: &AttemptRecord) -> StepShown {
    StepShown {
        at: one.started_at,
        class: "",
        words: html! {
            span.tag { "attempt " (one.key.number) } " Sent by "
            strong { (channel_name(one.channel)) } " on " code { (one.route) }
        },
    }
}

fn ended(one: &AttemptRecord) -> Option<StepShown> {
    let (at, outcome) = (one.ended_at?, one.outcome.as_deref()?);
    let class = match outcome {
        "accepted" => "up",
        "rejected" => "down",
        _ => "degraded",
    };
    let words = html! {
        span class={ "tag " (class) } { "attempt " (one.key.number) } " "
        (channel_name(one.channel)) ": " strong { (outcome) }
        (fold(one.fault_class.as_deref(), one.fault_code.as_deref(), one.fault_detail.as_deref()))
        @if let Some(id) = &one.provider_id {
            details { summary { "The provider's id" } code { (id) } }
        }
    };
    Some(StepShown { at, class, words })
}

fn receipt(one: &ReceiptRecord) -> StepShown {
    let class = match one.status.as_str() {
        "failed" => "down",
        _ => "up",
    };
    StepShown {
        at: one.received_at,
        class,
        words: html! {
            span class={ "tag " (class) } { "receipt" } " Attempt " (one.key.number) ": "
            strong { (one.status) } " "
            span.quiet { "(the provider says " (time::instant(one.at)) ")" }
            (fold(None, one.fault_code.as_deref(), one.fault_detail.as_deref()))
        },
    }
}

/// The provider's own words.
fn fold(class: Option<&str>, code: Option<&str>, detail: Option<&str>) -> Markup {
    if class.or(code).or(detail).is_none() {
        return html! {};
    }
    html! {
        @if let Some(class) = class { ", " (class) }
        details {
            summary { "What the provider said" @if let Some(code) = code { " (" (code) ")" } }
            pre { (detail.unwrap_or("no words")) }
        }
    }
}

fn acts(stored: &StoredMessage) -> Markup {
    let url = url_of(stored.message.id);
    let delivery = &stored.delivery;
    let others: BTreeSet<ChannelKind> = (0..)
        .zip(&stored.message.plan)
        .filter(|(ix, _)| delivery.spent & (1 << ix) == 0 && *ix != delivery.hop)
        .map(|(_, hop)| hop.channel)
        .collect();
    let moves = matches!(delivery.state, Where::Waiting { .. } | Where::Placed { .. });
    let form = |what: &str, fields: Markup, words: &str, class: &str| {
        html! {
            form.line method="post" action={ (url) "/act" } {
                input type="hidden" name="what" value=(what);
                (fields)
                label {
                    "Why"
                    input name="reason" required minlength="3" maxlength="500";
                }
                button class=(class) type="submit" { (words) }
            }
        }
    };
    html! {
        div.card {
            @if can_be_sent_again(stored) { (form("again", html! {}, "Send it anew", "")) }
            @if matches!(delivery.state, Where::Waiting { .. }) {
                (form("retry", html! {}, "Try now", ""))
            }
            @if moves && !others.is_empty() {
                (form("send_by", html! {
                    label {
                        "By another channel"
                        select name="channel" {
                            @for kind in &others {
                                option value=(kind.as_str()) { (channel_name(*kind)) }
                            }
                        }
                    }
                }, "Send by it", ""))
                @if matches!(delivery.state, Where::Placed { .. }) {
                    p.quiet { "The provider has accepted it: the person may get it twice." }
                }
            }
            @if !delivery.state.is_ended() {
                (form("cancel", html! {}, "Cancel", "danger"))
            }
        }
    }
}

fn body(stored: &StoredMessage) -> Markup {
    let body = stored.message.body.expose();
    let value: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let text = value.and_then(|it| serde_json::to_string_pretty(&it).ok());
    html! {
        details {
            summary { "The message as the app gave it" }
            @match text {
                Some(text) => pre { (text) },
                None => p.quiet { "Retention has deleted it." },
            }
        }
    }
}
