//! Puts the server together: the only place that names concrete stores and channels. Starts what
//! has to run, and stops it in order.

mod nodes;

use crate::channels;
use crate::clock::{SystemClock, SystemIds};
use crate::config::{Config, Storage};
use crate::engine_config::engine_config;
use crate::http;
use crate::http::auth::KnownTokens;
use crate::http::cloud_api::Memo;
use crate::http::console::{self, Console, Hub};
use crate::http::state::{AppState, Parts};
use crate::library::{LibraryParts, LinkSigner, StoreLibrary};
use crate::listen::{self, ListenLimits};
use crate::render::EventRenderer;
use crate::telemetry::Metrics;
use crate::tls::{RELOAD_INTERVAL, TlsReloader};
use crate::upkeep;
use crate::upkeep::backup::Keeper;
use crate::watch::{self as lookout, FeedCell};
use anyhow::Context as _;
use axum::Router;
use holdline_channels::http::{Client, HookPoster};
use holdline_engine::ports::{Blobs, Clock, Spools, Store, StoreError};
use holdline_engine::{ClusterConfig, Engine, EngineConfig, Loops, Ports};
use holdline_store::sqlite::upkeep::backup::LogCopies;
use holdline_store::{FileBlobs, FileSpool, SqliteOptions, options_of, postgres, sqlite};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Time that attempts under way have to end when the server stops.
const STOP_GRACE_MS: u64 = 8_000;
/// Time that everything else has after that.
const STOP_REST_MS: u64 = 1_500;

/// Posts to apps under way at a time.
const POSTS_MAX: u32 = 256;

/// The part of the spool that is for webhooks: one in so many.
const SPOOL_WEBHOOKS_PART: u64 = 4;

/// Pages of the database, of 4 KiB each, in a MiB.
const PAGES_PER_MB: u32 = 256;

/// A running server.
pub(crate) struct Server {
    pub(crate) engine: Engine,
    pub(crate) address: SocketAddr,
    pub(crate) tls_address: Option<SocketAddr>,
    /// Where the first owner of the console is made; nowhere once there is one.
    pub(crate) setup_url: Option<String>,
    stop: watch::Sender<bool>,
    driver: JoinSet<()>,
    rest: JoinSet<()>,
}

struct Listeners {
    plain: TcpListener,
    tls: Option<(TcpListener, Arc<TlsReloader>)>,
}

impl Server {
    /// Opens the sockets and the store, takes up what was open, and starts.
    pub(crate) async fn start(config: Config) -> anyhow::Result<Self> {
        let config = Arc::new(config);
        let listeners = open_listeners(&config)?;
        let address = listeners.plain.local_addr()?;
        let tls_address = listeners
            .tls
            .as_ref()
            .map(|(tls, _)| tls.local_addr())
            .transpose()?;
        let public_base: Arc<str> = config.http.public_base(address).into();
        let copied = config.backup.folder.as_ref();
        let copies = copied.and_then(|_| {
            let path = config.storage.sqlite_path()?;
            Some(Arc::new(LogCopies::new(&path)))
        });
        let store = open_store(&config.storage, copies.clone()).await?;
        let cluster = nodes::sharing(&config, address);
        let (state, loops) = assemble(&config, store, &public_base, cluster).await?;
        let (stop, shutdown) = watch::channel(false);
        let mut server = Self {
            engine: state.engine.clone(),
            address,
            tls_address,
            setup_url: None,
            stop,
            driver: JoinSet::new(),
            rest: JoinSet::new(),
        };
        upkeep::register_apps(&state).await?;
        server.setup_url = console::open_setup(&state).await?;
        let keeper = copies
            .and_then(|copies| Keeper::of(&config.backup, &config.storage, &copies, &state.backup));
        if let Some(keeper) = keeper {
            server.rest.spawn(keeper.run(shutdown.clone()));
        }
        server.spawn_loops(loops, &state, &shutdown)?;
        if let Some(options) = config.storage.postgres() {
            let hear = nodes::hear(options?, state.engine.clone(), shutdown.clone());
            server.rest.spawn(hear);
        }
        server.spawn_listeners(listeners, &config, &http::router(state), &shutdown);
        Ok(server)
    }

    /// No new work; what is in flight ends or is recorded; then everything ends.
    pub(crate) async fn stop(mut self) {
        self.engine.stop(STOP_GRACE_MS);
        while self.driver.join_next().await.is_some() {}
        self.stop.send_replace(true);
        let rest = async { while self.rest.join_next().await.is_some() {} };
        let limit = std::time::Duration::from_millis(STOP_REST_MS);
        let _ = tokio::time::timeout(limit, rest).await;
        self.rest.shutdown().await;
    }

    fn spawn_loops(
        &mut self,
        loops: Loops,
        state: &AppState,
        shutdown: &watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        lookout::spawn(&mut self.rest, state, loops.checks, shutdown)?;
        self.driver.spawn(loops.driver.run());
        self.rest.spawn(loops.batch.run());
        self.rest.spawn(loops.receive.run());
        self.rest.spawn(loops.post.run());
        self.rest.spawn(loops.help.run());
        self.rest.spawn(loops.cluster.run());
        self.rest.spawn(loops.drain.run());
        for worker in loops.workers {
            self.rest.spawn(worker.run());
        }
        let wishes = loops.template_wishes;
        self.rest.spawn(upkeep::sync_templates(
            state.clone(),
            wishes,
            shutdown.clone(),
        ));
        self.rest
            .spawn(upkeep::room::watch_room(state.clone(), shutdown.clone()));
        self.rest
            .spawn(upkeep::spool::watch_spool(state.clone(), shutdown.clone()));
        self.rest
            .spawn(upkeep::keep_house(state.clone(), shutdown.clone()));
        self.rest
            .spawn(upkeep::traffic::keep_count(state.clone(), shutdown.clone()));
        self.rest.spawn(Hub::run(state.clone(), shutdown.clone()));
        Ok(())
    }

    fn spawn_listeners(
        &mut self,
        listeners: Listeners,
        config: &Config,
        router: &Router,
        shutdown: &watch::Receiver<bool>,
    ) {
        let limits = ListenLimits::from(&config.http);
        let count = 1 + usize::from(listeners.tls.is_some());
        listen::make_room(limits.connections_max.saturating_mul(count));
        let plain = listen::serve(
            listeners.plain,
            None,
            router.clone(),
            limits,
            shutdown.clone(),
        );
        self.rest.spawn(plain);
        if let Some((listener, tls)) = listeners.tls {
            self.rest
                .spawn(Arc::clone(&tls).watch(RELOAD_INTERVAL, shutdown.clone()));
            let serve = listen::serve(
                listener,
                Some(tls),
                router.clone(),
                limits,
                shutdown.clone(),
            );
            self.rest.spawn(serve);
        }
    }
}

fn open_listeners(config: &Config) -> anyhow::Result<Listeners> {
    let open = |address: SocketAddr| {
        listen::bind(address).with_context(|| format!("cannot listen on {address}"))
    };
    let files = config
        .http
        .tls_certificate
        .as_ref()
        .zip(config.http.tls_key.as_ref());
    let tls = match config.http.tls_listen.zip(files) {
        Some((address, (certificate, key))) => {
            Some((open(address)?, TlsReloader::open(certificate, key)?))
        }
        None => None,
    };
    Ok(Listeners {
        plain: open(config.http.listen)?,
        tls,
    })
}

async fn open_store(
    storage: &Storage,
    copies: Option<Arc<LogCopies>>,
) -> Result<Arc<dyn Store>, StoreError> {
    if let Some(options) = storage.postgres() {
        return Ok(Arc::new(postgres::open(options?).await?));
    }
    let options = SqliteOptions {
        copies,
        ..store_options(storage)?
    };
    Ok(Arc::new(sqlite::open(options).await?))
}

/// The store for a command beside a server that may run.
pub(crate) async fn open_beside(storage: &Storage) -> Result<Arc<dyn Store>, StoreError> {
    if let Some(options) = storage.postgres() {
        return Ok(Arc::new(postgres::open(options?).await?));
    }
    let options = SqliteOptions {
        leave_log: true,
        ..options_of(&storage.url)?
    };
    Ok(Arc::new(sqlite::open(options).await?))
}

fn store_options(storage: &Storage) -> Result<SqliteOptions, StoreError> {
    Ok(SqliteOptions {
        exclusive: true,
        max_pages: storage
            .size_max_mb
            .map(|mb| mb.saturating_mul(PAGES_PER_MB)),
        ..options_of(&storage.url)?
    })
}

fn open_spool(storage: &Storage) -> anyhow::Result<Option<Spools>> {
    let Some((folder, bytes_max)) = storage.spool() else {
        return Ok(None);
    };
    let open = |lane: &str, bytes_max: u64| {
        let opened = FileSpool::open(folder.join(lane), bytes_max);
        opened.with_context(|| format!("the spool in {} cannot be opened", folder.display()))
    };
    let of_webhooks = bytes_max / SPOOL_WEBHOOKS_PART;
    Ok(Some(Spools {
        messages: Arc::new(open("messages", bytes_max - of_webhooks)?),
        webhooks: Arc::new(open("webhooks", of_webhooks)?),
    }))
}

async fn assemble(
    config: &Arc<Config>,
    store: Arc<dyn Store>,
    public_base: &Arc<str>,
    cluster: Option<ClusterConfig>,
) -> anyhow::Result<(AppState, Loops)> {
    let blobs: Arc<dyn Blobs> = Arc::new(FileBlobs::open(&config.storage.media_dir).await?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let channels = channels::build(config, public_base)?;
    let allow_private = config.net.allow_private_networks;
    let guarded = Arc::new(Client::guarded(channels::client(config), allow_private)?);
    let poster = HookPoster::new(&config.net.user_agent, POSTS_MAX, allow_private)?;
    let library = Arc::new(StoreLibrary::new(LibraryParts {
        links: LinkSigner::load(&*store).await?,
        store: Arc::clone(&store),
        blobs: Arc::clone(&blobs),
        clock: Arc::clone(&clock),
        channels: channels.clone(),
        config: Arc::clone(config),
        public_base: Arc::clone(public_base),
    }));
    let ports = Ports {
        store: Arc::clone(&store),
        clock,
        ids: Arc::new(SystemIds),
        channels,
        library: Arc::clone(&library) as _,
        hook: Arc::new(poster),
        renderer: Arc::new(EventRenderer::new(&store, config)),
        spool: open_spool(&config.storage)?,
    };
    let (engine, loops) = Engine::start(
        ports,
        EngineConfig {
            cluster,
            ..engine_config(config)
        },
    )
    .await?;
    let tokens = KnownTokens::default();
    tokens.replace(store.tokens().await?);
    let state = AppState::from(Parts {
        engine,
        tokens: Arc::new(tokens),
        config: Arc::clone(config),
        blobs,
        graph: channels::graph(config)?,
        guarded,
        library,
        metrics: Arc::new(Metrics::new()),
        public_base: Arc::clone(public_base),
        memo: Arc::new(Memo::default()),
        feeds: Arc::new(FeedCell::new(&config.feeds())),
        backup: Arc::default(),
        room: Arc::default(),
        console: Console::default(),
    });
    Ok((state, loops))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_the_database_is_bounded_where_the_configuration_says_so() {
        let pages = |env: &[(&str, &str)]| {
            let config = Config::from_toml_str("", env).unwrap();
            store_options(&config.storage).unwrap().max_pages
        };
        assert_eq!(pages(&[]), None);
        assert_eq!(
            pages(&[("HOLDLINE_STORAGE_SIZE_MAX_MB", "16")]),
            Some(4_096)
        );
        let most = pages(&[("HOLDLINE_STORAGE_SIZE_MAX_MB", "16000000")]);
        assert_eq!(most, Some(4_096_000_000));
    }
}
