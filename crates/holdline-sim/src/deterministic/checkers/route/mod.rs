//! Promises about routes and their health.

pub(super) mod down;
pub(super) mod own_fault;
pub(super) mod paced;
pub(super) mod stay;
