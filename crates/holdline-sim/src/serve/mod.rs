//! The sandbox in real time: binds the sockets, runs the timers, delivers the webhooks. Every
//! decision is the world's; this only performs and reports back.

mod accept;
mod control;
mod courier;
mod http_provider;
mod shared;
mod smtp;
mod status;
mod timers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::config::{Listen, SandboxConfig};
use crate::hooks::{HookRow, WEBHOOKS_WAITING_MAX};
use crate::outage::{Outage, OutageError, OutageId, OutageOrder, PROFILES, Profile, Provider};
use crate::people::{LedgerRow, PersonChange, PersonError, PersonSend, PersonView};
use crate::status::FeedFault;
use crate::world::{RequestCount, World};
use shared::Shared;

/// Time the sandbox has to end its tasks.
const SHUTDOWN_MS_MAX: u64 = 5_000;

/// Where the providers and the control listen.
#[derive(Debug, Clone)]
pub struct Urls {
    /// Base URL of the virtual WhatsApp, without a version.
    pub whatsapp: String,
    /// Base URL of the virtual SMS provider.
    pub sms: String,
    /// Host and port of the mail server.
    pub smtp: SocketAddr,
    /// Base URL of `/control`.
    pub control: String,
    /// Base URL of the platform's status page.
    pub status: String,
}

#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("listen.{what} = {address}: {source}; choose a free address or port 0")]
    Listen {
        what: &'static str,
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("{0}")]
    Config(&'static str),
}

/// A running sandbox. Dropping it without [`Sandbox::shutdown`] stops it as well, at once.
#[derive(Debug)]
pub struct Sandbox {
    shared: Arc<Shared>,
    urls: Urls,
}

impl Sandbox {
    /// Binds every provider and starts; runs on the caller's runtime.
    pub async fn start(config: SandboxConfig) -> Result<Self, SandboxError> {
        check(&config)?;
        let listeners = Listeners::bind(&config.listen).await?;
        let urls = listeners.urls()?;
        let in_flight_max = config.webhooks.in_flight_max;
        let hang_max_ms = config.timing.hang_max_ms;
        let mut world = World::new(config);
        world.set_base_url(&urls.whatsapp);
        let (posts, waiting) = mpsc::channel(WEBHOOKS_WAITING_MAX);
        let shared = Arc::new(Shared::new(world, posts, hang_max_ms));
        shared.spawn(timers::run(Arc::clone(&shared)));
        shared.spawn(courier::run(Arc::clone(&shared), waiting, in_flight_max));
        shared.with(|world, now_ms| world.open_status_page(now_ms));
        listeners.serve(&shared, &urls);
        Ok(Self { shared, urls })
    }

    #[must_use]
    pub fn urls(&self) -> &Urls {
        &self.urls
    }

    pub async fn shutdown(self) {
        self.shared.stop();
        let limit = Duration::from_millis(SHUTDOWN_MS_MAX);
        if tokio::time::timeout(limit, self.shared.ended())
            .await
            .is_err()
        {
            tracing::warn!("the sandbox left tasks behind at shutdown");
        }
    }

    #[must_use]
    pub fn profiles() -> &'static [Profile] {
        PROFILES
    }

    pub fn start_outage(&self, order: OutageOrder) -> Result<OutageId, OutageError> {
        self.shared.start_outage(order)
    }

    /// Ends an outage; false when it is not on.
    pub fn stop_outage(&self, id: OutageId) -> bool {
        self.shared.stop_outage(id)
    }

    /// Ends every outage; returns how many were on.
    pub fn stop_all_outages(&self) -> usize {
        let ids: Vec<OutageId> = self.outages().iter().map(|outage| outage.id).collect();
        ids.into_iter().filter(|id| self.stop_outage(*id)).count()
    }

    #[must_use]
    pub fn outages(&self) -> Vec<Outage> {
        self.shared.with(|world, _| world.outages().to_vec())
    }

    /// What really reached phones and mailboxes, oldest first, after a sequence number.
    #[must_use]
    pub fn ledger(&self, after: u64, max: usize) -> Vec<LedgerRow> {
        self.shared.with(|world, _| world.ledger(after, max))
    }

    #[must_use]
    pub fn people(&self, max: usize) -> Vec<PersonView> {
        self.shared.with(|world, _| world.people(max))
    }

    #[must_use]
    pub fn person(&self, address: &str) -> Option<PersonView> {
        self.shared.with(|world, _| world.person(address))
    }

    pub fn change_person(&self, address: &str, change: PersonChange) -> Result<(), PersonError> {
        self.shared
            .with(|world, now_ms| world.change_person(address, change, now_ms))
    }

    /// Lets a person write to the business; returns the provider's id of the message.
    pub fn person_sends(&self, address: &str, send: PersonSend) -> Result<String, PersonError> {
        self.shared
            .with(|world, now_ms| world.person_sends(address, send, now_ms))
    }

    /// Delivery log of webhooks, newest first.
    #[must_use]
    pub fn webhooks(&self, max: usize) -> Vec<HookRow> {
        self.shared.with(|world, _| world.webhooks(max))
    }

    #[must_use]
    pub fn requests(&self) -> Vec<RequestCount> {
        self.shared.with(|world, _| world.requests())
    }

    /// Sets where WhatsApp webhooks go when no subscription says otherwise.
    pub fn set_whatsapp_webhook(&self, url: Option<String>) {
        self.shared.with(|world, _| world.set_whatsapp_webhook(url));
    }

    /// Sets how late the status page is, for outages that are on as well.
    pub fn set_feed_lag(&self, lag_ms: u64) {
        self.shared.with(|world, _| world.set_feed_lag(lag_ms));
    }

    /// Breaks the status page itself, or mends it.
    pub fn set_feed_fault(&self, fault: Option<FeedFault>) {
        self.shared.with(|world, _| world.set_feed_fault(fault));
    }

    /// Sets where texts written by people are posted.
    pub fn set_sms_inbound(&self, url: Option<String>) {
        self.shared.with(|world, _| world.set_sms_inbound(url));
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

fn check(config: &SandboxConfig) -> Result<(), SandboxError> {
    if config.whatsapp.numbers.is_empty() {
        return Err(SandboxError::Config(
            "whatsapp.numbers: give at least one number",
        ));
    }
    if config.whatsapp.access_tokens.is_empty() {
        return Err(SandboxError::Config(
            "whatsapp.access_tokens: give at least one token",
        ));
    }
    if !config.timing.scale.is_finite() || config.timing.scale < 0.0 {
        return Err(SandboxError::Config(
            "timing.scale: must be a number from 0 up",
        ));
    }
    if !(1..=10_000).contains(&config.webhooks.in_flight_max) {
        return Err(SandboxError::Config(
            "webhooks.in_flight_max: must be from 1 to 10000",
        ));
    }
    if config.webhooks.batch_max > 1_000 {
        return Err(SandboxError::Config("webhooks.batch_max: at most 1000"));
    }
    Ok(())
}

struct Listeners {
    whatsapp: TcpListener,
    sms: TcpListener,
    smtp: TcpListener,
    control: TcpListener,
    status: TcpListener,
}

impl Listeners {
    async fn bind(listen: &Listen) -> Result<Self, SandboxError> {
        Ok(Self {
            whatsapp: bind("whatsapp", listen.whatsapp).await?,
            sms: bind("sms", listen.sms).await?,
            smtp: bind("smtp", listen.smtp).await?,
            control: bind("control", listen.control).await?,
            status: bind("status", listen.status).await?,
        })
    }

    fn urls(&self) -> Result<Urls, SandboxError> {
        Ok(Urls {
            whatsapp: format!("http://{}", bound("whatsapp", &self.whatsapp)?),
            sms: format!("http://{}", bound("sms", &self.sms)?),
            smtp: bound("smtp", &self.smtp)?,
            control: format!("http://{}", bound("control", &self.control)?),
            status: format!("http://{}", bound("status", &self.status)?),
        })
    }

    fn serve(self, shared: &Arc<Shared>, urls: &Urls) {
        let client = Arc::new(courier::client());
        let http = |provider| accept::Serving::Http {
            provider,
            client: Arc::clone(&client),
        };
        let all = [
            (self.whatsapp, http(Provider::Whatsapp)),
            (self.sms, http(Provider::Sms)),
            (self.smtp, accept::Serving::Smtp),
            (
                self.control,
                accept::Serving::Router(control::router(shared, urls)),
            ),
            (self.status, accept::Serving::Router(status::router(shared))),
        ];
        for (listener, serving) in all {
            shared.spawn(accept::run(Arc::clone(shared), listener, serving));
        }
    }
}

async fn bind(what: &'static str, address: SocketAddr) -> Result<TcpListener, SandboxError> {
    let listen = |source| SandboxError::Listen {
        what,
        address,
        source,
    };
    TcpListener::bind(address).await.map_err(listen)
}

fn bound(what: &'static str, listener: &TcpListener) -> Result<SocketAddr, SandboxError> {
    let address = SocketAddr::from(([0, 0, 0, 0], 0));
    listener
        .local_addr()
        .map_err(|source| SandboxError::Listen {
            what,
            address,
            source,
        })
}
