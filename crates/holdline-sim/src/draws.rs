//! Seeded random draws. Deterministic: the same seed gives the same sequence; never reads the OS.

/// A small, fast generator (SplitMix64). Good enough for lying, not for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Draws {
    state: u64,
}

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// Uniform in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in `[0, max]`.
    pub(crate) fn up_to(&mut self, max: u64) -> u64 {
        self.next_u64() % max.saturating_add(1).max(1)
    }

    pub(crate) fn percent(&mut self, percent: u8) -> bool {
        percent >= 100 || self.unit() * 100.0 < f64::from(percent)
    }

    /// A log-normal wait with the given median; what real latencies look like.
    pub(crate) fn wait_ms(&mut self, median_ms: u64, sigma: f64) -> u64 {
        if median_ms == 0 {
            return 0;
        }
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.unit()).cos();
        let factor = (sigma * normal).exp().clamp(0.05, 20.0);
        (median_ms as f64 * factor).round() as u64
    }

    pub(crate) fn hex_upper(&mut self, digits: usize) -> String {
        self.hex(digits, b"0123456789ABCDEF")
    }

    pub(crate) fn hex_lower(&mut self, digits: usize) -> String {
        self.hex(digits, b"0123456789abcdef")
    }

    pub(crate) fn letters(&mut self, count: usize) -> String {
        self.pick(
            count,
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        )
    }

    pub(crate) fn digits(&mut self, count: usize) -> String {
        let mut text = self.pick(1, b"123456789");
        text.push_str(&self.pick(count.saturating_sub(1), b"0123456789"));
        text
    }

    fn hex(&mut self, digits: usize, alphabet: &[u8; 16]) -> String {
        self.pick(digits, alphabet)
    }

    fn pick(&mut self, count: usize, alphabet: &[u8]) -> String {
        (0..count)
            .map(|_| char::from(alphabet[self.up_to(alphabet.len() as u64 - 1) as usize]))
            .collect()
    }
}

/// Mixes one value into a well-spread one; also used to derive stable facts about a person.
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A stable number for a text (FNV-1a, then mixed).
pub(crate) fn stable(text: &str) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325u64;
    mix(text.bytes().fold(start, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same() {
        let (mut a, mut b) = (Draws::new(7), Draws::new(7));
        for _ in 0..100 {
            assert_eq!(a.next_u64(), b.next_u64());
        }
        assert_ne!(Draws::new(7).next_u64(), Draws::new(8).next_u64());
    }

    #[test]
    fn waits_spread_around_their_median() {
        let mut draws = Draws::new(1);
        let mut waits: Vec<u64> = (0..2001).map(|_| draws.wait_ms(400, 0.35)).collect();
        waits.sort_unstable();
        let median = waits[1000];
        assert!((350..=450).contains(&median), "median {median}");
        assert!(waits[2000] > 600 && waits[0] < 250);
    }

    #[test]
    fn percent_hits_its_share() {
        let mut draws = Draws::new(3);
        let hits = (0..10_000).filter(|_| draws.percent(30)).count();
        assert!((2_700..3_300).contains(&hits), "{hits}");
        assert!((0..100).all(|_| draws.percent(100) && !draws.percent(0)));
    }
}
