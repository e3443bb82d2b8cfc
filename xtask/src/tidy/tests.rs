//! Shows that each tidy rule refuses a bad example and passes a good one.

use super::*;

fn file(path: &str, text: impl Into<String>) -> TextFile {
    TextFile {
        path: path.into(),
        text: text.into(),
    }
}

fn check_one(path: &str, text: impl Into<String>, expect: &[&str]) {
    let found = check_texts(&[file(path, text)]);
    let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), expect.len(), "{shown:#?}");
    for (fault, part) in shown.iter().zip(expect) {
        assert!(fault.contains(part), "{fault} lacks {part}");
    }
}

fn function_of(lines: usize, opening: &str) -> String {
    format!(
        "//! Doc.\n\n{opening} {{\n{}}}\n",
        "    step();\n".repeat(lines - 2)
    )
}

#[test]
fn a_file_without_a_doc_is_refused() {
    check_one(
        "a.rs",
        "fn a() {}\n",
        &["a.rs:1: the file does not open with //!"],
    );
    check_one("a.rs", "", &["does not open"]);
    check_one("a.rs", "//! Says a.\nfn a() {}\n", &[]);
}

#[test]
fn a_long_file_is_refused() {
    check_one("a.rs", format!("//! Doc.\n{}", "//\n".repeat(599)), &[]);
    check_one(
        "a.rs",
        format!("//! Doc.\n{}", "//\n".repeat(600)),
        &["601 lines; at most 600"],
    );
}

#[test]
fn a_long_function_is_refused_however_it_is_qualified() {
    for opening in [
        "fn run()",
        "pub(crate) async fn run()",
        "pub const fn run(\n    a: u8,\n)",
    ] {
        let extra = opening.lines().count() - 1;
        check_one("a.rs", function_of(70 - extra, opening), &[]);
        check_one(
            "a.rs",
            function_of(71 - extra, opening),
            &["a.rs:3: fn run has 71 lines"],
        );
    }
}

#[test]
fn a_signature_without_a_body_does_not_run_into_what_follows() {
    let trait_of = |signature: &str| {
        format!(
            "//! Doc.\ntrait T {{\n    {signature}\n{}}}\n",
            "    const A: u8;\n".repeat(90)
        )
    };
    check_one("a.rs", trait_of("fn a(&self) -> u8;"), &[]);
    check_one("a.rs", trait_of("fn a(\n        b: u8,\n    ) -> u8;"), &[]);
    check_one("a.rs", trait_of("fn a() {}"), &[]);
}

#[test]
fn a_wide_line_is_refused_unless_it_holds_a_link() {
    check_one("a.rs", format!("//! {}\n", "é".repeat(96)), &[]);
    check_one(
        "a.rs",
        format!("//! {}\n", "é".repeat(97)),
        &["101 columns; at most 100"],
    );
    check_one("a.rs", format!("//! https://{}\n", "e".repeat(97)), &[]);
}

#[test]
fn left_overs_are_refused() {
    let bad = [
        concat!("to", "do!()"),
        concat!("unimpl", "emented!(\"later\")"),
        concat!("#[ig", "nore]"),
        concat!("// TO", "DO later"),
        concat!("// FIX", "ME"),
    ];
    for left_over in bad {
        check_one("a.rs", format!("//! Doc.\n{left_over}\n"), &["a.rs:2: "]);
    }
}

#[test]
fn blanks_at_the_end_of_a_line_are_refused() {
    check_one(
        "a.rs",
        "//! Doc.\nfn a() {} \n",
        &["a.rs:2: blank at the end"],
    );
    check_one(
        "a.rs",
        "//! Doc.\nfn a() {}\t\n",
        &["a.rs:2: blank at the end"],
    );
}

#[test]
fn a_full_folder_is_refused_unless_it_holds_tests() {
    let files = |folder: &str, count: usize| -> Vec<TextFile> {
        (0..count)
            .map(|n| file(&format!("{folder}/f{n}.rs"), "//! Doc.\n"))
            .collect()
    };
    assert_eq!(check_texts(&files("src/a", 10)).len(), 0);
    assert_eq!(check_texts(&files("tests/it", 30)).len(), 0);
    let found = check_texts(&files("src/a", 11));
    assert_eq!(found.len(), 1);
    assert!(found[0].to_string().starts_with("src/a: 11 Rust files"));
}

#[test]
fn a_manifest_without_the_lints_is_refused() {
    check_one(
        "x/Cargo.toml",
        "[package]\n\n[lints]\nworkspace = true\n",
        &[],
    );
    check_one("Cargo.toml", "[workspace]\n", &[]);
    check_one(
        "x/Cargo.toml",
        "[package]\nedition.workspace = true\n",
        &["take the lints"],
    );
    let elsewhere = "[lints]\n[other]\nworkspace = true\n";
    check_one("x/Cargo.toml", elsewhere, &["take the lints"]);
}

#[test]
fn long_first_documents_are_refused() {
    for (path, lines_max) in [
        ("README.md", 120),
        ("ARCHITECTURE.md", 200),
        ("STYLE.md", 120),
    ] {
        check_one(path, "a\n".repeat(lines_max), &[]);
        check_one(
            path,
            "a\n".repeat(lines_max + 1),
            &["move detail to a page under docs/"],
        );
    }
    check_one("docs/README.md", "a\n".repeat(300), &[]);
}

#[test]
fn paths_of_one_machine_are_refused_in_every_text() {
    for path in [
        concat!("/ro", "ot/x"),
        concat!("/wo", "rk/x"),
        concat!("/ho", "me/x"),
    ] {
        check_one("a.md", format!("see `{path}`\n"), &["a.md:1: names /"]);
        check_one("a.sh", format!("{path}\n"), &["a path of one machine"]);
        check_one("a.md", format!("see ..{path} and $dir{path}\n"), &[]);
    }
}

#[test]
fn registry_hosts_are_refused_outside_the_lock_of_cargo() {
    let line = concat!("source = \"https://crates", ".io-index\"\n");
    check_one("Cargo.lock", line, &[]);
    check_one("a.toml", line, &["names the package registry"]);
    let resolved = concat!(
        "\"resolved\": \"https://registry.",
        "npmjs",
        ".org/a.tgz\"\n"
    );
    check_one(
        "package-lock.json",
        resolved,
        &["names the package registry"],
    );
}

#[test]
fn a_lock_file_that_is_not_committed_is_refused() {
    let with = ["Cargo.lock".to_owned(), "Cargo.toml".to_owned()];
    let without = ["Cargo.toml".to_owned()];
    assert!(check_lock(&with, &with).is_none());
    assert!(check_lock(&with, &[]).is_none(), "nothing is committed yet");
    assert!(check_lock(&with, &without).is_some(), "not committed");
    assert!(
        check_lock(&without, &without).is_some(),
        "ignored or missing"
    );
}
