//! The commands of `cargo xtask`: runs cargo and the checks, one step after the other, also those
//! after a failed one: one run tells all. Never installs anything and never changes a file (but
//! `fmt`).

use crate::fault::{Fault, report};
use crate::{fuzz, layers, load, packages, sim, tidy, workspace};
use anyhow::{Context as _, Result, bail};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

pub const HELP: &str = "\
Checks and tasks of the workspace.

Usage: cargo xtask <command>

  ci             fmt --check, clippy, layers, packages, tidy, test: all that must pass before a
                 commit
  fmt [--check]  format every crate (or only say what is not formatted)
  clippy         clippy on every target, warnings are errors
  layers         who may import whom: crates of the workspace and restricted outside crates
  tidy           sizes, module docs, left-overs, paths of one machine
  test [filter]  all tests, by cargo-nextest when it is installed, else by cargo test
  packages       licences, sources and forbidden crates among all that is built; and cargo deny
                 where it is installed
  fuzz [--seconds N] [TARGET]
                 each law of fuzz/corpus against made-up inputs, 60 seconds a target unless said
  bench detect [--json] [word]
                 replay outages and healthy months against the detector's targets, some minutes;
                 with a word only the rows of that group; fails when a row falls short
  bench instructions
                 how many instructions the hot functions of the core take, by callgrind, and how
                 that has changed; fails beyond a limit of each. Needs valgrind, and
                 gungraun-runner as in Cargo.lock
  sim [--seeds N] [--seed S] [--trace] [--nightly] [--json]
                 the real engine on a virtual clock, with faults drawn from a seed, and checkers of
                 every promise; `cargo xtask sim --help` tells the rest. Exit code 1 when a promise
                 was broken
  bench limits [--waiting N] [--filled FOLDER] [--json]
                 the released server with a million messages waiting: its start, memory, disk and
                 rate; some minutes; fails when a row falls short
  bench load [--quick] [--only W1,W3,...] [--json]
                 how fast the released server is, beside the least that the same work costs on this
                 machine; half an hour, --quick three minutes; fails when a row falls short
  soak [--rate N] [--minutes N] [--json]
                 the released server under 200 messages a second for an hour, while WhatsApp fails
                 and mends; fails when something is lost, doubled or grows
  docs           build the API documentation, warnings are errors
  help           this text

Exit code: 0 all passed, 1 something failed, 2 wrong usage.
";

type Step = (&'static str, fn(&Path) -> Result<()>);

const CI_STEPS: &[Step] = &[
    ("fmt", |root| fmt(root, &["--check".to_owned()])),
    ("clippy", clippy),
    ("layers", check_layers),
    ("packages", check_packages),
    ("tidy", check_tidy),
    ("test", |root| test(root, &[])),
];

/// Runs one command; none when there is no command of that name.
pub fn run(name: &str, arguments: &[String]) -> Option<Result<()>> {
    let root = workspace::root();
    Some(match name {
        "ci" => ci(&root),
        "fmt" => fmt(&root, arguments),
        "clippy" => clippy(&root),
        "layers" => check_layers(&root),
        "tidy" => check_tidy(&root),
        "test" => test(&root, arguments),
        "packages" => check_packages(&root),
        "fuzz" => fuzz::run(&root, arguments),
        "bench" => bench(&root, arguments),
        "sim" => sim::run(&root, arguments),
        "soak" => load::run(&root, name, arguments),
        "docs" => docs(&root),
        _ => return None,
    })
}

fn ci(root: &Path) -> Result<()> {
    let whole = Instant::now();
    let failed: Vec<&str> = CI_STEPS
        .iter()
        .filter(|step| !passes(root, step))
        .map(|(name, _)| *name)
        .collect();
    let (steps, seconds) = (CI_STEPS.len(), whole.elapsed().as_secs_f64());
    if !failed.is_empty() {
        let names = failed.join(", ");
        bail!(
            "{} of {steps} steps failed in {seconds:.1} s: {names}",
            failed.len()
        );
    }
    println!("ci: all {steps} steps passed in {seconds:.1} s");
    Ok(())
}

fn passes(root: &Path, (name, step): &Step) -> bool {
    println!("==> {name}");
    let start = Instant::now();
    let outcome = step(root);
    if let Err(fault) = &outcome {
        println!("{fault:#}");
    }
    let verdict = if outcome.is_ok() { "ok" } else { "FAILED" };
    println!(
        "<== {name}: {verdict} in {:.1} s",
        start.elapsed().as_secs_f64()
    );
    outcome.is_ok()
}

fn fmt(root: &Path, arguments: &[String]) -> Result<()> {
    let mut words = vec!["fmt", "--all"];
    words.extend(arguments.iter().map(String::as_str));
    cargo(root, &words)
}

fn clippy(root: &Path) -> Result<()> {
    cargo(
        root,
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ],
    )
}

fn check_layers(root: &Path) -> Result<()> {
    judge("layers", &layers::check(root)?)
}

/// The advisories need the network: `.ci/long` asks for them.
fn check_packages(root: &Path) -> Result<()> {
    judge("packages", &packages::check(root)?)?;
    if !has(root, "deny") {
        println!("packages: cargo-deny is not installed, so deny.toml was not read");
        return Ok(());
    }
    cargo(
        root,
        &["deny", "--offline", "check", "bans", "licenses", "sources"],
    )
}

fn check_tidy(root: &Path) -> Result<()> {
    judge("tidy", &tidy::check(root)?)
}

fn test(root: &Path, arguments: &[String]) -> Result<()> {
    let nextest = has(root, "nextest");
    let mut words = if nextest {
        vec!["nextest", "run"]
    } else {
        vec!["test"]
    };
    words.extend(["--workspace", "--locked", "--no-fail-fast"]);
    words.extend(arguments.iter().map(String::as_str));
    cargo(root, &words)
}

fn bench(root: &Path, arguments: &[String]) -> Result<()> {
    match arguments.split_first() {
        Some((name, rest)) if name == "detect" || name == "instructions" => {
            bench_core(root, name, rest)
        }
        Some((name, rest)) if name == "limits" || name == "load" => load::run(root, name, rest),
        Some(_) | None => bail!("name the bench: detect, instructions, limits or load"),
    }
}

fn bench_core(root: &Path, name: &str, arguments: &[String]) -> Result<()> {
    let mut words = vec![
        "bench",
        "--quiet",
        "--locked",
        "-p",
        "holdline-core",
        "--bench",
        name,
        "--",
    ];
    words.extend(arguments.iter().map(String::as_str));
    cargo(root, &words)
}

fn docs(root: &Path) -> Result<()> {
    let mut command = Command::new(workspace::cargo());
    command.args(["doc", "--workspace", "--no-deps", "--locked"]);
    finish(command.env("RUSTDOCFLAGS", "-D warnings").current_dir(root))
}

fn judge(name: &str, faults: &[Fault]) -> Result<()> {
    if faults.is_empty() {
        println!("{name}: nothing to mend");
        return Ok(());
    }
    bail!("{name}: {} to mend\n{}", faults.len(), report(faults))
}

fn has(root: &Path, tool: &str) -> bool {
    Command::new(workspace::cargo())
        .args([tool, "--version"])
        .current_dir(root)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<()> {
    finish(
        Command::new(workspace::cargo())
            .args(arguments)
            .current_dir(root),
    )
}

fn finish(command: &mut Command) -> Result<()> {
    let status = command.status().context("cannot start cargo")?;
    if !status.success() {
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        bail!("cargo {} ended with {status}", words.join(" "));
    }
    Ok(())
}
