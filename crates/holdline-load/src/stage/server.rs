//! The released binary as a process: its configuration, its start, what it shows of itself.

use super::{APP_SECRET, PHONE_ID, Process, Vitals};
use crate::offer::{call, get_json};
use anyhow::Context as _;
use bytes::Bytes;
use http::Method;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Longest wait for a start.
const START_MAX: Duration = Duration::from_secs(120);

/// What does not change over restarts.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) folder: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) address: SocketAddr,
    /// Sections beside `[storage]`, `[http]` and `[net]`.
    pub(crate) sections: String,
    /// Beside the secrets.
    pub(crate) env: Vec<(&'static str, String)>,
}

#[derive(Debug)]
pub(crate) struct Server {
    setting: Setting,
    process: Process,
    /// From its start until it said that it listens.
    pub(crate) listening_after: Duration,
}

impl Setting {
    /// Writes the configuration; an app's callback and senders are in `sections`.
    pub(crate) fn write(&self) -> anyhow::Result<()> {
        let folder = self.folder.display();
        let address = self.address;
        let text = format!(
            "[storage]\nurl = \"sqlite:{folder}/holdline.db\"\nmedia_dir = \"{folder}/media\"\n\
             [http]\nlisten = \"{address}\"\n[net]\nallow_private_networks = true\n{}",
            self.sections
        );
        std::fs::write(self.folder.join("holdline.toml"), text)?;
        Ok(())
    }

    /// Starts the server and waits until it listens.
    pub(crate) async fn start(&self) -> anyhow::Result<Server> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)?;
        let mut command = self.command(&["--json", "serve"])?;
        let begun = Instant::now();
        let child = command.stdout(Stdio::piped()).stderr(log).spawn();
        let mut process = Process::new(child.context("the server does not start")?);
        let line = timeout(START_MAX, process.first_line())
            .await
            .context("the start takes too long")??;
        anyhow::ensure!(
            line.contains("\"url\""),
            "the server did not start: see {}",
            self.log.display()
        );
        Ok(Server {
            setting: self.clone(),
            process,
            listening_after: begun.elapsed(),
        })
    }

    /// A token for the one app.
    pub(crate) fn token(&self) -> anyhow::Result<String> {
        let mut command = self.command(&["token", "create", "--name", "load", "--app", "load"])?;
        let output = command.output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "token create: {said}");
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.join("holdline.db")
    }

    fn command(&self, args: &[&str]) -> anyhow::Result<Command> {
        let own = std::env::current_exe()?;
        let binary = own.with_file_name("holdline");
        anyhow::ensure!(
            binary.is_file(),
            "{} is missing: cargo xtask builds it before it calls this program",
            binary.display()
        );
        let mut command = Command::new(binary);
        command.current_dir(&self.folder).env_clear().args(args);
        command.envs([
            ("HOLDLINE_WHATSAPP_APP_SECRET", APP_SECRET),
            ("HOLDLINE_WHATSAPP_VERIFY_TOKEN", "verify-token"),
            ("HOLDLINE_WHATSAPP_ACCESS_TOKEN", "sandbox-token"),
            ("HOLDLINE_SMS_AUTH_TOKEN", "sandbox-auth-token"),
            ("HOLDLINE_APP_0_SECRET", APP_SECRET),
        ]);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }
}

impl Server {
    pub(crate) fn vitals(&self) -> anyhow::Result<Vitals> {
        let log = self.setting.log.display();
        self.process
            .vitals()
            .with_context(|| format!("the server: see {log}"))
    }

    /// Every figure of `/metrics` by its name with labels.
    pub(crate) async fn metrics(&self) -> anyhow::Result<BTreeMap<String, f64>> {
        let address = self.setting.address;
        let answer = call(address, Method::GET, "/metrics", "", Bytes::new()).await?;
        Ok(figures(&String::from_utf8_lossy(&answer.body)))
    }

    /// How long a question that needs nothing is under way.
    pub(crate) async fn probe_ms(&self) -> anyhow::Result<f64> {
        let begin = Instant::now();
        let address = self.setting.address;
        call(address, Method::GET, "/healthz", "", Bytes::new()).await?;
        Ok(begin.elapsed().as_secs_f64() * 1_000.0)
    }

    /// A GET of its own API.
    pub(crate) async fn api(&self, path: &str, token: &str) -> anyhow::Result<Value> {
        get_json(self.setting.address, &format!("/api/v1{path}"), token).await
    }

    /// Size of the database and of its write-ahead log.
    pub(crate) fn disk_bytes(&self) -> (u64, u64) {
        let database = self.setting.database();
        let log = database.with_extension("db-wal");
        (size(&database), size(&log))
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.process.stop().await
    }
}

/// The sections for one WhatsApp number and one app with an optional webhook address.
pub(crate) fn sections(whatsapp: &str, rate_per_s: u32, callback: Option<&str>) -> String {
    let callback = callback.map_or_else(String::new, |url| format!("callback_url = \"{url}\"\n"));
    format!(
        "[whatsapp]\nbase_url = \"{whatsapp}\"\ntimeout_ms = 5000\nrate_per_s = {rate_per_s}\n\
         in_flight_max = 256\n\
         [[whatsapp.sender]]\nphone_number_id = \"{PHONE_ID}\"\nwaba_id = \"102290129340398\"\n\
         display_phone_number = \"15550783881\"\n[[app]]\nid = \"load\"\n{callback}"
    )
}

/// The section of the SMS provider.
pub(crate) fn sms_section(url: &str, rate_per_s: u32) -> String {
    format!(
        "[sms]\nenabled = true\nbase_url = \"{url}\"\nrate_per_s = {rate_per_s}\n\
         account_sid = \"AC0123456789abcdef0123456789abcdef\"\nfrom = \"+15005550006\"\n"
    )
}

/// A file for the server's log, empty.
pub(crate) fn empty_log(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(name);
    File::create(&path)?;
    Ok(path)
}

/// The database with its log; there is no server that uses it.
pub(crate) fn copy_database(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for name in ["holdline.db", "holdline.db-wal"] {
        let file = from.join(name);
        if file.is_file() {
            std::fs::copy(&file, to.join(name)).with_context(|| file.display().to_string())?;
        }
    }
    Ok(())
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

fn figures(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exposition_is_read_by_name_and_labels() {
        let text = "# TYPE a gauge\na{state=\"waiting\"} 7\nb_total 1.5\n# EOF\n";
        let figures = figures(text);
        assert_eq!(figures.get("a{state=\"waiting\"}"), Some(&7.0));
        assert_eq!(figures.get("b_total"), Some(&1.5));
        assert_eq!(figures.len(), 2);
    }
}
