//! Virtual providers (WhatsApp Cloud API, an SMS provider, a mail server) and the people behind
//! them.
//!
//! [`world::World`] decides: given a request, the time and its own seeded draws it returns an
//! answer and the effects to perform (timers, webhook posts). It never opens a socket and never
//! reads a clock, so the same decisions can run on a virtual clock.
//! [`serve::Sandbox`] performs: sockets, timers and webhook delivery in real time.

pub mod config;
pub mod deterministic;
mod draws;
mod hooks;
mod outage;
mod people;
mod providers;
mod ring;
pub mod samples;
pub mod serve;
mod sign;
mod status;
mod text;
pub mod world;

pub use hooks::{HookRow, HookState};
pub use outage::{Outage, OutageError, OutageId, OutageOrder, PROFILES, Profile, Provider, Scope};
pub use people::{
    LedgerRow, MailReach, Media, PersonChange, PersonError, PersonSend, PersonView, Received,
    SmsReach, WhatsappReach,
};
pub use providers::{Answer, ApiRequest, Handshake, Reply};
pub use serve::{Sandbox, SandboxError, Urls};
pub use sign::{meta_signature, twilio_signature};
pub use status::FeedFault;
pub use world::RequestCount;
