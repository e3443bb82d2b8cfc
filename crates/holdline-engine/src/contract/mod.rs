//! What every implementation of a port must do, as suites of checks that panic when it does not.
//! Run by the tests of each implementation; never by the product.

pub mod channel;
mod library;
pub mod store;

pub use library::NoLibrary;
