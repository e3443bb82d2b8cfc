//! What a PostgreSQL URL stands for, and the limits the store keeps. Opens nothing.

use super::tls;
use holdline_engine::ports::StoreError;
use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use url::Url;

const PORT: u16 = 5_432;
/// Longest time for one server to take a connection.
const CONNECT_S_MAX: u64 = 5;
/// A server that says nothing for so long is gone.
const SILENCE_S_MAX: u64 = 15;

/// How a store on PostgreSQL is used. Its `Debug` shows neither user nor password.
#[derive(Clone)]
pub struct PostgresOptions {
    pub(super) config: tokio_postgres::Config,
    pub(super) tls: Tls,
    /// Connections that write.
    pub writers: usize,
    /// Connections that read.
    pub readers: usize,
    /// Says by NOTIFY that something was handed over; a hint that polling does without.
    pub notify: bool,
    /// Has the server keep statements by their names: only where no proxy gives each transaction
    /// another connection, or one that knows of them.
    pub prepared_statements: bool,
    /// Longest wait for a connection, and for others to get out of the way.
    pub patience_ms: u64,
    /// Longest wait for the answer to COMMIT; then the commit is ambiguous.
    pub commit_ms_max: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    Off,
    /// The server must show a certificate for its name, of an authority in this file or one that
    /// the system knows.
    Verified(Option<PathBuf>),
}

impl std::fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("hosts", &self.config.get_hosts())
            .field("database", &self.config.get_dbname())
            .finish_non_exhaustive()
    }
}

impl PostgresOptions {
    /// Reads
    /// `postgres://USER:PASSWORD@HOST1:PORT,HOST2:PORT/DATABASE?sslmode=...&sslrootcert=FILE`.
    pub fn from_url(text: &str) -> Result<Self, StoreError> {
        let (plain, given) = split(text)?;
        let parsed: Result<tokio_postgres::Config, _> = plain.parse();
        let mut config = parsed.map_err(|error| refused(&crate::postgres::error::words(&error)))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(refused(
                "names no host; write postgres://USER:PASSWORD@HOST/DATABASE",
            ));
        }
        let tls = given.tls(&config)?;
        config.ssl_mode(match tls {
            Tls::Off => SslMode::Disable,
            Tls::Verified(_) => SslMode::Require,
        });
        set_defaults(&mut config);
        Ok(Self {
            config,
            tls,
            writers: 2,
            readers: 4,
            notify: true,
            prepared_statements: false,
            patience_ms: 10_000,
            commit_ms_max: 10_000,
        })
    }
}

impl PostgresOptions {
    /// Servers and database, for people; never a password.
    #[must_use]
    pub fn place(&self) -> String {
        let port = |at: usize| {
            let ports = self.config.get_ports();
            let port = ports.get(at).or(ports.first());
            port.copied().unwrap_or(PORT)
        };
        let host = |(at, host): (usize, &Host)| match host {
            Host::Tcp(name) => format!("{name}:{}", port(at)),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        };
        let hosts = self.config.get_hosts().iter().enumerate().map(host);
        let database = self.config.get_dbname().or(self.config.get_user());
        format!(
            "{}/{}",
            hosts.collect::<Vec<_>>().join(","),
            database.unwrap_or_default()
        )
    }

    /// Whether the URL holds a password itself.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        self.config.password(password);
        self
    }
}

/// What is ours to read of a URL, as the driver does not know it.
#[derive(Default)]
struct Given {
    mode: Option<String>,
    authorities: Option<PathBuf>,
}

impl Given {
    fn tls(&self, config: &tokio_postgres::Config) -> Result<Tls, StoreError> {
        match self.mode.as_deref() {
            Some("disable") => Ok(Tls::Off),
            Some("require" | "verify-ca" | "verify-full") => {
                Ok(Tls::Verified(self.authorities.clone()))
            }
            None if self.authorities.is_none() && is_local(config) => Ok(Tls::Off),
            None => Ok(Tls::Verified(self.authorities.clone())),
            Some(_) => Err(refused(
                "has an sslmode that protects nothing; write sslmode=require (the certificate is \
                 always checked) or sslmode=disable",
            )),
        }
    }
}

/// The URL without the parameters that are ours, and those.
fn split(text: &str) -> Result<(String, Given), StoreError> {
    let mut given = Given::default();
    let Some((before, query)) = text.split_once('?') else {
        return Ok((text.to_owned(), given));
    };
    // Several hosts are no URL to the parser: only the parameters are read by it.
    let parameters = Url::parse(&format!("postgres:?{query}"));
    let parameters = parameters.map_err(|_| refused("has parameters that cannot be read"))?;
    let mut kept = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters.query_pairs() {
        match &*name {
            "sslmode" => given.mode = Some(value.into_owned()),
            "sslrootcert" => given.authorities = Some(PathBuf::from(value.into_owned())),
            _ => {
                kept.append_pair(&name, &value);
            }
        }
    }
    // The driver decodes %20 but not the + of forms.
    let kept = kept.finish().replace('+', "%20");
    let plain = match kept.is_empty() {
        true => before.to_owned(),
        false => format!("{before}?{kept}"),
    };
    if let Some(path) = &given.authorities {
        tls::check_file(path)?;
    }
    Ok((plain, given))
}

fn set_defaults(config: &mut tokio_postgres::Config) {
    if config.get_target_session_attrs() == TargetSessionAttrs::Any {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(CONNECT_S_MAX));
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(Duration::from_secs(SILENCE_S_MAX));
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_idle(Duration::from_secs(CONNECT_S_MAX));
        config.keepalives_interval(Duration::from_secs(CONNECT_S_MAX));
        config.keepalives_retries(2);
    }
    if config.get_application_name().is_none() {
        config.application_name("holdline");
    }
}

fn is_local(config: &tokio_postgres::Config) -> bool {
    let names = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            let address: Option<std::net::IpAddr> = name.parse().ok();
            name == "localhost" || address.is_some_and(|it| it.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    });
    names && config.get_hostaddrs().iter().all(|it| it.is_loopback())
}

/// The URL itself may hold a password: it is not repeated.
pub(super) fn refused(why: &str) -> StoreError {
    StoreError::Unavailable(format!("storage.url {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_asked_of_every_server_elsewhere() {
        for (url, expect) in [
            ("postgres://u@localhost/d", Ok(Tls::Off)),
            ("postgres://u@127.0.0.1:5/d", Ok(Tls::Off)),
            ("postgres://u@%2Frun%2Fpostgresql/d", Ok(Tls::Off)),
            ("postgres://u@db.example/d", Ok(Tls::Verified(None))),
            (
                "postgres://u@localhost,db.example/d",
                Ok(Tls::Verified(None)),
            ),
            ("postgres://u@db.example/d?sslmode=disable", Ok(Tls::Off)),
            (
                "postgres://u@localhost/d?sslmode=verify-full",
                Ok(Tls::Verified(None)),
            ),
            (
                "postgres://u@db.example/d?sslmode=prefer",
                Err("protects nothing"),
            ),
            ("postgres://u:pw@/d", Err("names no host")),
            (
                "postgres://u:pw@h/d?sslrootcert=/no/such.pem",
                Err("/no/such.pem"),
            ),
            ("postgres://u:pw@h:x/d", Err("storage.url")),
        ] {
            match (PostgresOptions::from_url(url), expect) {
                (Ok(options), Ok(expect)) => assert_eq!(options.tls, expect, "{url}"),
                (Err(error), Err(says)) => {
                    let error = error.to_string();
                    assert!(
                        error.contains(says) && !error.contains("pw"),
                        "{url}: {error}"
                    );
                }
                (got, _) => panic!("{url}: {got:?}"),
            }
        }
    }

    #[test]
    fn other_parameters_are_left_to_the_driver() {
        let url =
            "postgres://u@h1:1,h2:2/d?sslmode=disable&application_name=a%20b&connect_timeout=2";
        let options = PostgresOptions::from_url(url).unwrap();
        assert_eq!(options.config.get_application_name(), Some("a b"));
        assert_eq!(
            options.config.get_connect_timeout(),
            Some(&Duration::from_secs(2))
        );
        assert_eq!(options.config.get_ports(), [1, 2]);
        assert_eq!(
            options.config.get_target_session_attrs(),
            TargetSessionAttrs::ReadWrite
        );
    }

    #[test]
    fn debug_shows_no_password() {
        let options = PostgresOptions::from_url("postgres://u:hunter2@localhost/d").unwrap();
        assert!(!format!("{options:?}").contains("hunter2"));
    }
}
