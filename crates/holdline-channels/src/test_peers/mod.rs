//! Scripted providers on free loopback ports, and a library and a message to send, for the tests
//! of all channels. Everything ends with the value that holds it.

mod dns_peer;
mod http_peer;
mod material;
mod smtp_peer;

pub(crate) use dns_peer::{DnsPeer, DnsScript};
pub(crate) use http_peer::{Answer, Call, HttpPeer, closed_port};
pub(crate) use material::{NOW, TestLibrary, dispatch, media_record, raw, template_record};
pub(crate) use smtp_peer::{SmtpPeer, SmtpScript, Tls};
