//! Tests of the WhatsApp channel's pure parts.

mod classes;
mod definitions;
mod requests;
mod signatures;
mod updates;
