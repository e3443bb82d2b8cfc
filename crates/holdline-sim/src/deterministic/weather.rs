//! Which faults are on, and what becomes of one call under them. Decides by its own draws; never
//! sleeps and never touches what is called.

use super::script::{Act, Between, NetFault, StoreFault};
use crate::deterministic::script::branch;
use crate::draws::Draws;
use std::collections::BTreeMap;

/// What a call over a network comes to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Way {
    pub(crate) there_ms: u64,
    pub(crate) back_ms: u64,
    pub(crate) refused: bool,
    pub(crate) request_lost: bool,
    pub(crate) answer_lost: bool,
    pub(crate) cut: bool,
    pub(crate) twice: bool,
}

/// What a call of the store comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Serve {
    pub(crate) before_ms: u64,
    pub(crate) after_ms: u64,
    pub(crate) fault: Option<StoreFault>,
    /// Of an ambiguous commit: it happened.
    pub(crate) written: bool,
}

/// The faults that are on.
pub(crate) struct Weather {
    seed: u64,
    on: BTreeMap<u32, Act>,
    streams: BTreeMap<(&'static str, u8), Draws>,
    injected: BTreeMap<String, u64>,
}

impl Weather {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            on: BTreeMap::new(),
            streams: BTreeMap::new(),
            injected: BTreeMap::new(),
        }
    }

    pub(crate) fn begin(&mut self, id: u32, act: Act) {
        self.on.insert(id, act);
    }

    pub(crate) fn end(&mut self, id: u32) {
        self.on.remove(&id);
    }

    pub(crate) fn clear(&mut self) {
        self.on.clear();
    }

    /// Counts a fault that hit something.
    pub(crate) fn count(&mut self, name: String) {
        *self.injected.entry(name).or_default() += 1;
    }

    pub(crate) fn injected(&self) -> BTreeMap<String, u64> {
        self.injected.clone()
    }

    pub(crate) fn draws(&mut self, name: &'static str, node: u8) -> &mut Draws {
        let seed = self.seed;
        self.streams
            .entry((name, node))
            .or_insert_with(|| branch(seed, &format!("{name} {node}")))
    }

    pub(crate) fn way(&mut self, between: Between, node: u8) -> Way {
        let draws = self.draws(stream_of(between), node);
        let mut way = Way {
            there_ms: 1 + draws.wait_ms(4, 0.5),
            back_ms: 1 + draws.wait_ms(4, 0.5),
            ..Way::default()
        };
        for does in self.hits(between, node) {
            let draws = self.draws(stream_of(between), node);
            match does {
                NetFault::Refuse => way.refused = true,
                NetFault::LoseRequest => way.request_lost = true,
                NetFault::LoseAnswer => way.answer_lost = true,
                NetFault::Cut => way.cut = true,
                NetFault::Slow => {
                    way.there_ms += draws.up_to(4_000);
                    way.back_ms += draws.up_to(4_000);
                }
                NetFault::Late => way.there_ms += 16_000 + draws.up_to(60_000),
                NetFault::Repeat => way.twice = true,
            }
        }
        way
    }

    pub(crate) fn serve(&mut self, node: u8, writes: bool) -> Serve {
        let draws = self.draws("store", node);
        let mut serve = Serve {
            before_ms: draws.up_to(3),
            after_ms: draws.up_to(2),
            ..Serve::default()
        };
        for (does, percent) in self.store_faults(node) {
            let draws = self.draws("store", node);
            if !draws.percent(percent) {
                continue;
            }
            match does {
                StoreFault::Stalls => {
                    serve.before_ms += draws.up_to(4_000);
                    serve.after_ms += draws.up_to(4_000);
                }
                StoreFault::Ambiguous | StoreFault::LateCommit | StoreFault::Full if !writes => {}
                StoreFault::Unreadable if writes => {}
                StoreFault::Away
                | StoreFault::Full
                | StoreFault::Ambiguous
                | StoreFault::LateCommit
                | StoreFault::Unreadable => {
                    serve.written = draws.percent(50);
                    serve.fault = Some(does);
                }
            }
            self.count(format!("store_{does:?}").to_lowercase());
        }
        serve
    }

    /// How many in a hundred webhooks an app refuses.
    pub(crate) fn app_refuses(&mut self, app: u8) -> bool {
        let percents = self.on.values().filter_map(|act| match act {
            Act::AppFails {
                app: it, percent, ..
            } if *it == app => Some(*percent),
            Act::AppFails { .. }
            | Act::Send(_)
            | Act::Person { .. }
            | Act::Outage { .. }
            | Act::Net { .. }
            | Act::Store { .. }
            | Act::Crash { .. }
            | Act::Restart { .. }
            | Act::Clock { .. } => None,
        });
        let percents: Vec<u8> = percents.collect();
        let draws = self.draws("app", app);
        let refuses = percents.into_iter().any(|percent| draws.percent(percent));
        if refuses {
            self.count(String::from("app_refusal"));
        }
        refuses
    }

    /// Whether a node can reach nothing outside.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.net_faults(Between::World)
            .any(|(does, percent)| percent == 100 && does == NetFault::Refuse)
    }

    fn hits(&mut self, between: Between, node: u8) -> Vec<NetFault> {
        let own = self.net_faults(between);
        let over = self.net_faults(Between::World);
        let all: Vec<(NetFault, u8)> = own.chain(over).collect();
        let mut hits = Vec::new();
        for (does, percent) in all {
            if self.draws(stream_of(between), node).percent(percent) {
                self.count(format!("net_{does:?}").to_lowercase());
                hits.push(does);
            }
        }
        hits
    }

    fn net_faults(&self, on: Between) -> impl Iterator<Item = (NetFault, u8)> {
        self.on.values().filter_map(move |act| match act {
            Act::Net {
                between,
                does,
                percent,
                ..
            } if *between == on => Some((*does, *percent)),
            Act::Net { .. }
            | Act::Send(_)
            | Act::Person { .. }
            | Act::Outage { .. }
            | Act::Store { .. }
            | Act::Crash { .. }
            | Act::Restart { .. }
            | Act::Clock { .. }
            | Act::AppFails { .. } => None,
        })
    }

    fn store_faults(&self, of: u8) -> Vec<(StoreFault, u8)> {
        let on = self.on.values().filter_map(|act| match act {
            Act::Store {
                does,
                node,
                percent,
                ..
            } if node.is_none_or(|node| node == of) => Some((*does, *percent)),
            Act::Store { .. }
            | Act::Net { .. }
            | Act::Send(_)
            | Act::Person { .. }
            | Act::Outage { .. }
            | Act::Crash { .. }
            | Act::Restart { .. }
            | Act::Clock { .. }
            | Act::AppFails { .. } => None,
        });
        on.collect()
    }
}

const fn stream_of(between: Between) -> &'static str {
    match between {
        Between::Whatsapp => "to whatsapp",
        Between::Sms => "to sms",
        Between::Hooks => "hooks",
        Between::Apps => "to apps",
        Between::Callers => "callers",
        Between::World => "world",
    }
}
