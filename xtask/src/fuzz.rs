//! `cargo xtask fuzz`: builds the fuzzer and runs each folder of `fuzz/corpus` as a target for a
//! while. Works with the stable compiler: coverage, but no address sanitizer, since the workspace
//! has no unsafe code of its own. What it finds is written to `fuzz/found/`, never committed.

use crate::workspace;
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SECONDS_DEFAULT: u64 = 60;
const SECONDS_MAX: u64 = 24 * 3_600;
/// Longest time for one input, and most memory.
const INPUT_S_MAX: u32 = 10;
const MEMORY_MIB_MAX: u32 = 2_048;
const INPUT_BYTES_MAX: u32 = 65_536;

/// What `cargo fuzz` sets too, but for the sanitizer.
const COVERAGE: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    "-Ccodegen-units=1",
];

/// What is to be run.
#[derive(Debug, PartialEq, Eq)]
pub struct Order {
    pub seconds: u64,
    /// All, unless one is named.
    pub target: Option<String>,
}

impl Order {
    /// Reads `[--seconds N] [TARGET]`.
    pub fn read(arguments: &[String]) -> Result<Self> {
        let mut order = Self {
            seconds: SECONDS_DEFAULT,
            target: None,
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            if word == "--seconds" {
                let seconds = words.next().and_then(|it| it.parse().ok());
                let fits = seconds.filter(|it| (1..=SECONDS_MAX).contains(it));
                order.seconds = fits.context("--seconds needs a number from 1 to 86400")?;
            } else if word.starts_with('-') || order.target.is_some() {
                bail!("write `cargo xtask fuzz [--seconds N] [TARGET]`, not {word}");
            } else {
                order.target = Some(word.clone());
            }
        }
        Ok(order)
    }
}

/// Runs the targets one after the other, also after one that failed.
pub fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let order = Order::read(arguments)?;
    let all = targets(root)?;
    let wanted: Vec<String> = match order.target {
        Some(name) if all.contains(&name) => vec![name],
        Some(name) => bail!("no target {name}; there are: {}", all.join(", ")),
        None => all,
    };
    let program = build(root)?;
    let mut failed = Vec::new();
    for name in &wanted {
        if !holds(root, &program, name, order.seconds)? {
            failed.push(name.as_str());
        }
    }
    if !failed.is_empty() {
        bail!(
            "{} of {} targets broke a law: {}. The inputs are in fuzz/found/; mend the code, and \
             put each into fuzz/corpus/TARGET/",
            failed.len(),
            wanted.len(),
            failed.join(", ")
        );
    }
    println!("fuzz: {} targets, no law broken", wanted.len());
    Ok(())
}

/// The folders of the corpus, sorted. A test keeps them equal to the targets.
fn targets(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("fuzz/corpus");
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Named for a platform, so that build scripts and macros are built without coverage. The lock file
/// follows that of the workspace, so it may change here.
fn build(root: &Path) -> Result<PathBuf> {
    let host = workspace::host(root)?;
    let status = Command::new(workspace::cargo())
        .args(["build", "--release", "--manifest-path"])
        .args([
            "fuzz/Cargo.toml",
            "--target-dir",
            "fuzz/target",
            "--target",
            &host,
        ])
        .env("RUSTFLAGS", COVERAGE.join(" "))
        .current_dir(root)
        .status()
        .context("cannot start cargo")?;
    if !status.success() {
        bail!("the fuzzer does not build: {status}");
    }
    Ok(root.join("fuzz/target").join(host).join("release/laws"))
}

fn holds(root: &Path, program: &Path, name: &str, seconds: u64) -> Result<bool> {
    let found = root.join("fuzz/found").join(name);
    std::fs::create_dir_all(&found)?;
    let out = Command::new(program)
        .env("HOLDLINE_FUZZ_TARGET", name)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={INPUT_BYTES_MAX}"))
        .arg(format!("-timeout={INPUT_S_MAX}"))
        .arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"))
        .arg("-print_final_stats=1")
        .arg(format!("-artifact_prefix=fuzz/found/{name}-"))
        .args([found.as_path(), &root.join("fuzz/corpus").join(name)])
        .current_dir(root)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let log = String::from_utf8_lossy(&out.stderr);
    let inputs = stat(&log, "number_of_executed_units").unwrap_or("?");
    let verdict = if out.status.success() { "ok" } else { "BROKEN" };
    println!("{name:<20} {inputs:>12} inputs in {seconds} s: {verdict}");
    if !out.status.success() {
        println!("{}", ending(&log));
    }
    Ok(out.status.success())
}

/// A number of the fuzzer's closing statistics.
fn stat<'a>(log: &'a str, name: &str) -> Option<&'a str> {
    let mut stats = log
        .lines()
        .filter_map(|line| line.strip_prefix("stat::")?.split_once(':'));
    stats
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.trim())
}

fn ending(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(line: &str) -> Result<Order> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Order::read(&words)
    }

    #[test]
    fn the_order_is_read_in_any_sequence_and_bounded() {
        let all = Order {
            seconds: 60,
            target: None,
        };
        assert_eq!(order("").unwrap(), all);
        let one = Order {
            seconds: 5,
            target: Some("phone".into()),
        };
        assert_eq!(order("phone --seconds 5").unwrap(), one);
        assert_eq!(order("--seconds 5 phone").unwrap(), one);
        for wrong in ["--seconds", "--seconds 0", "--seconds x", "--fast", "a b"] {
            assert!(order(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_number_of_inputs_is_read_from_the_statistics() {
        let log = "Done\nstat::average_exec_per_sec: 1\nstat::number_of_executed_units: 5\n";
        assert_eq!(stat(log, "number_of_executed_units"), Some("5"));
        assert_eq!(stat("", "number_of_executed_units"), None);
    }
}
