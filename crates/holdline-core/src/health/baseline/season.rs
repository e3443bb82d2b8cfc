//! Rates by hour of the week, shrunk to the mean of all hours while an hour has little of its own.

use super::Saved;
use crate::Timestamp;
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

pub const HOURS: usize = 168;

/// Exposure of an hour beyond which the older counts half, in the unit of the exposure.
const EXPOSURE_MAX: f32 = 20_000.0;

/// Hour of the week in UTC, 0 to 167; it begins on a Thursday, as the Unix epoch does.
#[must_use]
pub fn hour_of_week(at: Timestamp) -> usize {
    usize::try_from(at.0.div_euclid(3_600_000).rem_euclid(HOURS as i64)).unwrap_or(0)
}

/// Events and exposure (time, or things awaited) for each hour.
#[derive(Clone, Debug, PartialEq)]
pub struct Season {
    hours: Box<[(f32, f32)]>,
    /// Of all hours.
    total: (f64, f64),
}

impl Default for Season {
    fn default() -> Self {
        Self {
            hours: vec![(0.0, 0.0); HOURS].into(),
            total: (0.0, 0.0),
        }
    }
}

impl Season {
    pub fn learn(&mut self, at: Timestamp, events: f64, exposure: f64) {
        let hour = &mut self.hours[hour_of_week(at)];
        hour.0 += events as f32;
        hour.1 += exposure as f32;
        self.total = (self.total.0 + events, self.total.1 + exposure);
        if hour.1 > EXPOSURE_MAX {
            *hour = (hour.0 * 0.5, hour.1 * 0.5);
            self.add_up();
        }
    }

    /// Events a unit of exposure at this hour; the mean of all hours counts for `shrink` units.
    #[must_use]
    pub fn rate(&self, at: Timestamp, shrink: f64) -> f64 {
        let (events, exposure) = self.total();
        if exposure <= 0.0 {
            return 0.0;
        }
        let hour = self.hours[hour_of_week(at)];
        let mean = events / exposure;
        (f64::from(hour.0) + mean * shrink) / (f64::from(hour.1) + shrink)
    }

    /// (events, exposure) of all hours.
    #[must_use]
    pub fn total(&self) -> (f64, f64) {
        self.total
    }

    fn add_up(&mut self) {
        self.total = self.hours.iter().fold((0.0, 0.0), |sum, hour| {
            (sum.0 + f64::from(hour.0), sum.1 + f64::from(hour.1))
        });
    }

    pub fn save(&self, out: &mut Vec<f32>) {
        self.hours
            .iter()
            .for_each(|hour| out.extend([hour.0, hour.1]));
    }

    pub(crate) fn load(&mut self, saved: &mut Saved<'_>) {
        for hour in &mut self.hours {
            *hour = (saved.next() as f32, saved.next() as f32);
        }
        self.add_up();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_speaks_for_itself_once_it_has_been_seen() {
        let hour = |n: i64| Timestamp(n * 3_600_000);
        let mut season = Season::default();
        assert_eq!(season.rate(hour(3), 3.0), 0.0);
        for n in 0..(168 * 4) {
            season.learn(hour(n), if n % 24 == 3 { 1.0 } else { 60.0 }, 1.0);
        }
        assert!(season.rate(hour(10), 1.0) > 55.0);
        assert!(
            season.rate(hour(27), 0.1) < 5.0,
            "{}",
            season.rate(hour(27), 0.1)
        );
    }
}
