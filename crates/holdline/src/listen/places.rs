//! How many connections there are, in all and from one address. Counts; never waits and never
//! closes one.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places of one listener.
#[derive(Debug)]
pub(super) struct Places {
    all_max: usize,
    each_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Only addresses that have a connection.
    by: BTreeMap<IpAddr, usize>,
}

/// One connection's place, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    of: IpAddr,
}

/// Which bound is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    All,
    Address,
}

impl Places {
    pub(super) fn new(all_max: usize, each_max: usize) -> Arc<Self> {
        Arc::new(Self {
            all_max,
            each_max,
            taken: Mutex::default(),
        })
    }

    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Result<Place, Full> {
        let of = network(peer);
        let mut taken = self.taken();
        if taken.all >= self.all_max {
            return Err(Full::All);
        }
        let count = taken.by.entry(of).or_default();
        if *count >= self.each_max {
            return Err(Full::Address);
        }
        *count += 1;
        taken.all += 1;
        let places = Arc::clone(self);
        Ok(Place { places, of })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all = taken.all.saturating_sub(1);
        if let Some(count) = taken.by.get_mut(&self.of) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.by.remove(&self.of);
            }
        }
    }
}

/// Who holds one IPv6 address holds its whole /64.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_cannot_take_all_places() {
        let places = Places::new(3, 2);
        let _first = places.take(ip("192.0.2.1")).unwrap();
        let second = places.take(ip("192.0.2.1")).unwrap();
        assert_eq!(places.take(ip("192.0.2.1")).unwrap_err(), Full::Address);
        let _other = places.take(ip("192.0.2.2")).unwrap();
        assert_eq!(places.take(ip("192.0.2.3")).unwrap_err(), Full::All);
        drop(second);
        assert!(places.take(ip("192.0.2.1")).is_ok());
    }

    #[test]
    fn addresses_of_one_network_count_together_and_nothing_is_kept_of_those_that_left() {
        let places = Places::new(9, 1);
        let place = places.take(ip("2001:db8:0:1::1")).unwrap();
        assert_eq!(
            places.take(ip("2001:db8:0:1::2")).unwrap_err(),
            Full::Address
        );
        assert!(places.take(ip("2001:db8:0:2::1")).is_ok());
        let mapped = places.take(ip("::ffff:192.0.2.1")).unwrap();
        assert_eq!(places.take(ip("192.0.2.1")).unwrap_err(), Full::Address);
        drop((place, mapped));
        assert!(places.taken().by.is_empty());
    }
}
