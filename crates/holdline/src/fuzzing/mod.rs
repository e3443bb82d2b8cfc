//! The laws that every parser of this crate keeps whatever bytes it gets, each as a target for a
//! fuzzer. Built for tests and with the feature `fuzzing` alone. Never part of the product.

mod api;
mod cloud_api;
mod config;
mod contacts;
mod core;

use holdline_channels::fuzzing::{Target, target};

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    target("api_body", api::body),
    target("api_query", api::query),
    target("api_values", api::values),
    target("cloud_fields", cloud_api::fields),
    target("cloud_address", cloud_api::address),
    target("cloud_params", cloud_api::params),
    target("cloud_path", cloud_api::path),
    target("config_env", config::env),
    target("config_file", config::file),
    target("contact_address", contacts::address),
    target("contact_list", contacts::list),
    target("core_words", core::words),
    target("media_link", cloud_api::media_link),
];

/// The target of a name, of this crate or of the channels.
#[must_use]
pub fn find(name: &str) -> Option<Target> {
    let all = TARGETS.iter().chain(holdline_channels::fuzzing::TARGETS);
    all.into_iter().find(|target| target.name == name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus");

    #[test]
    fn the_corpus_breaks_no_law() {
        holdline_channels::fuzzing::replay(TARGETS, Path::new(CORPUS));
    }

    /// `cargo xtask fuzz` runs the folders that are there.
    #[test]
    fn each_folder_of_the_corpus_is_that_of_a_target() {
        let folders = std::fs::read_dir(CORPUS).unwrap();
        let folders = folders.map(|it| it.unwrap().file_name().into_string().unwrap());
        let all = TARGETS.iter().chain(holdline_channels::fuzzing::TARGETS);
        let names = all.map(|target| target.name.to_owned());
        assert_eq!(folders.collect::<BTreeSet<_>>(), names.collect());
    }
}
