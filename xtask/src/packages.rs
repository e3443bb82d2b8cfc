//! What comes from outside: licences, sources and crates that must never be built in. The plain
//! form of `deny.toml`, so that a test refuses them on a machine without cargo-deny; knows nothing
//! of advisories.

use crate::fault::Fault;
use crate::workspace;
use anyhow::Result;
use std::path::Path;

/// Licences that ask for no more than their text and a notice. The same list as in `deny.toml`.
pub const LICENCES: &[&str] = &[
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Second TLS or crypto providers; a process with two of them fails at run time.
pub const BANNED: &[&str] = &["ring", "openssl", "openssl-sys", "native-tls", "rsa"];

/// One crate that is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    pub name: String,
    /// A folder or an address; none for a crate of the public registry.
    pub source: Option<String>,
    pub licence: String,
}

/// Everything wrong with what is built at `root`.
pub fn check(root: &Path) -> Result<Vec<Fault>> {
    let packages = workspace::built_packages(root)?;
    let mut faults = check_banned(&packages);
    faults.extend(packages.iter().filter_map(check_source));
    faults.extend(packages.iter().filter_map(check_licence));
    Ok(faults)
}

pub fn check_banned(packages: &[Package]) -> Vec<Fault> {
    let banned = |package: &&Package| BANNED.contains(&package.name.as_str());
    let fault = |package: &Package| {
        let name = &package.name;
        Fault::new(
            "Cargo.lock",
            format!("{name} is built in; aws-lc-rs is the one crypto provider"),
            format!("run `cargo tree -i {name}` and switch that feature off where it comes in"),
        )
    };
    packages.iter().filter(banned).map(fault).collect()
}

/// Only crates of the workspace lie elsewhere than in the registry.
pub fn check_source(package: &Package) -> Option<Fault> {
    let ours = package.name.starts_with("holdline") || package.name == "xtask";
    let source = package.source.as_ref().filter(|_| !ours)?;
    Some(Fault::new(
        "Cargo.lock",
        format!(
            "{} comes from {source}, not from the public registry",
            package.name
        ),
        "use a published version: others cannot build, check or update it",
    ))
}

pub fn check_licence(package: &Package) -> Option<Fault> {
    let may = Expression::new(&package.licence).holds();
    (!may).then(|| {
        Fault::new(
            "Cargo.lock",
            format!("{} has the licence {:?}", package.name, package.licence),
            "use another crate; or, if it asks for no more than a notice, add the licence to \
             deny.toml and to LICENCES in xtask/src/packages.rs",
        )
    })
}

/// An SPDX expression: names, `AND`, `OR`, `WITH` and brackets; `/` is an old `OR`.
struct Expression {
    words: Vec<String>,
    at: usize,
}

impl Expression {
    fn new(text: &str) -> Self {
        let apart = text
            .replace('(', " ( ")
            .replace(')', " ) ")
            .replace('/', " OR ")
            .replace(" or ", " OR ");
        let words = apart.split_whitespace().map(str::to_owned);
        Self {
            words: words.collect(),
            at: 0,
        }
    }

    /// Whether one of the ways to take it is allowed; never for what is no expression.
    fn holds(mut self) -> bool {
        self.any() && self.at == self.words.len()
    }

    fn any(&mut self) -> bool {
        let mut holds = self.all();
        while self.take("OR") {
            holds |= self.all();
        }
        holds
    }

    fn all(&mut self) -> bool {
        let mut holds = self.one();
        while self.take("AND") {
            holds &= self.one();
        }
        holds
    }

    fn one(&mut self) -> bool {
        if self.take("(") {
            let holds = self.any();
            return self.take(")") && holds;
        }
        let mut name = self.next();
        if self.take("WITH") {
            name = format!("{name} WITH {}", self.next());
        }
        LICENCES.contains(&name.as_str())
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.words.get(self.at).is_some_and(|next| next == word);
        self.at += usize::from(found);
        found
    }

    fn next(&mut self) -> String {
        let word = self.words.get(self.at).cloned().unwrap_or_default();
        self.at += 1;
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, source: Option<&str>, licence: &str) -> Package {
        Package {
            name: name.into(),
            source: source.map(Into::into),
            licence: licence.into(),
        }
    }

    fn check(licence: &str, may: bool) {
        let fault = check_licence(&package("a", None, licence));
        assert_eq!(fault.is_none(), may, "{licence:?}");
    }

    #[test]
    fn a_licence_is_taken_where_one_of_its_ways_is_allowed() {
        for licence in [
            "MIT",
            "MIT OR Apache-2.0",
            "Unlicense/MIT",
            "Apache-2.0 / MIT",
            "Apache-2.0 WITH LLVM-exception",
            "MIT OR LGPL-2.1-or-later",
            "(MIT OR GPL-3.0-only) AND Unicode-3.0",
            "ISC AND (Apache-2.0 OR ISC) AND BSD-3-Clause",
        ] {
            check(licence, true);
        }
        for licence in [
            "",
            "GPL-3.0-only",
            "AGPL-3.0-only",
            "MIT AND GPL-2.0-only",
            "Apache-2.0 WITH Classpath-exception-2.0",
            "(MIT",
            "MIT MIT",
            "MIT AND",
            "SSPL-1.0 OR BUSL-1.1",
        ] {
            check(licence, false);
        }
    }

    #[test]
    fn second_crypto_providers_and_foreign_sources_are_refused() {
        let ring = package("ring", None, "ISC");
        let found = check_banned(&[ring, package("serde", None, "MIT")]);
        assert_eq!(found.len(), 1);
        assert!(found[0].mend.contains("cargo tree -i ring"));
        let git = "https://example.com/a.git#0123";
        assert!(check_source(&package("a", Some(git), "MIT")).is_some());
        assert!(check_source(&package("a", None, "MIT")).is_none());
        assert!(check_source(&package("holdline-core", Some("folder"), "MIT")).is_none());
    }
}
