//! The real clock and real randomness: the only place in the binary that reads either for the
//! engine.

use async_trait::async_trait;
use holdline_core::Timestamp;
use holdline_engine::ports::{Clock, Ids};
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
        getrandom::u64().unwrap_or_else(|_| {
            let nanos = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            u64::from(nanos.subsec_nanos())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_in_the_order_of_their_making() {
        let ids: Vec<u128> = (0..1_000)
            .map(|_| SystemIds.id(SystemClock.now()))
            .collect();
        assert!(ids.is_sorted());
        assert_ne!(SystemIds.draw(), SystemIds.draw());
    }
}
