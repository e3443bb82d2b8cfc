//! Which hop a delivery takes now ([`choose`]), and how fast a route may be used ([`gate`]).

pub mod choose;
pub mod gate;
pub mod route;

pub use choose::{Choice, Stay, choose, room_wait_until};
pub use gate::{Gate, GateConfig};
pub use route::{Policy, RouteIx, RouteView, Routes};
