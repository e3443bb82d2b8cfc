//! What every request handler can reach. Only handles: cheap to clone, no request data.

use crate::config::{Config, WhatsappSender};
use crate::http::auth::KnownTokens;
use crate::http::cloud_api::Memo;
use crate::http::console::Console;
use crate::library::StoreLibrary;
use crate::telemetry::Metrics;
use crate::upkeep::backup::BackupState;
use crate::upkeep::room::Room;
use crate::watch::FeedCell;
use axum::http::HeaderMap;
use axum::http::header::HOST;
use holdline_channels::http::Client;
use holdline_channels::whatsapp::client::GraphClient;
use holdline_engine::Engine;
use holdline_engine::ports::Blobs;
use std::ops::Deref;
use std::sync::Arc;

/// Cloned for each request, and more than once: one count.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) engine: Engine,
    /// For the time that the store cannot be asked.
    pub(crate) tokens: Arc<KnownTokens>,
    pub(crate) config: Arc<Config>,
    pub(crate) blobs: Arc<dyn Blobs>,
    /// The real Cloud API; `None` when no WhatsApp sender is configured.
    pub(crate) graph: Option<Arc<GraphClient>>,
    /// For addresses that apps name: refuses private networks unless the configuration allows.
    pub(crate) guarded: Arc<Client>,
    pub(crate) library: Arc<StoreLibrary>,
    pub(crate) metrics: Arc<Metrics>,
    /// How the world reaches this server, without a slash at its end.
    pub(crate) public_base: Arc<str>,
    pub(crate) memo: Arc<Memo>,
    /// What the followed status feeds say.
    pub(crate) feeds: Arc<FeedCell>,
    /// How far the backups are.
    pub(crate) backup: Arc<BackupState>,
    /// Of the disk of the database.
    pub(crate) room: Arc<Room>,
    pub(crate) console: Console,
}

impl From<Parts> for AppState {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl AppState {
    pub(crate) fn sender(&self, phone: &str) -> Option<&WhatsappSender> {
        self.config
            .whatsapp_senders
            .iter()
            .find(|sender| sender.phone_number_id == phone)
    }

    pub(crate) fn has_waba(&self, waba: &str) -> bool {
        self.config
            .whatsapp_senders
            .iter()
            .any(|sender| sender.waba_id == waba)
    }

    /// The address under which this caller can reach us: the configured one, else the one it
    /// called. A host name of the provider in plain HTTP came through a proxy and leads elsewhere.
    pub(crate) fn base_for(&self, headers: &HeaderMap) -> String {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let https = text("x-forwarded-proto") == Some("https");
        let host = text(HOST.as_str()).filter(|host| is_host(host));
        match host {
            Some(host) if self.config.http.public_url.is_none() => match https {
                true => format!("https://{host}"),
                false if is_provider(host) => self.public_base.to_string(),
                false => format!("http://{host}"),
            },
            Some(_) | None => self.public_base.to_string(),
        }
    }
}

fn is_host(host: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
    (1..=255).contains(&host.len()) && host.bytes().all(plain)
}

fn is_provider(host: &str) -> bool {
    let name = host.split(':').next().unwrap_or(host);
    name.eq_ignore_ascii_case("graph.facebook.com")
}
