//! One leaf, with no board around it.

use super::*;
use crate::ChannelKind;
use crate::health::scope::{Country, Feature, NumberIx};
use crate::routing::RouteIx;

const BEGIN: Timestamp = Timestamp(1_700_000_000_000);

fn leaf() -> (Leaf, Delays) {
    let (number, feature, country) = (NumberIx(0), Feature::Session, Country(49));
    let key = LeafKey {
        number,
        feature,
        country,
    };
    let scope = Scope {
        channel: ChannelKind::WHATSAPP,
        account: None,
        number: Some(number),
        feature: Some(feature),
        country: Some(country),
    };
    let pool = Delays::default();
    (Leaf::new(key, scope, &pool, BEGIN), pool)
}

fn ended(started_at: Timestamp, at: Timestamp, recipient: u32, evidence: Evidence) -> Ended {
    let (route, first) = (RouteIx(0), true);
    let (started_at, evidence) = (Some(started_at), Some(evidence));
    Ended {
        route,
        at,
        started_at,
        first,
        recipient,
        evidence,
    }
}

/// One outcome a second, `x` for a failure; judges after each.
fn play(leaf: &mut Leaf, pool: &mut Delays, begin: Timestamp, outcomes: &str) -> Timestamp {
    let context = Context {
        mtbfa_s: 180.0 * 86_400.0,
        ..Context::default()
    };
    let mut at = begin;
    for (recipient, outcome) in (0..).zip(outcomes.chars()) {
        at = at.plus_ms(1_000);
        let evidence = if outcome == 'x' {
            Evidence::fails("2")
        } else {
            Evidence::Works
        };
        leaf.ended(&ended(at, at, recipient, evidence), pool, true);
        leaf.judge(at, &context);
    }
    at
}

#[test]
fn connections_that_broke_while_the_host_slept_say_nothing() {
    for wakes_by_tick in [true, false] {
        let (mut leaf, mut pool) = leaf();
        (0..50).for_each(|_| leaf.started(BEGIN));
        leaf.tick(BEGIN, BEGIN, &mut pool);
        let awake = BEGIN.plus_ms(3_600_000);
        if wakes_by_tick {
            leaf.tick(awake, awake, &mut pool);
        }
        for recipient in 0..50 {
            let at = awake.plus_ms(u64::from(recipient) * 100);
            leaf.ended(
                &ended(BEGIN, at, recipient, Evidence::fails("reset")),
                &mut pool,
                true,
            );
            leaf.tick(at, at, &mut pool);
        }
        assert_eq!(
            leaf.strands.act_nats(&Around::default()),
            0.0,
            "{wakes_by_tick}"
        );
    }
}

#[test]
fn a_delay_over_a_clock_that_was_set_is_not_learned() {
    let (mut leaf, mut pool) = leaf();
    leaf.started(BEGIN);
    leaf.tick(BEGIN, BEGIN, &mut pool);
    let at = BEGIN.plus_ms(3_600_000);
    leaf.ended(&ended(BEGIN, at, 1, Evidence::Works), &mut pool, true);
    assert_eq!(leaf.usual.delays.latency.weight(), 0.0);
}

#[test]
fn connections_that_break_under_our_eyes_count() {
    let (mut leaf, mut pool) = leaf();
    for recipient in 0..6 {
        let at = BEGIN.plus_ms(u64::from(recipient) * 1_000);
        leaf.started(at);
        leaf.tick(at.plus_ms(250), at.plus_ms(250), &mut pool);
        let broke = ended(at, at.plus_ms(300), recipient, Evidence::fails("reset"));
        leaf.ended(&broke, &mut pool, true);
    }
    assert!(leaf.strands.act_nats(&Around::default()) > 17.0);
}

#[test]
fn a_suspicion_that_passes_leaves_its_evidence() {
    let (mut leaf, mut pool) = leaf();
    let at = play(&mut leaf, &mut pool, BEGIN, "x");
    assert!(matches!(leaf.mood, Mood::Suspect { .. }));
    play(&mut leaf, &mut pool, at, "oooooooooooooooooooo");
    assert_eq!(leaf.mood, Mood::Calm);
    assert!(!leaf.strands.sends.is_calm(), "a tenth that fails adds up");
}

#[test]
fn a_run_of_successes_ends_what_failed() {
    let (mut leaf, mut pool) = leaf();
    let at = play(&mut leaf, &mut pool, BEGIN, &"x".repeat(60));
    assert!(matches!(leaf.mood, Mood::Failing { .. }));
    let at = play(&mut leaf, &mut pool, at, &"o".repeat(19));
    assert!(matches!(leaf.mood, Mood::Failing { .. }));
    play(&mut leaf, &mut pool, at, "o");
    assert_eq!(leaf.mood, Mood::Calm);
    assert!(leaf.strands.sends.is_calm());
}

#[test]
fn own_outcomes_contradict_failing_probes_and_one_failure_does_not_change_that() {
    let check = |outcomes: &str, expect: bool| {
        let (mut leaf, mut pool) = leaf();
        leaf.probes_fail(0.8);
        play(&mut leaf, &mut pool, BEGIN, outcomes);
        assert_eq!(leaf.contradicts(), expect, "{outcomes}");
    };
    check("", false);
    check("o", false);
    check("oo", true);
    check("oooooooooooox", true);
    check("ooooooooooooxxx", false);
    check("xx", false);
}

#[test]
fn own_failures_beyond_those_that_count_still_say_that_sending_fails() {
    let share = |own: &[(u64, Evidence)]| {
        let (mut leaf, mut pool) = leaf();
        for recipient in 0..3 {
            let works = ended(BEGIN, BEGIN, recipient, Evidence::Works);
            leaf.ended(&works, &mut pool, true);
        }
        let (mut at, mut recipient) = (BEGIN, 3);
        for (ms, evidence) in own {
            at = BEGIN.plus_ms(*ms);
            recipient += 1;
            leaf.ended(&ended(at, at, recipient, evidence.clone()), &mut pool, true);
            leaf.probed(true, at);
        }
        assert!(
            leaf.strands.sends.is_calm(),
            "three of this second were counted"
        );
        for _ in 0..20 {
            at = at.plus_ms(1_000);
            leaf.probed(true, at);
        }
        let probe_failed_at = Some(at);
        leaf.failing_share(
            at,
            &Context {
                probe_failed_at,
                ..Context::default()
            },
        )
    };
    let fails = || Evidence::fails("2");
    assert!(share(&[]) < f64::EPSILON, "probes alone do not say it");
    assert!(share(&[(100, fails()), (200, fails())]) > 0.99);
    let mended = [(100, fails()), (200, Evidence::Works)];
    assert!(share(&mended) < f64::EPSILON);
}

#[test]
fn an_unknown_error_counts_only_where_the_same_worked() {
    let (mut leaf, mut pool) = leaf();
    for recipient in 0..9 {
        let at = BEGIN.plus_ms(u64::from(recipient) * 1_000);
        leaf.ended(
            &ended(at, at, recipient, Evidence::fails("1")),
            &mut pool,
            true,
        );
    }
    assert!(leaf.strands.sends.is_calm());
    leaf.ended(&ended(BEGIN, BEGIN, 99, Evidence::Works), &mut pool, true);
    leaf.ended(
        &ended(BEGIN, BEGIN, 100, Evidence::fails("1")),
        &mut pool,
        true,
    );
    assert!(!leaf.strands.sends.is_calm());
}
