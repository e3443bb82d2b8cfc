//! The running engine on a virtual clock, the store in memory and channels that do as they are
//! told: what is committed before what, what waits for whom, what a failing store means.

mod cluster;
mod rig;
mod spool;
mod stories;
mod waits;
mod window;
