//! Guesses are slowed down: who fails to sign in again and again has to wait, by name and by
//! address; longer each time, and never so long that the right person is shut out for a day.

use holdline_core::Timestamp;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Failures that cost nothing: typing errors.
const FREE: u32 = 5;
/// An address may stand for a whole office.
const FREE_OF_ADDRESS: u32 = 20;
const WAIT_MS: u64 = 1_000;
const WAIT_MS_MAX: u64 = 15 * 60_000;
/// Failures are forgotten after so long without one.
const KEPT_MS: u64 = 60 * 60_000;
/// Names and addresses that are remembered; beyond it the oldest go.
const KEPT_MAX: usize = 10_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Name(String),
    Address(IpAddr),
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Timestamp,
}

#[derive(Debug, Default)]
pub(in crate::http::console) struct Throttle(Mutex<HashMap<Key, Failures>>);

impl Throttle {
    /// Seconds to wait before the next try counts; `None` = try now.
    pub(super) fn wait_s(&self, name: &str, address: IpAddr, now: Timestamp) -> Option<u64> {
        let known = self.lock();
        let waits = keys(name, address).into_iter().filter_map(|(key, free)| {
            let failures = known.get(&key)?;
            let wait_ms = wait_ms(failures.count, free);
            wait_ms.checked_sub(now.since_ms(failures.last))
        });
        let longest_ms = waits.max().filter(|ms| *ms > 0)?;
        Some(longest_ms.div_ceil(1_000))
    }

    pub(super) fn failed(&self, name: &str, address: IpAddr, now: Timestamp) {
        let mut known = self.lock();
        if known.len() + 2 > KEPT_MAX {
            forget(&mut known, now);
        }
        for (key, _) in keys(name, address) {
            let failures = known.entry(key).or_insert(Failures {
                count: 0,
                last: now,
            });
            if now.since_ms(failures.last) > KEPT_MS {
                failures.count = 0;
            }
            failures.count = failures.count.saturating_add(1);
            failures.last = now;
        }
    }

    /// The right person came: their name is free again. The address stays as it was, or somebody
    /// with an account of their own could go on guessing at others.
    pub(super) fn succeeded(&self, name: &str) {
        self.lock().remove(&Key::Name(name.to_owned()));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Failures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keys(name: &str, address: IpAddr) -> [(Key, u32); 2] {
    [
        (Key::Name(name.to_owned()), FREE),
        (Key::Address(address), FREE_OF_ADDRESS),
    ]
}

fn wait_ms(count: u32, free: u32) -> u64 {
    match count.checked_sub(free) {
        None => 0,
        Some(over) => (WAIT_MS << over.min(20)).min(WAIT_MS_MAX),
    }
}

/// Makes room: what is old first, then the half that failed longest ago.
fn forget(known: &mut HashMap<Key, Failures>, now: Timestamp) {
    known.retain(|_, it| now.since_ms(it.last) <= KEPT_MS);
    if known.len() + 2 <= KEPT_MAX {
        return;
    }
    let mut lasts: Vec<Timestamp> = known.values().map(|it| it.last).collect();
    lasts.sort_unstable();
    let middle = lasts[lasts.len() / 2];
    known.retain(|_, it| it.last > middle);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn waits_grow_after_a_few_failures_and_end_with_success() {
        let throttle = Throttle::default();
        let now = Timestamp(1_000_000);
        for _ in 0..4 {
            throttle.failed("ada", HOME, now);
        }
        assert_eq!(throttle.wait_s("ada", HOME, now), None);
        throttle.failed("ada", HOME, now);
        assert_eq!(throttle.wait_s("ada", HOME, now), Some(1));
        assert_eq!(throttle.wait_s("bob", HOME, now), None);
        for _ in 0..30 {
            throttle.failed("ada", HOME, now);
        }
        assert_eq!(throttle.wait_s("ada", HOME, now), Some(900));
        assert_eq!(throttle.wait_s("bob", HOME, now), Some(900), "by address");
        assert_eq!(throttle.wait_s("ada", HOME, now.plus_ms(900_000)), None);
        throttle.succeeded("ada");
        let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(throttle.wait_s("ada", elsewhere, now), None);
    }

    #[test]
    fn memory_is_bounded_and_the_newest_failures_stay() {
        let throttle = Throttle::default();
        for n in 0..(KEPT_MAX as i64 * 2) {
            throttle.failed(&format!("name{n}"), HOME, Timestamp(n));
        }
        assert!(throttle.lock().len() <= KEPT_MAX);
        let newest = Key::Name(format!("name{}", KEPT_MAX * 2 - 1));
        assert!(throttle.lock().contains_key(&newest));
    }
}
