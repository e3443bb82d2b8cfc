//! Shows that each rule of the layers refuses a bad example and passes a good one.

use super::*;
use serde_json::json;

fn faults(user: &str, used: &str, kind: Option<&str>) -> Vec<String> {
    let metadata = json!({"packages": [
        {"name": user, "dependencies": [{"name": used, "kind": kind}]},
    ]});
    check_manifests(&metadata)
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn an_arrow_upwards_is_refused_with_place_and_cure() {
    let found = faults("holdline-engine", "holdline-store", None);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("crates/holdline-engine/Cargo.toml: "),
        "{}",
        found[0]
    );
    assert!(
        found[0].contains("may depend on: holdline-core, holdline-policy"),
        "{}",
        found[0]
    );
    assert!(found[0].contains("mend: "), "{}", found[0]);
}

#[test]
fn an_arrow_upwards_is_refused_in_tests_too() {
    assert_eq!(
        faults("holdline-core", "holdline-engine", Some("dev")).len(),
        1
    );
}

#[test]
fn nothing_imports_the_binary() {
    for (user, _) in IMPORTS.iter().filter(|(user, _)| *user != "holdline") {
        assert_eq!(faults(user, "holdline", None).len(), 1, "{user}");
    }
}

#[test]
fn arrows_downwards_pass() {
    for (user, allowed) in IMPORTS {
        for used in *allowed {
            let kind = FOR_TESTS.contains(used).then_some("dev");
            assert_eq!(faults(user, used, kind), Vec::<String>::new());
        }
    }
}

#[test]
fn what_is_for_tests_is_no_part_of_the_product() {
    for used in FOR_TESTS {
        let found = faults("holdline", used, None);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("for tests only"), "{}", found[0]);
    }
}

#[test]
fn the_import_table_has_no_ring() {
    for (at, (user, allowed)) in IMPORTS.iter().enumerate() {
        for used in *allowed {
            let below = IMPORTS.iter().position(|(name, _)| name == used);
            assert!(below.is_some_and(|below| below < at), "{user} -> {used}");
        }
    }
}

#[test]
fn the_core_uses_libm_only_but_its_tests_may_use_more() {
    assert_eq!(faults("holdline-core", "libm", None).len(), 0);
    assert_eq!(faults("holdline-core", "serde", None).len(), 1);
    assert_eq!(faults("holdline-core", "serde", Some("build")).len(), 1);
    assert_eq!(faults("holdline-core", "proptest", Some("dev")).len(), 0);
}

#[test]
fn restricted_crates_stay_with_their_users() {
    for rule in RESTRICTED {
        for user in rule.users {
            assert_eq!(
                faults(user, rule.name, None).len(),
                0,
                "{user} {}",
                rule.name
            );
        }
        assert_eq!(
            faults("holdline-engine", rule.name, None).len(),
            1,
            "{}",
            rule.name
        );
        let in_tests = faults("holdline-engine", rule.name, Some("dev")).len();
        assert_eq!(in_tests == 0, rule.tests == Tests::Free, "{}", rule.name);
    }
}

#[test]
fn a_crate_without_a_place_is_refused() {
    assert!(faults("holdline-misc", "libm", None)[0].contains("add it to IMPORTS"));
}

#[test]
fn a_core_with_std_is_refused() {
    assert!(check_no_std("//! Core.\npub mod step;\n").is_some());
    assert!(check_no_std("//! Core.\n#![no_std]\n").is_none());
    assert!(check_no_std("//! Core.\n#![cfg_attr(not(test), no_std)]\n").is_none());
    assert!(check_no_std("// #![no_std]\n").is_some());
}
