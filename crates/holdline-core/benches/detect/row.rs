//! One line of the table: a figure, what it must keep to, and whether it does.

use std::fmt::Write as _;

#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// What the figure is: a mean, a 95th percentile, a count.
    pub(crate) kind: &'static str,
    pub(crate) figure: f64,
    /// Not to be exceeded.
    pub(crate) target: f64,
    pub(crate) unit: &'static str,
    /// How much it rests on.
    pub(crate) basis: String,
}

impl Row {
    pub(crate) fn holds(&self) -> bool {
        self.figure <= self.target
    }
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (share * sorted.len() as f64).ceil() as usize;
    sorted
        .get(at.saturating_sub(1))
        .copied()
        .unwrap_or(f64::INFINITY)
}

pub(crate) fn table(rows: &[Row]) -> String {
    let width = rows
        .iter()
        .map(|row| row.name.chars().count())
        .max()
        .unwrap_or(0);
    let mut out = String::new();
    for row in rows {
        let (name, kind, basis) = (&row.name, row.kind, &row.basis);
        let target = format!("{} {}", row.target, row.unit);
        let holds = if row.holds() { "holds" } else { "FALLS SHORT" };
        let figure = row.figure;
        let _ = write!(out, "{name:<width$}  {kind:<5} {figure:>9.3}");
        let _ = writeln!(out, "  target <= {target:<10}  {holds:<11}  {basis}");
    }
    out
}

pub(crate) fn json(rows: &[Row]) -> String {
    let lines: Vec<String> = rows.iter().map(object).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

fn object(row: &Row) -> String {
    let figure = if row.figure.is_finite() {
        row.figure.to_string()
    } else {
        "null".into()
    };
    let (name, kind, basis) = (&row.name, row.kind, &row.basis);
    let (target, unit, holds) = (row.target, row.unit, row.holds());
    format!(r#"  {{"name":{name:?},"kind":{kind:?},"figure":{figure},"unit":{unit:?},"#)
        + &format!(r#""target":{target},"holds":{holds},"basis":{basis:?}}}"#)
}
