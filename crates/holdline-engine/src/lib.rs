//! Runs the core: takes events, steps the machines, commits, then performs the effects.
//!
//! Async, and only against [`ports`]. Never spawns a task, opens a socket or a file, or reads a
//! clock of its own: the binary does, so that a simulator can run the same code on one thread.

mod batcher;
pub mod config;
pub mod contract;
//CONTRACT
mod counts;
mod driver;
mod endpoints;
mod handle;
mod intake;
mod keywords;
pub mod memory;
mod perform;
mod plan;
pub mod ports;
mod post;
mod receive;
pub mod request;
mod route_table;
mod shared;
mod stop;

pub use batcher::BatchLoop;
pub use config::EngineConfig;
pub use counts::Counts;
pub use driver::Driver;
pub use handle::{Engine, HelpLoop, Loops};
pub use perform::Worker;
pub use post::PostLoop;
pub use receive::{HookError, ReceiveLoop};
pub use shared::Ports;
