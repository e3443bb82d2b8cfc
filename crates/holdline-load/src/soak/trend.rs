//! Whether a figure grows: the least-squares line through samples, and medians. Pure.

/// Change of `y` for each unit of `x`; not a number with fewer than two different `x`.
pub(super) fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let spread: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let along: f64 = points
        .iter()
        .map(|(x, y)| (x - mean_x) * (y - mean_y))
        .sum();
    along / spread
}

/// Not a number of nothing.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let at = sorted.len() / 2;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_that_of_the_line_through_noise() {
        let points: Vec<(f64, f64)> = (0..100)
            .map(f64::from)
            .map(|x| (x, 3.0 + 0.5 * x + if x % 2.0 == 0.0 { 1.0 } else { -1.0 }))
            .collect();
        assert!((slope(&points) - 0.5).abs() < 0.001, "{}", slope(&points));
        assert!(slope(&points[..1]).is_nan());
        assert!(slope(&[]).is_nan());
    }

    #[test]
    fn one_peak_does_not_move_the_median() {
        assert_eq!(median([5.0, 1.0, 900.0, 2.0, 3.0]), 3.0);
        assert!(median([]).is_nan());
    }
}
