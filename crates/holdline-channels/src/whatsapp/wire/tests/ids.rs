//! Ids: what we mint has the provider's layout, comes back, tells nothing, and is only ours.

use crate::whatsapp::wire::ids::{
    Direction, fbtrace_id, opaque_of, parse_opaque, parse_wamid, wamid_of,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use expect_test::expect;
use proptest::prelude::*;

#[test]
fn a_wamid_has_the_layout_of_the_provider() {
    let wamid = wamid_of(
        0x0193_5c9e_abcd_7000_8000_0000_0000_00ff,
        Direction::Outbound,
    );
    expect!["wamid.HBgLNDcwMDc2MTMwODAVAgARGCAwMTkzNUM5RUFCQ0Q3MDAwODAwMDAwMDAwMDAwMDBGRgA="]
        .assert_eq(&wamid);
    let bytes = STANDARD
        .decode(wamid.strip_prefix("wamid.").unwrap())
        .unwrap();
    assert_eq!(bytes[..3], [0x1C, 0x18, 11]);
    assert!(bytes[3..14].iter().all(u8::is_ascii_digit));
    assert_eq!(bytes[14..20], [0x15, 0x02, 0x00, 0x11, 0x18, 32]);
    assert_eq!(&bytes[20..52], b"01935C9EABCD700080000000000000FF");
    assert_eq!(bytes[52..], [0]);
}

#[test]
fn ids_of_the_provider_are_not_ours() {
    for wamid in [
        "wamid.HBgLMTY0NjcwNDM1OTUVAgARGBI1RjQyNUE3NEYxMzAzMzQ5MkEA",
        "wamid.HBgLMTY1MDU1NTEyMzQVAgASGBQzQTdCNUJEOTVFMUYzQTE5MTkwOAA=",
        "wamid.",
        "wamid.!!!",
        "",
        "hello",
    ] {
        assert_eq!(parse_wamid(wamid), None, "{wamid}");
    }
    for opaque in [
        "",
        "hl:",
        "hl:abc",
        "order-7",
        "hl:AAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        assert_eq!(parse_opaque(opaque), None, "{opaque}");
    }
}

#[test]
fn a_changed_wamid_is_not_ours() {
    let wamid = wamid_of(7, Direction::Inbound);
    let mut bytes = STANDARD
        .decode(wamid.strip_prefix("wamid.").unwrap())
        .unwrap();
    for at in 0..bytes.len() {
        bytes[at] ^= 1;
        let changed = format!("wamid.{}", STANDARD.encode(&bytes));
        let read = parse_wamid(&changed);
        assert!(read.is_none(), "byte {at} does not matter");
        bytes[at] ^= 1;
    }
}

proptest! {
    #[test]
    fn every_id_comes_back(id: u128, number: u16, out: bool) {
        let direction = if out { Direction::Outbound } else { Direction::Inbound };
        let wamid = wamid_of(id, direction);
        prop_assert_eq!(parse_wamid(&wamid), Some((id, direction)));
        prop_assert!(wamid.len() <= 128);
        let opaque = opaque_of(id, number);
        prop_assert_eq!(parse_opaque(&opaque), Some((id, number)));
        prop_assert!(opaque.len() <= 512);
        let trace = fbtrace_id(id);
        prop_assert!(trace.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in ".{0,100}") {
        let read = parse_wamid(&text).map(|(id, direction)| wamid_of(id, direction));
        prop_assert!(read.is_none_or(|wamid| wamid == text));
        let read = parse_opaque(&text).map(|(id, number)| opaque_of(id, number));
        prop_assert!(read.is_none_or(|opaque| opaque == text));
    }
}
