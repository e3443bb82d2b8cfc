//! What a work stands on: a server with a database of its own, a token, and what it is told.

mod fill;
mod runs;

pub(crate) use fill::{Filled, fill, is_urgent, senders};
pub(crate) use runs::Runs;

use crate::stage::{Server, Setting, Vitals, empty_log, free_address, target_folder};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;
use tokio::sync::Mutex;

const LIMITS: &str = "[limits]\nopen_messages_max = 20_000_000\n";

/// The whole of a run.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) quick: bool,
    /// How often each work is done.
    pub(crate) runs: usize,
    pub(crate) rate_per_s: u32,
    folder: TempDir,
    log: PathBuf,
    /// Databases that were filled already.
    filled: Mutex<Vec<Arc<Filled>>>,
    pub(crate) measured: Measured,
}

/// What was found on the way, for works that go by it: messages a second.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    accept: OnceLock<f64>,
    dispatch: OnceLock<f64>,
}

impl Measured {
    pub(crate) fn accept(&self, rate: f64) {
        let _ = self.accept.set(rate);
    }

    pub(crate) fn dispatch(&self, rate: f64) {
        let _ = self.dispatch.set(rate);
    }

    /// What goes both in and out, if both were measured: one machine does the two in turn.
    pub(crate) fn through(&self) -> Option<f64> {
        Some(1.0 / (1.0 / self.accept.get()? + 1.0 / self.dispatch.get()?))
    }
}

impl Bench {
    pub(crate) fn new(quick: bool, rate_per_s: u32) -> anyhow::Result<Self> {
        Ok(Self {
            quick,
            runs: if quick { 1 } else { 3 },
            rate_per_s,
            folder: tempfile::Builder::new()
                .prefix("holdline-load-")
                .tempdir()?,
            log: empty_log(&target_folder()?.join("load"), "server.log")?,
            filled: Mutex::default(),
            measured: Measured::default(),
        })
    }

    pub(crate) fn count(&self, whole: u64, quick: u64) -> u64 {
        if self.quick { quick } else { whole }
    }

    /// A folder for one run; gone with it.
    pub(crate) fn folder(&self) -> anyhow::Result<TempDir> {
        Ok(tempfile::tempdir_in(self.folder.path())?)
    }

    /// A database in which so many wait; made when it is first asked for.
    pub(crate) async fn filled(&self, count: u64) -> anyhow::Result<Arc<Filled>> {
        let mut filled = self.filled.lock().await;
        if let Some(made) = filled.iter().find(|it| it.count == count) {
            return Ok(Arc::clone(made));
        }
        let made = Arc::new(Filled::make(self, count).await?);
        filled.push(Arc::clone(&made));
        Ok(made)
    }

    /// With these sections of senders and apps.
    pub(crate) fn setting(&self, folder: &TempDir, sections: &str) -> anyhow::Result<Setting> {
        Ok(Setting {
            folder: folder.path().to_owned(),
            log: self.log.clone(),
            address: free_address()?,
            sections: format!("{sections}{LIMITS}"),
            env: Vec::new(),
        })
    }
}

/// A server that runs, and a token for its one app.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) server: Server,
    pub(crate) token: String,
}

impl Ground {
    pub(crate) async fn start(setting: &Setting) -> anyhow::Result<Self> {
        setting.write()?;
        Ok(Self {
            server: setting.start().await?,
            token: setting.token()?,
        })
    }
}

/// What a process used for some messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    pub(crate) cpu_s_per_1k: f64,
    pub(crate) switches_per_1k: f64,
    pub(crate) peak_mb: f64,
}

impl Used {
    pub(crate) fn between(before: Vitals, after: Vitals, messages: u64) -> Self {
        let thousands = messages.max(1) as f64 / 1e3;
        Self {
            cpu_s_per_1k: (after.cpu_s - before.cpu_s) / thousands,
            switches_per_1k: after.switches.saturating_sub(before.switches) as f64 / thousands,
            peak_mb: super::mb(after.peak_kib),
        }
    }
}
