//! How commands print: tables and plain lines for people, one JSON value for programs. Decides no
//! content.

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;
use std::io::{IsTerminal as _, Write};

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    Always,
    Never,
}

impl ColorWhen {
    pub(crate) fn on_stdout(self) -> bool {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        match self {
            Self::Auto => std::io::stdout().is_terminal() && !no_color,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// The meaning of a coloured word; the word alone says the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Doubtful,
    Bad,
}

/// Where a command prints to.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
    pub(crate) color: bool,
}

impl Output {
    /// One line, or several. A reader that went away is no fault.
    pub(crate) fn line(&self, text: impl std::fmt::Display) {
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }

    /// Text that brings its own line ends.
    pub(crate) fn text(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Indented on a terminal; in one line for a program that reads line by line.
    pub(crate) fn value(&self, value: &Value) {
        if std::io::stdout().is_terminal() {
            self.line(format_args!("{value:#}"));
        } else {
            self.line(value);
        }
    }

    pub(crate) fn word(&self, word: &str, tone: Tone) -> String {
        let code = match tone {
            Tone::Good => 32,
            Tone::Doubtful => 33,
            Tone::Bad => 31,
        };
        if self.color {
            format!("\u{1b}[{code}m{word}\u{1b}[0m")
        } else {
            word.to_owned()
        }
    }

    /// A page of the API: its items, and the option that gets the next page.
    pub(crate) fn page(&self, page: &Value, columns: &[(&str, &str)], option: &str) {
        if self.json {
            return self.value(page);
        }
        let items = page.get("data").and_then(Value::as_array);
        self.records(items.map_or(&[], Vec::as_slice), columns);
        if let Some(next) = page.get("next").and_then(Value::as_str) {
            self.line(format_args!("more: {option} {next}"));
        }
    }

    /// Objects, one row each: title and key of every column.
    pub(crate) fn records(&self, items: &[Value], columns: &[(&str, &str)]) {
        let rows = items.iter().map(|item| {
            columns
                .iter()
                .map(|(_, key)| plain(item.get(*key).unwrap_or(&Value::Null)))
                .collect()
        });
        let titles: Vec<_> = columns.iter().map(|(title, _)| *title).collect();
        self.line(table(&titles, rows));
    }
}

/// A table without frames, so that it can be cut and searched with the usual tools.
pub(crate) fn table(titles: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(titles.to_vec());
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// A JSON value as a person writes it.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_hold_what_a_person_would_write() {
        for (value, text) in [
            (Value::Null, "-"),
            (serde_json::json!("a b"), "a b"),
            (serde_json::json!(["sms", "email"]), "sms, email"),
            (serde_json::json!(2.5), "2.5"),
        ] {
            assert_eq!(plain(&value), text);
        }
    }
}
