//! What a run stands on: the released binary in a folder of its own, the sandbox's providers as a
//! process of their own, an app that takes webhooks, and what the system says of a process. Ends
//! with the run.

mod app;
mod process;
mod providers;
mod server;

pub(crate) use app::{App, Told};
pub(crate) use process::{Process, Vitals};
pub(crate) use providers::{Providers, ProvidersArgs, providers};
pub(crate) use server::{Server, Setting, copy_database, empty_log, sections, sms_section};

use anyhow::Context as _;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

pub(crate) const PHONE_ID: &str = "106540352242922";
pub(crate) const APP_SECRET: &str = "app-secret";

/// The folder that cargo builds into: this program lies in a folder of it.
pub(crate) fn target_folder() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("where is this program?")?;
    let folder = own.ancestors().nth(2).context("it lies in no folder")?;
    Ok(folder.to_owned())
}

/// An address that is free now, below the range from which the system takes ports by itself.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    (0..1_000)
        .map(|_| 15_000 + RandomState::new().build_hasher().finish() % 16_000)
        .filter_map(|port| u16::try_from(port).ok())
        .map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
        .find(|address| TcpListener::bind(address).is_ok())
        .context("no port is free from 15000 to 31000")
}
