//! Who may import whom. Judges the manifests as cargo reads them; the tables below are the whole
//! rule. Never reads source code, but for the one line that keeps the core free of std.

use crate::fault::Fault;
use crate::workspace::{self, values};
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::path::Path;

/// Each crate of the workspace and the crates of the workspace it may depend on.
const IMPORTS: &[(&str, &[&str])] = &[
    ("holdline-core", &[]),
    ("holdline-policy", &["holdline-core"]),
    ("holdline-engine", &["holdline-core", "holdline-policy"]),
    ("holdline-servers", &[]),
    (
        "holdline-store",
        &[
            "holdline-core",
            "holdline-policy",
            "holdline-engine",
            "holdline-servers",
        ],
    ),
    (
        "holdline-channels",
        &["holdline-core", "holdline-policy", "holdline-engine"],
    ),
    (
        "holdline-sim",
        &[
            "holdline-core",
            "holdline-policy",
            "holdline-engine",
            "holdline-channels",
        ],
    ),
    (
        "holdline",
        &[
            "holdline-core",
            "holdline-policy",
            "holdline-engine",
            "holdline-store",
            "holdline-channels",
            "holdline-sim",
            "holdline-servers",
        ],
    ),
    ("holdline-load", &["holdline-sim", "holdline-servers"]),
    ("xtask", &[]),
];

/// Crates of the workspace that only tests may use, and what measures as they do.
const FOR_TESTS: &[&str] = &["holdline-servers"];
const MEASURES: &str = "holdline-load";

/// Outside crates that only some crates may use, and whether tests of the others may.
const RESTRICTED: &[Restriction] = &[
    Restriction {
        name: "rusqlite",
        users: &["holdline-store", "holdline-load"],
        tests: Tests::Bound,
    },
    Restriction {
        name: "tokio-postgres",
        users: &["holdline-store"],
        tests: Tests::Bound,
    },
    Restriction {
        name: "tokio-postgres-rustls",
        users: &["holdline-store"],
        tests: Tests::Bound,
    },
    Restriction {
        name: "reqwest",
        users: &["holdline-channels"],
        tests: Tests::Free,
    },
    Restriction {
        name: "mail-send",
        users: &["holdline-channels"],
        tests: Tests::Free,
    },
    Restriction {
        name: "axum",
        users: &["holdline", "holdline-sim", "holdline-load"],
        tests: Tests::Free,
    },
    Restriction {
        name: "anyhow",
        users: &["holdline", "holdline-load", "xtask"],
        tests: Tests::Bound,
    },
];

/// The only outside crates the pure core may use.
const CORE_MAY_USE: &[&str] = &["libm"];

struct Restriction {
    name: &'static str,
    users: &'static [&'static str],
    tests: Tests,
}

#[derive(PartialEq, Eq)]
enum Tests {
    Bound,
    Free,
}

/// Everything wrong with the layers of the workspace at `root`.
pub fn check(root: &Path) -> Result<Vec<Fault>> {
    let lib = root.join("crates/holdline-core/src/lib.rs");
    let core =
        std::fs::read_to_string(&lib).with_context(|| format!("cannot read {}", lib.display()))?;
    let mut faults = check_manifests(&workspace::manifests(root)?);
    faults.extend(check_no_std(&core));
    Ok(faults)
}

/// Judges the output of `cargo metadata --no-deps`.
pub fn check_manifests(metadata: &Value) -> Vec<Fault> {
    let packages: Vec<&Value> = values(&metadata["packages"]).collect();
    let members: Vec<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    packages
        .iter()
        .flat_map(|package| check_package(package, &members))
        .collect()
}

/// The core must say that it does without std.
pub fn check_no_std(core_lib: &str) -> Option<Fault> {
    let says = |line: &str| {
        line.starts_with("#![no_std]") || line.starts_with("#![cfg_attr(not(test), no_std)]")
    };
    (!core_lib.lines().any(says)).then(|| {
        Fault::new(
            "crates/holdline-core/src/lib.rs",
            "the core is not no_std",
            "write #![no_std] below the module doc and use alloc; time, ids and draws come in",
        )
    })
}

fn check_package(package: &Value, members: &[&str]) -> Vec<Fault> {
    let name = package["name"].as_str().unwrap_or_default();
    let Some((_, allowed)) = IMPORTS.iter().find(|(known, _)| *known == name) else {
        return vec![Fault::new(
            format!("crate {name}"),
            "its place among the layers is not known",
            "add it to IMPORTS in xtask/src/layers.rs with the crates it may use",
        )];
    };
    values(&package["dependencies"])
        .filter_map(|dependency| check_dependency(name, dependency, allowed, members))
        .collect()
}

fn check_dependency(
    user: &str,
    dependency: &Value,
    allowed: &[&str],
    members: &[&str],
) -> Option<Fault> {
    let used = dependency["name"].as_str()?;
    let for_tests = dependency["kind"].as_str() == Some("dev");
    if FOR_TESTS.contains(&used) && !for_tests && user != MEASURES {
        return Some(Fault::new(
            manifest_of(user),
            format!("{user} depends on {used}, which is for tests only"),
            "move it to [dev-dependencies]",
        ));
    }
    if members.contains(&used) || used.starts_with("holdline") {
        return (!allowed.contains(&used)).then(|| upward(user, used, allowed));
    }
    if user == "holdline-core" && !for_tests && !CORE_MAY_USE.contains(&used) {
        return Some(Fault::new(
            manifest_of(user),
            format!("the core depends on {used}"),
            "take it out: the core is pure; do this in the engine or pass the value in",
        ));
    }
    restricted(user, used, for_tests)
}

fn restricted(user: &str, used: &str, for_tests: bool) -> Option<Fault> {
    let rule = RESTRICTED.iter().find(|rule| rule.name == used)?;
    let free = rule.users.contains(&user) || (for_tests && rule.tests == Tests::Free);
    (!free).then(|| {
        Fault::new(
            manifest_of(user),
            format!(
                "{user} depends on {used}, which only {} may use",
                rule.users.join(" and ")
            ),
            format!("move the code that needs {used} there, behind a port or a function"),
        )
    })
}

fn upward(user: &str, used: &str, allowed: &[&str]) -> Fault {
    let may = if allowed.is_empty() {
        "none of the workspace".into()
    } else {
        allowed.join(", ")
    };
    Fault::new(
        manifest_of(user),
        format!("{user} depends on {used}; it may depend on: {may}"),
        "turn the arrow: put what both need into the lower crate, or pass it in by a port",
    )
}

fn manifest_of(name: &str) -> String {
    if name == "xtask" {
        "xtask/Cargo.toml".into()
    } else {
        format!("crates/{name}/Cargo.toml")
    }
}

#[cfg(test)]
mod tests;
