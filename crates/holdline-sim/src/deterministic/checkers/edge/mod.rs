//! Promises at the edges: people, apps, and what is bounded.

pub(super) mod apps;
pub(super) mod bounds;
pub(super) mod inbound;
