//! The sandbox as a process of its own, without limits of throughput, and the hand on its control:
//! outages, and the ledger of what reached people.

use super::{APP_SECRET, Process};
use crate::offer::{call, get_json, post};
use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use holdline_sim::Sandbox;
use holdline_sim::config::{AutoReply, SandboxConfig, Secret, SmsConfig, WhatsappConfig};
use http::Method;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::{ChildStdin, Command, ExitCode, Stdio};

/// Rows of the ledger in one read: what the sandbox gives at most.
const PAGE: usize = 10_000;

#[derive(Debug, Args)]
pub(crate) struct ProvidersArgs {
    /// Where their webhooks go
    #[arg(long)]
    server: SocketAddr,
    /// People who answer by themselves
    #[arg(long)]
    answers_of: Vec<String>,
}

/// Runs until the standard input ends, which it does when the run ends, however it ends.
pub(crate) async fn providers(args: ProvidersArgs) -> anyhow::Result<ExitCode> {
    let server = args.server;
    let answer = |address: String| AutoReply {
        address,
        text: String::from("thanks"),
        press: None,
        after_ms: 1_000,
    };
    let sandbox = Sandbox::start(SandboxConfig {
        whatsapp: WhatsappConfig {
            app_secret: Secret::new(APP_SECRET),
            webhook_url: Some(format!("http://{server}/hooks/whatsapp")),
            throughput_per_s: 0,
            ..WhatsappConfig::default()
        },
        sms: SmsConfig {
            inbound_url: Some(format!("http://{server}/hooks/sms")),
            throughput_per_s: 0,
            ..SmsConfig::default()
        },
        auto_reply: args.answers_of.into_iter().map(answer).collect(),
        ..SandboxConfig::default()
    });
    let sandbox = sandbox.await?;
    let urls = sandbox.urls();
    println!(
        "{}",
        json!({"whatsapp": urls.whatsapp, "sms": urls.sms, "control": urls.control})
    );
    let to_the_end = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    tokio::task::spawn_blocking(to_the_end).await??;
    sandbox.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug)]
pub(crate) struct Providers {
    pub(crate) whatsapp: String,
    pub(crate) sms: String,
    control: SocketAddr,
    _process: Process,
    _open: ChildStdin,
}

/// One copy that reached somebody.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Copied {
    pub(crate) number: Option<u64>,
    pub(crate) by_sms: bool,
}

impl Providers {
    pub(crate) async fn start(server: SocketAddr, answers_of: &[String]) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["providers", "--server", &server.to_string()]);
        answers_of.iter().for_each(|address| {
            command.args(["--answers-of", address]);
        });
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = Process::new(child.context("the providers do not start")?);
        let stdin = process.child().stdin.take().context("no standard input")?;
        let line = process.first_line().await?;
        let said: Value = serde_json::from_str(&line).context("the providers ended")?;
        let url = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
        let control = url("control");
        let control = control.trim_start_matches("http://").parse();
        Ok(Self {
            whatsapp: url("whatsapp"),
            sms: url("sms"),
            control: control.context("the address of the control")?,
            _process: process,
            _open: stdin,
        })
    }

    pub(crate) async fn begin_outage(&self, order: &Value) -> anyhow::Result<()> {
        post(self.control, "/control/outages", order).await?;
        Ok(())
    }

    pub(crate) async fn end_outages(&self) -> anyhow::Result<()> {
        let path = "/control/outages";
        call(self.control, Method::DELETE, path, "", Bytes::new()).await?;
        Ok(())
    }

    /// The next copies after `after`, which moves on.
    pub(crate) async fn copies(&self, after: &mut u64) -> anyhow::Result<Vec<Copied>> {
        let path = format!("/control/ledger?after={after}&limit={PAGE}");
        let page = get_json(self.control, &path, "").await?;
        let rows = page["rows"].as_array().cloned().unwrap_or_default();
        let first = rows.first().and_then(|row| row["seq"].as_u64());
        anyhow::ensure!(
            first.is_none_or(|first| first == *after + 1),
            "the sandbox let rows of its ledger go that were not read"
        );
        *after = page["after"].as_u64().unwrap_or(*after);
        Ok(rows.iter().map(copied).collect())
    }

    /// Webhooks that wait there, and those it had to drop.
    pub(crate) async fn webhooks(&self) -> anyhow::Result<(f64, f64)> {
        let page = get_json(self.control, "/control/webhooks?limit=0", "").await?;
        let figure = |name: &str| page[name].as_f64().unwrap_or(f64::NAN);
        Ok((figure("waiting"), figure("dropped")))
    }
}

fn copied(row: &Value) -> Copied {
    Copied {
        number: row["text"].as_str().and_then(number_in),
        by_sms: row["channel"] == "sms",
    }
}

/// Messages carry their number where a person would read it: `#000000042`.
pub(crate) fn number_in(text: &str) -> Option<u64> {
    text.match_indices('#')
        .find_map(|(at, _)| text.get(at + 1..at + 10)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_found_wherever_it_stands() {
        assert_eq!(number_in("Your order #000000042 is on its way."), Some(42));
        assert_eq!(number_in("no. #1, but #000000007"), Some(7));
        assert_eq!(number_in("Your order is on its way. #"), None);
    }

    #[tokio::test]
    async fn a_page_that_leaves_rows_out_is_an_error() {
        let row = json!({"seq": 3, "channel": "sms", "text": "#000000001"});
        let body = json!({"rows": [row], "after": 3}).to_string();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let control = listener.local_addr().unwrap();
        tokio::spawn(async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all((head.clone() + &body).as_bytes()).await;
            }
        });
        let mut child = Command::new("cat");
        let child = child.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        let mut process = Process::new(child.unwrap());
        let providers = Providers {
            whatsapp: String::new(),
            sms: String::new(),
            control,
            _open: process.child().stdin.take().unwrap(),
            _process: process,
        };
        let mut after = 2;
        let copies = providers.copies(&mut after).await.unwrap();
        assert_eq!(
            (copies[0].number, copies[0].by_sms, after),
            (Some(1), true, 3)
        );
        assert!(providers.copies(&mut 0).await.is_err());
    }
}
