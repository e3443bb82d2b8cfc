//! Whether the business can be reached, in one sentence, from the health of all routes. Pure.

use holdline_core::ChannelKind;
use holdline_core::health::Health;
use holdline_engine::request::RouteStatus;
use std::collections::BTreeMap;

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
        let one = overall_of(route.health);
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
    let works = named(&|it| it != Overall::Down);
    let ill = named(&|it| it == Overall::Degraded);
    let overall = if down.is_empty() {
        worst.min(Overall::Degraded)
    } else {
        Overall::Down
    };
    let headline = match (routes.is_empty(), down.is_empty(), works.is_empty()) {
        (true, ..) => "No channel is set up, so nobody can be reached.".to_owned(),
        (_, true, _) if worst == Overall::Up => {
            "Everybody can be reached: every channel works.".to_owned()
        }
        (_, true, _) if ill.is_empty() => {
            "Everybody can be reached; one sender has trouble.".to_owned()
        }
        (_, true, _) => format!("{} in trouble. Everything is still sent.", has(&ill)),
        (_, _, true) => {
            "Nobody can be reached: every channel is down. Messages are kept.".to_owned()
        }
        _ => format!(
            "{} down. People are reached by {}.",
            has(&down),
            list(&works)
        ),
    };
    Standing { overall, headline }
}

const fn overall_of(health: Health) -> Overall {
    match health {
        Health::Up => Overall::Up,
        Health::Suspect | Health::Degraded | Health::Recovering => Overall::Degraded,
        Health::Down | Health::AccountFault | Health::SelfImpaired => Overall::Down,
    }
}

fn has(names: &[String]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", list(names))
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

    fn check(healths: &[(ChannelKind, Health)], overall: Overall, headline: &str) {
        let route = |(channel, health): &(ChannelKind, Health)| RouteStatus {
            name: format!("{channel}/1/all"),
            channel: *channel,
            sender: "1".into(),
            health: *health,
            since: Timestamp(0),
            reason: String::new(),
            waiting: 0,
            in_flight: 0,
            oldest_waiting_at: None,
            rate_per_s: 1.0,
            hold: None,
            scopes: Vec::new(),
        };
        let routes: Vec<RouteStatus> = healths.iter().map(route).collect();
        let standing = of(&routes);
        assert_eq!(
            (standing.overall, standing.headline.as_str()),
            (overall, headline)
        );
    }

    #[test]
    fn one_sentence_says_who_is_reached_by_what() {
        const WA: ChannelKind = ChannelKind::WHATSAPP;
        const SMS: ChannelKind = ChannelKind::SMS;
        const MAIL: ChannelKind = ChannelKind::EMAIL;
        let all = |whatsapp| [(WA, whatsapp), (SMS, Health::Up), (MAIL, Health::Up)];
        check(
            &[],
            Overall::Up,
            "No channel is set up, so nobody can be reached.",
        );
        check(
            &all(Health::Up),
            Overall::Up,
            "Everybody can be reached: every channel works.",
        );
        let down = "WhatsApp is down. People are reached by E-mail and SMS.";
        check(&all(Health::Down), Overall::Down, down);
        check(&all(Health::AccountFault), Overall::Down, down);
        let ill = "WhatsApp is in trouble. Everything is still sent.";
        check(&all(Health::Degraded), Overall::Degraded, ill);
        let one = [(WA, Health::Up), (WA, Health::Down)];
        let words = "Everybody can be reached; one sender has trouble.";
        check(&one, Overall::Degraded, words);
        let none = "Nobody can be reached: every channel is down. Messages are kept.";
        check(
            &[(WA, Health::Down), (SMS, Health::Down)],
            Overall::Down,
            none,
        );
    }
}
