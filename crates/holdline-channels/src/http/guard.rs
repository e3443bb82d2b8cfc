//! Decides which addresses a call that an app asked for may reach: the public internet, nothing
//! of ours. Checks literal addresses and every resolved one at the moment of connecting, so that
//! a name cannot change its mind in between.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use url::{Host, Url};

/// Most addresses of one name that are tried.
const ADDRESSES_MAX: usize = 16;

/// The address is not one that an app may name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    #[error("only http and https addresses are called, not {0}")]
    Scheme(String),
    #[error("the address has no host")]
    NoHost,
    #[error("the host lies in a private network; set net.allow_private_networks if that is meant")]
    Private,
}

/// The rule of one client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guard {
    pub(super) allow_private: bool,
}

impl Guard {
    pub(super) fn check(self, url: &Url) -> Result<(), Forbidden> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Forbidden::Scheme(url.scheme().into()));
        }
        let literal = match url.host() {
            None => return Err(Forbidden::NoHost),
            Some(Host::Domain(_)) => return Ok(()),
            Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
        };
        if self.allows(literal) {
            Ok(())
        } else {
            Err(Forbidden::Private)
        }
    }

    fn allows(self, ip: IpAddr) -> bool {
        self.allow_private || is_public(ip)
    }

    fn choose(self, found: Vec<SocketAddr>) -> Result<Addrs, Forbidden> {
        let allowed: Vec<_> = found
            .into_iter()
            .filter(|addr| self.allows(addr.ip()))
            .collect();
        if allowed.is_empty() {
            Err(Forbidden::Private)
        } else {
            Ok(Box::new(allowed.into_iter()))
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(guard.choose(found.take(ADDRESSES_MAX).collect())?)
        })
    }
}

/// Whether an address belongs to the public internet: not private, loopback, link-local,
/// carrier-grade NAT, documentation, multicast, reserved, or a wrapping of such a one.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_multicast()
        || matches!((a, b, c), (0 | 240..=255, _, _))
        || matches!((a, b), (100, 64..=127) | (198, 18..=19))
        || matches!((a, b, c), (192, 0, 0) | (192, 88, 99));
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let Some(inner) = wrapped_v4(ip) {
        return is_public_v4(inner);
    }
    let [first, second, ..] = ip.segments();
    let documentation = (first, second) == (0x2001, 0x0db8) || first == 0x3fff;
    // Only 2000::/3 is given out; everything private lies outside it. 2001:0::/23 is protocols.
    (first & 0xe000) == 0x2000 && !documentation && !(first == 0x2001 && second < 0x0200)
}

/// The IPv4 address inside a mapped, NAT64 or 6to4 address.
fn wrapped_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = ip.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(join(high, low))
        }
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, allowed: bool) {
        let url = Url::parse(url).unwrap();
        assert_eq!(
            Guard {
                allow_private: false
            }
            .check(&url)
            .is_ok(),
            allowed,
            "{url}"
        );
    }

    #[test]
    fn literal_addresses_are_judged_in_every_spelling() {
        for url in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://[2002:7f00:1::]/",
            "http://[fd00::1]/",
            "http://[fe80::1]/",
            "http://169.254.169.254/latest/meta-data",
            "http://100.64.0.1/",
            "http://0.0.0.0/",
            "http://192.168.1.1:8080/",
            "http://255.255.255.255/",
            "http://198.18.0.1/",
            "http://[::]/",
            "http://[::127.0.0.1]/",
            "ftp://example.com/",
            "file:///etc/passwd",
        ] {
            check(url, false);
        }
        for url in [
            "https://93.184.216.34/",
            "http://[2606:4700::1111]/",
            "http://example.com/",
        ] {
            check(url, true);
        }
    }

    #[test]
    fn resolved_addresses_are_judged_one_by_one() {
        let guard = Guard {
            allow_private: false,
        };
        let addr = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 0);
        let kept: Vec<_> = guard
            .choose(vec![addr("10.0.0.1"), addr("1.1.1.1")])
            .ok()
            .unwrap()
            .collect();
        assert_eq!(kept, [addr("1.1.1.1")]);
        assert_eq!(
            guard.choose(vec![addr("10.0.0.1")]).err(),
            Some(Forbidden::Private)
        );
        assert!(
            Guard {
                allow_private: true
            }
            .choose(vec![addr("10.0.0.1")])
            .is_ok()
        );
    }
}
