//! Words that tie the repository to one machine or one package mirror. Looks at every text file;
//! the words stand here in pieces so that this file does not find itself.

use crate::fault::Fault;
use crate::workspace::TextFile;

/// Absolute paths of a developer's machine, looked for where a path can start.
const MACHINE_PATHS: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
];

/// Hosts of package registries: which one is used is the affair of the machine that builds.
const REGISTRY_HOSTS: &[&str] = &[
    concat!("registry.", "npmjs"),
    concat!("npmjs", ".com"),
    concat!("npmjs", ".org"),
    concat!("pypi", ".org"),
    concat!("python", "hosted.org"),
    concat!("crates", ".io"),
    concat!("registry.", "yarnpkg"),
];

/// Cargo itself writes the name of its index into this file.
const LOCK_FILE: &str = "Cargo.lock";

pub(super) fn check(file: &TextFile) -> Vec<Fault> {
    if file.path.rsplit('/').next() == Some(LOCK_FILE) {
        return Vec::new();
    }
    file.text
        .lines()
        .enumerate()
        .filter_map(|(at, line)| check_line(&format!("{}:{}", file.path, at + 1), line))
        .collect()
}

fn check_line(place: &str, line: &str) -> Option<Fault> {
    if let Some(path) = MACHINE_PATHS.iter().find(|path| starts_a_path(line, path)) {
        let what = format!("names {path}…, a path of one machine");
        return Some(Fault::new(
            place,
            what,
            "use a path from the root of the repository",
        ));
    }
    let host = REGISTRY_HOSTS.iter().find(|host| line.contains(**host))?;
    Some(Fault::new(
        place,
        format!("names the package registry {host}"),
        "leave the registry to the package manager's own settings; npm lock files are made with \
         omit-lockfile-registry-resolved",
    ))
}

/// True when `path` occurs where a path can start: not as a later part of a longer one.
fn starts_a_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        line[..at].chars().next_back().is_none_or(|before| {
            !before.is_alphanumeric() && !matches!(before, '.' | '/' | '-' | '_' | '}' | '*')
        })
    })
}
