//! What is usual: learned while a route is healthy, from priors while it is cold, bounded in
//! memory, and saved as plain numbers. Never learns from an outage, never decides.

mod blips;
mod ceiling;
mod delay;
mod season;

pub use blips::Blips;
pub use ceiling::Ceiling;
pub use delay::{DelayBaseline, Hazard};
pub use season::{HOURS, Season, hour_of_week};

/// Reads saved numbers back, one after the other; what is missing or no number is zero.
pub(crate) struct Saved<'a>(core::slice::Iter<'a, f32>);

impl<'a> Saved<'a> {
    pub(crate) fn new(values: &'a [f32]) -> Self {
        Self(values.iter())
    }

    pub(crate) fn next(&mut self) -> f64 {
        let value = self.0.next().copied().unwrap_or(0.0);
        if value.is_finite() && value > 0.0 {
            f64::from(value)
        } else {
            0.0
        }
    }
}
