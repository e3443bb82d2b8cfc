//! How many instructions the hot functions take, by callgrind: a figure that a noisy machine does
//! not move. `cargo xtask bench instructions` compares with the run before.

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use holdline_core::health::{
    Board, BoardConfig, Country, Ended, Evidence, Feature, Health, LeafKey, NumberConfig,
    ReceiptSign, Signal,
};
use holdline_core::message::delivery::{Context, Hearing};
use holdline_core::message::{
    ClassSet, Delivery, Hop, Outcome, Priority, Progress, Receipt, ReceiptKind, Success, Terms,
};
use holdline_core::routing::{
    Choice, Gate, GateConfig, Policy, RouteIx, RouteView, Routes, choose,
};
use holdline_core::{ChannelKind, MessageId, Timestamp};
use std::hint::black_box;

/// Fails beyond so many instructions: a quarter more than when this was last looked at.
fn at_most(instructions: u64) -> LibraryBenchmarkConfig {
    let mut callgrind = Callgrind::default();
    callgrind.hard_limits([(EventKind::Ir, instructions)]);
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(callgrind);
    config
}

const START: Timestamp = Timestamp(1_700_000_000_000);

struct AllWell;

impl Routes for AllWell {
    fn view(&self, _: RouteIx) -> RouteView {
        RouteView {
            health: Health::Up,
            since: START,
            room: true,
            ramping: false,
            held: false,
            blocked_until: Timestamp(0),
        }
    }
}

fn delivery() -> Delivery {
    let hop = |route| Hop {
        route: RouteIx(route),
        receipt_wait_ms: 900_000,
        wait_is_explicit: false,
        ttl_ms: 0,
        success: Success::Delivered,
        on: ClassSet::default(),
    };
    let terms = Terms {
        priority: Priority::Service,
        duplicate_rule: Priority::Service.duplicate_rule(),
        created_at: START,
        expires_at: START.plus_ms(86_400_000),
    };
    Delivery::new(MessageId(1), terms, Box::new([hop(0), hop(1), hop(2)]))
}

fn fresh() -> (Delivery, Policy) {
    (delivery(), Policy::default())
}

fn new_gate() -> Gate {
    Gate::new(GateConfig::default(), START)
}

fn sent() -> (Delivery, Policy) {
    let (mut delivery, policy) = (delivery(), Policy::default());
    let _ = delivery.handle_due(context(&policy, 0));
    (delivery, policy)
}

fn placed() -> (Delivery, Policy) {
    let (mut delivery, policy) = sent();
    let _ = delivery.handle_outcome(1, &accepted(), context(&policy, 1));
    (delivery, policy)
}

fn accepted() -> Outcome {
    Outcome::Accepted {
        provider_id: Some("wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBI".into()),
    }
}

fn context(policy: &Policy, after_ms: u64) -> Context<'_> {
    Context {
        now: START.plus_ms(after_ms),
        draw: 7,
        policy,
        routes: &AllWell,
        hearing: Hearing::default(),
    }
}

#[library_benchmark(config = at_most(400))]
#[bench::three_hops(args = (), setup = fresh)]
fn choose_a_hop((delivery, policy): (Delivery, Policy)) -> Choice {
    black_box(choose(&delivery, START, &policy, &AllWell).0)
}

#[library_benchmark(config = at_most(1_200))]
#[bench::first(args = (), setup = fresh)]
fn send((mut delivery, policy): (Delivery, Policy)) -> Delivery {
    let _ = black_box(delivery.handle_due(context(&policy, 0)));
    delivery
}

#[library_benchmark(config = at_most(650))]
#[bench::accepted(args = (), setup = sent)]
fn outcome((mut delivery, policy): (Delivery, Policy)) -> Delivery {
    let _ = black_box(delivery.handle_outcome(1, &accepted(), context(&policy, 1)));
    delivery
}

#[library_benchmark(config = at_most(750))]
#[bench::delivered(args = (), setup = placed)]
fn receipt((mut delivery, policy): (Delivery, Policy)) -> Delivery {
    let receipt = Receipt {
        number: 1,
        kind: ReceiptKind::Reached(Progress::Delivered),
    };
    let _ = black_box(delivery.handle_receipt(&receipt, context(&policy, 2)));
    delivery
}

#[library_benchmark(config = at_most(130_000))]
#[bench::a_thousand(args = (), setup = new_gate)]
fn gate(mut gate: Gate) -> u32 {
    let mut sent = 0;
    for at in 0..1_000 {
        if gate.room(START.plus_ms(at), 3) > 0 {
            gate.take();
            gate.ended(true, START.plus_ms(at));
            sent += 1;
        }
    }
    black_box(sent)
}

fn busy_board() -> (Board, RouteIx) {
    let mut board = Board::new(BoardConfig::default());
    let config = NumberConfig {
        sender: "106540352242922".into(),
        receipts: true,
        configured: true,
        ..NumberConfig::default()
    };
    let number = board.add_number(ChannelKind::WHATSAPP, &config, START);
    let key = LeafKey {
        number,
        feature: Feature::Session,
        country: Country(49),
    };
    let route = board.leaf(key, START);
    observe(&mut board, route, 0..2_000);
    (board, route)
}

/// Messages of one route, 50 ms apart, with answers and receipts, and the looks that follow.
fn observe(board: &mut Board, route: RouteIx, messages: std::ops::Range<u32>) {
    for recipient in messages {
        let at = START.plus_ms(50 * u64::from(recipient));
        board.observe(&Signal::Started { route, at });
        board.observe(&Signal::Ended(Ended {
            route,
            at,
            started_at: Some(at),
            first: true,
            recipient,
            evidence: Some(Evidence::Works),
        }));
        board.observe(&Signal::Accepted { route, at });
        for kind in [ReceiptSign::Sent, ReceiptSign::Delivered] {
            board.observe(&Signal::Receipt {
                route,
                accepted_at: at,
                at,
                kind,
            });
        }
        if board.wake_at(at) <= at {
            board.tick(at, u64::from(recipient));
        }
    }
}

#[library_benchmark(config = at_most(400_000))]
#[bench::a_hundred_messages(args = (), setup = busy_board)]
fn detector((mut board, route): (Board, RouteIx)) -> Board {
    observe(&mut board, route, 2_000..2_100);
    black_box(board)
}

library_benchmark_group!(
    name = delivering,
    benchmarks = [choose_a_hop, send, outcome, receipt, gate]
);
library_benchmark_group!(name = detecting, benchmarks = detector);

main!(library_benchmark_groups = [delivering, detecting]);
