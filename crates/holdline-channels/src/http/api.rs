//! A plain JSON client for a server's own API, as commands use it. Turns refusals into words.

use super::client::{Client, Response};
use super::config::{BuildError, ClientConfig, web_url};
use super::error::TransportError;
use super::request::Request;
use holdline_core::Redacted;
use http::Method;
use serde_json::Value;
use url::Url;

/// Largest answer of the API that a command reads, in bytes.
pub const API_RESPONSE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Speaks to one server with one token.
#[derive(Clone, Debug)]
pub struct ApiClient {
    client: Client,
    base: Url,
    token: Option<Redacted<String>>,
}

/// Why a call to the API gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    #[error("{0} is no path of the server")]
    Path(String),
    #[error("the server cannot be reached: {0}")]
    Unreachable(TransportError),
    #[error("the server answered {status}: {title}{}", detail_of(.detail))]
    Refused {
        status: u16,
        title: String,
        detail: String,
    },
    #[error("the server's answer ({status}) is no JSON; is the URL that of Holdline?")]
    Unreadable { status: u16 },
}

impl ApiClient {
    /// # Errors
    /// When `base` is no http or https URL.
    pub fn new(base: &str, token: Option<String>, timeout_ms: u32) -> Result<Self, BuildError> {
        let base = web_url("url", base)?;
        let client = Client::new(ClientConfig {
            timeout_ms,
            response_bytes_max: API_RESPONSE_BYTES_MAX,
            ..ClientConfig::default()
        })?;
        Ok(Self {
            client,
            base,
            token: token.map(Redacted::new),
        })
    }

    /// One call; `path` may hold a query. An empty answer is `Value::Null`.
    ///
    /// # Errors
    /// When the server cannot be reached, refuses, or answers with something else than JSON.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, ApiError> {
        let url = self
            .base
            .join(path)
            .map_err(|_| ApiError::Path(path.into()))?;
        if url.origin() != self.base.origin() {
            return Err(ApiError::Path(path.into()));
        }
        let mut request = Request::new(method, url, "(api)");
        if let Some(token) = &self.token {
            request = request.bearer(token.expose());
        }
        if let Some(body) = body {
            request = request.json(body.to_string());
        }
        read(
            &self
                .client
                .send(request)
                .await
                .map_err(ApiError::Unreachable)?,
        )
    }

    /// # Errors
    /// As [`Self::call`].
    pub async fn get(&self, path: &str) -> Result<Value, ApiError> {
        self.call(Method::GET, path, None).await
    }

    /// # Errors
    /// As [`Self::call`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, ApiError> {
        self.call(Method::POST, path, Some(body)).await
    }
}

fn read(response: &Response) -> Result<Value, ApiError> {
    let status = response.status;
    let value = match response.body.is_empty() {
        true => Ok(Value::Null),
        false => serde_json::from_slice::<Value>(&response.body),
    };
    match value {
        Ok(value) if response.is_success() => Ok(value),
        Ok(problem) => {
            let text = |pointer| problem.pointer(pointer).and_then(Value::as_str);
            let title = text("/title")
                .or_else(|| text("/error/message"))
                .unwrap_or("refused");
            let detail = text("/detail").or_else(|| text("/error/error_data/details"));
            let detail = detail.unwrap_or_default().into();
            Err(ApiError::Refused {
                status,
                title: title.into(),
                detail,
            })
        }
        Err(_) => Err(ApiError::Unreadable { status }),
    }
}

fn detail_of(detail: &str) -> String {
    if detail.is_empty() {
        String::new()
    } else {
        format!(" ({detail})")
    }
}
