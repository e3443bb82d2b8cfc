//! Reads what the checks look at: the root, the files git knows, cargo's metadata. Judges nothing.

use crate::packages::Package;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Files larger than this are data, not text that a person reads; they are not checked.
const CHECKED_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// A text file of the repository: its path from the root with `/`, and its content.
#[derive(Clone, Debug)]
pub struct TextFile {
    pub path: String,
    pub text: String,
}

/// The root of the workspace this program was built in.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Every path git tracks or would track (untracked and not ignored), sorted.
pub fn listed_paths(root: &Path) -> Result<Vec<String>> {
    git_paths(root, &["ls-files", "-z", "-co", "--exclude-standard"])
}

/// Every path in git's index, sorted.
pub fn tracked_paths(root: &Path) -> Result<Vec<String>> {
    git_paths(root, &["ls-files", "-z", "-c"])
}

/// The text files among `paths`; what is deleted, binary or very large is left out.
pub fn read_texts(root: &Path, paths: &[String]) -> Vec<TextFile> {
    paths
        .iter()
        .filter_map(|path| read_text(root, path))
        .collect()
}

/// The manifests of the workspace as cargo reads them, without resolving outside crates.
pub fn manifests(root: &Path) -> Result<Value> {
    let json = output(
        Command::new(cargo())
            .args([
                "metadata",
                "--format-version",
                "1",
                "--offline",
                "--no-deps",
            ])
            .current_dir(root),
    )?;
    serde_json::from_str(&json).context("cargo metadata gave something that is not JSON")
}

/// All crates that are built for this machine, outside ones included. From `cargo tree`: the graph
/// in cargo's metadata also holds optional crates that no feature asks for.
pub fn built_packages(root: &Path) -> Result<Vec<Package>> {
    let tree = output(
        Command::new(cargo())
            .args([
                "tree",
                "--workspace",
                "--offline",
                "--edges",
                "normal,build,dev",
            ])
            .args(["--prefix", "none", "--no-dedupe", "--format", "{p}\t{l}"])
            .current_dir(root),
    )
    .context("cargo tree needs the crates on disk: run `cargo fetch` once")?;
    let mut lines: Vec<&str> = tree.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    Ok(lines.into_iter().filter_map(built_package).collect())
}

/// `name v1.2.3 (proc-macro) (folder or address)`, a tab and the licence.
fn built_package(line: &str) -> Option<Package> {
    let (package, licence) = line.split_once('\t')?;
    let mut words = package.split(' ');
    let name = words.next()?.to_owned();
    let source = words.find(|word| word.starts_with('(') && *word != "(proc-macro)");
    let source = source.map(|word| word.trim_matches(['(', ')']).to_owned());
    let licence = licence.to_owned();
    Some(Package {
        name,
        source,
        licence,
    })
}

/// The platform of this machine, as the compiler names it.
pub fn host(root: &Path) -> Result<String> {
    let about = output(Command::new("rustc").arg("-vV").current_dir(root))?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .context("rustc does not say for which platform it is")
}

/// The elements of a JSON array; none when it is something else.
pub fn values(array: &Value) -> impl Iterator<Item = &Value> {
    array.as_array().into_iter().flatten()
}

pub(crate) fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

fn git_paths(root: &Path, arguments: &[&str]) -> Result<Vec<String>> {
    let listing = output(Command::new("git").args(arguments).current_dir(root))?;
    let mut paths: Vec<String> = listing
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(str::to_owned)
        .collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}

fn read_text(root: &Path, path: &str) -> Option<TextFile> {
    let full = root.join(path);
    let size_bytes = std::fs::symlink_metadata(&full)
        .ok()
        .filter(|m| m.is_file())?
        .len();
    if size_bytes > CHECKED_BYTES_MAX {
        return None;
    }
    let text = String::from_utf8(std::fs::read(full).ok()?).ok()?;
    (!text.contains('\0')).then(|| TextFile {
        path: path.to_owned(),
        text,
    })
}

fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let out = command
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    if !out.status.success() {
        bail!(
            "{program} failed: {}",
            String::from_utf8_lossy(&out.stderr).trim()
        );
    }
    String::from_utf8(out.stdout).with_context(|| format!("{program} printed invalid UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expect: (&str, Option<&str>, &str)) {
        let package = built_package(line).unwrap();
        let source = package.source.as_deref();
        assert_eq!(
            (package.name.as_str(), source, package.licence.as_str()),
            expect
        );
    }

    #[test]
    fn a_built_crate_is_read_with_source_and_licence() {
        check(
            "serde v1.0.1\tMIT OR Apache-2.0",
            ("serde", None, "MIT OR Apache-2.0"),
        );
        check("a v1.0.0 (proc-macro)\tMIT", ("a", None, "MIT"));
        let git = "https://example.com/a#01";
        check(
            &format!("a v1.0.0 (proc-macro) ({git})\tMIT"),
            ("a", Some(git), "MIT"),
        );
        check("b v1.0.0\t", ("b", None, ""));
    }
}
