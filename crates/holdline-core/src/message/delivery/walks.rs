//! Random walks over the delivery machine: whatever happens in whatever order, the laws hold, and
//! when the world heals and time passes, every delivery ends.

use super::tests::{World, delivery, hop};
use super::*;
use crate::health::Health;
use crate::message::{Fault, FaultClass, Outcome, Receipt, ReceiptKind, ThrottleScope};
use crate::routing::RouteIx;
use crate::step::Effect;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

#[derive(Clone, Debug)]
enum Happening {
    Pass(u32),
    Answer(u8),
    Progress { back: u8, progress: Progress },
    Fails { back: u8, class: FaultClass },
    Health { route: usize, health: Health },
    Room { route: usize, room: bool },
    Crash,
    Cancel,
}

fn happening() -> impl Strategy<Value = Happening> {
    let health = prop::sample::select(Health::ALL.to_vec());
    let class = prop::sample::select(FaultClass::ALL.to_vec());
    let progress = prop::sample::select(Progress::ALL[1..].to_vec());
    prop_oneof![
        4 => (0_u32..400_000).prop_map(Happening::Pass),
        6 => any::<u8>().prop_map(Happening::Answer),
        3 => (0_u8..4, progress)
            .prop_map(|(back, progress)| Happening::Progress { back, progress }),
        1 => (0_u8..3, class).prop_map(|(back, class)| Happening::Fails { back, class }),
        2 => (0_usize..2, health).prop_map(|(route, health)| Happening::Health { route, health }),
        1 => (0_usize..2, any::<bool>()).prop_map(|(route, room)| Happening::Room { route, room }),
        1 => Just(Happening::Crash),
        1 => prop::bool::weighted(0.1).prop_map(|cancel| {
            if cancel { Happening::Cancel } else { Happening::Crash }
        }),
    ]
}

fn outcome(pick: u8, now: Timestamp) -> Outcome {
    let class = FaultClass::ALL[usize::from(pick / 8) % FaultClass::ALL.len()];
    let fault = Fault::new(class, "c", "w");
    match pick % 8 {
        0..=2 => Outcome::Accepted { provider_id: None },
        3 | 4 => Outcome::Rejected(fault),
        5 => Outcome::Throttled {
            fault: Fault::new(FaultClass::Throttled, "c", "w"),
            scope: ThrottleScope::Route,
            until: Some(now.plus_ms(u64::from(pick) * 1_000)),
        },
        _ => Outcome::Unknown(fault),
    }
}

struct Walk {
    machine: Delivery,
    world: World,
    policy: Policy,
    now: Timestamp,
    told: Vec<Progress>,
    failed: u32,
    doubted: Vec<u16>,
    log: Vec<Step>,
}

impl Walk {
    fn new(priority: Priority) -> Self {
        Self {
            machine: delivery(priority, vec![hop(RouteIx(0)), hop(RouteIx(1))]),
            world: World::default(),
            policy: Policy::default(),
            now: Timestamp(0),
            told: vec![],
            failed: 0,
            doubted: vec![],
            log: vec![],
        }
    }

    fn go(&mut self, happening: &Happening) {
        match happening {
            Happening::Pass(ms) => {
                self.now = self.now.plus_ms(u64::from(*ms));
                self.act(|machine, c| machine.handle_due(c));
            }
            Happening::Answer(pick) => {
                let (number, outcome) = (self.machine.number(), outcome(*pick, self.now));
                self.act(|machine, c| machine.handle_outcome(number, &outcome, c));
            }
            Happening::Progress { back, progress } => {
                self.receipt(*back, ReceiptKind::Reached(*progress));
            }
            Happening::Fails { back, class } => {
                self.receipt(*back, ReceiptKind::Failed(Fault::new(*class, "c", "w")));
            }
            Happening::Health { route, health } => {
                self.world.health[*route] = *health;
                self.world.since = self.now;
                self.machine.nudge(self.now);
                self.act(|machine, c| machine.handle_due(c));
            }
            Happening::Room { route, room } => self.world.room[*route] = *room,
            Happening::Crash => self.act(|machine, c| machine.handle_recovered(c)),
            Happening::Cancel => self.act(|machine, c| machine.handle_cancel(c)),
        }
    }

    fn receipt(&mut self, back: u8, kind: ReceiptKind) {
        let number = self.machine.number().saturating_sub(u16::from(back));
        self.act(|machine, c| machine.handle_receipt(&Receipt { number, kind }, c));
    }

    fn act(&mut self, act: impl FnOnce(&mut Delivery, Context<'_>) -> Step) {
        let before = self.machine.state;
        let context = Context {
            now: self.now,
            draw: 7,
            policy: &self.policy,
            routes: &self.world,
            hearing: Hearing::default(),
        };
        let step = act(&mut self.machine, context);
        self.check(before, &step);
        self.log.push(step);
    }

    fn check(&mut self, before: State, step: &Step) {
        let sends = step
            .effects
            .iter()
            .filter(|e| matches!(e, Effect::Send { .. }))
            .count();
        assert!(sends <= 1, "one attempt in flight");
        if sends == 1 {
            assert!(
                !matches!(before, State::Ended { .. }),
                "an ended delivery sends nothing"
            );
            let route = usize::from(self.machine.hops[usize::from(self.machine.hop)].route.0);
            let health = self.world.health[route];
            let open = health.is_usable() || health == Health::Recovering;
            assert!(open, "nothing new goes to a route that is {health:?}");
            assert!(
                self.doubted.is_empty() || self.may_repeat(),
                "never a blind resend"
            );
        }
        for effect in &step.effects {
            match effect {
                Effect::Tell(progress) => {
                    assert!(self.told.last().is_none_or(|last| last < progress));
                    self.told.push(*progress);
                }
                Effect::TellFailed(_) => self.failed += 1,
                Effect::Send { .. } | Effect::Decide(_) | Effect::Duplicate { .. } => {}
            }
        }
        assert!(self.failed <= 1, "failure is told once");
        assert!(self.machine.number() <= self.policy.attempts_max);
        if matches!(self.machine.state, State::InDoubt { .. }) {
            self.doubted.push(self.machine.number());
        }
        if !self.machine.state.is_ended() {
            assert!(step.wake_at.is_some(), "no state without a deadline");
        }
    }

    /// A doubt was settled by a receipt or failure, or the rule allows a copy.
    fn may_repeat(&self) -> bool {
        let rule = self.machine.terms.duplicate_rule;
        let settled = self.doubted.iter().all(|number| {
            let attempt = self.machine.attempts[usize::from(*number) - 1];
            attempt.failed || attempt.reached > Progress::None
        });
        settled || rule != crate::message::DuplicateRule::Never
    }

    fn heal(&mut self) {
        self.world = World {
            since: self.now,
            ..World::default()
        };
        self.machine.nudge(self.now);
        for _ in 0..2_000 {
            if self.machine.state.is_ended() {
                return;
            }
            if matches!(self.machine.state, State::InFlight { .. }) {
                self.go(&Happening::Answer(0));
            }
            let wake = self.machine.wake_at(&self.policy).unwrap_or(self.now);
            self.now = self.now.max(wake);
            self.act(|machine, c| machine.handle_due(c));
        }
        panic!("the delivery did not end: {:?}", self.machine.state);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_laws_hold_and_every_delivery_ends(
        priority in prop::sample::select(Priority::ALL.to_vec()),
        happenings in prop::collection::vec(happening(), 0..60),
    ) {
        let run = || {
            let mut walk = Walk::new(priority);
            walk.go(&Happening::Pass(0));
            happenings.iter().for_each(|happening| walk.go(happening));
            walk.heal();
            walk
        };
        let (first, second) = (run(), run());
        prop_assert_eq!(first.log, second.log, "the same events give the same steps");
    }
}
