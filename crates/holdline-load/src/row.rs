//! One line of the table: a figure, what it must keep to if anything, and whether it does.

use serde_json::{Value, json};
use std::fmt::Write as _;

#[derive(Clone, Debug)]
pub(crate) struct Row {
    name: String,
    figure: f64,
    unit: &'static str,
    /// None for a figure that is only told.
    target: Option<Target>,
    /// The smallest and the largest, where it is the median of several runs.
    range: Option<(f64, f64)>,
    /// What it rests on.
    basis: String,
}

#[derive(Clone, Copy, Debug)]
enum Target {
    AtMost(f64),
    AtLeast(f64),
}

impl Row {
    pub(crate) fn told(name: impl Into<String>, figure: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            figure,
            unit,
            target: None,
            range: None,
            basis: String::new(),
        }
    }

    /// For what could not be measured, which never holds.
    pub(crate) fn broken(name: impl Into<String>, why: &anyhow::Error) -> Self {
        Self::told(name, f64::NAN, "")
            .at_most(0.0)
            .on(format!("could not be run: {why:#}"))
    }

    pub(crate) fn at_most(self, target: f64) -> Self {
        Self {
            target: Some(Target::AtMost(target)),
            ..self
        }
    }

    pub(crate) fn at_least(self, target: f64) -> Self {
        Self {
            target: Some(Target::AtLeast(target)),
            ..self
        }
    }

    pub(crate) fn within(self, range: (f64, f64)) -> Self {
        Self {
            range: Some(range),
            ..self
        }
    }

    pub(crate) fn on(self, basis: impl Into<String>) -> Self {
        Self {
            basis: basis.into(),
            ..self
        }
    }

    /// What is not a number holds no target.
    pub(crate) fn holds(&self) -> bool {
        self.target.is_none_or(|target| target.holds(self.figure))
    }

    #[cfg(test)]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn word(&self) -> &'static str {
        match (self.target, self.holds()) {
            (None, _) => "",
            (Some(_), true) => "holds",
            (Some(_), false) => "FALLS SHORT",
        }
    }
}

impl Target {
    fn holds(self, figure: f64) -> bool {
        match self {
            Self::AtMost(most) => figure <= most,
            Self::AtLeast(least) => figure >= least,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtMost(most) => format!("<= {}", number(most)),
            Self::AtLeast(least) => format!(">= {}", number(least)),
        }
    }

    fn json(self) -> (f64, &'static str) {
        match self {
            Self::AtMost(most) => (most, "at_most"),
            Self::AtLeast(least) => (least, "at_least"),
        }
    }
}

/// With as many digits behind the point as a small figure needs.
fn number(figure: f64) -> String {
    match figure.abs() {
        size if size == 0.0 || size >= 100.0 || size.is_nan() => format!("{figure:.1}"),
        size if size >= 1.0 => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}

pub(crate) fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.name.chars().count()).max();
    let width = width.unwrap_or(0);
    let mut out = String::new();
    for row in rows {
        let target = row.target.map_or_else(String::new, Target::text);
        let range = row.range.map_or_else(String::new, |(least, most)| {
            format!("[{} to {}]", number(least), number(most))
        });
        let line = format!(
            "{:<width$}  {:>12} {:<8} {target:<12} {:<11}  {range}{}{}",
            row.name,
            number(row.figure),
            row.unit,
            row.word(),
            if range.is_empty() { "" } else { " " },
            row.basis,
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

pub(crate) fn json(rows: &[Row]) -> String {
    let object = |row: &Row| {
        let (target, rule) = row.target.map(Target::json).unzip();
        let (least, most) = row.range.unzip();
        json!({
            "name": row.name, "figure": row.figure, "unit": row.unit, "target": target,
            "rule": rule, "holds": row.holds(), "least": least, "most": most,
            "basis": row.basis,
        })
    };
    format!("{:#}\n", Value::Array(rows.iter().map(object).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(figure: f64) -> Row {
        Row::told("x", figure, "s")
    }

    #[test]
    fn a_figure_holds_up_to_its_target_and_without_one() {
        assert!(row(9.0).holds());
        assert!(row(2.0).at_most(2.0).holds());
        assert!(!row(2.1).at_most(2.0).holds());
        assert!(!row(f64::NAN).at_most(2.0).holds());
    }

    #[test]
    fn a_figure_holds_from_its_target_on() {
        assert!(row(2.0).at_least(2.0).holds());
        assert!(!row(1.9).at_least(2.0).holds());
        assert!(!row(f64::NAN).at_least(2.0).holds());
    }

    #[test]
    fn the_table_names_what_falls_short() {
        let rows = [
            Row::told("lost", 1.0, "messages").at_most(0.0).on("of 7"),
            Row::told("disk", 900.0, "B"),
            Row::told("rate", 0.25, "/s")
                .at_least(0.2)
                .within((0.1, 0.3)),
        ];
        let text = table(&rows);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "lost          1.00 messages <= 0.0       FALLS SHORT  of 7"
        );
        assert!(lines[1].ends_with("900.0 B"));
        assert_eq!(
            lines[2],
            "rate         0.250 /s       >= 0.200     holds        [0.100 to 0.300]"
        );
    }

    #[test]
    fn the_json_says_which_way_a_target_goes() {
        let said: Value = serde_json::from_str(&json(&[
            row(1.0).at_least(2.0).within((0.5, 1.5)),
            row(1.0),
        ]))
        .unwrap();
        assert_eq!(said[0]["rule"], "at_least");
        assert_eq!(said[0]["holds"], false);
        assert_eq!(
            (&said[0]["least"], &said[1]["rule"]),
            (&json!(0.5), &Value::Null)
        );
    }
}
