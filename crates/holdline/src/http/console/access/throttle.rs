//! Guesses are slowed down: who fails to sign in again and again has to wait, longer each time.
//! Most by name and address together; a little by the name alone, so that a stranger shuts nobody
//! out, and by the address alone, which may stand for a whole office.

use holdline_core::Timestamp;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

const WAIT_MS: u64 = 1_000;
/// Failures are forgotten after so long without one.
const KEPT_MS: u64 = 60 * 60_000;
/// What is remembered; beyond it the oldest go.
const KEPT_MAX: usize = 30_000;

/// (failures that cost nothing, longest wait) of a pair, of a name, of an address.
const OF_PAIR: (u32, u64) = (5, 15 * 60_000);
const OF_NAME: (u32, u64) = (20, 30_000);
const OF_ADDRESS: (u32, u64) = (50, 30_000);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Pair(String, IpAddr),
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
    /// Counts a try as failed, until [`Throttle::forgive`] says otherwise: tries side by side count
    /// too.
    ///
    /// # Errors
    /// Seconds to wait; the try does not count then.
    pub(super) fn try_now(&self, name: &str, address: IpAddr, now: Timestamp) -> Result<(), u64> {
        let mut known = self.lock();
        let waits = keys(name, address)
            .into_iter()
            .filter_map(|(key, (free, most))| {
                let failures = known.get(&key)?;
                wait_ms(failures.count, free, most).checked_sub(now.since_ms(failures.last))
            });
        if let Some(longest_ms) = waits.max().filter(|ms| *ms > 0) {
            return Err(longest_ms.div_ceil(1_000));
        }
        if known.len() + 3 > KEPT_MAX {
            forget(&mut known, now);
        }
        for (key, _) in keys(name, address) {
            let fresh = Failures {
                count: 0,
                last: now,
            };
            let failures = known.entry(key).or_insert(fresh);
            if now.since_ms(failures.last) > KEPT_MS {
                failures.count = 0;
            }
            failures.count = failures.count.saturating_add(1);
            failures.last = now;
        }
        Ok(())
    }

    /// The try was none: nobody could look at it, or the right person came. Then their name is free
    /// again; what others did from the address still counts.
    pub(super) fn forgive(&self, name: &str, address: IpAddr, succeeded: bool) {
        let mut known = self.lock();
        for (key, _) in keys(name, address) {
            let is_address = matches!(key, Key::Address(_));
            if succeeded && !is_address {
                known.remove(&key);
            } else if let Some(failures) = known.get_mut(&key) {
                failures.count = failures.count.saturating_sub(1);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Failures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keys(name: &str, address: IpAddr) -> [(Key, (u32, u64)); 3] {
    let address = network(address);
    [
        (Key::Pair(name.to_owned(), address), OF_PAIR),
        (Key::Name(name.to_owned()), OF_NAME),
        (Key::Address(address), OF_ADDRESS),
    ]
}

/// Whoever has one address of an IPv6 /64 has all of them.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(ip) => {
            let bits = u128::from(ip) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(bits))
        }
    }
}

fn wait_ms(count: u32, free: u32, most: u64) -> u64 {
    match count.checked_sub(free) {
        None => 0,
        Some(over) => (WAIT_MS << over.min(20)).min(most),
    }
}

/// Makes room: what is old first, then the half that failed longest ago.
fn forget(known: &mut HashMap<Key, Failures>, now: Timestamp) {
    known.retain(|_, it| now.since_ms(it.last) <= KEPT_MS);
    if known.len() + 3 <= KEPT_MAX {
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
    const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn waits_grow_after_a_few_failures_and_end_with_success() {
        let throttle = Throttle::default();
        let mut now = Timestamp(1_000_000);
        for _ in 0..5 {
            assert_eq!(throttle.try_now("ada", HOME, now), Ok(()));
        }
        assert_eq!(throttle.try_now("ada", HOME, now), Err(1));
        assert_eq!(
            throttle.try_now("ada", HOME, now),
            Err(1),
            "it did not count"
        );
        assert_eq!(throttle.try_now("bob", HOME, now), Ok(()));
        assert_eq!(throttle.try_now("ada", ELSEWHERE, now), Ok(()));
        for wait_s in [1, 2, 4, 8] {
            now = now.plus_ms(wait_s * 1_000);
            assert_eq!(
                throttle.try_now("ada", HOME, now),
                Ok(()),
                "after {wait_s} s"
            );
        }
        throttle.forgive("ada", HOME, true);
        assert_eq!(throttle.try_now("ada", HOME, now), Ok(()));
    }

    #[test]
    fn a_stranger_elsewhere_shuts_nobody_out_for_long() {
        let throttle = Throttle::default();
        let mut now = Timestamp(0);
        for n in 0..200_u8 {
            now = now.plus_ms(60_000);
            let from = IpAddr::V4(Ipv4Addr::new(198, 51, 100, n));
            let _ = throttle.try_now("ada", from, now);
        }
        let wait = throttle.try_now("ada", HOME, now);
        assert!(wait.is_err_and(|seconds| seconds <= 30), "{wait:?}");
    }

    #[test]
    fn who_signs_in_rightly_uses_nothing_up() {
        let throttle = Throttle::default();
        for _ in 0..500 {
            assert_eq!(throttle.try_now("ada", HOME, Timestamp(1)), Ok(()));
            throttle.forgive("ada", HOME, true);
        }
    }

    #[test]
    fn a_whole_network_of_ipv6_counts_as_one() {
        let throttle = Throttle::default();
        for n in 0..5 {
            let one: IpAddr = format!("2001:db8::{n}").parse().unwrap();
            assert_eq!(throttle.try_now("ada", one, Timestamp(1)), Ok(()));
        }
        let next = "2001:db8::ffff".parse().unwrap();
        assert_eq!(throttle.try_now("ada", next, Timestamp(1)), Err(1));
    }

    #[test]
    fn memory_is_bounded_and_the_newest_failures_stay() {
        let throttle = Throttle::default();
        for n in 0..(KEPT_MAX as i64) {
            let _ = throttle.try_now(&format!("name{n}"), ELSEWHERE, Timestamp(n * 40_000));
        }
        assert!(throttle.lock().len() <= KEPT_MAX);
        let newest = Key::Name(format!("name{}", KEPT_MAX - 1));
        assert!(throttle.lock().contains_key(&newest));
    }
}
