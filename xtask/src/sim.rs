//! `cargo xtask sim`: builds the deterministic simulation and becomes it, so that its exit code and
//! Ctrl-C are its own. Knows nothing of seeds.

use crate::workspace;
use anyhow::{Context as _, Result};
use std::path::Path;
use std::process::Command;

/// Only returns when the program could not be started.
pub fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let mut command = Command::new(workspace::cargo());
    command
        .args(["run", "--quiet", "--locked", "--profile", "sim"])
        .args(["-p", "holdline-sim", "--example", "sim", "--"])
        .args(arguments)
        .current_dir(root);
    become_it(command).context("cannot start cargo")
}

#[cfg(unix)]
fn become_it(mut command: Command) -> std::io::Result<()> {
    use std::os::unix::process::CommandExt as _;
    Err(command.exec())
}

#[cfg(not(unix))]
fn become_it(mut command: Command) -> std::io::Result<()> {
    let status = command.status()?;
    std::process::exit(status.code().unwrap_or(1))
}
