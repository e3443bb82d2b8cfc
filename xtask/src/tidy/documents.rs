//! Lengths of the documents people read first, and the lints line of every manifest.
//! Never judges what they say.

use crate::fault::Fault;
use crate::workspace::TextFile;

const DOCUMENT_LINES_MAX: &[(&str, usize)] = &[
    ("README.md", 120),
    ("ARCHITECTURE.md", 200),
    ("STYLE.md", 120),
];

pub(super) fn check(file: &TextFile) -> Option<Fault> {
    check_length(file).or_else(|| check_manifest(file))
}

fn check_length(file: &TextFile) -> Option<Fault> {
    let (_, lines_max) = DOCUMENT_LINES_MAX
        .iter()
        .find(|(path, _)| *path == file.path)?;
    let lines = file.text.lines().count();
    (lines > *lines_max).then(|| {
        Fault::new(
            &file.path,
            format!("{lines} lines; at most {lines_max}"),
            "move detail to a page under docs/ and link to it",
        )
    })
}

fn check_manifest(file: &TextFile) -> Option<Fault> {
    let is_member = file.path.ends_with("/Cargo.toml");
    (is_member && !inherits_lints(&file.text)).then(|| {
        Fault::new(
            &file.path,
            "the crate does not take the lints of the workspace",
            "end the manifest with a [lints] table that says workspace = true",
        )
    })
}

fn inherits_lints(manifest: &str) -> bool {
    manifest
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[lints]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .any(|line| line.split_whitespace().collect::<String>() == "workspace=true")
}
