//! Sizes, module docs and words of the repository. Judges text only; never builds or changes it.

mod documents;
mod rust_file;
mod words;

use crate::fault::Fault;
use crate::workspace::{self, TextFile};
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::Path;

/// A folder with more Rust files than this is two folders.
const FOLDER_FILES_MAX: usize = 10;

/// Everything untidy in the repository at `root`.
pub fn check(root: &Path) -> Result<Vec<Fault>> {
    let listed = workspace::listed_paths(root)?;
    let mut faults = check_texts(&workspace::read_texts(root, &listed));
    faults.extend(check_lock(&listed, &workspace::tracked_paths(root)?));
    Ok(faults)
}

/// Judges the given files and the folders they make up.
pub fn check_texts(files: &[TextFile]) -> Vec<Fault> {
    let mut faults: Vec<Fault> = files.iter().flat_map(check_text).collect();
    faults.extend(check_folders(files));
    faults
}

fn check_text(file: &TextFile) -> Vec<Fault> {
    let mut faults = words::check(file);
    if file.path.ends_with(".rs") {
        faults.extend(rust_file::check(file));
    }
    faults.extend(documents::check(file));
    faults
}

fn check_folders(files: &[TextFile]) -> Vec<Fault> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        let folder = file.path.rsplit_once('/').map_or(".", |(folder, _)| folder);
        *counts.entry(folder).or_default() += 1;
    }
    counts
        .into_iter()
        .filter(|(folder, count)| *count > FOLDER_FILES_MAX && !is_test_folder(folder))
        .map(|(folder, count)| {
            Fault::new(
                folder,
                format!("{count} Rust files in one folder; at most {FOLDER_FILES_MAX}"),
                "gather files of one concern in a folder of their own",
            )
        })
        .collect()
}

fn is_test_folder(folder: &str) -> bool {
    folder
        .split('/')
        .any(|part| part == "tests" || part == "docs")
}

/// A clone must build what was tested, so the lock file belongs to the repository.
fn check_lock(listed: &[String], tracked: &[String]) -> Option<Fault> {
    let holds = |paths: &[String]| paths.iter().any(|path| path == "Cargo.lock");
    let kept = holds(listed) && (tracked.is_empty() || holds(tracked));
    (!kept).then(|| {
        Fault::new(
            "Cargo.lock",
            "the lock file is missing, ignored or not committed",
            "take it out of .gitignore and commit it",
        )
    })
}

#[cfg(test)]
mod tests;
