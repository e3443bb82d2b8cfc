//! What an observation costs, and how large a leaf is.

use crate::Progress;
use crate::row::Row;
use crate::world::{Setup, World};
use holdline_core::health::leaf::Leaf;
use holdline_core::health::{Ended, Evidence, ReceiptSign, Signal};
use std::hint::black_box;
use std::time::Instant;

const OBSERVATIONS: u32 = 400_000;
const BATCHES: usize = 7;

/// State of one leaf without what it has learned, which stands in a box of its own.
pub(crate) fn size(_: &Progress) -> Vec<Row> {
    vec![Row {
        name: "state of a leaf, without baselines".into(),
        kind: "bytes",
        figure: size_of::<Leaf>() as f64,
        target: 1_000.0,
        unit: "bytes",
        basis: "size_of".into(),
    }]
}

/// The median of some batches, with nothing else running.
pub(crate) fn observation() -> Vec<Row> {
    let mut batches: Vec<f64> = (0..BATCHES as u64).map(batch).collect();
    batches.sort_by(f64::total_cmp);
    vec![Row {
        name: "time of an observation, looks included".into(),
        kind: "p50",
        figure: batches[BATCHES / 2] / 1_000.0,
        target: 1.0,
        unit: "us",
        basis: format!("{BATCHES} times {OBSERVATIONS}"),
    }]
}

/// Nanoseconds for each of the signals of healthy messages at 20/s, with the looks they ask for.
fn batch(seed: u64) -> f64 {
    let setup = Setup {
        per_s: 20.0,
        probes: true,
        receipts: true,
        base: 0.005,
    };
    let mut world = World::new(setup, seed);
    world.pass(300_000);
    let (mut at, route) = (world.clock(), world.route);
    let (board, begin) = (&mut world.board, Instant::now());
    for recipient in 0..OBSERVATIONS / 5 {
        at = at.plus_ms(50);
        board.observe(&Signal::Started { route, at });
        let answered = at.plus_ms(20);
        let evidence = if recipient % 200 == 0 {
            Evidence::fails("2")
        } else {
            Evidence::Works
        };
        board.observe(&Signal::Ended(Ended {
            route,
            at: answered,
            started_at: Some(at),
            first: true,
            recipient,
            evidence: Some(evidence),
        }));
        board.observe(&Signal::Accepted {
            route,
            at: answered,
        });
        for kind in [ReceiptSign::Sent, ReceiptSign::Delivered] {
            let come = answered.plus_ms(10);
            board.observe(&Signal::Receipt {
                route,
                accepted_at: answered,
                at: come,
                kind,
            });
        }
        if board.wake_at(at) <= at {
            board.tick(at, u64::from(recipient));
        }
        let _ = black_box(board.take_verdicts());
    }
    begin.elapsed().as_nanos() as f64 / f64::from(OBSERVATIONS)
}
