//! What the system tells of a process of ours: memory, handles, time. Linux alone.

use anyhow::Context as _;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Child;

/// The unit of times in `/proc`, which is the same on every Linux.
const TICKS_PER_S: f64 = 100.0;

/// A child that ends with this value.
#[derive(Debug)]
pub(crate) struct Process(Child);

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Vitals {
    pub(crate) rss_kib: u64,
    /// Of it what the process allocated, without files.
    pub(crate) anon_kib: u64,
    /// The largest `rss_kib` so far.
    pub(crate) peak_kib: u64,
    pub(crate) threads: u64,
    pub(crate) handles: u64,
    pub(crate) cpu_s: f64,
    /// Times that a thread gave the processor away or had it taken, over all threads of now.
    pub(crate) switches: u64,
}

impl Process {
    pub(crate) fn new(child: Child) -> Self {
        Self(child)
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// The first line that it says, which must be piped.
    pub(crate) async fn first_line(&mut self) -> anyhow::Result<String> {
        let stdout = self.0.stdout.take().context("no standard output")?;
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).map(|_| line)
        });
        Ok(line.await??)
    }

    pub(crate) fn vitals(&self) -> anyhow::Result<Vitals> {
        let folder = PathBuf::from(format!("/proc/{}", self.0.id()));
        let read = |name: &str| {
            std::fs::read_to_string(folder.join(name)).context("the process has ended")
        };
        let handles = std::fs::read_dir(folder.join("fd")).context("the process has ended")?;
        let mut vitals = of_status(&read("status")?);
        vitals.handles = handles.count() as u64;
        vitals.cpu_s = cpu_s(&read("stat")?);
        vitals.switches = switches(&folder);
        Ok(vitals)
    }

    /// A polite stop, and the end of the wait for it.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.0.id().to_string();
        let asked = std::process::Command::new("kill")
            .args(["-TERM", &pid])
            .status();
        anyhow::ensure!(asked?.success(), "process {pid} could not be asked to stop");
        let ended = tokio::task::spawn_blocking(move || self.0.wait()).await??;
        anyhow::ensure!(ended.success(), "process {pid} ended with {ended}");
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn of_status(text: &str) -> Vitals {
    let figure = |name: &str| figure(text, name);
    Vitals {
        rss_kib: figure("VmRSS"),
        anon_kib: figure("RssAnon"),
        peak_kib: figure("VmHWM"),
        threads: figure("Threads"),
        ..Vitals::default()
    }
}

/// A line of a status.
fn figure(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let word = line.and_then(|rest| rest.trim_start_matches(':').split_whitespace().next());
    word.and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// A thread that ends while it is looked at counts for nothing.
fn switches(folder: &Path) -> u64 {
    let threads = std::fs::read_dir(folder.join("task")).into_iter().flatten();
    let of_thread = |status: String| {
        figure(&status, "voluntary_ctxt_switches") + figure(&status, "nonvoluntary_ctxt_switches")
    };
    threads
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("status")).ok())
        .map(of_thread)
        .sum()
}

/// User and system time; the name before them may hold spaces.
fn cpu_s(stat: &str) -> f64 {
    let rest = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|word| word.parse::<f64>().ok())
        .sum();
    ticks / TICKS_PER_S
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_as_the_system_writes_them() {
        let text = "Name:\tholdline\nVmHWM:\t   30100 kB\nVmRSS:\t   20480 kB\n\
                    RssAnon:\t   10240 kB\nThreads:\t7\n";
        let vitals = of_status(text);
        let kib = (vitals.rss_kib, vitals.anon_kib, vitals.peak_kib);
        assert_eq!(kib, (20_480, 10_240, 30_100));
        assert_eq!(vitals.threads, 7);
        let stat = "4 (a (b) c) S 1 4 4 0 -1 0 0 0 0 0 250 50 0 0 20 0 7 0";
        assert_eq!(cpu_s(stat), 3.0);
    }

    #[test]
    fn a_process_tells_its_own() {
        let child = std::process::Command::new("sleep").arg("60").spawn();
        let process = Process::new(child.expect("sleep"));
        let vitals = process.vitals().expect("it lives");
        assert!(vitals.handles >= 3 && vitals.threads == 1, "{vitals:?}");
    }
}
