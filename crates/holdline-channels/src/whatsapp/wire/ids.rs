//! The ids we give out: wamids in the provider's byte layout, callback data, trace ids.
//! Where a real wamid holds the person's number ours holds digits made from the id, so it tells
//! nothing; only ids that we could have made are read back.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Which way the message of an id goes, seen from the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Outbound,
    Inbound,
}

/// The wamid of our message `id`.
#[must_use]
pub fn wamid_of(id: u128, direction: Direction) -> String {
    let mut bytes = Vec::with_capacity(LAYOUT_BYTES);
    bytes.extend([0x1C, 0x18, PSEUDO_DIGITS as u8]);
    bytes.extend(pseudo_digits(id).bytes());
    bytes.extend([
        0x15,
        0x02,
        0x00,
        direction_byte(direction),
        0x18,
        ID_DIGITS as u8,
    ]);
    bytes.extend(format!("{id:032X}").bytes());
    bytes.push(0);
    let mut wamid = String::from(PREFIX);
    STANDARD.encode_string(bytes, &mut wamid);
    wamid
}

/// Our message id, where `wamid` is one that [`wamid_of`] gives.
#[must_use]
pub fn parse_wamid(wamid: &str) -> Option<(u128, Direction)> {
    let bytes = STANDARD.decode(wamid.strip_prefix(PREFIX)?).ok()?;
    let bytes: &[u8; LAYOUT_BYTES] = bytes.as_slice().try_into().ok()?;
    let direction = match bytes[DIRECTION_AT] {
        0x11 => Direction::Outbound,
        0x12 => Direction::Inbound,
        _ => return None,
    };
    let digits = std::str::from_utf8(&bytes[ID_AT..ID_AT + ID_DIGITS]).ok()?;
    let id = u128::from_str_radix(digits, 16).ok()?;
    (wamid_of(id, direction) == wamid).then_some((id, direction))
}

/// What we send as `biz_opaque_callback_data`, so that a status names the attempt it speaks of.
#[must_use]
pub fn opaque_of(message: u128, attempt_number: u16) -> String {
    let mut bytes = [0; 18];
    bytes[..16].copy_from_slice(&message.to_be_bytes());
    bytes[16..].copy_from_slice(&attempt_number.to_be_bytes());
    format!("{OPAQUE_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// The message and the attempt, where `opaque` is one that [`opaque_of`] gives.
#[must_use]
pub fn parse_opaque(opaque: &str) -> Option<(u128, u16)> {
    let bytes = URL_SAFE_NO_PAD
        .decode(opaque.strip_prefix(OPAQUE_PREFIX)?)
        .ok()?;
    let bytes: [u8; 18] = bytes.try_into().ok()?;
    let (message, number) = bytes.split_at(16);
    let message = u128::from_be_bytes(message.try_into().ok()?);
    Some((message, u16::from_be_bytes(number.try_into().ok()?)))
}

/// A trace id of the provider's shape, from a random draw.
#[must_use]
pub fn fbtrace_id(draw: u128) -> String {
    format!("A{}", URL_SAFE_NO_PAD.encode(draw.to_be_bytes()))
}

/// `count` digits, the first not zero, that follow from `seed` and say nothing of what it names.
#[must_use]
pub fn digits_from(seed: u128, count: usize) -> String {
    let mut state = (seed as u64) ^ ((seed >> 64) as u64).rotate_left(32);
    let digit = |at| {
        state = mix(state);
        let draw = (state >> 32) as u32;
        let digit = if at == 0 { 1 + draw % 9 } else { draw % 10 };
        char::from_digit(digit, 10).unwrap_or('0')
    };
    (0..count).map(digit).collect()
}

fn pseudo_digits(id: u128) -> String {
    digits_from(id, PSEUDO_DIGITS)
}

const fn direction_byte(direction: Direction) -> u8 {
    match direction {
        Direction::Outbound => 0x11,
        Direction::Inbound => 0x12,
    }
}

/// One step of SplitMix64.
const fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

const PREFIX: &str = "wamid.";
const OPAQUE_PREFIX: &str = "hl:";
const PSEUDO_DIGITS: usize = 11;
const ID_DIGITS: usize = 32;
const DIRECTION_AT: usize = 3 + PSEUDO_DIGITS + 3;
const ID_AT: usize = DIRECTION_AT + 3;
const LAYOUT_BYTES: usize = ID_AT + ID_DIGITS + 1;
