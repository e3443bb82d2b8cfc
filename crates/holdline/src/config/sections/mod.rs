//! The sections of the configuration, one file each or two that belong together. The order here is
//! the order of the reference.

mod app;
mod delivery;
mod email;
mod http;
mod limits;
mod log;
mod outside;
mod sms;
mod storage;
mod whatsapp;

pub(crate) use app::App;
pub(crate) use delivery::{Failover, Health};
pub(crate) use email::{Email, EmailTls};
pub(crate) use http::{Console, Http, Net};
pub(crate) use limits::Limits;
pub(crate) use log::{Log, LogFormat};
pub(crate) use outside::{Feed, FeedForm, HealthEcho, Surroundings, is_meta, is_remote};
pub(crate) use sms::Sms;
pub(crate) use storage::{Backup, Node, Retention, Storage};
pub(crate) use whatsapp::{Whatsapp, WhatsappSender};

use super::section::Section;

/// Channels that `failover.order` may name.
pub(crate) const CHANNELS: [&str; 3] = ["whatsapp", "sms", "email"];

pub(crate) const SECTIONS: [&Section; 19] = [
    &Storage::SECTION,
    &Node::SECTION,
    &Backup::SECTION,
    &Http::SECTION,
    &Net::SECTION,
    &Console::SECTION,
    &Log::SECTION,
    &Limits::SECTION,
    &Whatsapp::SECTION,
    &WhatsappSender::SECTION,
    &Sms::SECTION,
    &Email::SECTION,
    &Failover::SECTION,
    &Health::SECTION,
    &HealthEcho::SECTION,
    &Surroundings::SECTION,
    &Feed::SECTION,
    &Retention::SECTION,
    &App::SECTION,
];
