//! What is awaited, by the time it began: a ring of buckets of fixed width. Its memory is fixed;
//! what is older than the ring falls out and is counted. Knows nothing of why it is awaited.

use crate::Timestamp;

/// Buckets of one ring.
pub const BUCKETS: usize = 32;
/// Offsets within a bucket are kept in parts of its width.
const PARTS: i64 = 256;

/// Counts and summed offsets of everything begun in each bucket and still awaited.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// Number of the newest bucket.
    head: i64,
    width_ms: u32,
    total: u32,
    offset: [u16; BUCKETS],
    count: [u8; BUCKETS],
}

impl Pending {
    #[must_use]
    pub fn new(width_ms: u32) -> Self {
        Self {
            head: 0,
            width_ms: width_ms.max(1),
            total: 0,
            offset: [0; BUCKETS],
            count: [0; BUCKETS],
        }
    }

    /// How long something is awaited before it falls out.
    #[must_use]
    pub fn horizon_ms(&self) -> u64 {
        u64::from(self.width_ms) * BUCKETS as u64
    }

    #[must_use]
    pub fn width_ms(&self) -> i64 {
        i64::from(self.width_ms)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    #[must_use]
    pub fn total(&self) -> u32 {
        self.total
    }

    /// One more, begun at `at`. Beyond 255 in one bucket the rest is not followed: so many tell
    /// enough, and a total stop is seen as well.
    pub fn add(&mut self, at: Timestamp) {
        let bucket = self.bucket(at);
        if bucket > self.head {
            self.advance_to(bucket);
        }
        let Some(slot) = self.slot(bucket) else {
            return;
        };
        if self.count[slot] == u8::MAX {
            return;
        }
        self.count[slot] += 1;
        self.offset[slot] += self.part(at);
        self.total += 1;
    }

    /// The one begun at `at` is no longer awaited; false when it was not followed.
    pub fn remove(&mut self, at: Timestamp) -> bool {
        let bucket = self.bucket(at);
        let Some(slot) = self.slot(bucket).filter(|slot| self.count[*slot] > 0) else {
            return false;
        };
        self.count[slot] -= 1;
        self.total -= 1;
        let part = self.part(at);
        self.offset[slot] = match self.count[slot] {
            0 => 0,
            _ => self.offset[slot].saturating_sub(part),
        };
        true
    }

    /// Lets fall out what is older than the ring; gives how many.
    pub fn advance(&mut self, now: Timestamp) -> u32 {
        let bucket = self.bucket(now);
        if bucket <= self.head {
            0
        } else {
            self.advance_to(bucket)
        }
    }

    /// (mean beginning, how many), oldest last.
    pub fn iter(&self) -> impl Iterator<Item = (Timestamp, u32)> + '_ {
        let (newest, width_ms) = (self.head, i64::from(self.width_ms));
        let back = if self.total == 0 { 0 } else { BUCKETS as i64 };
        (0..back)
            .map(move |back| newest - back)
            .filter_map(move |bucket| {
                let slot = index(bucket);
                let count = u32::from(self.count[slot]);
                let mean = u32::from(self.offset[slot]).checked_div(count)?;
                let begun = bucket * width_ms + i64::from(mean) * width_ms / PARTS;
                Some((Timestamp(begun), count))
            })
    }

    /// Awaited for longer than `age_ms`.
    #[must_use]
    pub fn older_than(&self, now: Timestamp, age_ms: u64) -> u32 {
        self.iter()
            .filter(|(begun, _)| now.since_ms(*begun) > age_ms)
            .map(|(_, count)| count)
            .sum()
    }

    /// Begins anew at `now`, which may be earlier than what was seen before.
    pub fn restart(&mut self, now: Timestamp) {
        *self = Self {
            head: self.bucket(now),
            ..Self::new(self.width_ms)
        };
    }

    fn advance_to(&mut self, bucket: i64) -> u32 {
        let steps = (bucket - self.head).min(BUCKETS as i64);
        let mut fallen = 0;
        for step in 1..=steps {
            let slot = index(bucket - steps + step);
            fallen += u32::from(self.count[slot]);
            self.count[slot] = 0;
            self.offset[slot] = 0;
        }
        self.head = bucket;
        self.total -= fallen;
        fallen
    }

    fn bucket(&self, at: Timestamp) -> i64 {
        at.0.div_euclid(i64::from(self.width_ms))
    }

    fn slot(&self, bucket: i64) -> Option<usize> {
        let kept = bucket <= self.head && bucket > self.head - BUCKETS as i64;
        kept.then(|| index(bucket))
    }

    fn part(&self, at: Timestamp) -> u16 {
        let width_ms = i64::from(self.width_ms);
        u16::try_from(at.0.rem_euclid(width_ms) * PARTS / width_ms).unwrap_or(0)
    }
}

fn index(bucket: i64) -> usize {
    usize::try_from(bucket.rem_euclid(BUCKETS as i64)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_old_falls_out_and_is_counted() {
        let mut ring = Pending::new(100);
        for at in [1_000, 1_010, 1_500] {
            ring.add(Timestamp(at));
        }
        assert_eq!(ring.advance(Timestamp(4_150)), 0);
        assert_eq!(ring.advance(Timestamp(4_250)), 2);
        assert_eq!(ring.total(), 1);
        assert!(!ring.remove(Timestamp(1_000)), "it has fallen out");
        assert!(ring.remove(Timestamp(1_500)));
        assert!(ring.is_empty());
    }

    #[test]
    fn the_mean_beginning_follows_what_remains() {
        let mut ring = Pending::new(1_000);
        ring.add(Timestamp(5_100));
        ring.add(Timestamp(5_900));
        let only = |ring: &Pending| ring.iter().next().map(|it| (it.0.0, it.1)).unwrap();
        let (mean, count) = only(&ring);
        assert!((5_490..=5_500).contains(&mean) && count == 2, "{mean}");
        ring.remove(Timestamp(5_100));
        let (mean, count) = only(&ring);
        assert!((5_890..=5_900).contains(&mean) && count == 1, "{mean}");
    }

    #[test]
    fn a_clock_that_goes_back_loses_nothing_it_should_keep() {
        let mut ring = Pending::new(100);
        ring.add(Timestamp(10_000));
        ring.add(Timestamp(2_000));
        assert_eq!(ring.total(), 1, "too old for the ring: not followed");
        assert_eq!(ring.advance(Timestamp(3_000)), 0);
    }

    #[test]
    fn after_a_restart_an_earlier_time_is_followed() {
        let mut ring = Pending::new(100);
        ring.add(Timestamp(10_000_000));
        ring.restart(Timestamp(5_000));
        assert!(ring.is_empty());
        ring.add(Timestamp(5_010));
        assert!(ring.remove(Timestamp(5_010)));
    }

    #[test]
    fn a_full_bucket_follows_no_more() {
        let mut ring = Pending::new(2_000);
        (0..10_000).for_each(|_| ring.add(Timestamp(1_999)));
        assert_eq!(ring.total(), 255);
    }
}
