//! Makes the checks, all at once, each within its time-out. Sends nothing that anybody would
//! have to undo, and never prints the verify token.

use super::config::SurroundingsConfig;
use super::dns::{self, Found};
use super::report::{NetworkReport, Resolved, SelfTest};
use crate::http::{BuildError, Client, ClientConfig, Request, tidy};
use aws_lc_rs::rand;
use futures_util::future::join_all;
use http::Method;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use url::Url;

/// How the system's resolver is called in reports.
const SYSTEM: &str = "system";
/// Most bytes read of what answers at our webhook's address.
const ANSWER_BYTES_MAX: usize = 4096;
/// Calls under way at a time, of several looks together.
const IN_FLIGHT_MAX: u32 = 32;

/// Looks at the network around us. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Surroundings {
    config: SurroundingsConfig,
    client: Client,
    /// For our own webhook: its address is one that the whole world can name.
    own: Client,
}

impl Surroundings {
    /// # Errors
    /// When a setting cannot be used.
    pub fn new(config: SurroundingsConfig) -> Result<Self, BuildError> {
        config.check()?;
        let settings = ClientConfig {
            user_agent: config.user_agent.clone(),
            timeout_ms: config.timeout_ms,
            connect_timeout_ms: config.timeout_ms,
            in_flight_max: IN_FLIGHT_MAX,
            response_bytes_max: ANSWER_BYTES_MAX,
            ca_file: config.ca_file.clone(),
        };
        Ok(Self {
            client: Client::new(settings.clone())?,
            own: Client::guarded(settings, config.allow_private)?,
            config,
        })
    }

    /// Looks at the control hosts, the provider's name and its port, all at once.
    pub async fn check(&self, provider_host: &str, provider_port: u16) -> NetworkReport {
        let host = provider_host.trim_start_matches('[').trim_end_matches(']');
        let controls = join_all(self.config.controls.iter().map(|url| self.control(url)));
        let (controls, (resolved, connected)) =
            tokio::join!(controls, self.provider(host, provider_port));
        NetworkReport {
            host: host.into(),
            controls,
            resolved,
            connected: connected.map(|made| made.is_ok()),
            connect_fault: connected.and_then(Result::err),
        }
    }

    /// Does the provider's subscription handshake with our own webhook, by its public address.
    pub async fn self_test(&self, webhook_url: &Url, verify_token: &str) -> SelfTest {
        let Some(challenge) = challenge() else {
            return SelfTest::Unreachable("no random number is to be had here".into());
        };
        let mut url = webhook_url.clone();
        url.query_pairs_mut()
            .append_pair("hub.mode", "subscribe")
            .append_pair("hub.verify_token", verify_token)
            .append_pair("hub.challenge", &challenge);
        match self.own.send(Request::get(url, "(own webhook)")).await {
            Ok(answer) if answer.status != 200 => {
                SelfTest::WrongAnswer(format!("HTTP {}", answer.status))
            }
            Ok(answer) if answer.body == challenge.as_bytes() => SelfTest::Answered,
            Ok(_) => SelfTest::WrongAnswer("HTTP 200 without our challenge".into()),
            Err(error) => SelfTest::Unreachable(tidy(&error.to_string())),
        }
    }

    /// That anything answers is enough: the body is left where it is.
    async fn control(&self, url: &Url) -> (String, bool) {
        let request = Request::new(Method::HEAD, url.clone(), "(control)");
        let answer = self.client.stream(request).await;
        (named(url), answer.is_ok())
    }

    async fn provider(
        &self,
        host: &str,
        port: u16,
    ) -> (Vec<(String, Resolved)>, Option<Result<(), &'static str>>) {
        if let Ok(address) = host.parse::<IpAddr>() {
            return (Vec::new(), self.connect(&[address], port).await);
        }
        let system = async {
            let found = self.system(host).await;
            let connected = self.connect(&found.addresses, port).await;
            (found, connected)
        };
        let resolvers = &self.config.resolvers;
        let others = resolvers.iter().map(|at| dns::ask(*at, host, self.limit()));
        let ((system, connected), others) = tokio::join!(system, join_all(others));
        let connected = match connected {
            Some(connected) => Some(connected),
            // The system knows no address: try what the others know.
            None => {
                let known = others.iter().flat_map(|found| &found.addresses);
                let known: Vec<IpAddr> = known.copied().collect();
                self.connect(&known, port).await
            }
        };
        let said = resolvers.iter().map(resolver_name);
        let said = said.zip(others.iter().map(|found| found.resolved));
        let first = (SYSTEM.to_owned(), system.resolved);
        (std::iter::once(first).chain(said).collect(), connected)
    }

    async fn system(&self, host: &str) -> Found {
        match timeout(self.limit(), lookup_host((host, 0))).await {
            Ok(Ok(found)) => {
                let addresses: Vec<IpAddr> = found.map(|at| at.ip()).collect();
                let resolved = match addresses.is_empty() {
                    true => Resolved::NoSuchName,
                    false => Resolved::Address,
                };
                Found {
                    resolved,
                    addresses,
                }
            }
            Ok(Err(error)) => Found::nothing(of_lookup(&error)),
            Err(_) => Found::nothing(Resolved::Silent),
        }
    }

    /// `None` where there is no address to connect to.
    async fn connect(&self, to: &[IpAddr], port: u16) -> Option<Result<(), &'static str>> {
        let to: Vec<SocketAddr> = to.iter().map(|ip| (*ip, port).into()).collect();
        if to.is_empty() {
            return None;
        }
        let open = timeout(self.limit(), TcpStream::connect(&to[..])).await;
        Some(match open {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Err("refused"),
            Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => Err("timeout"),
            Ok(Err(_)) => Err("failed"),
            Err(_) => Err("timeout"),
        })
    }

    fn limit(&self) -> Duration {
        Duration::from_millis(self.config.timeout_ms.into())
    }
}

/// The system says only in words whether it got no answer or a negative one.
fn of_lookup(error: &io::Error) -> Resolved {
    let words = error.to_string().to_ascii_lowercase();
    match words.contains("temporary failure") || words.contains("try again") {
        true => Resolved::Silent,
        false => Resolved::NoSuchName,
    }
}

fn named(url: &Url) -> String {
    let host = url.host_str().unwrap_or("-");
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.into(),
    }
}

fn resolver_name(at: &SocketAddr) -> String {
    match at.port() {
        53 => at.ip().to_string(),
        _ => at.to_string(),
    }
}

/// Digits, as the provider sends.
fn challenge() -> Option<String> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).ok()?;
    Some(u64::from_be_bytes(bytes).to_string())
}
