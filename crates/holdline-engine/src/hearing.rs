//! When this node could not hear what the providers post: while it was not running, while a commit
//! stalled, while work of a node that died lay about. Says since when it hears again, how long late
//! receipts are waited for, and how late receipts are read; decides nothing about a message.

use holdline_core::Timestamp;
use holdline_core::message::Hearing;

/// A turn that takes longer means that nothing was heard meanwhile.
const AWAY_MS: u64 = 3_000;
/// Late receipts are waited for as long as they could not be heard, within these bounds.
const PATIENCE_MS: (u64, u64) = (5_000, 60_000);
/// How long the process was not there is not known when it starts.
const START_PATIENCE_MS: u64 = 10_000;
/// The lag is the longest of this time and of as much before.
const LAG_WINDOW_MS: u64 = 10_000;

/// What a node has heard of.
#[derive(Debug)]
pub(crate) struct Ears {
    hearing: Hearing,
    looked_at: Timestamp,
    /// Longest times from a receipt's coming to its being read, now and in the window before.
    lags_ms: [u64; 2],
    window: Timestamp,
}

impl Ears {
    /// Of a process that starts.
    pub(crate) fn open(now: Timestamp) -> Self {
        let hearing = Hearing {
            since: now,
            patient_until: now.plus_ms(START_PATIENCE_MS),
            lag_ms: 0,
        };
        Self {
            hearing,
            looked_at: now,
            lags_ms: [0; 2],
            window: now,
        }
    }

    pub(crate) const fn hearing(&self) -> Hearing {
        self.hearing
    }

    /// A receipt is read, or a webhook is about to be, that came then. Another node's clock may
    /// have said so: what lies ahead counts as now.
    pub(crate) fn read(&mut self, came_at: Timestamp, now: Timestamp) {
        let (_, most) = PATIENCE_MS;
        let lag_ms = now.since_ms(came_at).min(most);
        self.lags_ms[0] = self.lags_ms[0].max(lag_ms);
        self.hearing.lag_ms = self.hearing.lag_ms.max(lag_ms);
    }

    /// A turn begins; true when the time since the last one was missed. A clock that was set back
    /// misses nothing.
    pub(crate) fn look(&mut self, now: Timestamp) -> bool {
        let away_ms = now.since_ms(self.looked_at);
        self.looked_at = now;
        if now.since_ms(self.window) >= LAG_WINDOW_MS || now < self.window {
            self.window = now;
            self.lags_ms = [0, self.lags_ms[0]];
            self.hearing.lag_ms = self.lags_ms[1];
        }
        let missed = away_ms > AWAY_MS;
        if missed {
            self.were_closed(now, away_ms);
        }
        missed
    }

    /// Not all could be heard for so long.
    pub(crate) fn were_closed(&mut self, now: Timestamp, away_ms: u64) {
        let (least, most) = PATIENCE_MS;
        let until = now.plus_ms(away_ms.clamp(least, most));
        // After the clock was set back the old time may lie far ahead.
        let still = self.hearing.patient_until.min(now.plus_ms(most));
        self.hearing.since = now;
        self.hearing.patient_until = until.max(still);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hearing(since: i64, patient_until: i64) -> Hearing {
        Hearing {
            since: Timestamp(since),
            patient_until: Timestamp(patient_until),
            lag_ms: 0,
        }
    }

    #[test]
    fn late_receipts_are_waited_for_as_long_as_nothing_was_heard() {
        let mut ears = Ears::open(Timestamp(0));
        assert_eq!(ears.hearing(), hearing(0, 10_000));
        assert!(!ears.look(Timestamp(3_000)));
        assert!(ears.look(Timestamp(23_000)));
        assert_eq!(ears.hearing(), hearing(23_000, 43_000));
        assert!(ears.look(Timestamp(30_000)), "7 s");
        assert_eq!(ears.hearing(), hearing(30_000, 43_000));
        assert!(ears.look(Timestamp(1_000_000)));
        assert_eq!(ears.hearing(), hearing(1_000_000, 1_060_000), "bounded");
    }

    #[test]
    fn a_clock_that_is_set_back_leaves_no_long_wait() {
        let mut ears = Ears::open(Timestamp(9_000_000));
        assert!(!ears.look(Timestamp(1_000)));
        assert!(ears.look(Timestamp(5_000)));
        assert_eq!(ears.hearing(), hearing(5_000, 65_000));
    }

    #[test]
    fn the_lag_is_the_longest_of_late_and_bounded() {
        let mut ears = Ears::open(Timestamp(0));
        let mut lag_at = |came, now| {
            ears.read(Timestamp(came), Timestamp(now));
            ears.look(Timestamp(now));
            ears.hearing().lag_ms
        };
        assert_eq!(lag_at(1_000, 2_900), 1_900);
        assert_eq!(lag_at(5_000, 5_010), 1_900);
        assert_eq!(lag_at(7_900, 7_930), 1_900);
        assert_eq!(lag_at(10_000, 10_500), 1_900, "of the window before");
        assert_eq!(lag_at(13_000, 13_050), 1_900);
        assert_eq!(lag_at(20_000, 20_500), 500);
        assert_eq!(lag_at(30_000, 23_000), 500, "by a clock ahead");
        assert_eq!(lag_at(-900_000, 23_100), 60_000);
    }
}
