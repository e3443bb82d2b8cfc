//! Random draws from a seed, the same on every machine. Not for anything secret.

/// A splitmix64 generator.
#[derive(Clone, Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        let mut draw = Self(seed.wrapping_mul(0xD134_2543_DE82_EF95) ^ 0x9E37_79B9_7F4A_7C15);
        draw.bits();
        draw
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in (0, 1].
    pub(crate) fn share(&mut self) -> f64 {
        ((self.bits() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn chance(&mut self, share: f64) -> bool {
        self.share() <= share
    }

    /// Exponential with this mean.
    pub(crate) fn pause(&mut self, mean: f64) -> f64 {
        -self.share().ln() * mean
    }

    pub(crate) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        let (radius, turn) = ((-2.0 * self.share().ln()).sqrt(), self.share());
        median * (sigma * radius * (core::f64::consts::TAU * turn).cos()).exp()
    }
}
