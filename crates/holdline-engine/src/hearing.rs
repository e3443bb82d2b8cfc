//! When this node could not hear what the providers post: while it was not running, while a commit
//! stalled, while work of a node that died lay about. Says since when it hears again and how long
//! late receipts are waited for; decides nothing about a message.

use holdline_core::Timestamp;
use holdline_core::message::Hearing;

/// A turn that takes longer means that nothing was heard meanwhile.
const AWAY_MS: u64 = 3_000;
/// Late receipts are waited for as long as they could not be heard, within these bounds.
const PATIENCE_MS: (u64, u64) = (5_000, 60_000);
/// How long the process was not there is not known when it starts.
const START_PATIENCE_MS: u64 = 10_000;

/// What a node has heard of.
#[derive(Debug)]
pub(crate) struct Ears {
    hearing: Hearing,
    looked_at: Timestamp,
}

impl Ears {
    /// Of a process that starts.
    pub(crate) fn open(now: Timestamp) -> Self {
        let hearing = Hearing {
            since: now,
            patient_until: now.plus_ms(START_PATIENCE_MS),
        };
        Self {
            hearing,
            looked_at: now,
        }
    }

    pub(crate) const fn hearing(&self) -> Hearing {
        self.hearing
    }

    /// A turn begins; true when the time since the last one was missed. A clock that was set back
    /// misses nothing.
    pub(crate) fn look(&mut self, now: Timestamp) -> bool {
        let away_ms = now.since_ms(self.looked_at);
        self.looked_at = now;
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
        self.hearing = Hearing {
            since: now,
            patient_until: until.max(still),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hearing(since: i64, patient_until: i64) -> Hearing {
        Hearing {
            since: Timestamp(since),
            patient_until: Timestamp(patient_until),
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
}
