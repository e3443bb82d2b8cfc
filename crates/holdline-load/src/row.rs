//! One line of the table: a figure, what it must keep to if anything, and whether it does.

use serde_json::{Value, json};
use std::fmt::Write as _;

#[derive(Clone, Debug)]
pub(crate) struct Row {
    name: &'static str,
    figure: f64,
    unit: &'static str,
    /// Not to be exceeded; none for a figure that is only told.
    target: Option<f64>,
    /// What it rests on.
    basis: String,
}

impl Row {
    pub(crate) fn told(name: &'static str, figure: f64, unit: &'static str) -> Self {
        Self {
            name,
            figure,
            unit,
            target: None,
            basis: String::new(),
        }
    }

    pub(crate) fn at_most(self, target: f64) -> Self {
        Self {
            target: Some(target),
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
        self.target.is_none_or(|target| self.figure <= target)
    }

    #[cfg(test)]
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    fn word(&self) -> &'static str {
        match (self.target, self.holds()) {
            (None, _) => "",
            (Some(_), true) => "holds",
            (Some(_), false) => "FALLS SHORT",
        }
    }
}

pub(crate) fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.name.chars().count()).max();
    let width = width.unwrap_or(0);
    let mut out = String::new();
    for row in rows {
        let target = row
            .target
            .map_or_else(String::new, |target| format!("<= {target:.1}"));
        let line = format!(
            "{:<width$}  {:>12.2} {:<8} {target:<12} {:<11}  {}",
            row.name,
            row.figure,
            row.unit,
            row.word(),
            row.basis,
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

pub(crate) fn json(rows: &[Row]) -> String {
    let object = |row: &Row| {
        json!({
            "name": row.name, "figure": row.figure, "unit": row.unit, "target": row.target,
            "holds": row.holds(), "basis": row.basis,
        })
    };
    format!("{:#}\n", Value::Array(rows.iter().map(object).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_holds_up_to_its_target_and_without_one() {
        let row = |figure| Row::told("x", figure, "s");
        assert!(row(9.0).holds());
        assert!(row(2.0).at_most(2.0).holds());
        assert!(!row(2.1).at_most(2.0).holds());
        assert!(!row(f64::NAN).at_most(2.0).holds());
    }

    #[test]
    fn the_table_names_what_falls_short() {
        let rows = [
            Row::told("lost", 1.0, "messages").at_most(0.0).on("of 7"),
            Row::told("disk", 900.0, "B"),
        ];
        let text = table(&rows);
        assert!(text.contains("lost          1.00 messages <= 0.0       FALLS SHORT  of 7"));
        assert!(
            text.lines()
                .nth(1)
                .is_some_and(|line| line.ends_with("900.00 B"))
        );
        assert_eq!(text.lines().count(), 2);
    }
}
