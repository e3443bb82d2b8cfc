//! From Suspect to Up again: the states of one trouble, their reasons and times, and what outlives
//! a restart.

use super::{BEGIN, Play, fails};
use crate::Timestamp;
use crate::health::board::episode::Episode;
use crate::health::signal::Evidence;
use crate::health::verdict::Health;

/// One failure after another until the text messages are in this state.
fn until(health: Health, play: &mut Play, route: crate::routing::RouteIx, evidence: &Evidence) {
    for _ in 0..3_000 {
        if play.health(route) == health {
            return;
        }
        play.live(1, &[(route, evidence.clone())]);
    }
    panic!(
        "never {health:?}, but {:?}: {:?}",
        play.health(route),
        play.changes()
    );
}

#[test]
fn a_total_outage_goes_the_whole_way_with_reasons() {
    let (mut play, text) = Play::simple();
    play.live(60, &[(text, Evidence::Works)]);
    assert!(play.said.is_empty());
    play.probes[0] = fails();
    until(Health::Suspect, &mut play, text, &fails());
    until(Health::Degraded, &mut play, text, &fails());
    until(Health::Down, &mut play, text, &fails());
    play.live(60, &[(text, fails())]);
    assert_eq!(
        play.health(text),
        Health::Down,
        "its probes fail: it is not tested"
    );
    play.probes[0] = Evidence::Works;
    until(Health::Recovering, &mut play, text, &Evidence::Works);
    until(Health::Up, &mut play, text, &Evidence::Works);
    for (health, words) in [
        (Health::Degraded, "failed within"),
        (Health::Down, "it goes on: 100 % failing"),
        (
            Health::Recovering,
            "a probe was answered; testing with a trickle",
        ),
        (Health::Up, "20 of 20 sends that tested it worked"),
    ] {
        assert!(
            play.reason_of(health).contains(words),
            "{}",
            play.reason_of(health)
        );
    }
    assert!(play.reason_of(Health::Down).contains("131016"));
}

#[test]
fn the_course_tells_when_it_began_and_how_quick_we_were() {
    let (mut play, text) = Play::simple();
    play.live(60, &[(text, Evidence::Works)]);
    let begun = play.now;
    until(Health::Down, &mut play, text, &fails());
    let course = &play.said.last().unwrap().course;
    assert_eq!(course.onset, Some(begun));
    let times = [
        course.onset,
        course.suspect_at,
        course.degraded_at,
        course.down_at,
    ];
    assert!(
        times.iter().all(Option::is_some) && times.is_sorted(),
        "{times:?}"
    );
    assert!(
        course
            .ratio
            .is_some_and(|ratio| (0.5..2.0).contains(&ratio)),
        "{course:?}"
    );
}

#[test]
fn a_blip_is_never_down_and_teaches_the_dwell() {
    let (mut play, text) = Play::simple();
    play.live(60, &[(text, Evidence::Works)]);
    play.live(7, &[(text, fails())]);
    play.live(120, &[(text, Evidence::Works)]);
    assert_eq!(play.health(text), Health::Up);
    assert!(play.reached(Health::Degraded) && !play.reached(Health::Down));
    assert!(play.reason_of(Health::Up).contains("works again"));
}

#[test]
fn probes_that_work_again_end_a_blip_before_the_next_message() {
    let (mut play, text) = Play::simple();
    play.live(60, &[(text, Evidence::Works)]);
    play.probes[0] = fails();
    play.live(1, &[(text, fails())]);
    play.live(1, &[(text, fails())]);
    play.live(6, &[]);
    assert_eq!(play.health(text), Health::Degraded);
    play.probes[0] = Evidence::Works;
    play.live(40, &[]);
    assert!(!play.reached(Health::Down), "{:?}", play.changes());
    play.live(12, &[(text, fails())]);
    assert!(
        play.reached(Health::Down),
        "what fails after the probes worked: {:?}",
        play.changes()
    );
}

#[test]
fn a_relapse_doubles_the_longest_hold_down() {
    let (mut play, text) = Play::simple();
    play.live(60, &[(text, Evidence::Works)]);
    until(Health::Down, &mut play, text, &fails());
    until(Health::Recovering, &mut play, text, &fails());
    until(Health::Down, &mut play, text, &fails());
    assert!(
        play.said
            .last()
            .unwrap()
            .reason
            .contains("2 of 2 sends failed")
    );
    assert_eq!(play.board.episodes()[0].relapses, 1);
    let longest = |play: &mut Play| {
        let waits = (0..500_u64).map(|draw| {
            play.board.draw = draw << 40;
            play.board.hold_down(0, play.now);
            play.board.episodes()[0].hold_until.since_ms(play.now)
        });
        waits.max().unwrap()
    };
    assert!((110_000..=120_000).contains(&longest(&mut play)));
    play.board.episodes[0].relapses = 30;
    assert!(
        (1_700_000..=1_800_000).contains(&longest(&mut play)),
        "half an hour at most"
    );
}

#[test]
fn broken_probes_alone_do_not_keep_it_down_for_ever() {
    let (mut play, text) = Play::simple();
    play.live(60, &[(text, Evidence::Works)]);
    play.probes[0] = fails();
    until(Health::Down, &mut play, text, &fails());
    play.live(1_790, &[]);
    assert_eq!(play.health(text), Health::Down);
    play.live(60, &[(text, Evidence::Works)]);
    assert_eq!(
        play.health(text),
        Health::Up,
        "sends work, whatever the probes say"
    );
}

#[test]
fn what_was_down_is_down_after_a_restart_and_tested_before_it_is_trusted() {
    let (mut play, text) = Play::simple();
    play.live(60, &[(text, Evidence::Works)]);
    until(Health::Down, &mut play, text, &fails());
    let old = play.board.episodes()[0].clone();
    let saved = play.board.saved(old.id).unwrap();
    let name = play.board.name_of(&old.scope);

    let (mut play, text) = Play::simple();
    play.now = old.since.plus_ms(60_000);
    let state = (Health::Down, old.since);
    let id = play
        .board
        .resume(&name, state, "it was down", &saved, play.now)
        .unwrap();
    let new = play
        .board
        .episodes()
        .iter()
        .find(|it| it.id == id)
        .cloned()
        .unwrap();
    assert_eq!(
        (new.course.onset, new.course.down_at),
        (old.course.onset, old.course.down_at)
    );
    assert_eq!((new.strand, new.relapses), (old.strand, old.relapses));
    assert_eq!(play.health(text), Health::Down);
    until(Health::Up, &mut play, text, &Evidence::Works);
    assert!(play.reached(Health::Recovering));
}

#[test]
fn what_was_suspect_or_degraded_is_not_taken_up() {
    let (mut play, _) = Play::simple();
    for health in [
        Health::Up,
        Health::Suspect,
        Health::Degraded,
        Health::SelfImpaired,
    ] {
        let state = (health, BEGIN);
        assert!(
            play.board
                .resume("whatsapp/106/session/+49", state, "", "", BEGIN)
                .is_none()
        );
    }
}

#[test]
fn a_clock_set_back_makes_no_wait_longer() {
    let (mut play, text) = Play::simple();
    play.live(60, &[(text, Evidence::Works)]);
    until(Health::Down, &mut play, text, &fails());
    let back = Timestamp(play.now.0 - 3_600_000);
    play.board.tick(back, 0);
    let late = |it: &Episode| it.hold_until > back || it.since > back;
    assert!(!play.board.episodes().iter().any(late));
    play.now = back;
    assert!(
        play.board.take_probe(super::NumberIx(0), back),
        "it is probed at once"
    );
}

#[test]
fn a_probe_that_is_due_and_not_taken_does_not_wake_again_at_once() {
    let (mut play, _) = Play::simple();
    play.board.tick(play.now, 0);
    assert!(play.board.wake_at(play.now) > play.now);
    assert!(
        play.board.take_probe(super::NumberIx(0), play.now),
        "it is still due"
    );
}
