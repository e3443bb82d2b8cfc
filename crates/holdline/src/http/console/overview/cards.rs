//! One card a sender: its state in words and colour, since when and why, what waits for it, and
//! where messages go instead.

use crate::http::console::banner::{self, bears_on};
use crate::http::console::standing::{channel_name, route_words};
use crate::http::console::time;
use holdline_core::Timestamp;
use holdline_core::health::Health;
use holdline_engine::ports::records::OutageRecord;
use holdline_engine::request::RouteStatus;
use maud::{Markup, html};

pub(super) fn cards(
    routes: &[RouteStatus],
    order: &[String],
    outages: &[OutageRecord],
    now: Timestamp,
) -> Markup {
    html! {
        div.cards { @for route in routes { (card(route, routes, order, outages, now)) } }
    }
}

fn card(
    route: &RouteStatus,
    routes: &[RouteStatus],
    order: &[String],
    outages: &[OutageRecord],
    now: Timestamp,
) -> Markup {
    let (words, class) = route_words(route);
    let open = outages
        .iter()
        .find(|it| it.recovered_at.is_none() && bears_on(it, route));
    html! {
        article id={ "route-" (route.name) } class={ "card " (class) } {
            h2 { (channel_name(route.channel)) " " span.quiet { (route.sender) } }
            p.state { span class={ "dot " (class) } {} (words) }
            dl {
                dt { "Since" }
                dd {
                    @if route.since.0 > 0 {
                        (time::instant(route.since)) " (" (time::ago(route.since, now)) ")"
                    } @else { "the start" }
                }
                dt { "Why" }
                dd {
                    @if route.reason.is_empty() { "nothing speaks against it" }
                    @else { (route.reason) }
                }
                dt { "Waiting" }
                dd {
                    (route.waits.all()) (banner::why_waiting(route))
                    @if route.in_flight > 0 { ", and " (route.in_flight) " on their way" }
                }
                @if let Some(at) = route.oldest_waiting_at {
                    dt { "Oldest waiting" }
                    dd { (time::ago(at, now)) }
                }
                dt { "Next hop" }
                dd { (next_hop(route, routes, order)) }
                @if let Some(hold) = &route.hold {
                    dt { "Operator" }
                    dd {
                        (hold.kind.name()) ": " (hold.reason) " (until "
                        (time::instant(hold.until)) ")"
                    }
                }
            }
            @if let Some(outage) = open {
                p { a href={ "/console/outages/" (outage.id.hex()) } { "The outage" } }
            }
        }
    }
}

/// The first channel after this one, in the configured order, that is not down.
fn next_hop(route: &RouteStatus, routes: &[RouteStatus], order: &[String]) -> String {
    let at = order.iter().position(|it| it == route.channel.as_str());
    let later = order.iter().skip(at.map_or(0, |at| at + 1));
    let later = later.filter(|it| *it != route.channel.as_str());
    let works = |name: &&String| {
        let mut of = routes.iter().filter(|it| it.channel.as_str() == *name);
        of.any(|it| it.health != Health::Down)
    };
    let found = later.into_iter().find(works).and_then(|name| {
        let mut of = routes.iter().filter(|it| it.channel.as_str() == name);
        of.next().map(|it| channel_name(it.channel))
    });
    found.unwrap_or_else(|| "none: messages wait".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdline_core::ChannelKind;
    use holdline_engine::request::Waits;

    fn route(channel: ChannelKind, health: Health) -> RouteStatus {
        RouteStatus {
            name: format!("{channel}/1/all"),
            channel,
            sender: "1".into(),
            health,
            since: Timestamp(0),
            reason: String::new(),
            waits: Waits {
                turn: 3,
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
    fn the_next_hop_is_the_next_channel_that_works() {
        let order = ["whatsapp", "sms", "email"].map(String::from);
        let check = |sms, expect: &str, of: ChannelKind| {
            let routes = [
                route(ChannelKind::WHATSAPP, Health::Down),
                route(ChannelKind::SMS, sms),
                route(ChannelKind::EMAIL, Health::Up),
            ];
            let own = routes.iter().find(|it| it.channel == of).unwrap();
            assert_eq!(next_hop(own, &routes, &order), expect);
        };
        check(Health::Up, "SMS", ChannelKind::WHATSAPP);
        check(Health::Down, "E-mail", ChannelKind::WHATSAPP);
        check(Health::Up, "none: messages wait", ChannelKind::EMAIL);
    }

    #[test]
    fn a_state_is_said_in_words_too() {
        let routes = [route(ChannelKind::WHATSAPP, Health::Down)];
        let text = cards(&routes, &[], &[], Timestamp(0)).into_string();
        assert!(text.contains("</span>Down</p>"), "{text}");
    }
}
