//! `serve`, `demo` and `sandbox`: the commands that run until they are stopped.

use super::{Context, Exit};
use crate::demo::{self, Order};
use crate::telemetry::start_logs;
use crate::wiring::Server;
use clap::Args;
use holdline_sim::Sandbox;
use holdline_sim::config::{Listen, SandboxConfig};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use url::Url;

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {}

#[derive(Clone, Debug, Args)]
pub(crate) struct DemoArgs {
    /// What breaks: the name of an outage profile
    #[arg(long, default_value = "server_errors", value_name = "NAME")]
    pub(crate) profile: String,
    /// Messages a second
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub(crate) rate: u32,
    /// How long the messages flow, in seconds; WhatsApp is broken in the middle third
    #[arg(long, default_value_t = 45, value_parser = clap::value_parser!(u32).range(9..=3600))]
    pub(crate) duration: u32,
    /// Keep everything running afterwards, until Ctrl-C
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct SandboxArgs {
    /// Address of the virtual WhatsApp
    #[arg(long, default_value = "127.0.0.1:8081", value_name = "ADDRESS")]
    pub(crate) whatsapp_listen: SocketAddr,
    /// Address of the virtual SMS provider
    #[arg(long, default_value = "127.0.0.1:8082", value_name = "ADDRESS")]
    pub(crate) sms_listen: SocketAddr,
    /// Address of the virtual mail server
    #[arg(long, default_value = "127.0.0.1:8025", value_name = "ADDRESS")]
    pub(crate) smtp_listen: SocketAddr,
    /// Address by which outages are started and inboxes are read
    #[arg(long, default_value = "127.0.0.1:8083", value_name = "ADDRESS")]
    pub(crate) control_listen: SocketAddr,
    /// Address of WhatsApp's virtual status page; a free one unless given
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    pub(crate) status_listen: SocketAddr,
    /// Server that gets the webhooks
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub(crate) server_url: Url,
}

pub(crate) async fn run(_: ServeArgs, context: &Context) -> anyhow::Result<Exit> {
    let config = context.config()?;
    start_logs(&config.log)?;
    let server = Server::start(config.clone()).await?;
    let asking = async {
        super::doctor::log_at_start(config).await;
        std::future::pending().await
    };
    tracing::info!(address = %server.address, "listening");
    if context.out.json {
        let tls = server
            .tls_address
            .map(|address| format!("https://{address}"));
        let url = format!("http://{}", server.address);
        let setup = &server.setup_url;
        let facts = json!({"url": url, "tls_url": tls, "console_setup_url": setup});
        context.out.value(&facts);
    } else if let Some(url) = &server.setup_url {
        eprintln!("Set up the console (once, for its first owner): {url}");
    }
    tokio::select! {
        stopped = stop_signal() => stopped?,
        () = asking => {}
    }
    tracing::info!("stopping");
    server.stop().await;
    Ok(Exit::Done)
}

pub(crate) async fn demo(args: DemoArgs, context: &Context) -> anyhow::Result<Exit> {
    let order = Order {
        profile: args.profile.replace('-', "_"),
        rate: args.rate,
        duration: Duration::from_secs(args.duration.into()),
        quiet: context.out.json,
    };
    let played = demo::play(&order).await?;
    let verdict = &played.verdict;
    let exit = if verdict.is_good() {
        Exit::Done
    } else {
        Exit::Failed
    };
    if context.out.json {
        context.out.value(&serde_json::to_value(verdict)?);
    } else {
        context.out.line(demo::table(verdict));
    }
    if args.keep {
        for (what, url) in played.urls() {
            eprintln!("{what:<18} {url}");
        }
        eprintln!("running until Ctrl-C");
        stop_signal().await?;
    }
    played.end().await;
    Ok(exit)
}

pub(crate) async fn sandbox(args: SandboxArgs, context: &Context) -> anyhow::Result<Exit> {
    let listen = Listen {
        whatsapp: args.whatsapp_listen,
        sms: args.sms_listen,
        smtp: args.smtp_listen,
        control: args.control_listen,
        status: args.status_listen,
    };
    let sandbox = Sandbox::start(SandboxConfig {
        listen,
        ..SandboxConfig::default()
    })
    .await?;
    let server = args.server_url.as_str().trim_end_matches('/');
    sandbox.set_whatsapp_webhook(Some(format!("{server}/hooks/whatsapp")));
    sandbox.set_sms_inbound(Some(format!("{server}/hooks/sms")));
    announce(&sandbox, server, context);
    stop_signal().await?;
    sandbox.shutdown().await;
    Ok(Exit::Done)
}

/// Says where the providers are, and with which secrets a server reaches them.
fn announce(sandbox: &Sandbox, server: &str, context: &Context) {
    let defaults = SandboxConfig::default();
    let number = defaults
        .whatsapp
        .numbers
        .first()
        .cloned()
        .unwrap_or_default();
    let urls = sandbox.urls();
    let token = defaults
        .whatsapp
        .access_tokens
        .first()
        .map(|token| token.expose().to_owned());
    let facts = json!({
        "whatsapp": urls.whatsapp,
        "sms": urls.sms,
        "smtp": urls.smtp.to_string(),
        "control": urls.control,
        "status": urls.status,
        "webhooks_to": server,
        "phone_number_id": number.id,
        "waba_id": number.waba_id,
        "access_token": token,
        "app_secret": defaults.whatsapp.app_secret.expose(),
        "verify_token": defaults.whatsapp.verify_token.expose(),
        "sms_account_sid": defaults.sms.account_sid,
        "sms_auth_token": defaults.sms.auth_token.expose(),
        "sms_from": defaults.sms.from,
    });
    if context.out.json {
        return context.out.value(&facts);
    }
    for (name, value) in facts.as_object().into_iter().flatten() {
        let text = value
            .as_str()
            .map_or_else(|| Value::to_string(value), str::to_owned);
        context.out.line(format!("{name:<18} {text}"));
    }
    context
        .out
        .line("Or in the console: set console.sandbox_url to the control above");
    context
        .out
        .line("Break it:  curl -d '{\"profile\":\"server_errors\"}' CONTROL/control/outages");
}

/// Waits for Ctrl-C or a polite kill.
async fn stop_signal() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
