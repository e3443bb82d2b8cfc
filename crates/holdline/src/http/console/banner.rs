//! What stands above every page while something is not as it should be: since when, who is
//! affected, how many have moved, how many wait and why, and by how much we were ahead of the
//! provider's own word.

use super::access::Signed;
use super::layout;
use super::live::Topic;
use super::standing::{self, Overall, Standing, channel_name};
use super::time;
use crate::http::state::AppState;
use axum::extract::State;
use holdline_core::Timestamp;
use holdline_core::health::Health;
use holdline_engine::ports::records::OutageRecord;
use holdline_engine::request::RouteStatus;
use maud::{Markup, html};

/// Outages looked through for those that are open.
const LOOKED_AT: usize = 50;

/// The banner by itself, for whoever follows.
pub(super) async fn part(State(state): State<AppState>, _signed: Signed) -> Markup {
    let standing = standing::of(&state.engine.routes());
    banner(&state, &standing).await
}

/// Without the store's answer it says what is in memory.
pub(super) async fn banner(state: &AppState, standing: &Standing) -> Markup {
    let routes = state.engine.routes();
    let outages = match standing.overall {
        Overall::Up => Vec::new(),
        Overall::Degraded | Overall::Down => {
            let found = state.engine.store().outages(LOOKED_AT).await;
            let found = found.unwrap_or_default().into_iter();
            found.filter(|it| it.recovered_at.is_none()).collect()
        }
    };
    let content = content(standing, &routes, &outages, state.engine.now());
    layout::live("banner", Topic::Overview, "/console/banner", &content)
}

fn content(
    standing: &Standing,
    routes: &[RouteStatus],
    outages: &[OutageRecord],
    now: Timestamp,
) -> Markup {
    let overall = standing.overall;
    let is_ill = |it: &&RouteStatus| it.health != Health::Up || standing::is_held(it);
    let ill = routes.iter().filter(is_ill);
    html! {
        div data-overall=(overall.name()) data-mark=(overall.mark()) {
            @if overall != Overall::Up {
                section class={ "banner " (overall.name()) } aria-label="State" {
                    p.headline { (overall.mark()) " " (standing.headline) }
                    ul { @for route in ill { li { (line(route, outages, now)) } } }
                }
            }
        }
    }
}

fn line(route: &RouteStatus, outages: &[OutageRecord], now: Timestamp) -> Markup {
    let (words, _) = standing::route_words(route);
    let outage = outages.iter().find(|it| bears_on(it, route));
    let since = outage.and_then(|it| it.onset).unwrap_or(route.since);
    html! {
        strong { (channel_name(route.channel)) " " (route.sender) ": " (words) }
        @if since.0 > 0 { " since " (time::instant(since)) " (" (time::ago(since, now)) ")" }
        ". "
        @if let Some(outage) = outage {
            "Affected: " (outage.scope) ". "
            (outage.moved) " moved to another channel, "
        }
        (route.waits.all()) " wait" (why_waiting(route)) ". "
        @if let Some(hold) = &route.hold {
            "An operator said " (hold.kind.name()) " (" (hold.reason) "). "
        }
        @if let Some(outage) = outage {
            (ahead(outage, now)) " "
            a href={ "/console/outages/" (outage.id.hex()) } { "More" }
        }
    }
}

/// Why they wait at a route, in brackets, and how many for each reason where there are several.
pub(super) fn why_waiting(route: &RouteStatus) -> String {
    let waits = &route.waits;
    let named = [
        (waits.turn, "for their turn"),
        (waits.later, "for a later time"),
        (waits.held, "held by an operator"),
        (waits.all_down, "held: no other way to them works"),
        (waits.cut_off, "held: our own network is cut off"),
    ];
    let named: Vec<_> = named.iter().filter(|(count, _)| *count > 0).collect();
    match named.as_slice() {
        [] => String::new(),
        [(_, why)] => format!(" ({why})"),
        several => {
            let words = several.iter().map(|(count, why)| format!("{count} {why}"));
            format!(" ({})", words.collect::<Vec<_>>().join(", "))
        }
    }
}

/// By how much we knew before the provider's own word.
pub(super) fn ahead(outage: &OutageRecord, now: Timestamp) -> Markup {
    let known_at = outage.degraded_at.unwrap_or(outage.opened_at);
    match outage.feed_at {
        None => html! {
            "We have known for " (time::span(now.since_ms(known_at)))
            "; the provider has said nothing."
        },
        Some(told_at) if told_at >= known_at => html! {
            "We knew " (time::span(told_at.since_ms(known_at))) " before the provider said so."
        },
        Some(told_at) => html! {
            "The provider said so " (time::span(known_at.since_ms(told_at))) " before we knew."
        },
    }
}

/// An outage's name begins with its channel and, where it is about one, its sender.
pub(super) fn bears_on(outage: &OutageRecord, route: &RouteStatus) -> bool {
    let mut parts = outage.route.split('/');
    let channel = parts.next() == Some(route.channel.as_str());
    let sender = parts.next().unwrap_or("*");
    channel && (sender == route.sender || sender == "*" || sender.starts_with("waba:"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdline_core::id::OutageId;
    use holdline_engine::request::Waits;

    fn outage(route: &str) -> OutageRecord {
        OutageRecord {
            id: OutageId(7),
            route: route.into(),
            scope: "everything by whatsapp 1".into(),
            signal: "send_outcomes".into(),
            onset: Some(Timestamp(1_000)),
            suspect_at: None,
            degraded_at: Some(Timestamp(3_000)),
            opened_at: Timestamp(9_000),
            recovering_at: None,
            recovered_at: None,
            reason: "it goes on".into(),
            moved: 812,
            nats: 20.0,
            bound: None,
            ratio: None,
            feed: None,
            feed_at: None,
        }
    }

    fn route() -> RouteStatus {
        RouteStatus {
            name: "whatsapp/1/all".into(),
            channel: holdline_core::ChannelKind::WHATSAPP,
            sender: "1".into(),
            health: Health::Down,
            since: Timestamp(9_000),
            reason: "it goes on".into(),
            waits: Waits {
                turn: 1,
                all_down: 3,
                ..Waits::default()
            },
            in_flight: 0,
            oldest_waiting_at: None,
            rate_per_s: 1.0,
            hold: None,
            scopes: Vec::new(),
        }
    }

    #[test]
    fn the_banner_says_since_when_who_and_how_many() {
        let routes = [route()];
        let standing = standing::of(&routes);
        let outages = [outage("whatsapp/1/all")];
        let text = content(&standing, &routes, &outages, Timestamp(63_000)).into_string();
        for part in [
            "data-overall=\"down\"",
            "Nobody can be reached",
            "WhatsApp 1: Down",
            "(1 min 2 s)",
            "Affected: everything by whatsapp 1.",
            "812 moved to another channel, \
             4 wait (1 for their turn, 3 held: no other way to them works).",
            "We have known for 1 min; the provider has said nothing.",
        ] {
            let plain = text.replace("</time>", "");
            let plain = plain
                .split('<')
                .map(|it| it.split_once('>').map_or(it, |it| it.1));
            let plain: String = plain.collect();
            assert!(
                text.contains(part) || plain.contains(part),
                "{part}: {text}"
            );
        }
    }

    #[test]
    fn when_all_is_well_there_is_no_banner() {
        let up = [RouteStatus {
            health: Health::Up,
            ..route()
        }];
        let text = content(&standing::of(&up), &up, &[], Timestamp(0)).into_string();
        assert!(!text.contains("<section"), "{text}");
    }

    #[test]
    fn the_lead_over_the_provider_has_two_sides() {
        let told = |at| OutageRecord {
            feed_at: Some(Timestamp(at)),
            ..outage("whatsapp/1/all")
        };
        let words = |at| ahead(&told(at), Timestamp(0)).into_string();
        assert_eq!(words(123_000), "We knew 2 min before the provider said so.");
        assert_eq!(words(1_000), "The provider said so 2.0 s before we knew.");
    }

    #[test]
    fn an_outage_bears_on_the_routes_in_its_name() {
        for (name, expect) in [
            ("whatsapp/1/all", true),
            ("whatsapp/*/all/+44", true),
            ("whatsapp/waba:9/template", true),
            ("whatsapp/2/all", false),
            ("sms/1/all", false),
        ] {
            assert_eq!(bears_on(&outage(name), &route()), expect, "{name}");
        }
    }
}
