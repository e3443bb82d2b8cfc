//! The checks on the real workspace: a plain test run refuses what `cargo xtask ci` refuses.

use xtask::{Fault, fault, layers, packages, tidy, workspace};

fn demand_none(faults: &[Fault]) {
    assert!(
        faults.is_empty(),
        "{} to mend\n{}",
        faults.len(),
        fault::report(faults)
    );
}

#[test]
fn the_layers_of_the_workspace_hold() {
    demand_none(&layers::check(&workspace::root()).unwrap());
}

#[test]
fn what_comes_from_outside_may_be_used() {
    demand_none(&packages::check(&workspace::root()).unwrap());
}

#[test]
fn the_workspace_is_tidy() {
    demand_none(&tidy::check(&workspace::root()).unwrap());
}

#[test]
fn the_checks_look_at_the_real_files() {
    let paths = workspace::listed_paths(&workspace::root()).unwrap();
    for path in [
        "Cargo.toml",
        "xtask/src/layers/mod.rs",
        "crates/holdline-core/src/lib.rs",
    ] {
        assert!(
            paths.iter().any(|listed| listed == path),
            "{path} is not looked at"
        );
    }
    let built = workspace::built_packages(&workspace::root()).unwrap();
    for name in ["holdline-core", "tokio", "aws-lc-sys"] {
        assert!(
            built.iter().any(|it| it.name == name),
            "{name} is not looked at"
        );
    }
}
