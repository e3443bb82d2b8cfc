//! The real clock and real randomness: the only place in the binary that reads either for the
//! engine.

use async_trait::async_trait;
use holdline_core::Timestamp;
use holdline_engine::ports::{Clock, Ids};
use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Wall-clock time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemClock;

/// UUIDs of version 7 and draws of the operating system's generator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemIds;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let passed = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(i64::try_from(passed.as_millis()).unwrap_or(i64::MAX))
    }

    async fn sleep_until(&self, at: Timestamp) {
        let wait_ms = at.since_ms(self.now());
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    }
}

impl Ids for SystemIds {
    fn id(&self, _: Timestamp) -> u128 {
        uuid::Uuid::now_v7().as_u128()
    }

    fn draw(&self) -> u64 {
        DRAWN
            .with_borrow_mut(|drawn| drawn.pop().or_else(|| draw_more(drawn)))
            .unwrap_or_else(|| {
                let nanos = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                u64::from(nanos.subsec_nanos())
            })
    }
}

/// Bytes asked of the operating system at once: a call of it costs more than what it gives.
const DRAWN_BYTES: usize = 512;

thread_local! {
    /// Drawn and not given to anybody yet.
    static DRAWN: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// `None` where the operating system gives nothing.
fn draw_more(drawn: &mut Vec<u64>) -> Option<u64> {
    let mut bytes = [0; DRAWN_BYTES];
    getrandom::fill(&mut bytes).ok()?;
    let (numbers, _) = bytes.as_chunks::<8>();
    drawn.extend(numbers.iter().map(|bytes| u64::from_ne_bytes(*bytes)));
    drawn.pop()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_come_in_the_order_of_their_making() {
        let ids: Vec<u128> = (0..1_000)
            .map(|_| SystemIds.id(SystemClock.now()))
            .collect();
        assert!(ids.is_sorted());
        let draws: BTreeSet<u64> = (0..1_000).map(|_| SystemIds.draw()).collect();
        assert_eq!(draws.len(), 1_000, "each is given once");
    }
}
