//! One figure in several runs: its median, and how far the runs lie apart. Pure.

use crate::row::Row;

#[derive(Clone, Debug, Default)]
pub(crate) struct Runs(Vec<f64>);

impl Runs {
    pub(crate) fn of<T>(runs: &[T], figure: impl Fn(&T) -> f64) -> Self {
        Self(runs.iter().map(figure).collect())
    }

    /// One run against another of the same minute, pair by pair.
    pub(crate) fn ratio<T, L>(
        runs: &[T],
        limits: &[L],
        figure: impl Fn(&T) -> f64,
        limit: impl Fn(&L) -> f64,
    ) -> Self {
        let pairs = runs.iter().zip(limits);
        Self(pairs.map(|(run, of)| figure(run) / limit(of)).collect())
    }

    /// Not a number, when there is no run or one without a figure.
    pub(crate) fn median(&self) -> f64 {
        if self.0.is_empty() || self.0.iter().any(|figure| figure.is_nan()) {
            return f64::NAN;
        }
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() % 2 {
            1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        }
    }

    /// A row of the median, with the range of several runs.
    pub(crate) fn row(&self, name: impl Into<String>, unit: &'static str) -> Row {
        let row = Row::told(name, self.median(), unit);
        match self.0.len() {
            0 | 1 => row,
            _ => row.within(self.range()),
        }
    }

    /// For whoever reads a row beside it.
    pub(crate) fn text(&self, unit: &str) -> String {
        let (least, most) = self.range();
        let digits = if self.median() >= 100.0 { 0 } else { 2 };
        match self.0.len() {
            0 | 1 => format!("{:.digits$} {unit}", self.median()),
            _ => format!(
                "{:.digits$} {unit} [{least:.digits$} to {most:.digits$}]",
                self.median()
            ),
        }
    }

    fn range(&self) -> (f64, f64) {
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (least, most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(figures: &[f64], expect: f64) {
        assert_eq!(Runs::of(figures, |it| *it).median(), expect, "{figures:?}");
    }

    #[test]
    fn the_median_is_the_middle_of_the_runs() {
        check(&[5.0], 5.0);
        check(&[9.0, 1.0, 4.0], 4.0);
        check(&[4.0, 1.0, 2.0, 9.0], 3.0);
    }

    #[test]
    fn without_a_figure_there_is_no_median() {
        assert!(Runs::default().median().is_nan());
        assert!(Runs::of(&[1.0, f64::NAN], |it| *it).median().is_nan());
    }

    #[test]
    fn a_ratio_is_taken_pair_by_pair() {
        let ratio = Runs::ratio(&[10.0, 40.0, 30.0], &[20.0, 50.0, 60.0], |it| *it, |it| *it);
        assert_eq!(ratio.median(), 0.5);
        assert_eq!(ratio.range(), (0.5, 0.8));
    }

    #[test]
    fn the_text_has_the_range_of_several_runs() {
        assert_eq!(Runs::of(&[1.5], |it| *it).text("ms"), "1.50 ms");
        let runs = Runs::of(&[100.4, 200.0, 300.0], |it| *it);
        assert_eq!(runs.text("/s"), "200 /s [100 to 300]");
    }
}
