//! A database in which messages wait: filled through the front door while the number may send one
//! a second, kept for the whole run, and copied for each use.

use super::{Bench, Ground};
use crate::press::{Press, Template, Write, press};
use crate::sink::{Form, Sink};
use crate::stage::{Setting, copy_database, sections, sms_section};
use std::net::SocketAddr;
use std::sync::Arc;
use tempfile::TempDir;

const CONNECTIONS: usize = 64;
/// Next to nothing leaves.
const HELD_PER_S: u32 = 1;
const PER_PERSON: u64 = 4;
/// One in so many is urgent.
pub(crate) const URGENT_EVERY: u64 = 100;

#[derive(Debug)]
pub(crate) struct Filled {
    folder: TempDir,
    pub(crate) count: u64,
    /// The numbers of those that left meanwhile.
    pub(crate) left: Vec<u64>,
    /// Memory of the server before the first message.
    pub(crate) idle_mb: f64,
    pub(crate) disk_bytes: u64,
}

impl Filled {
    pub(crate) async fn make(bench: &Bench, count: u64) -> anyhow::Result<Self> {
        eprintln!("filling a database with {count} messages");
        let folder = bench.folder()?;
        let sink = Sink::start(Form::CloudApi, count, None).await?;
        let senders = senders(&sink, HELD_PER_S, (&sink, HELD_PER_S));
        let setting = bench.setting(&folder, &senders)?;
        let ground = Ground::start(&setting).await?;
        let idle_mb = crate::works::mb(ground.server.vitals()?.rss_kib);
        fill(&setting, &ground.token, count).await?;
        let disk = ground.server.disk_bytes();
        ground.server.stop().await?;
        let seen = sink.seen();
        let left = (0..count).filter(|number| seen.came(*number).is_some());
        let left = left.collect();
        drop(seen);
        Ok(Self {
            folder,
            count,
            left,
            idle_mb,
            disk_bytes: disk.0 + disk.1,
        })
    }

    pub(crate) fn waiting(&self) -> u64 {
        self.count - self.left.len() as u64
    }

    /// The setting of a server on a copy of it.
    pub(crate) fn copy(
        &self,
        bench: &Bench,
        to: &TempDir,
        senders: &str,
    ) -> anyhow::Result<Setting> {
        copy_database(self.folder.path(), to.path())?;
        bench.setting(to, senders)
    }
}

/// WhatsApp at the one, SMS at the other.
pub(crate) fn senders(whatsapp: &Sink, rate_per_s: u32, (sms, sms_per_s): (&Sink, u32)) -> String {
    sections(&whatsapp.url(), rate_per_s, None) + &sms_section(&sms.url(), sms_per_s)
}

/// Sends all of these messages to the front door.
pub(crate) async fn fill(setting: &Setting, token: &str, count: u64) -> anyhow::Result<()> {
    let order = Press {
        connections: CONNECTIONS,
        first: 0,
        total: count,
    };
    let ask = Mixed::new(setting.address, token, count);
    press(order, setting.address, Arc::new(ask)).await?;
    Ok(())
}

pub(crate) fn is_urgent(number: u64) -> bool {
    number.is_multiple_of(URGENT_EVERY)
}

/// Mostly of the usual priority, some urgent, spread evenly.
#[derive(Debug)]
struct Mixed {
    usual: Template,
    urgent: Template,
}

impl Mixed {
    fn new(server: SocketAddr, token: &str, count: u64) -> Self {
        let people = count / PER_PERSON;
        Self {
            usual: Template::front_door(server, token, None, people),
            urgent: Template::front_door(server, token, Some("urgent"), people),
        }
    }
}

impl Write for Mixed {
    fn write(&self, number: u64, to: &mut Vec<u8>) {
        match is_urgent(number) {
            true => self.urgent.write(number, to),
            false => self.usual.write(number, to),
        }
    }
}
