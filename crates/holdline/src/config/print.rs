//! Prints the configuration: the annotated reference with every key, and the effective values with
//! their origins. Secrets reach this file masked.

use super::fault::Origin;
use super::reader::Shown;
use super::section::{Key, Section};
use super::sections::SECTIONS;
use serde_json::json;
use std::fmt::Write as _;

const HEAD: &str = "\
# Holdline: every key of the configuration, with its default.
#
# Order: the defaults below, then holdline.toml (or the file of --config), then the environment.
# A key without a default is commented out. Each key has an environment variable, named beside it;
# lists are written there with commas, and an empty variable counts as not set. Secrets never stand
# in this file: name a file that holds the secret (KEY_file), or set the variable. Paths are
# relative to the folder in which holdline starts.
";

/// The annotated default configuration, from the key tables. `default.toml` beside this file is the
/// same text for readers of the source; a test keeps them equal.
pub(crate) fn reference() -> String {
    let mut out = HEAD.to_owned();
    for section in SECTIONS {
        render_section(&mut out, section);
    }
    out
}

/// The same for programs: one object for each key.
pub(crate) fn reference_json() -> serde_json::Value {
    let keys = SECTIONS.iter().flat_map(|section| {
        section.keys.iter().map(|key| {
            let bounds = key.bounds.map(|(least, most)| [least, most]);
            json!({
                "section": section.path,
                "repeated": section.many,
                "key": key.name,
                "variable": section.env_name(section.many.then_some(0), key.name),
                "secret": key.secret(),
                "required": !key.optional && key.default.is_none(),
                "want": key.want,
                "default": key.default,
                "bounds": bounds,
                "about": key.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" "),
            })
        })
    });
    keys.collect()
}

/// Every value in force, and where it came from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effective(Vec<Shown>);

impl Effective {
    pub(super) fn new(shown: Vec<Shown>) -> Self {
        Self(shown)
    }

    /// As TOML with the origin of each value behind it.
    pub(crate) fn to_toml(&self) -> String {
        let mut out = String::new();
        let mut table = "";
        for shown in &self.0 {
            if shown.table != table {
                table = &shown.table;
                let many = SECTIONS
                    .iter()
                    .any(|it| it.path == shown.section && it.many);
                let (open, close) = if many { ("[[", "]]") } else { ("[", "]") };
                let gap = if out.is_empty() { "" } else { "\n" };
                let _ = writeln!(out, "{gap}{open}{}{close}", shown.section);
            }
            let _ = match &shown.value {
                Some(value) => writeln!(out, "{} = {value}  # {}", shown.name, shown.origin),
                None => writeln!(out, "# {} is not set", shown.name),
            };
        }
        out
    }

    /// One object: full path to value and origin.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let entry = |shown: &Shown| {
            let origin = (shown.origin != Origin::Default).then(|| shown.origin.to_string());
            let entry = json!({"value": shown.value, "origin": origin.unwrap_or("default".into())});
            (format!("{}.{}", shown.table, shown.name), entry)
        };
        serde_json::Value::Object(self.0.iter().map(entry).collect())
    }
}

fn render_section(out: &mut String, section: &Section) {
    out.push('\n');
    doc(out, section.doc);
    let _ = match section.many {
        true => writeln!(out, "# Repeat the table for each.\n# [[{}]]", section.path),
        false => writeln!(out, "[{}]", section.path),
    };
    for (number, key) in section.keys.iter().enumerate() {
        if number > 0 {
            out.push('\n');
        }
        render_key(out, section, key);
    }
}

fn render_key(out: &mut String, section: &Section, key: &Key) {
    doc(out, key.doc);
    let env = section.env_name(section.many.then_some(0), key.name);
    let bounds = key
        .bounds
        .map_or_else(String::new, |(least, most)| format!(", {least} to {most}"));
    let need = if !key.optional && key.default.is_none() {
        ", required"
    } else {
        ""
    };
    let _ = writeln!(out, "# ({}{bounds}{need}; {env})", key.want);
    let hidden = if key.default.is_none() || section.many {
        "# "
    } else {
        ""
    };
    let _ = match key.default {
        Some(default) => writeln!(out, "{hidden}{} = {default}", key.name),
        None if key.secret() => writeln!(out, "{hidden}{} = \"PATH\"", key.file_name()),
        None => writeln!(out, "{hidden}{} = {}", key.name, blank(key)),
    };
}

/// A value that could stand there.
fn blank(key: &Key) -> String {
    use super::field::Form;
    let text = match key.form {
        Form::Text | Form::Secret => "\"\"",
        Form::Number => return key.bounds.map_or(0, |(least, _)| least).to_string(),
        Form::Flag => "false",
        Form::List => "[]",
    };
    text.to_owned()
}

fn doc(out: &mut String, lines: &[&str]) {
    for line in lines {
        let _ = writeln!(out, "#{line}");
    }
}
