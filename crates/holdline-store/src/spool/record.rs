//! A record's form in a file: its length, a checksum over its place and its bytes, then the bytes.
//! Tells a whole record from one that a crash cut off or a disk damaged.

use aws_lc_rs::digest::{Context, SHA256};

/// Length, then checksum.
pub(super) const HEAD_BYTES: usize = 4 + SUM_BYTES;
const SUM_BYTES: usize = 8;

/// Appends the record to `out`.
pub(super) fn write(out: &mut Vec<u8>, place: u64, record: &[u8]) {
    let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&sum(place, record));
    out.extend_from_slice(record);
}

/// The record that `bytes` begin with; `None` when there is no whole one of this place.
pub(super) fn read(bytes: &[u8], place: u64) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (expected, rest) = rest.split_first_chunk::<SUM_BYTES>()?;
    let record = rest.get(..usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    (sum(place, record) == *expected).then_some(record)
}

pub(super) fn sum(place: u64, bytes: &[u8]) -> [u8; SUM_BYTES] {
    let mut context = Context::new(&SHA256);
    context.update(&place.to_le_bytes());
    context.update(bytes);
    let mut sum = [0; SUM_BYTES];
    sum.copy_from_slice(&context.finish().as_ref()[..SUM_BYTES]);
    sum
}
