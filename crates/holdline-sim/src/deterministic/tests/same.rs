//! A seed is one run, byte for byte, whatever ran before it and beside it.

use crate::deterministic::script::{Act, Script, script_of};
use crate::deterministic::{Report, Trace, run};

/// With several nodes, and every kind of fault among them.
fn scripts() -> Vec<Script> {
    (0..8)
        .map(|seed| script_of(seed, Some(1 + seed as u8 % 4)))
        .collect()
}

fn whole(script: &Script) -> Report {
    run(script, Trace::Whole)
}

#[test]
fn the_same_seed_gives_the_same_log_byte_for_byte() {
    for script in scripts() {
        let seed = script.seed;
        let (one, two) = (whole(&script), whole(&script));
        let differs = one.log.iter().zip(&two.log).find(|(one, two)| one != two);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(one, two, "seed {seed}");
        assert!(one.log.len() > 20, "seed {seed}: {:?}", one.log);
    }
}

#[test]
fn a_seed_is_the_same_run_on_another_thread_while_others_run() {
    let scripts = scripts();
    let alone: Vec<u64> = scripts.iter().map(|script| whole(script).digest).collect();
    let beside: Vec<u64> = std::thread::scope(|scope| {
        let runs: Vec<_> = scripts
            .iter()
            .map(|script| scope.spawn(|| whole(script).digest))
            .collect();
        runs.into_iter()
            .map(|run| run.join().expect("it ends"))
            .collect()
    });
    assert_eq!(alone, beside);
}

#[test]
fn another_seed_is_another_run() {
    let mut digests: Vec<u64> = scripts()
        .iter()
        .map(|script| whole(script).digest)
        .collect();
    let count = digests.len();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), count);
}

#[test]
fn what_is_traced_changes_nothing_of_a_run() {
    for script in scripts().iter().take(3) {
        let (traced, not) = (whole(script), run(script, Trace::Story));
        assert_eq!((traced.digest, traced.steps), (not.digest, not.steps));
    }
}

/// Each fault draws from a stream of its own: without one of them the others begin as before.
#[test]
fn a_script_without_one_fault_has_the_others_at_the_same_times() {
    let script = (0..100)
        .map(|seed| script_of(seed, Some(1)))
        .find(|script| script.items.iter().filter(|it| it.act.is_fault()).count() > 3)
        .expect("there are such scripts");
    let begun = |report: &Report| -> Vec<String> {
        let faults = report.log.iter().filter(|line| line.ends_with(" begins"));
        faults.cloned().collect()
    };
    let mut less = script.clone();
    let first = less
        .items
        .iter()
        .position(|it| it.act.is_fault() && !matches!(it.act, Act::Crash { .. }))
        .expect("it has one");
    less.items.remove(first);
    let (all, rest) = (begun(&whole(&script)), begun(&whole(&less)));
    assert_eq!(rest.len() + 1, all.len());
    assert!(rest.iter().all(|line| all.contains(line)), "{rest:?}");
}
