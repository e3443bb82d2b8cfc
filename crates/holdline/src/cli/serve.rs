//! `serve`, `demo` and `sandbox`: the commands that run until they are stopped.

use super::{Context, Exit};
use crate::config::Config;
use crate::listen::{self, ListenLimits};
use crate::telemetry::{METRICS_CONTENT_TYPE, Metrics, start_logs};
use crate::tls::{RELOAD_INTERVAL, TlsReloader};
use anyhow::Context as _;
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use clap::Args;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use url::Url;

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {}

#[derive(Clone, Debug, Args)]
pub(crate) struct DemoArgs {
    /// What breaks: the name of an outage profile
    #[arg(long, default_value = "hard-down", value_name = "NAME")]
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
    /// Server that gets the webhooks
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub(crate) server_url: Url,
}

pub(crate) async fn run(_: ServeArgs, context: &Context) -> anyhow::Result<Exit> {
    let config = context.config()?;
    start_logs(&config.log)?;
    let (stop, shutdown) = watch::channel(false);
    let router = router(Arc::new(Metrics::new()));
    let mut listeners = listen_all(&config, &router, &shutdown)?;
    stop_signal().await?;
    tracing::info!("stopping");
    stop.send_replace(true);
    while listeners.join_next().await.is_some() {}
    Ok(Exit::Done)
}

pub(crate) async fn demo(_: DemoArgs, context: &Context) -> anyhow::Result<Exit> {
    unwired("demo", context)
}

pub(crate) async fn sandbox(_: SandboxArgs, context: &Context) -> anyhow::Result<Exit> {
    unwired("sandbox", context)
}

pub(super) fn unwired(command: &str, _: &Context) -> anyhow::Result<Exit> {
    anyhow::bail!("`holdline {command}` is not part of this build")
}

/// Opens the plain listener and, if configured, the TLS one; each runs until shutdown.
fn listen_all(
    config: &Config,
    router: &Router,
    shutdown: &watch::Receiver<bool>,
) -> anyhow::Result<JoinSet<()>> {
    let limits = ListenLimits::from(&config.http);
    let mut tasks = JoinSet::new();
    let open = |address: SocketAddr| {
        listen::bind(address).with_context(|| format!("cannot listen on {address}"))
    };
    let plain = open(config.http.listen)?;
    tracing::info!(address = %plain.local_addr()?, "listening");
    tasks.spawn(listen::serve(
        plain,
        None,
        router.clone(),
        limits,
        shutdown.clone(),
    ));
    let files = config
        .http
        .tls_certificate
        .as_ref()
        .zip(config.http.tls_key.as_ref());
    if let Some((address, (certificate, key))) = config.http.tls_listen.zip(files) {
        let tls = TlsReloader::open(certificate, key)?;
        let listener = open(address)?;
        tracing::info!(address = %listener.local_addr()?, "listening for TLS");
        tasks.spawn(Arc::clone(&tls).watch(RELOAD_INTERVAL, shutdown.clone()));
        tasks.spawn(listen::serve(
            listener,
            Some(tls),
            router.clone(),
            limits,
            shutdown.clone(),
        ));
    }
    Ok(tasks)
}

fn router(metrics: Arc<Metrics>) -> Router {
    let headers = [(CONTENT_TYPE, METRICS_CONTENT_TYPE)];
    let exposition = move || async move { (headers, metrics.text()) };
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(exposition))
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
