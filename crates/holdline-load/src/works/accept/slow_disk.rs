//! A slow disk for one process: a small library in C, compiled where it is needed, that makes each
//! sync wait. Never touches the disk of others.

use anyhow::Context as _;
use std::path::Path;
use std::process::Command;

const SOURCE: &str = include_str!("slow_disk.c");

/// The environment of a process whose syncs take 5 ms longer; its library lies in `folder`.
pub(super) fn env(folder: &Path) -> anyhow::Result<Vec<(&'static str, String)>> {
    let source = folder.join("slow_disk.c");
    let library = folder.join("slow_disk.so");
    std::fs::write(&source, SOURCE)?;
    let compiled = Command::new("cc")
        .args(["-O2", "-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status()
        .context("the slow disk needs a C compiler: cc")?;
    anyhow::ensure!(compiled.success(), "the slow disk does not compile");
    Ok(vec![("LD_PRELOAD", library.display().to_string())])
}
