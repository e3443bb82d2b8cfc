//! Every promise holds in the runs of the first 200 seeds; split, so that they run side by side.

use super::words;
use crate::deterministic::script::script_of;
use crate::deterministic::{Trace, run};
use std::ops::Range;

fn hold(seeds: Range<u64>) {
    for seed in seeds {
        let report = run(&script_of(seed, None), Trace::Story);
        assert!(report.violation.is_none(), "{}", words(&report));
    }
}

#[test]
fn every_promise_holds_in_seeds_0_to_24() {
    hold(0..25);
}

#[test]
fn every_promise_holds_in_seeds_25_to_49() {
    hold(25..50);
}

#[test]
fn every_promise_holds_in_seeds_50_to_74() {
    hold(50..75);
}

#[test]
fn every_promise_holds_in_seeds_75_to_99() {
    hold(75..100);
}

#[test]
fn every_promise_holds_in_seeds_100_to_124() {
    hold(100..125);
}

#[test]
fn every_promise_holds_in_seeds_125_to_149() {
    hold(125..150);
}

#[test]
fn every_promise_holds_in_seeds_150_to_174() {
    hold(150..175);
}

#[test]
fn every_promise_holds_in_seeds_175_to_199() {
    hold(175..200);
}
