//! Talks to the world: one folder per channel, always the same files. Decides nothing about where
//! a message goes; only `client` files do I/O.

pub mod adapt;
pub mod phone;
pub mod whatsapp;
