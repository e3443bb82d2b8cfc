//! Runs the kept corpus through its targets, without a fuzzer: what was once found stays mended.

use super::Target;
use std::path::{Path, PathBuf};

/// Every file of `corpus/<target>/` through that target.
///
/// # Panics
/// When a law is broken, or a target has no corpus.
pub fn replay(targets: &[Target], corpus: &Path) {
    for target in targets {
        let files = files(&corpus.join(target.name));
        assert!(
            !files.is_empty(),
            "fuzz/corpus/{} is empty: put an input of a real shape there",
            target.name
        );
        for file in files {
            let input = std::fs::read(&file).expect("a file of the corpus can be read");
            // A law that is broken says which, not for what input.
            println!("{}", file.display());
            (target.check)(&input);
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}
