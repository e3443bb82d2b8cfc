//! One look at everything that could grow, and the file of all looks.

use super::weather::Phase;
use crate::offer::Tally;
use crate::stage::{Providers, Server, Vitals};
use anyhow::Context as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

const STATES: [&str; 4] = ["waiting", "in_flight", "in_doubt", "placed"];

#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) at_s: f64,
    pub(super) phase: Phase,
    pub(super) vitals: Vitals,
    /// Open deliveries, by the states above.
    pub(super) open: [f64; 4],
    pub(super) oldest_waiting_s: f64,
    pub(super) database_bytes: u64,
    pub(super) log_bytes: u64,
    pub(super) probe_ms: f64,
    /// At the providers: webhooks that the server has not taken yet.
    pub(super) webhooks_waiting: f64,
    pub(super) accepted: f64,
    pub(super) refused: f64,
    pub(super) errors: f64,
}

impl Sample {
    pub(super) async fn take(
        at_s: f64,
        phase: Phase,
        server: &Server,
        providers: &Providers,
        tally: &Tally,
    ) -> anyhow::Result<Self> {
        let probe_ms = server.probe_ms().await?;
        let metrics = server.metrics().await?;
        let figure = |name: &str| metrics.get(name).copied().unwrap_or(f64::NAN);
        let (database_bytes, log_bytes) = server.disk_bytes();
        let (webhooks_waiting, _) = providers.webhooks().await?;
        Ok(Self {
            at_s,
            phase,
            vitals: server.vitals()?,
            open: STATES.map(|it| figure(&format!("holdline_deliveries_open{{state=\"{it}\"}}"))),
            oldest_waiting_s: figure("holdline_oldest_waiting_seconds"),
            database_bytes,
            log_bytes,
            probe_ms,
            webhooks_waiting,
            accepted: Tally::count(&tally.accepted),
            refused: Tally::count(&tally.refused),
            errors: Tally::count(&tally.errors),
        })
    }

    pub(super) fn rss_mb(&self) -> f64 {
        self.vitals.rss_kib as f64 * 1_024.0 / 1e6
    }

    pub(super) fn waiting(&self) -> f64 {
        self.open[0]
    }

    /// For whoever looks on.
    pub(super) fn line(&self) -> String {
        let [waiting, in_flight, in_doubt, placed] = self.open;
        format!(
            "{:>6.0} s  {:<20} accepted {:>8}  RSS {:>6.1} MB  handles {:>4}  waiting {waiting} \
             in flight {in_flight} in doubt {in_doubt} placed {placed}  database {:.0} MB  probe \
             {:.1} ms  refused {} errors {}",
            self.at_s,
            self.phase.name(),
            self.accepted,
            self.rss_mb(),
            self.vitals.handles,
            self.database_bytes as f64 / 1e6,
            self.probe_ms,
            self.refused,
            self.errors,
        )
    }

    fn cells(&self) -> String {
        let (v, [waiting, in_flight, in_doubt, placed]) = (self.vitals, self.open);
        format!(
            "{:.1},{},{},{},{},{},{},{:.2},{waiting},{in_flight},{in_doubt},{placed},{:.1},{},{},\
             {:.2},{},{},{},{}",
            self.at_s,
            self.phase.round,
            self.phase.name(),
            v.rss_kib,
            v.anon_kib,
            v.handles,
            v.threads,
            v.cpu_s,
            self.oldest_waiting_s,
            self.database_bytes,
            self.log_bytes,
            self.probe_ms,
            self.webhooks_waiting,
            self.accepted,
            self.refused,
            self.errors,
        )
    }
}

const HEAD: &str = "at_s,round,weather,rss_kib,anon_kib,handles,threads,cpu_s,waiting,in_flight,\
                    in_doubt,placed,oldest_waiting_s,database_bytes,log_bytes,probe_ms,\
                    webhooks_waiting,accepted,refused,errors";

/// The samples as a table for other programs, complete up to the last one.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) path: PathBuf,
    file: BufWriter<File>,
}

impl Sheet {
    pub(super) fn new(folder: &Path, run: u64) -> anyhow::Result<Self> {
        let path = folder.join(format!("samples-{run}.csv"));
        let file = File::create(&path).with_context(|| path.display().to_string())?;
        let mut sheet = Self {
            path,
            file: BufWriter::new(file),
        };
        sheet.write(HEAD)?;
        Ok(sheet)
    }

    pub(super) fn add(&mut self, sample: &Sample) -> anyhow::Result<()> {
        self.write(&sample.cells())
    }

    fn write(&mut self, line: &str) -> anyhow::Result<()> {
        writeln!(self.file, "{line}")?;
        Ok(self.file.flush()?)
    }
}
