//! Promises about single messages.

pub(super) mod accepted;
pub(super) mod attempt_first;
pub(super) mod ends;
