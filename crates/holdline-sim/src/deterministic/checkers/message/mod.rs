//! Promises about single messages.

pub(super) mod accepted;
pub(super) mod attempt_first;
pub(super) mod ends;
pub(super) mod flight;
pub(super) mod idempotency;
pub(super) mod order;
pub(super) mod receipts;
pub(super) mod unknown;
