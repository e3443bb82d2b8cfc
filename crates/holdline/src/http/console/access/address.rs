//! From where somebody comes: the peer of the connection, or behind proxies that are trusted the
//! address that these name.

use axum::http::{HeaderMap, HeaderValue};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// Each proxy adds whom it was called by at the end of `X-Forwarded-For`, so the last that is no
/// proxy of ours is the one; what stands before it anybody may have written.
pub(super) fn address_of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_ours = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut address = peer.to_canonical();
    let lines: Vec<&[u8]> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    let lines = lines.into_iter().rev();
    let mut named = lines.flat_map(|line| line.rsplit(|byte| *byte == b','));
    while is_ours(&address) {
        let Some(next) = named.next().and_then(read) else {
            break;
        };
        address = next;
    }
    address
}

/// Some proxies add the port.
fn read(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|it| it.ip());
    address.or_else(with_port).map(|it| it.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted: [IpNet; 2] = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let check = |peer: &str, lines: &[&str], expect: &str| {
            let mut headers = HeaderMap::new();
            for line in lines {
                let value = HeaderValue::from_bytes(line.as_bytes()).unwrap();
                headers.append(FORWARDED_FOR, value);
            }
            let found = address_of(peer.parse().unwrap(), &headers, &trusted);
            assert_eq!(found, expect.parse::<IpAddr>().unwrap(), "{peer} {lines:?}");
        };
        check("192.0.2.1", &[], "192.0.2.1");
        check("192.0.2.1", &["203.0.113.7"], "192.0.2.1");
        check("10.0.0.1", &["203.0.113.7"], "203.0.113.7");
        check(
            "10.0.0.1",
            &["6.6.6.6, 203.0.113.7, 10.0.0.2"],
            "203.0.113.7",
        );
        check("10.0.0.1", &["6.6.6.6", "203.0.113.7:4711"], "203.0.113.7");
        check("::1", &["[2001:db8::7]:99"], "2001:db8::7");
        check("::1", &["[2001:db8::7]"], "2001:db8::7");
        check("::ffff:10.0.0.1", &["203.0.113.7"], "203.0.113.7");
        check("10.0.0.1", &["203.0.113.7, unknown"], "10.0.0.1");
        check("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3");
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &["6.6.6.6", "é, 203.0.113.7"], "203.0.113.7");
    }
}
