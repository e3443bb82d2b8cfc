//! Real servers for tests: each is started by the test that needs it, on a free loopback port, with
//! files of its own, and is gone when the test ends. Never part of the product; holds no SQL of
//! Holdline's. Whatever cannot be started fails the test and says how to install it.

mod pgbouncer;
mod postgres;
mod process;

pub use pgbouncer::Pgbouncer;
pub use postgres::Postgres;
