//! The plain rule, event by event.

use super::*;

const WORKS: Evidence = Evidence::Works;

fn fails() -> Evidence {
    Evidence::Fails { code: "2".into() }
}

fn refused() -> Evidence {
    Evidence::AccountRefused { code: "190".into() }
}

fn signal(at: i64, probe: bool, evidence: Evidence) -> Signal {
    Signal {
        at: Timestamp(at),
        probe,
        evidence,
    }
}

/// Feeds one signal a second (`true` = works) and gives the states passed through.
fn run(rule: &mut Rule, from_s: i64, signals: &[Evidence]) -> std::vec::Vec<Health> {
    let mut states = std::vec![];
    for (second, evidence) in (from_s..).zip(signals) {
        if let Some(verdict) = rule.observe(&signal(second * 1000, false, evidence.clone())) {
            assert_ne!(verdict.from, verdict.to);
            states.push(verdict.to);
        }
    }
    states
}

fn down() -> Rule {
    let mut rule = Rule::new(RuleConfig::default(), Timestamp(0));
    let failures = std::vec![fails(); 5];
    assert_eq!(
        run(&mut rule, 0, &failures),
        [Health::Suspect, Health::Down]
    );
    rule
}

#[test]
fn five_failures_in_a_row_mean_down_by_way_of_suspect() {
    assert_eq!(down().health(), Health::Down);
}

#[test]
fn the_verdict_tells_when_the_trouble_began_and_why() {
    let mut rule = Rule::new(RuleConfig::default(), Timestamp(0));
    let verdicts: std::vec::Vec<_> = (0..5)
        .filter_map(|s| rule.observe(&signal(s * 1000, false, fails())))
        .collect();
    let last = verdicts.last().unwrap();
    assert_eq!(last.onset, Some(Timestamp(0)));
    assert_eq!(
        last.reason,
        "5 of the last 5 signals within 30 s failed (last: 2)"
    );
}

#[test]
fn scattered_failures_do_not_bring_a_route_down() {
    let mut rule = Rule::new(RuleConfig::default(), Timestamp(0));
    let mixed: std::vec::Vec<_> = (0..200)
        .map(|n| if n % 4 == 0 { fails() } else { WORKS })
        .collect();
    assert!(!run(&mut rule, 0, &mixed).contains(&Health::Down));
}

#[test]
fn a_suspicion_ends_when_nothing_more_fails() {
    let mut rule = Rule::new(RuleConfig::default(), Timestamp(0));
    run(&mut rule, 0, &[fails(), fails()]);
    assert_eq!(rule.health(), Health::Suspect);
    let wake = rule.wake_at().unwrap();
    assert_eq!(rule.tick(wake).unwrap().to, Health::Up);
}

#[test]
fn an_account_refusal_is_never_an_outage() {
    let mut rule = Rule::new(RuleConfig::default(), Timestamp(0));
    let refusals = std::vec![refused(); 30];
    assert_eq!(run(&mut rule, 0, &refusals), [Health::AccountFault]);
}

#[test]
fn the_way_back_is_a_probe_then_a_run_of_successes() {
    let mut rule = down();
    let probe_at = rule.wake_at().unwrap();
    assert!(rule.wants_probe(probe_at));
    assert!(
        rule.observe(&signal(probe_at.0, false, WORKS)).is_none(),
        "a late reply is no probe"
    );
    let verdict = rule.observe(&signal(probe_at.0, true, WORKS)).unwrap();
    assert_eq!(verdict.to, Health::Recovering);
    let successes = std::vec![WORKS; 5];
    assert_eq!(run(&mut rule, 20, &successes), [Health::Up]);
}

#[test]
fn each_relapse_doubles_the_pause_up_to_its_maximum() {
    let mut rule = down();
    let mut pauses = std::vec![];
    for _ in 0..6 {
        let at = rule.wake_at().unwrap();
        rule.observe(&signal(at.0, true, WORKS)).unwrap();
        assert_eq!(
            rule.observe(&signal(at.0, false, fails())).unwrap().to,
            Health::Down
        );
        pauses.push(rule.wake_at().unwrap().since_ms(at));
    }
    assert_eq!(pauses, [10_000, 20_000, 40_000, 60_000, 60_000, 60_000]);
}

#[test]
fn a_restart_tests_a_sick_route_before_it_trusts_it() {
    let config = RuleConfig::default;
    let resumed = |health| Rule::resume(config(), health, Timestamp(5), Timestamp(9));
    assert_eq!(resumed(Health::Recovering).health(), Health::Down);
    assert!(resumed(Health::Down).wants_probe(Timestamp(9)));
    assert_eq!(resumed(Health::Suspect).health(), Health::Up);
}
