//! The checks behind `cargo xtask`, as functions that return what is wrong. They read the
//! workspace and run cargo or git; they never change a file.

pub mod fault;
pub mod fuzz;
pub mod layers;
pub mod load;
pub mod packages;
pub mod sim;
pub mod tasks;
pub mod tidy;
pub mod workspace;

pub use fault::Fault;
