//! Gives each field its value: environment before file before default, typed and within bounds.
//! Collects every fault; reads secret files, and nothing else from the disk.

use super::fault::{Faults, Origin};
use super::field::Field;
use super::layer::{Entry, Layer, TABLES_MAX};
use super::section::{Key, Section};
use std::collections::BTreeSet;
use std::io::Read as _;
use toml::Value;

/// Longest secret file.
const SECRET_BYTES_MAX: u64 = 64 * 1024;
const PLACEHOLDER: &str = "[set]";

/// One effective value, for `config show`. Secrets are masked here already.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) table: String,
    pub(crate) section: &'static str,
    pub(crate) name: &'static str,
    pub(crate) value: Option<Value>,
    pub(crate) origin: Origin,
}

/// The tables of one array that could be read, with their places.
#[derive(Debug)]
pub(crate) struct Many<T> {
    pub(crate) items: Vec<(usize, T)>,
    pub(crate) complete: bool,
}

impl<T> Many<T> {
    pub(super) fn into_items(self) -> Vec<T> {
        self.items.into_iter().map(|(_, item)| item).collect()
    }
}

/// Both layers while the sections are read.
#[derive(Debug)]
pub(crate) struct Reader {
    file: Layer,
    env: Layer,
    faults: Faults,
    /// Keys with a fault of their own, by path.
    faulty: BTreeSet<String>,
    shown: Vec<Shown>,
}

impl Reader {
    pub(super) fn new(file: Layer, env: Layer, faults: Faults) -> Self {
        Self {
            file,
            env,
            faults,
            faulty: BTreeSet::new(),
            shown: Vec::new(),
        }
    }

    /// A file that is not TOML is not judged further: half of its keys may be missing.
    pub(super) fn broken(&self) -> bool {
        self.file.broken
    }

    pub(super) fn finish(self) -> Result<Vec<Shown>, Faults> {
        self.faults.into_result().map(|()| self.shown)
    }

    /// The value of one key. A wrong one is a fault, and the default stands in for it, so that
    /// everything else of its section is judged as well.
    pub(crate) fn take<T: Field>(&mut self, at: &str, name: &str, section: &Section) -> Option<T> {
        let key = section.find(name)?.0;
        let path = format!("{at}.{}", key.name);
        let Some(given) = self.entry(&path, key) else {
            return self.stand_in(path, key);
        };
        let Some(entry) = given else {
            self.show(at, section, key, None, Origin::Default);
            return T::unset().or_else(|| self.missing(at, &path, key));
        };
        self.show(at, section, key, Some(&entry.value), entry.origin.clone());
        self.typed(&path, key, &entry)
            .or_else(|| self.stand_in(path, key))
    }

    fn stand_in<T: Field>(&mut self, path: String, key: &Key) -> Option<T> {
        self.faulty.insert(path);
        let default = default_of(key).and_then(|value| T::read(&value));
        default.or_else(T::unset)
    }

    /// Reads every table of an array of tables; those with faults are left out.
    pub(super) fn take_many<T>(
        &mut self,
        path: &str,
        read: impl Fn(&mut Self, &str) -> Option<T>,
    ) -> Many<T> {
        let opened = |number: &usize| self.table_origin(&format!("{path}.{number}")).is_some();
        let count = (0..TABLES_MAX)
            .rev()
            .find(opened)
            .map_or(0, |highest| highest + 1);
        let item = |number| Some((number, read(self, &format!("{path}.{number}"))?));
        let items: Vec<_> = (0..count).filter_map(item).collect();
        Many {
            complete: items.len() == count,
            items,
        }
    }

    /// Adds a fault at the first of `paths` that was given, else at the table it belongs to. It
    /// is none of its own where one of them is wrong already.
    pub(crate) fn fault(&mut self, paths: &[&str], what: impl Into<String>, mend: &str) {
        if paths.iter().any(|path| self.faulty.contains(*path)) {
            return;
        }
        let given = paths.iter().find_map(|path| self.origin(path));
        let table = || {
            let table = paths.first()?.rsplit_once('.')?.0;
            self.table_origin(table)
        };
        let origin = given.or_else(table).unwrap_or(Origin::Default);
        self.faults.add(
            origin,
            paths.first().copied().unwrap_or_default(),
            what,
            mend,
        );
    }

    fn typed<T: Field>(&mut self, path: &str, key: &Key, entry: &Entry) -> Option<T> {
        if let Some((least, most)) = outside(&entry.value, key) {
            let mend = format!("choose a number from {least} to {most}");
            self.faults
                .add(entry.origin.clone(), path, "is out of range", &mend);
            return None;
        }
        let typed = T::read(&entry.value);
        if typed.is_none() {
            let what = match described(&entry.value) {
                Some(kind) => format!("is {kind}, not {}", key.want),
                None => format!("is not {}", key.want),
            };
            self.faults
                .add(entry.origin.clone(), path, what, &example(key));
        }
        typed
    }

    /// Outer `None`: a fault was added. Inner `None`: the key is not set.
    fn entry(&mut self, path: &str, key: &Key) -> Option<Option<Entry>> {
        if key.secret() {
            return self.secret(path);
        }
        let given = self
            .env
            .entries
            .get(path)
            .or_else(|| self.file.entries.get(path));
        Some(given.cloned().or_else(|| {
            Some(Entry {
                value: default_of(key)?,
                origin: Origin::Default,
            })
        }))
    }

    fn secret(&mut self, path: &str) -> Option<Option<Entry>> {
        let in_file = format!("{path}_file");
        let env = (self.env.entries.get(path), self.env.entries.get(&in_file));
        match (env, self.file.entries.get(&in_file)) {
            ((Some(_), Some(named)), _) => {
                let what = "is set by value and by file at once";
                self.faults.add(
                    named.origin.clone(),
                    path,
                    what,
                    "unset one of the two variables",
                );
                None
            }
            ((Some(value), None), _) => Some(Some(value.clone())),
            ((None, Some(named)), _) | ((None, None), Some(named)) => {
                let named = named.clone();
                self.read_secret(&in_file, &named).map(Some)
            }
            ((None, None), None) => Some(None),
        }
    }

    fn read_secret(&mut self, path: &str, named: &Entry) -> Option<Entry> {
        let fault = match named.value.as_str().map(read_limited) {
            Some(Ok(text)) if !text.trim().is_empty() => {
                let value = Value::String(text.trim_end_matches(['\r', '\n']).to_owned());
                return Some(Entry {
                    value,
                    origin: named.origin.clone(),
                });
            }
            Some(Ok(_)) => "names an empty file".to_owned(),
            Some(Err(error)) => format!("names a file that cannot be read: {error}"),
            None => "is not a path".to_owned(),
        };
        let mend = "name a readable text file that holds the secret and nothing else";
        self.faults.add(named.origin.clone(), path, fault, mend);
        None
    }

    fn missing<T>(&mut self, at: &str, path: &str, key: &Key) -> Option<T> {
        let origin = self.table_origin(at).unwrap_or(Origin::Default);
        self.faults.add(origin, path, "is missing", &example(key));
        None
    }

    fn show(
        &mut self,
        at: &str,
        section: &Section,
        key: &'static Key,
        value: Option<&Value>,
        origin: Origin,
    ) {
        let masked = |value: &Value| match key.secret() {
            true => Value::String(PLACEHOLDER.into()),
            false => value.clone(),
        };
        self.shown.push(Shown {
            table: at.to_owned(),
            section: section.path,
            name: key.name,
            value: value.map(masked),
            origin,
        });
    }

    fn origin(&self, path: &str) -> Option<Origin> {
        let layers = [&self.env, &self.file];
        let file = format!("{path}_file");
        let found = layers
            .iter()
            .find_map(|it| it.entries.get(path).or(it.entries.get(&file)));
        found.map(|entry| entry.origin.clone())
    }

    fn table_origin(&self, table: &str) -> Option<Origin> {
        [&self.file, &self.env]
            .iter()
            .find_map(|layer| layer.tables.get(table))
            .cloned()
    }
}

fn default_of(key: &Key) -> Option<Value> {
    let document: toml::Table = format!("it = {}", key.default?).parse().ok()?;
    document.get("it").cloned()
}

/// The bounds, when the value is a number beyond them.
fn outside(value: &Value, key: &Key) -> Option<(u64, u64)> {
    let (least, most) = key.bounds?;
    let number = u64::try_from(value.as_integer()?);
    number
        .map_or(true, |number| number < least || number > most)
        .then_some((least, most))
}

fn read_limited(path: &str) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(SECRET_BYTES_MAX)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// `None` for a text, which shows by itself that it does not fit.
fn described(value: &Value) -> Option<&'static str> {
    Some(match value {
        Value::String(text) if text.trim().is_empty() => "empty",
        Value::String(_) => return None,
        Value::Integer(number) if *number < 0 => "a negative number",
        Value::Integer(_) => "a number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    })
}

fn example(key: &Key) -> String {
    match key.default {
        Some(default) => format!(
            "write {}; the default is {} = {default}",
            key.want, key.name
        ),
        None if key.secret() => {
            format!(
                "name a file with {} = \"PATH\", or set the variable",
                key.file_name()
            )
        }
        None => format!("set {} ({})", key.name, key.want),
    }
}
