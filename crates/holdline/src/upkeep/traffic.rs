//! Counts traffic by the minute for people to look at: what the engine has counted since the last
//! look is added to the minute it fell in. What was not yet written when the process died is lost,
//! and only the drawing misses it.

use crate::http::state::AppState;
use holdline_core::{ChannelKind, Timestamp};
use holdline_engine::Counts;
use holdline_engine::ports::Op;
use holdline_engine::ports::records::TrafficRecord;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// Pause between two looks.
const EVERY: Duration = Duration::from_secs(2);
const MINUTE_MS: i64 = 60_000;

/// (sends, receipts, failures) of a channel.
type Sums = BTreeMap<ChannelKind, [u64; 3]>;

/// Runs until the server stops; then writes what is left.
pub(crate) async fn keep_count(state: AppState, mut shutdown: watch::Receiver<bool>) {
    let mut written = sums(&state.engine.counts());
    loop {
        let stops = tokio::select! {
            () = sleep(EVERY) => false,
            _ = shutdown.wait_for(|stops| *stops) => true,
        };
        let now = sums(&state.engine.counts());
        let ops = added(&written, &now, state.engine.now());
        // What cannot be written now is written with the next.
        if ops.is_empty() || state.engine.commit(ops).await.is_ok() {
            written = now;
        }
        if stops {
            return;
        }
    }
}

fn sums(counts: &Counts) -> Sums {
    let mut sums = Sums::new();
    for ((channel, outcome), count) in &counts.attempts {
        let place = if *outcome == "accepted" { 0 } else { 2 };
        sums.entry(*channel).or_default()[place] += count;
    }
    for ((channel, what), count) in &counts.inbound {
        if *what == "receipt" {
            sums.entry(*channel).or_default()[1] += count;
        }
    }
    sums
}

fn added(before: &Sums, now: &Sums, at: Timestamp) -> Vec<Op> {
    let minute = Timestamp(at.0.div_euclid(MINUTE_MS) * MINUTE_MS);
    let more = now.iter().filter_map(|(channel, sums)| {
        let known = before.get(channel).copied().unwrap_or_default();
        let [sends, receipts, failures] =
            std::array::from_fn(|ix| sums[ix].saturating_sub(known[ix]));
        let any = sends + receipts + failures > 0;
        any.then(|| {
            Op::Traffic(TrafficRecord {
                minute,
                channel: *channel,
                sends,
                receipts,
                failures,
            })
        })
    });
    more.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_since_the_last_look_is_added_to_its_minute() {
        let mut counts = Counts::default();
        counts.attempts.insert((ChannelKind::SMS, "accepted"), 5);
        let before = sums(&counts);
        counts.attempts.insert((ChannelKind::SMS, "accepted"), 7);
        counts.attempts.insert((ChannelKind::SMS, "rejected"), 1);
        counts.attempts.insert((ChannelKind::SMS, "unknown"), 2);
        counts.inbound.insert((ChannelKind::EMAIL, "receipt"), 4);
        counts.inbound.insert((ChannelKind::EMAIL, "message"), 9);
        let ops = added(&before, &sums(&counts), Timestamp(61_234));
        let rows: Vec<_> = ops
            .iter()
            .filter_map(|op| {
                let Op::Traffic(it) = op else { return None };
                let counts = (it.sends, it.receipts, it.failures);
                Some((it.minute.0, it.channel, counts))
            })
            .collect();
        let wanted = [
            (60_000, ChannelKind::EMAIL, (0, 4, 0)),
            (60_000, ChannelKind::SMS, (2, 0, 3)),
        ];
        assert_eq!(rows, wanted);
        assert!(added(&sums(&counts), &sums(&counts), Timestamp(0)).is_empty());
    }
}
