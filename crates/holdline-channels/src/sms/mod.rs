//! SMS by an HTTP provider in Twilio's REST shape. Pure but for `client`; decides nothing about
//! keywords such as STOP, which are the engine's.

pub mod classify;
mod client;
mod config;
pub mod encode;
pub mod gsm7;
pub mod inbound;
mod reply;
pub mod wire;

#[cfg(test)]
mod tests;

pub use client::SmsChannel;
pub use config::SmsConfig;
