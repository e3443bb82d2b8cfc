//! Turns a file into entries of known keys, each with its origin. Unknown keys are refused here,
//! with the nearest known one; values are judged later.

use super::fault::{Faults, Origin};
use super::section::{ENV_PREFIX, Key, Section};
use super::sections::SECTIONS;
use std::collections::BTreeMap;
use toml::Value;
use toml::de::{DeTable, DeValue};

/// Most tables in one array of tables.
pub(super) const TABLES_MAX: usize = 1000;
/// Most edits between a wrong name and the one that is proposed for it.
const EDITS_MAX: usize = 3;

/// One value that a file or a variable gives.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// Values by full path (`app.0.id`), and where each table was opened.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) entries: BTreeMap<String, Entry>,
    pub(super) tables: BTreeMap<String, Origin>,
    /// Not TOML: what could be read of it is not all of it.
    pub(super) broken: bool,
}

impl Layer {
    pub(super) fn of_toml(name: &str, text: &str, faults: &mut Faults) -> Self {
        let (document, errors) = DeTable::parse_recoverable(text);
        let at = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
        let end = errors
            .iter()
            .map(at)
            .min()
            .map_or(text.len(), |first| line_start(text, first));
        let layer = Self {
            broken: !errors.is_empty(),
            ..Self::default()
        };
        let mut walk = Walk {
            name,
            text,
            end,
            faults,
            layer,
        };
        for error in errors {
            let origin = walk.origin(at(&error));
            let mend = "mend the line; text values stand in quotes, tables in [brackets]";
            walk.faults
                .add(origin, "", format!("not TOML: {}", error.message()), mend);
        }
        walk.table("", None, document.get_ref());
        walk.layer
    }
}

/// Walks one parsed file.
struct Walk<'a> {
    name: &'a str,
    text: &'a str,
    /// From here on the file is not TOML, and what was read is a guess.
    end: usize,
    faults: &'a mut Faults,
    layer: Layer,
}

impl Walk<'_> {
    /// `at` is the full path of the table, `section` what the key tables know of it.
    fn table(&mut self, at: &str, section: Option<&'static Section>, table: &DeTable<'_>) {
        for (name, value) in table {
            let offset = name.span().start;
            if offset >= self.end && self.layer.broken {
                continue;
            }
            let path = join(at, name.get_ref());
            let inner = find_section(&generic(&path));
            let key = section.and_then(|section| section.find(name.get_ref()));
            match (key, inner) {
                (Some((key, in_file)), _) => {
                    self.value(path, key, in_file, value.get_ref(), offset)
                }
                (None, Some(inner)) => self.section(path, inner, value.get_ref(), offset),
                (None, None) => self.unknown(&path, section, offset),
            }
        }
    }

    fn section(&mut self, path: String, to: &'static Section, value: &DeValue<'_>, offset: usize) {
        let origin = self.origin(offset);
        match value {
            DeValue::Table(table) if !to.many => {
                self.layer.tables.insert(path.clone(), origin);
                self.table(&path, Some(to), table);
            }
            DeValue::Array(list) if to.many && list.iter().all(|it| it.get_ref().is_table()) => {
                for (number, item) in list.iter().enumerate().take(TABLES_MAX) {
                    let at = join(&path, &number.to_string());
                    self.layer
                        .tables
                        .insert(at.clone(), self.origin(item.span().start));
                    if let Some(table) = item.get_ref().as_table() {
                        self.table(&at, Some(to), table);
                    }
                }
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => {
                let (open, close) = if to.many { ("[[", "]]") } else { ("[", "]") };
                let mend = format!("write {open}{}{close} on a line of its own", to.path);
                self.faults
                    .add(origin, &path, "is a section, written otherwise", &mend);
            }
        }
    }

    fn value(
        &mut self,
        path: String,
        key: &'static Key,
        in_file: bool,
        value: &DeValue<'_>,
        offset: usize,
    ) {
        let origin = self.origin(offset);
        if key.secret() && !in_file {
            let mend = format!(
                "name its file: {} = \"PATH\", or set {}",
                key.file_name(),
                format!("{ENV_PREFIX}{}", path.replace('.', "_")).to_uppercase()
            );
            self.faults
                .add(origin, &path, "a secret may not stand in this file", &mend);
        } else {
            self.layer.entries.insert(
                path,
                Entry {
                    value: plain(value),
                    origin,
                },
            );
        }
    }

    fn unknown(&mut self, path: &str, section: Option<&'static Section>, offset: usize) {
        let origin = self.origin(offset);
        let (what, known): (_, Vec<String>) = match section {
            Some(section) => ("unknown key", section.names().collect()),
            None => (
                "unknown section",
                SECTIONS.iter().map(|it| it.path.to_owned()).collect(),
            ),
        };
        let name = path.rsplit('.').next().unwrap_or(path);
        let else_mend = "remove it; `holdline config reference` lists all keys";
        let mend = propose(name, known.into_iter(), else_mend);
        self.faults.add(origin, path, what, &mend);
    }

    fn origin(&self, offset: usize) -> Origin {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .map_or(0, |last| last.chars().count())
            + 1;
        Origin::File {
            name: self.name.into(),
            line,
            column,
        }
    }
}

fn find_section(generic_path: &str) -> Option<&'static Section> {
    SECTIONS
        .iter()
        .find(|section| section.path == generic_path)
        .copied()
}

/// `app.0.id` as `app.id`.
fn generic(path: &str) -> String {
    let named = path
        .split('.')
        .filter(|part| part.parse::<usize>().is_err());
    named.collect::<Vec<_>>().join(".")
}

pub(super) fn join(at: &str, name: &str) -> String {
    if at.is_empty() {
        name.to_owned()
    } else {
        format!("{at}.{name}")
    }
}

fn line_start(text: &str, offset: usize) -> usize {
    text.get(..offset)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |at| at + 1)
}

fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::String(number.to_string()), Value::Integer),
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .map_or(Value::Float(f64::NAN), Value::Float),
        DeValue::Boolean(flag) => Value::Boolean(*flag),
        DeValue::Datetime(time) => Value::Datetime(*time),
        DeValue::Array(list) => Value::Array(list.iter().map(|it| plain(it.get_ref())).collect()),
        DeValue::Table(_) => Value::Table(toml::Table::new()),
    }
}

/// The nearest of the known names, if it is near.
pub(super) fn propose(name: &str, known: impl Iterator<Item = String>, otherwise: &str) -> String {
    let near = known
        .map(|it| (edits(name, &it), it))
        .min()
        .filter(|(far, it)| *far <= EDITS_MAX && *far * 2 < it.len().max(2));
    near.map_or_else(
        || otherwise.into(),
        |(_, it)| format!("did you mean `{it}`?"),
    )
}

/// Insertions, removals and changes of characters that lead from one name to the other.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (at, other) in to.iter().enumerate() {
            let change = diagonal + usize::from(letter != *other);
            diagonal = row[at + 1];
            row[at + 1] = change.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[to.len()]
}
