//! The page of one outage: how it was noticed, step by step; the evidence; what became of the
//! messages of its time; how late the provider's own word was; what it has cost so far.

use super::{URL, began, evidence, hold, state_of};
use crate::http::console::access::{Act, Denied, Signed};
use crate::http::console::layout::{self, Nav};
use crate::http::console::live::Topic;
use crate::http::console::standing::channel_name;
use crate::http::console::{banner, guard, messages, time};
use crate::http::state::AppState;
use axum::extract::{Path, State};
use axum::response::Response;
use holdline_core::id::OutageId;
use holdline_core::{ChannelKind, Timestamp};
use holdline_engine::ports::StoreError;
use holdline_engine::ports::records::{EvidenceRecord, OutageRecord};
use holdline_engine::ports::store::{Fate, PAGE_MAX};
use maud::{Markup, html};

/// The newest messages of its time that are counted.
const COUNTED: usize = 20_000;

struct Read {
    outage: OutageRecord,
    /// Its channel.
    first: ChannelKind,
    evidence: Vec<EvidenceRecord>,
    fates: Vec<Fate>,
}

pub(in crate::http::console) async fn page(
    State(state): State<AppState>,
    signed: Signed,
    Path(id): Path<String>,
) -> Response {
    let now = state.engine.now();
    let read = match read(&state, &id, now).await {
        Ok(Some(read)) => read,
        Ok(None) => return guard::unknown_page(State(state), signed).await,
        Err(error) => return Denied::Store(error).answer(&state),
    };
    let url = format!("{URL}/{id}");
    let cost_per_million = state.config.sms.cost_per_million;
    let content = html! {
        h1 { "Outage" }
        (layout::live("outage", Topic::Outages, &url, &html! {
            (facts(&read.outage, now))
            h2 { "How it was noticed" }
            (steps_shown(&read.outage))
            (evidence::drawing(&read.evidence, &steps(&read.outage)))
            h2 { "What became of the messages" }
            (fates(&read))
            (cost(&read, cost_per_million, now))
        }))
        @if signed.may(Act::Operate) && read.outage.recovered_at.is_none() {
            h2 { "Hold the route, or overrule its health" }
            (hold::form(&state, &read.outage.route))
            p { a href=(URL) { "What operators say now" } }
        }
    };
    layout::page(&state, &signed, Nav::Outages, "Outage", &content).await
}

async fn read(state: &AppState, id: &str, now: Timestamp) -> Result<Option<Read>, StoreError> {
    let store = state.engine.store();
    let Some(id) = OutageId::parse(id) else {
        return Ok(None);
    };
    let Some(outage) = store.outage(id).await? else {
        return Ok(None);
    };
    let first = outage.route.split('/').next().and_then(ChannelKind::new);
    let first = first.unwrap_or(ChannelKind::WHATSAPP);
    let until = outage.recovered_at.unwrap_or(now);
    let (evidence, fates) = tokio::try_join!(
        store.evidence(outage.id, PAGE_MAX),
        store.fates(first, began(&outage), until.plus_ms(1), COUNTED),
    )?;
    Ok(Some(Read {
        outage,
        first,
        evidence,
        fates,
    }))
}

fn facts(outage: &OutageRecord, now: Timestamp) -> Markup {
    let (words, class) = state_of(outage);
    let began = began(outage);
    html! {
        div.card {
            p.state { span class={ "dot " (class) } {} (words) ": " (outage.scope) }
            dl {
                dt { "Scope" } dd { code { (outage.route) } }
                dt { "Began" } dd { (time::instant(began)) " (" (time::ago(began, now)) ")" }
                dt { "Lasted" }
                dd {
                    @match outage.recovered_at {
                        Some(over) => (time::span(over.since_ms(began))),
                        None => "it goes on",
                    }
                }
                dt { "Why" } dd { (outage.reason) }
                dt { "Signal" }
                dd {
                    (outage.signal) ", " (format!("{:.1}", outage.nats)) " nats"
                    @if let Some(ratio) = outage.ratio {
                        ", with " (format!("{ratio:.1}")) " times the observations that the best "
                        "possible test needs"
                    }
                }
                dt { "The provider's word" }
                dd {
                    (banner::ahead(outage, now))
                    @if let Some(feed) = &outage.feed { " It said: " (feed) "." }
                }
            }
        }
    }
}

/// The instants that are known, in the order of detection.
fn steps(outage: &OutageRecord) -> Vec<(&'static str, Timestamp)> {
    let all = [
        ("onset: the earliest evidence", outage.onset),
        ("suspect", outage.suspect_at),
        ("degraded: new messages begin to move", outage.degraded_at),
        ("down", Some(outage.opened_at)),
        ("recovering: a trickle works", outage.recovering_at),
        ("up again", outage.recovered_at),
    ];
    all.into_iter()
        .filter_map(|(words, at)| Some((words, at?)))
        .collect()
}

fn steps_shown(outage: &OutageRecord) -> Markup {
    let steps = steps(outage);
    let class = |words: &str| match words {
        "down" => "down",
        "up again" => "up",
        _ => "degraded",
    };
    let began = began(outage);
    html! {
        ol.steps {
            @for (words, at) in &steps {
                li class=(class(words)) {
                    (time::instant(*at)) " " strong { (words) }
                    @if *at > began { " after " (time::span(at.since_ms(began))) }
                }
            }
        }
    }
}

/// Messages of its time by what became of them.
fn fates(read: &Read) -> Markup {
    let (fates, first) = (&read.fates, channel_name(read.first));
    let all: u64 = fates.iter().map(|it| it.count).sum();
    html! {
        @if fates.is_empty() {
            p.quiet {
                "No message that was to go by " (first) " first was accepted in its time "
                "(among the newest " (COUNTED) ")."
            }
        } @else {
            p.quiet {
                (all) " messages that were to go by " (first) " first, accepted in its time "
                "(counted among the newest " (COUNTED) ")."
            }
            table {
                (layout::head(&["State", "Last tried by", "Messages"]))
                tbody {
                    @for fate in fates {
                        tr {
                            td { (messages::state_tag(&fate.state)) }
                            @let channel = fate.channel.map(channel_name);
                            td { (channel.as_deref().unwrap_or("not yet tried")) }
                            td { (fate.count) }
                        }
                    }
                }
            }
        }
    }
}

fn cost(read: &Read, cost_per_million: u64, now: Timestamp) -> Markup {
    let sum = |which: &dyn Fn(&Fate) -> bool| -> u64 {
        read.fates
            .iter()
            .filter(|it| which(it))
            .map(|it| it.count)
            .sum()
    };
    // What began with SMS would have cost as much without the outage.
    let moves = read.first != ChannelKind::SMS;
    let by_sms = sum(&|it| moves && it.channel == Some(ChannelKind::SMS));
    let lost = sum(&|it| matches!(it.state.as_str(), "failed" | "expired"));
    let until = read.outage.recovered_at.unwrap_or(now);
    let money = by_sms as f64 * cost_per_million as f64 / 1e6;
    html! {
        h2 { "Cost so far" }
        dl {
            dt { "Time" } dd { (time::span(until.since_ms(began(&read.outage)))) }
            dt { "Moved to another channel" } dd { (read.outage.moved) }
            dt { "Not delivered at all" } dd { (lost) }
            dt { "By SMS" }
            dd {
                (by_sms) " messages"
                @if cost_per_million > 0 { ", " (format!("{money:.2}")) " in your currency" }
                @else { "; set sms.cost_per_million to see what they cost" }
            }
        }
    }
}
