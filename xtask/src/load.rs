//! `soak`, `bench limits` and `bench load`: builds the server and the load program as they are
//! released, and runs the latter. Measures nothing itself.

use crate::workspace;
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs one command of the load program; its figures go to the standard output.
pub fn run(root: &Path, name: &str, arguments: &[String]) -> Result<()> {
    let built = Command::new(workspace::cargo())
        .args(["build", "--release", "--quiet", "--locked"])
        .args(["-p", "holdline", "-p", "holdline-load"])
        .current_dir(root)
        .status()
        .context("cannot start cargo")?;
    if !built.success() {
        bail!("the build ended with {built}");
    }
    let program = program(&workspace::manifests(root)?)?;
    let ended = Command::new(&program)
        .arg(name)
        .args(arguments)
        .status()
        .with_context(|| format!("cannot start {}", program.display()))?;
    if !ended.success() {
        bail!("a row fell short, or the run could not be made");
    }
    Ok(())
}

/// Run as a file: `cargo run` of one package would build other features than the two together.
fn program(metadata: &serde_json::Value) -> Result<PathBuf> {
    let folder = metadata["target_directory"].as_str();
    let folder = folder.context("cargo metadata does not say where it builds")?;
    Ok(Path::new(folder).join("release").join("holdline-load"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_program_lies_where_cargo_builds() {
        let found = program(&json!({"target_directory": "/somewhere/target"}));
        let expect = Path::new("/somewhere/target/release/holdline-load");
        assert_eq!(found.expect("a folder"), expect);
        assert!(program(&json!({})).is_err());
    }
}
