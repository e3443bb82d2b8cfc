//! The server that this configuration describes: whether one runs here and is ready, and whether
//! the address that providers and people are given leads to it.

use super::Finding;
use crate::channels;
use crate::config::Config;
use holdline_channels::http::{Client, ClientConfig, Request};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use url::Url;

const TIMEOUT_MS: u32 = 5_000;
const CONNECT_TIMEOUT_MS: u32 = 2_000;

/// With `offline` nothing but this machine is asked.
pub(super) async fn findings(config: &Config, offline: bool) -> Vec<Finding> {
    let settings = ClientConfig {
        timeout_ms: TIMEOUT_MS,
        connect_timeout_ms: CONNECT_TIMEOUT_MS,
        ..channels::client(config)
    };
    let client = match Client::new(settings) {
        Ok(client) => client,
        Err(error) => {
            let fix = "mend net.ca_certificates";
            return vec![Finding::bad("CA certificates", error.to_string(), fix)];
        }
    };
    let runs = running(&client, config.http.listen).await;
    let ready = runs.as_ref().is_some_and(|finding| finding.fix.is_empty());
    let public = match &config.http.public_url {
        Some(url) if ready && !offline => reached(&client, url).await,
        Some(url) => shape(url),
        None => unset(config),
    };
    runs.into_iter().chain(public).collect()
}

/// `None` where the port is free to choose: it is not known from outside.
async fn running(client: &Client, listen: SocketAddr) -> Option<Finding> {
    const CHECK: &str = "server";
    let address = (listen.port() != 0).then(|| callable(listen))?;
    let url = Url::parse(&format!("http://{address}/readyz")).ok()?;
    let Ok(answer) = client.send(Request::get(url, "/readyz")).await else {
        let found = format!("none answers at {address}");
        return Some(Finding::doubtful(CHECK, found, "start `holdline serve`"));
    };
    let said = String::from_utf8_lossy(&answer.body)
        .trim()
        .replace('\n', ", ");
    Some(match answer.status {
        200 if said == "ready" => Finding::good(CHECK, format!("ready at {address}")),
        200 if said.starts_with("ready, ") && said.len() < 300 => {
            let fix = "see to the database; the server takes messages, and drains them by itself";
            Finding::doubtful(CHECK, said, fix)
        }
        503 if said.len() < 200 => {
            let fix = "its log says why; it takes messages again when that is mended";
            Finding::bad(CHECK, format!("not ready: {said}"), fix)
        }
        status => {
            let found = format!("something else answers at {address} ({status})");
            Finding::bad(CHECK, found, "give http.listen a port of its own")
        }
    })
}

/// An address that stands for all is reached by the loopback.
fn callable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}

const PUBLIC: &str = "public address";

async fn reached(client: &Client, public: &Url) -> Option<Finding> {
    let base = public.as_str().trim_end_matches('/');
    let url = Url::parse(&format!("{base}/healthz")).ok()?;
    let failed = |why: String| {
        let fix = "let the proxy or the name lead to this server; no fault if only this machine \
                   cannot reach its own public address";
        Some(Finding::doubtful(PUBLIC, format!("{base}: {why}"), fix))
    };
    match client.send(Request::get(url, "/healthz")).await {
        Ok(answer) if answer.is_success() => shape(public),
        Ok(answer) => failed(format!("answered {}", answer.status)),
        Err(error) => failed(error.to_string()),
    }
}

fn shape(public: &Url) -> Option<Finding> {
    let shown = public.as_str().trim_end_matches('/');
    if public.scheme() == "https" {
        return Some(Finding::good(PUBLIC, shown));
    }
    let fix = "begin http.public_url with https://: Meta calls no other webhooks";
    Some(Finding::doubtful(
        PUBLIC,
        format!("{shown} is not encrypted"),
        fix,
    ))
}

fn unset(config: &Config) -> Option<Finding> {
    let needed = config.sms.enabled || !config.whatsapp_senders.is_empty();
    let fix = "set http.public_url: receipts, replies and links to files need it";
    needed.then(|| Finding::doubtful(PUBLIC, "not set", fix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::Tone;
    use axum::Router;
    use axum::http::StatusCode;
    use tokio::net::TcpListener;

    async fn server(status: StatusCode, text: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(move || async move { (status, text) });
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    async fn look(address: SocketAddr) -> Finding {
        let client = Client::new(ClientConfig::default()).unwrap();
        running(&client, address).await.unwrap()
    }

    #[tokio::test]
    async fn a_ready_server_is_told_from_a_sick_one_and_from_a_stranger() {
        let ready = server(StatusCode::OK, "ready\n").await;
        assert_eq!(
            look(ready).await,
            Finding::good("server", format!("ready at {ready}"))
        );
        let sick = server(StatusCode::SERVICE_UNAVAILABLE, "a\nb\n").await;
        let finding = look(sick).await;
        assert_eq!(
            (finding.tone, finding.found.as_str()),
            (Tone::Bad, "not ready: a, b")
        );
        let spooling = server(StatusCode::OK, "ready\nin the spool\n").await;
        let finding = look(spooling).await;
        assert_eq!(
            (finding.tone, finding.found.as_str()),
            (Tone::Doubtful, "ready, in the spool")
        );
        let stranger = server(StatusCode::OK, "<html>").await;
        assert!(look(stranger).await.found.starts_with("something else"));
    }

    #[tokio::test]
    async fn no_server_is_only_doubtful() {
        // Bound, then dropped: a port where for now nobody listens.
        let address = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        assert_eq!(look(address).await.tone, Tone::Doubtful);
    }

    #[tokio::test]
    async fn the_public_address_must_lead_here_and_be_encrypted() {
        let client = Client::new(ClientConfig::default()).unwrap();
        let url = |address| Url::parse(&format!("http://{address}/base/")).unwrap();
        let well = reached(&client, &url(server(StatusCode::OK, "ok\n").await))
            .await
            .unwrap();
        assert!(
            well.found.ends_with("/base is not encrypted"),
            "{}",
            well.found
        );
        let away = reached(&client, &url(server(StatusCode::BAD_GATEWAY, "").await))
            .await
            .unwrap();
        assert!(
            away.found.ends_with("/base: answered 502"),
            "{}",
            away.found
        );
        let https = Url::parse("https://holdline.example.com").unwrap();
        assert_eq!(
            shape(&https),
            Some(Finding::good(PUBLIC, "https://holdline.example.com"))
        );
    }

    #[test]
    fn the_address_of_all_interfaces_is_asked_by_the_loopback() {
        for (listen, expect) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(callable(listen.parse().unwrap()), expect.parse().unwrap());
        }
    }
}
