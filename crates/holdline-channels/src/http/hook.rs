//! Posts events to the addresses that apps named. Any 2xx is success; redirects are not followed;
//! the body goes in one piece with its length.

use super::client::Client;
use super::config::{BuildError, ClientConfig};
use super::request::Request;
use async_trait::async_trait;
use bytes::Bytes;
use holdline_engine::ports::{Hook, HookOutcome};
use url::Url;

/// Longest time that one post may take, in milliseconds.
pub(super) const HOOK_TIMEOUT_MS: u32 = 10_000;

/// Most bytes read of what a receiver answers.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The poster, over a guarded client.
#[derive(Clone, Debug)]
pub struct HookPoster {
    client: Client,
}

impl HookPoster {
    /// # Errors
    /// When the client cannot be set up.
    pub fn new(
        user_agent: &str,
        in_flight_max: u32,
        allow_private: bool,
    ) -> Result<Self, BuildError> {
        let config = ClientConfig {
            user_agent: user_agent.into(),
            timeout_ms: HOOK_TIMEOUT_MS,
            in_flight_max,
            response_bytes_max: ANSWER_BYTES_MAX,
            ..ClientConfig::default()
        };
        Ok(Self {
            client: Client::guarded(config, allow_private)?,
        })
    }
}

#[async_trait]
impl Hook for HookPoster {
    async fn post(&self, url: &str, headers: &[(String, String)], body: Bytes) -> HookOutcome {
        let Ok(url) = Url::parse(url) else {
            return HookOutcome::Refused("the address is no URL".into());
        };
        let request = Request::post(url, "(app webhook)").json(body);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(name, value)
        });
        match self.client.send(request).await {
            Ok(response) if response.is_success() => HookOutcome::Taken,
            Ok(response) => HookOutcome::Refused(format!("answered {}", response.status)),
            Err(error) => HookOutcome::Refused(error.to_string()),
        }
    }
}
