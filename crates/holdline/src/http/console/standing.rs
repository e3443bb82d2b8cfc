//! Whether the business can be reached, in one sentence, from the health of all routes. Pure.

use holdline_core::ChannelKind;
use holdline_core::health::Health;
use holdline_core::health::board::HoldKind;
use holdline_engine::request::RouteStatus;
use std::collections::{BTreeMap, BTreeSet};

/// How it looks as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Overall {
    Up,
    /// Something is not as it should be.
    Degraded,
    /// A channel is down.
    Down,
}

impl Overall {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }

    /// Before the title of a page.
    pub(super) const fn mark(self) -> &'static str {
        match self {
            Self::Up => "✓",
            Self::Degraded => "⚠",
            Self::Down => "✖ DOWN",
        }
    }
}

/// The whole, with its sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) overall: Overall,
    pub(super) headline: String,
}

/// The name of a channel as people write it.
pub(super) fn channel_name(channel: ChannelKind) -> String {
    match channel.as_str() {
        "whatsapp" => "WhatsApp".into(),
        "sms" => "SMS".into(),
        "email" => "E-mail".into(),
        other => {
            let mut letters = other.chars();
            let first = letters.next().map(|it| it.to_ascii_uppercase());
            first.into_iter().chain(letters).collect()
        }
    }
}

/// How a route stands in words, and the class by which that is coloured.
pub(super) fn route_words(route: &RouteStatus) -> (&'static str, &'static str) {
    match is_held(route) {
        true => ("Held by an operator", "degraded"),
        false => health_words(route.health),
    }
}

/// An operator keeps everything where it is.
pub(super) fn is_held(route: &RouteStatus) -> bool {
    let hold = route.hold.as_ref();
    hold.is_some_and(|it| it.kind == HoldKind::Hold && is_whole(&it.scope))
}

/// A health in words, and the class by which it is coloured.
pub(super) const fn health_words(health: Health) -> (&'static str, &'static str) {
    match health {
        Health::Up => ("Up", "up"),
        Health::Suspect => ("Suspect", "degraded"),
        Health::Degraded => ("Degraded", "degraded"),
        Health::Down => ("Down", "down"),
        Health::Recovering => ("Recovering", "degraded"),
        Health::AccountFault => ("Account fault", "fault"),
        Health::SelfImpaired => ("We are cut off", "fault"),
    }
}

pub(super) fn of(routes: &[RouteStatus]) -> Standing {
    let mut best = BTreeMap::<ChannelKind, Overall>::new();
    let mut worst = Overall::Up;
    for route in routes {
        let one = overall_of(route);
        worst = worst.max(one);
        best.entry(route.channel)
            .and_modify(|known| *known = one.min(*known))
            .or_insert(one);
    }
    let named = |which: &dyn Fn(Overall) -> bool| {
        let channels = best.iter().filter(|(_, overall)| which(**overall));
        let names: Vec<String> = channels
            .map(|(channel, _)| channel_name(*channel))
            .collect();
        names
    };
    let down = named(&|it| it == Overall::Down);
    let held = held(routes);
    let mut works = named(&|it| it != Overall::Down);
    works.retain(|name| !held.contains(name));
    let ill = named(&|it| it == Overall::Degraded);
    let overall = match (down.is_empty(), routes.is_empty()) {
        (_, true) | (false, _) => Overall::Down,
        (true, false) => worst.min(Overall::Degraded),
    };
    let headline = if routes.is_empty() {
        "No channel is set up, so nobody can be reached.".to_owned()
    } else if down.is_empty() && held.is_empty() {
        well(worst, &ill)
    } else if down.is_empty() {
        halted(&held)
    } else if works.is_empty() && held.is_empty() {
        "Nobody can be reached: every channel is down. Messages are kept.".to_owned()
    } else {
        let who = match works.is_empty() {
            true => "Nobody can be reached.".to_owned(),
            false => format!("People are reached by {}.", list(&works)),
        };
        let rest = if held.is_empty() { "" } else { " " };
        format!(
            "{} {}. {who}{rest}{}",
            list(&down),
            why(routes),
            halted(&held)
        )
    };
    Standing { overall, headline }
}

/// The channels by which nothing leaves, at least in part because an operator holds it.
fn held(routes: &[RouteStatus]) -> Vec<String> {
    let mut all = BTreeMap::<ChannelKind, (bool, bool)>::new();
    for route in routes {
        let (some_held, all_shut) = all.entry(route.channel).or_insert((false, true));
        *some_held |= is_held(route);
        *all_shut &= is_held(route) || overall_of(route) == Overall::Down;
    }
    let held = all.into_iter().filter(|(_, (held, shut))| *held && *shut);
    held.map(|(channel, _)| channel_name(channel)).collect()
}

/// What is held waits there, whatever else works.
fn halted(held: &[String]) -> String {
    let words = match held.len() {
        0 => return String::new(),
        1 => "is held by an operator: its messages wait.",
        _ => "are held by an operator: their messages wait.",
    };
    format!("{} {words}", list(held))
}

fn well(worst: Overall, ill: &[String]) -> String {
    match (worst, ill.is_empty()) {
        (Overall::Up, _) => "Everybody can be reached: every channel works.".to_owned(),
        (_, true) => "Everybody can be reached; one sender has trouble.".to_owned(),
        (_, false) => {
            let verb = if ill.len() == 1 { "has" } else { "have" };
            format!(
                "Everybody can be reached; {} {verb} trouble in part.",
                list(ill)
            )
        }
    }
}

/// What is wrong with what is down, where it is one thing.
fn why(routes: &[RouteStatus]) -> &'static str {
    let down = routes.iter().filter(|it| overall_of(it) == Overall::Down);
    let healths: BTreeSet<&str> = down.map(|it| it.health.name()).collect();
    let is = |health: Health| healths.len() == 1 && healths.contains(health.name());
    if is(Health::AccountFault) {
        "refuses our own account"
    } else if is(Health::SelfImpaired) {
        "cannot be reached from here: our own network is cut off"
    } else {
        "is down"
    }
}

/// A route is down when all of it is; that a country or a feature is makes it ill.
fn overall_of(route: &RouteStatus) -> Overall {
    let bad = |health: Health| {
        matches!(
            health,
            Health::Down | Health::AccountFault | Health::SelfImpaired
        )
    };
    if is_held(route) {
        return Overall::Degraded;
    }
    if route.health == Health::Up {
        return Overall::Up;
    }
    let whole = route
        .scopes
        .iter()
        .any(|it| bad(it.health) && is_whole(&it.name));
    let overruled = route.hold.is_some() || route.scopes.is_empty();
    if bad(route.health) && (whole || overruled) {
        return Overall::Down;
    }
    Overall::Degraded
}

/// The name of a scope that leaves nothing of its senders out: `channel/sender/all`.
fn is_whole(scope: &str) -> bool {
    let mut parts = scope.split('/').skip(2);
    parts.next().is_none_or(|feature| feature == "all") && parts.next().is_none()
}

/// `A`, `A and B`, `A, B and C`.
pub(super) fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdline_core::Timestamp;
    use holdline_core::health::Course;
    use holdline_engine::request::{HoldStatus, ScopeStatus, Waits};

    const WA: ChannelKind = ChannelKind::WHATSAPP;
    const SMS: ChannelKind = ChannelKind::SMS;
    const MAIL: ChannelKind = ChannelKind::EMAIL;

    fn route(channel: ChannelKind, health: Health, scope: &str) -> RouteStatus {
        let scope = (!scope.is_empty()).then(|| ScopeStatus {
            name: scope.into(),
            words: String::new(),
            health,
            since: Timestamp(0),
            reason: String::new(),
            course: Course::default(),
        });
        RouteStatus {
            name: format!("{channel}/1/all"),
            channel,
            sender: "1".into(),
            health,
            since: Timestamp(0),
            reason: String::new(),
            waits: Waits::default(),
            in_flight: 0,
            oldest_waiting_at: None,
            rate_per_s: 1.0,
            hold: None,
            scopes: scope.into_iter().collect(),
        }
    }

    fn check(routes: &[RouteStatus], overall: Overall, headline: &str) {
        let standing = of(routes);
        assert_eq!(
            (standing.overall, standing.headline.as_str()),
            (overall, headline)
        );
    }

    fn with_others(whatsapp: RouteStatus) -> [RouteStatus; 3] {
        let up = |channel| route(channel, Health::Up, "");
        [whatsapp, up(SMS), up(MAIL)]
    }

    #[test]
    fn one_sentence_says_who_is_reached_by_what() {
        check(
            &[],
            Overall::Down,
            "No channel is set up, so nobody can be reached.",
        );
        let all = |health, scope| with_others(route(WA, health, scope));
        let well = "Everybody can be reached: every channel works.";
        check(&all(Health::Up, ""), Overall::Up, well);
        let down = "WhatsApp is down. People are reached by E-mail and SMS.";
        check(&all(Health::Down, "whatsapp/1/all"), Overall::Down, down);
        let ours = "WhatsApp refuses our own account. People are reached by E-mail and SMS.";
        check(
            &all(Health::AccountFault, "whatsapp/1/all"),
            Overall::Down,
            ours,
        );
        let ill = "Everybody can be reached; WhatsApp has trouble in part.";
        check(
            &all(Health::Degraded, "whatsapp/1/all"),
            Overall::Degraded,
            ill,
        );
        let none = "Nobody can be reached: every channel is down. Messages are kept.";
        let both = [
            route(WA, Health::Down, "whatsapp/*/all"),
            route(SMS, Health::Down, "sms/1/all"),
        ];
        check(&both, Overall::Down, none);
    }

    #[test]
    fn one_country_or_feature_that_is_down_is_no_channel_that_is_down() {
        let ill = "Everybody can be reached; WhatsApp has trouble in part.";
        for scope in [
            "whatsapp/1/all/+44",
            "whatsapp/1/marketing",
            "whatsapp/*/media/+44",
        ] {
            let routes = with_others(route(WA, Health::Down, scope));
            check(&routes, Overall::Degraded, ill);
        }
    }

    #[test]
    fn a_held_channel_does_not_look_well() {
        let held = |scope: &str, route: RouteStatus| RouteStatus {
            hold: Some(HoldStatus {
                scope: scope.into(),
                kind: HoldKind::Hold,
                reason: "a number moves".into(),
                until: Timestamp(9),
            }),
            ..route
        };
        let up = || route(WA, Health::Up, "");
        let words = "WhatsApp is held by an operator: its messages wait.";
        let routes = with_others(held("whatsapp/1/all", up()));
        check(&routes, Overall::Degraded, words);
        assert_eq!(route_words(&routes[0]).0, "Held by an operator");
        let [whatsapp, _, mail] = with_others(held("whatsapp/*/all", up()));
        let routes = [whatsapp, route(SMS, Health::Down, "sms/1/all"), mail];
        let others = "SMS is down. People are reached by E-mail.";
        check(&routes, Overall::Down, &format!("{others} {words}"));
        let nobody = format!("SMS is down. Nobody can be reached. {words}");
        check(&routes[..2], Overall::Down, &nobody);
        let part = with_others(held("whatsapp/1/all/+44", up()));
        let well = "Everybody can be reached: every channel works.";
        check(&part, Overall::Up, well);
    }

    #[test]
    fn one_sender_of_two_that_is_down_leaves_its_channel() {
        let routes = [
            route(WA, Health::Up, ""),
            route(WA, Health::Down, "whatsapp/2/all"),
        ];
        let words = "Everybody can be reached; one sender has trouble.";
        check(&routes, Overall::Degraded, words);
    }
}
