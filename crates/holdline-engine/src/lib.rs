//! Runs the core: takes events, steps the machines, commits, then performs the effects.
//!
//! Async, and only against [`ports`]. Never spawns a task, opens a socket or a file, or reads a
//! clock of its own: the binary does, so that a simulator can run the same code on one thread.

pub mod cluster;
pub mod config;
pub mod contract;
mod driver;
mod handle;
mod hearing;
mod intake;
pub mod memory;
mod perform;
pub mod ports;
mod post;
mod receive;
pub mod request;
mod shared;
mod spool;
#[cfg(test)]
mod tests;
mod watch;

pub use cluster::{ClusterConfig, ClusterLoop};
pub use config::EngineConfig;
pub use driver::Driver;
pub use handle::{Engine, HelpLoop, Loops};
pub use perform::Worker;
pub use post::PostLoop;
pub use receive::{HookError, ReceiveLoop};
pub use shared::Ports;
pub use shared::batcher::BatchLoop;
pub use shared::counts::Counts;
pub use shared::storing::StoreFault;
pub use shared::taken::{TAKEN_MAX, Taken};
pub use spool::{DrainLoop, SpoolStatus};
