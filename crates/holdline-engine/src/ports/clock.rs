//! Time, ids and random draws. The only places where the engine gets any of them.

use async_trait::async_trait;
use holdline_core::Timestamp;

/// Wall-clock time and waiting.
#[async_trait]
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;

    /// Returns at `at` or a little later; at once when `at` has passed.
    async fn sleep_until(&self, at: Timestamp);
}

/// Fresh ids and random draws.
pub trait Ids: Send + Sync {
    /// A time-ordered 128-bit id (UUID version 7).
    fn id(&self, now: Timestamp) -> u128;

    /// 64 random bits.
    fn draw(&self) -> u64;
}
