//! The stores on real files and real servers: the contract, what outlives a process, and what a
//! crash leaves.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod at_hand;
mod backup;
mod check;
mod contract;
mod crash;
mod file;
mod fixtures;
mod full;
mod images;
mod kill;
mod postgres;
