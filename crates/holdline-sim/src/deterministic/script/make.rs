//! Draws a script from a seed. Each actor draws from a stream of its own, so that what one does
//! never shifts what another does.

use super::{Act, Between, Does, Item, NetFault, Script, Send, StoreFault};
use crate::deterministic::{APPS, PEOPLE};
use crate::draws::{Draws, mix, stable};
use crate::{PROFILES, Provider};

/// After the last fault begins, so long until all of them are over.
pub const HEAL_SLACK_MS: u64 = 60_000;
/// Longest time in which faults begin.
const STORM_MS_MAX: u64 = 20 * 60_000;
const SENDS_MAX: u64 = 120;

/// What kind of a run a seed is: many small worlds find more than one large.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weather {
    /// Nothing fails at all.
    Calm,
    /// Only what is our own fault, or one person's.
    Own,
    /// Providers fail.
    Providers,
    /// Nodes, clocks and the store fail.
    House,
    /// Everything.
    Storm,
}

const WEATHERS: [Weather; 8] = [
    Weather::Calm,
    Weather::Own,
    Weather::Providers,
    Weather::House,
    Weather::Storm,
    Weather::Storm,
    Weather::Providers,
    Weather::Storm,
];

/// Outages that are our own fault or concern single people.
pub(crate) const OWN: [&str; 9] = [
    "own_token_expired",
    "account_locked",
    "payment",
    "rate_limited",
    "pair_limited",
    "template_paused",
    "recipient_unreachable",
    "window_closed",
    "recipient_withheld",
];

/// A stream of draws of its own for each name.
pub(crate) fn branch(seed: u64, name: &str) -> Draws {
    Draws::new(mix(seed ^ stable(name)))
}

/// How many nodes a run has: one most of the time, as most who run it have.
const NODES: [u8; 8] = [1, 1, 1, 2, 2, 3, 3, 4];

/// The script of a seed; the seed decides everything but, where it is said, the number of nodes.
#[must_use]
pub fn script_of(seed: u64, nodes: Option<u8>) -> Script {
    let drawn = NODES[at_random(&mut branch(seed, "nodes"), NODES.len())];
    let nodes = nodes.unwrap_or(drawn);
    let mut shape = branch(seed, "shape");
    let weather = WEATHERS[at_random(&mut shape, WEATHERS.len())];
    let storm_ms = 120_000 + shape.up_to(STORM_MS_MAX - 120_000);
    let small = shape.percent(15);
    let narrow = shape.percent(30);
    let mut items = sends(seed, storm_ms);
    items.extend(people(seed, storm_ms));
    if weather != Weather::Calm {
        items.extend(faults(seed, weather, nodes, storm_ms));
    }
    if matches!(weather, Weather::Providers | Weather::Storm) {
        items.extend(siege(seed, storm_ms));
    }
    items.sort_by_key(|item| item.at_ms);
    Script {
        seed,
        nodes,
        heal_at_ms: storm_ms + HEAL_SLACK_MS,
        open_messages_max: if small { 12 } else { 10_000 },
        window_max: if narrow { 4 } else { 50_000 },
        items,
    }
}

fn sends(seed: u64, storm_ms: u64) -> Vec<Item> {
    let mut draws = branch(seed, "sends");
    let count = 5 + draws.up_to(SENDS_MAX);
    let bursts = draws.percent(40);
    let mut at_ms = 0;
    let mut items = Vec::new();
    for ask in 0..u32::try_from(count).unwrap_or(u32::MAX) {
        let together = bursts && draws.percent(70);
        at_ms = if together {
            at_ms + draws.up_to(30)
        } else {
            draws.up_to(storm_ms)
        };
        let act = Act::Send(a_send(&mut draws, ask));
        items.push(Item { at_ms, act });
    }
    items
}

/// Now and then nothing goes by any channel while many messages come in: what waits is let out
/// only by and by.
fn siege(seed: u64, storm_ms: u64) -> Vec<Item> {
    /// Beyond those of [`sends`].
    const FIRST_ASK: u32 = 1_000;
    const PROFILES: [&str; 3] = ["hard_down", "html_5xx", "blackhole"];
    let mut draws = branch(seed, "siege");
    if !draws.percent(25) {
        return Vec::new();
    }
    let (begins_ms, for_ms) = (draws.up_to(storm_ms), 60_000 + draws.up_to(180_000));
    let profile = PROFILES[at_random(&mut draws, PROFILES.len())];
    let outages = [Provider::Whatsapp, Provider::Sms].map(|provider| Act::Outage {
        profile: profile.to_owned(),
        provider,
        percent: None,
        for_ms,
    });
    let mut items: Vec<Item> = outages
        .map(|act| Item {
            at_ms: begins_ms,
            act,
        })
        .into();
    for n in 0..40 + u32::try_from(draws.up_to(80)).unwrap_or(0) {
        let at_ms = begins_ms + draws.up_to(for_ms);
        let act = Act::Send(a_send(&mut draws, FIRST_ASK + n));
        items.push(Item { at_ms, act });
    }
    items
}

fn a_send(draws: &mut Draws, ask: u32) -> Send {
    let key = draws.percent(60).then_some(ask);
    Send {
        ask,
        app: small(draws, APPS),
        person: small(draws, PEOPLE),
        priority: small(draws, 4),
        key,
        clash: key.is_some() && draws.percent(20),
    }
}

fn people(seed: u64, storm_ms: u64) -> Vec<Item> {
    const DOES: [Does; 8] = [
        Does::Leaves,
        Does::Returns,
        Does::Blocks,
        Does::LosesSms,
        Does::Writes,
        Does::Writes,
        Does::WritesSms,
        Does::Stops,
    ];
    let mut draws = branch(seed, "people");
    let count = draws.up_to(25);
    let mut items = Vec::new();
    for _ in 0..count {
        let (at_ms, person) = (draws.up_to(storm_ms), small(&mut draws, PEOPLE));
        let does = DOES[at_random(&mut draws, DOES.len())];
        let back = match does {
            Does::Leaves | Does::Blocks | Does::LosesSms => Some(Does::Returns),
            Does::Stops => Some(Does::Starts),
            Does::Returns | Does::Writes | Does::WritesSms | Does::Starts => None,
        };
        let act = Act::Person { person, does };
        items.push(Item { at_ms, act });
        if let Some(does) = back {
            let at_ms = at_ms + draws.up_to(300_000);
            let act = Act::Person { person, does };
            items.push(Item { at_ms, act });
        }
    }
    items
}

fn faults(seed: u64, weather: Weather, nodes: u8, storm_ms: u64) -> Vec<Item> {
    let mut draws = branch(seed, "faults");
    let count = 1 + draws.up_to(9);
    let mut items = Vec::new();
    for n in 0..count {
        // Each fault from a stream of its own: taking one away leaves the others as they were.
        let mut own = branch(seed, &format!("fault {n}"));
        let at_ms = own.up_to(storm_ms);
        let act = a_fault(&mut own, weather, nodes, n == 0);
        items.push(Item { at_ms, act });
    }
    items
}

fn a_fault(draws: &mut Draws, weather: Weather, nodes: u8, first: bool) -> Act {
    let kind = draws.up_to(9);
    match weather {
        Weather::Calm | Weather::Own => own_fault(draws),
        Weather::Providers if kind < 6 || first => outage(draws),
        Weather::Providers => net(draws),
        Weather::House if kind < 4 => store(draws, nodes),
        Weather::House => house(draws, nodes),
        Weather::Storm if first || kind < 3 => outage(draws),
        Weather::Storm if kind < 6 => net(draws),
        Weather::Storm if kind < 8 => store(draws, nodes),
        Weather::Storm => house(draws, nodes),
    }
}

fn own_fault(draws: &mut Draws) -> Act {
    let profile = OWN[at_random(draws, OWN.len())];
    outage_of(draws, profile)
}

fn outage(draws: &mut Draws) -> Act {
    let texts = |name: &str| {
        !matches!(
            name,
            "contract_change" | "inbound_type_silent" | "recipient_temporary"
        )
    };
    let names: Vec<&str> = PROFILES.iter().map(|profile| profile.name).collect();
    let names: Vec<&str> = names.into_iter().filter(|name| texts(name)).collect();
    let profile = names[at_random(draws, names.len())];
    outage_of(draws, profile)
}

fn outage_of(draws: &mut Draws, name: &str) -> Act {
    let known = PROFILES.iter().find(|profile| profile.name == name);
    let sms = known.is_some_and(|profile| profile.providers.contains(&Provider::Sms));
    let whatsapp = known.is_some_and(|profile| profile.providers.contains(&Provider::Whatsapp));
    let provider = if sms && (!whatsapp || draws.percent(30)) {
        Provider::Sms
    } else {
        Provider::Whatsapp
    };
    let some = draws.percent(30);
    let percent = 10 + u8::try_from(draws.up_to(80)).unwrap_or(0);
    Act::Outage {
        profile: name.to_owned(),
        provider,
        percent: some.then_some(percent),
        for_ms: 10_000 + draws.up_to(600_000),
    }
}

fn net(draws: &mut Draws) -> Act {
    const PLACES: [Between; 6] = [
        Between::Whatsapp,
        Between::Sms,
        Between::Hooks,
        Between::Apps,
        Between::Callers,
        Between::World,
    ];
    const FAULTS: [NetFault; 7] = [
        NetFault::Refuse,
        NetFault::LoseRequest,
        NetFault::LoseAnswer,
        NetFault::Cut,
        NetFault::Slow,
        NetFault::Late,
        NetFault::Repeat,
    ];
    Act::Net {
        between: PLACES[at_random(draws, PLACES.len())],
        does: FAULTS[at_random(draws, FAULTS.len())],
        percent: share(draws),
        for_ms: 5_000 + draws.up_to(240_000),
    }
}

fn store(draws: &mut Draws, nodes: u8) -> Act {
    const FAULTS: [StoreFault; 6] = [
        StoreFault::Away,
        StoreFault::Stalls,
        StoreFault::Full,
        StoreFault::Ambiguous,
        StoreFault::Ambiguous,
        StoreFault::Unreadable,
    ];
    let all = nodes == 1 || draws.percent(50);
    let node = small(draws, nodes);
    Act::Store {
        does: FAULTS[at_random(draws, FAULTS.len())],
        node: (!all).then_some(node),
        percent: share(draws),
        for_ms: 1_000 + draws.up_to(90_000),
    }
}

fn house(draws: &mut Draws, nodes: u8) -> Act {
    const JUMPS_MS: [i64; 6] = [-3_600_000, -60_000, -2_000, 2_000, 45_000, 600_000];
    const APP_DOWN: u64 = 3;
    let node = small(draws, nodes);
    let down_ms = 200 + draws.up_to(90_000);
    match draws.up_to(9) {
        0..=3 => Act::Crash { node, down_ms },
        4 | 5 => Act::Restart { node, down_ms },
        6 | 7 => Act::Clock {
            node,
            by_ms: JUMPS_MS[at_random(draws, JUMPS_MS.len())],
            for_ms: 5_000 + draws.up_to(300_000),
        },
        _ => Act::AppFails {
            app: small(draws, APPS),
            percent: if draws.percent(50) { 100 } else { 40 },
            for_ms: 10_000 + draws.up_to(APP_DOWN * 100_000),
        },
    }
}

fn share(draws: &mut Draws) -> u8 {
    const SHARES: [u8; 5] = [10, 30, 60, 100, 100];
    SHARES[at_random(draws, SHARES.len())]
}

fn small(draws: &mut Draws, below: u8) -> u8 {
    let last = u64::from(below.saturating_sub(1));
    u8::try_from(draws.up_to(last)).unwrap_or(0)
}

fn at_random(draws: &mut Draws, count: usize) -> usize {
    let last = (count as u64).saturating_sub(1);
    usize::try_from(draws.up_to(last)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_script_and_json_brings_it_back() {
        for seed in 0..50 {
            let script = script_of(seed, None);
            assert_eq!(script, script_of(seed, None));
            let json = serde_json::to_string(&script).unwrap();
            assert_eq!(serde_json::from_str::<Script>(&json).unwrap(), script);
            assert!(
                script
                    .items
                    .iter()
                    .all(|item| item.at_ms <= script.heal_at_ms + 300_000)
            );
        }
    }

    #[test]
    fn seeds_hold_every_kind_of_fault() {
        let scripts: Vec<Script> = (0..200).map(|seed| script_of(seed, None)).collect();
        let acts = || scripts.iter().flat_map(|script| &script.items);
        let has = |name: &str| acts().any(|item| item.act.name().contains(name));
        let wanted = [
            "crash",
            "restart",
            "clock",
            "app_fails",
            "hard_down",
            "full",
            "ambiguous",
            "net_world",
        ];
        for name in wanted.into_iter().chain(OWN) {
            assert!(has(name), "{name}");
        }
    }
}
