//! Talks to the API of a running server, for the commands that need one. Turns its problem answers
//! into faults a person can act on.

mod contacts;
mod feeds;
mod messages;
mod outages;
mod route;
mod routes;
mod send;

pub(crate) use contacts::{ContactsCommand, run as contacts};
pub(crate) use feeds::{FeedsArgs, run as feeds};
pub(crate) use messages::{MessagesCommand, run as messages};
pub(crate) use outages::{OutagesArgs, run as outages};
pub(crate) use route::{AuditArgs, RouteCommand, audit, run as route};
pub(crate) use routes::{RoutesArgs, run as routes};
pub(crate) use send::{SendArgs, run as send};

use crate::cli::Exit;
use crate::secret::Secret;
use clap::Args;
use holdline_channels::http::{Body, BuildError, Client, ClientConfig, Request, Response};
use http::{Method, header};
use serde_json::Value;
use url::Url;

/// Where the server is unless `--url` or HOLDLINE_URL says otherwise.
const URL_DEFAULT: &str = "http://127.0.0.1:8080";
const UNREACHABLE_FIX: &str = "start `holdline serve`, or name the server with --url";
/// What the HTTP client logs in place of the path.
const TEMPLATE: &str = "(api)";
const TIMEOUT_MS: u32 = 30_000;
const IMPORT_TIMEOUT_MS: u32 = 30 * 60_000;
const CONNECT_TIMEOUT_MS: u32 = 5_000;
const IN_FLIGHT_MAX: u32 = 4;
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Options of the commands that talk to a running server.
#[derive(Clone, Args)]
pub(crate) struct Remote {
    /// Address of the server [default: http://127.0.0.1:8080]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Token for the server; better given as HOLDLINE_TOKEN, where no process list shows it
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Remote {
    /// The API of the server that the options or the environment name.
    pub(super) fn api(&self) -> Result<ApiClient, ApiFault> {
        let from_env = |name| {
            std::env::var(name)
                .ok()
                .filter(|value: &String| !value.is_empty())
        };
        let url = self.url.clone().or_else(|| from_env("HOLDLINE_URL"));
        let token = self.token.clone().or_else(|| from_env("HOLDLINE_TOKEN"));
        ApiClient::new(
            url.as_deref().unwrap_or(URL_DEFAULT),
            token.map(Secret::new),
        )
    }
}

/// What a command gets instead of an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiFault {
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Client(#[from] BuildError),
    #[error("no server answers at {url}: {why}\n    fix: {UNREACHABLE_FIX}")]
    Unreachable { url: String, why: String },
    #[error("the server refused ({status}): {what}")]
    Refused { status: u16, what: String },
}

impl ApiFault {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Unreachable { .. } => Exit::Unreachable,
            Self::Client(_) | Self::Refused { .. } => Exit::Failed,
        }
    }
}

/// One server and the right to use it.
#[derive(Debug)]
pub(crate) struct ApiClient {
    base: Url,
    token: Option<Secret>,
    client: Client,
}

impl ApiClient {
    /// # Errors
    /// When the address is no http URL.
    pub(crate) fn new(base: &str, token: Option<Secret>) -> Result<Self, ApiFault> {
        let usable = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        let base = Url::parse(base).ok().filter(usable).ok_or_else(|| {
            ApiFault::Usage(format!(
                "--url: `{base}` is no address such as {URL_DEFAULT}"
            ))
        })?;
        let client = Client::new(ClientConfig {
            timeout_ms: TIMEOUT_MS,
            connect_timeout_ms: CONNECT_TIMEOUT_MS,
            in_flight_max: IN_FLIGHT_MAX,
            response_bytes_max: ANSWER_BYTES_MAX,
            ..ClientConfig::default()
        })?;
        Ok(Self {
            base,
            token,
            client,
        })
    }

    pub(crate) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Value, ApiFault> {
        self.call(Request::new(Method::GET, self.url(path, query), TEMPLATE))
            .await
    }

    /// With a key, a repeat of the same request does nothing twice.
    pub(crate) async fn post(
        &self,
        path: &[&str],
        body: &Value,
        idempotency_key: Option<&str>,
    ) -> Result<Value, ApiFault> {
        let request = Request::new(Method::POST, self.url(path, &[]), TEMPLATE);
        let request = request.json(body.to_string());
        self.call(match idempotency_key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        })
        .await
    }

    /// Takes as long as the server needs for a long list.
    pub(crate) async fn post_csv(&self, path: &[&str], body: Body) -> Result<Value, ApiFault> {
        let request = Request::new(Method::POST, self.url(path, &[]), TEMPLATE);
        let request = request.header(header::CONTENT_TYPE.as_str(), "text/csv");
        self.call(request.body(body).timeout_ms(IMPORT_TIMEOUT_MS))
            .await
    }

    async fn call(&self, request: Request) -> Result<Value, ApiFault> {
        let mut request = request.header(header::ACCEPT.as_str(), "application/json");
        if let Some(token) = &self.token {
            request = request.bearer(token.expose());
        }
        let answer = self
            .client
            .send(request)
            .await
            .map_err(|error| ApiFault::Unreachable {
                url: self.base.to_string(),
                why: error.to_string(),
            })?;
        judge(&answer)
    }

    fn url(&self, path: &[&str], query: &[(&str, String)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}

fn judge(answer: &Response) -> Result<Value, ApiFault> {
    let status = answer.status;
    let value: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let no_json = || "the answer is not JSON; is this address a Holdline server?".to_owned();
    match value {
        Some(value) if answer.is_success() => Ok(value),
        None if answer.is_success() && answer.body.is_empty() => Ok(Value::Null),
        Some(value) => Err(ApiFault::Refused {
            status,
            what: problem(&value),
        }),
        None => Err(ApiFault::Refused {
            status,
            what: no_json(),
        }),
    }
}

/// The words of a problem+json answer, with the fields it names.
fn problem(value: &Value) -> String {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let head = [text(value, "title"), text(value, "detail")];
    let field = |error: &Value| {
        let part = |key| text(error, key).unwrap_or_default();
        format!(
            "\n    {}: {}\n        fix: {}",
            part("field"),
            part("message"),
            part("fix")
        )
    };
    let errors = value
        .get("errors")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let head = head.into_iter().flatten().collect::<Vec<_>>().join(": ");
    errors.fold(head, |text, error| text + &field(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::extract::Request as Seen;
    use axum::http::{Response as Answer, StatusCode};
    use expect_test::expect;
    use tokio::net::TcpListener;

    /// A server that answers every request alike; in words what it saw, when `body` is empty.
    async fn client(status: u16, body: &'static str) -> ApiClient {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = move |seen: Seen| async move {
            let token = seen.headers()[header::AUTHORIZATION.as_str()]
                .to_str()
                .unwrap();
            let seen = serde_json::json!(format!("{} {} {token}", seen.method(), seen.uri()));
            let body = if body.is_empty() {
                seen.to_string()
            } else {
                body.to_owned()
            };
            Answer::builder()
                .status(StatusCode::from_u16(status).unwrap())
                .body(body)
                .unwrap()
        };
        let router = Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, router).await });
        ApiClient::new(&format!("http://{address}/base/"), Some(Secret::new("t0"))).unwrap()
    }

    #[tokio::test]
    async fn a_request_carries_token_path_and_query_safely_encoded() {
        let query = [("state", "a b&c".to_owned())];
        let seen = client(200, "")
            .await
            .get(&["messages", "../x"], &query)
            .await
            .unwrap();
        assert_eq!(
            seen,
            "GET /base/api/v1/messages/..%2Fx?state=a+b%26c Bearer t0"
        );
    }

    #[tokio::test]
    async fn a_problem_answer_names_its_fields() {
        let body = r#"{"title":"Invalid message","detail":"one field is wrong",
            "errors":[{"field":"/to","message":"is missing","fix":"name one"}]}"#;
        let client = client(422, body).await;
        let fault = client
            .post(&["messages"], &Value::Null, None)
            .await
            .unwrap_err();
        assert_eq!(fault.exit(), Exit::Failed);
        expect![[r#"
            the server refused (422): Invalid message: one field is wrong
                /to: is missing
                    fix: name one"#]]
        .assert_eq(&fault.to_string());
    }

    #[tokio::test]
    async fn an_address_that_is_no_holdline_server_is_named_so() {
        for status in [200, 404] {
            let fault = client(status, "<html>")
                .await
                .get(&["routes"], &[])
                .await
                .unwrap_err();
            assert!(
                fault
                    .to_string()
                    .contains("is this address a Holdline server?")
            );
        }
    }

    #[test]
    fn a_wrong_address_is_a_usage_fault() {
        let fault = ApiClient::new("localhost:80", None).unwrap_err();
        assert_eq!(fault.exit(), Exit::Usage);
    }
}
