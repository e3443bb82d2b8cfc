//! The control of the sandbox, spoken to over HTTP.

use crate::channels;
use crate::http::state::AppState;
use holdline_channels::http::{Client, Request, Response};
use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use url::Url;

const TIMEOUT_MS: u32 = 2_000;

/// A way to be broken.
#[derive(Deserialize)]
pub(super) struct Profile {
    pub(super) name: String,
    pub(super) description: String,
}

/// Something that is broken now.
#[derive(Deserialize)]
pub(super) struct Broken {
    pub(super) id: u64,
    pub(super) profile: String,
}

pub(in crate::http::console) struct Control {
    base: Url,
    client: Arc<Client>,
}

impl Control {
    pub(super) fn of(state: &AppState) -> Option<Self> {
        let base = state.config.console.sandbox_url.clone()?;
        let client = state.console.sandbox.get_or_init(|| {
            let client = Client::new(channels::client(&state.config));
            client.ok().map(Arc::new)
        });
        let client = client.clone()?;
        Some(Self { base, client })
    }

    /// All profiles, and what is broken.
    pub(super) async fn look(&self) -> Result<(Vec<Profile>, Vec<Broken>), String> {
        let profiles = self.get("/control/profiles");
        let outages = self.get("/control/outages");
        tokio::try_join!(profiles, outages)
    }

    pub(super) async fn start(&self, profile: &str) -> Result<(), String> {
        let order = serde_json::json!({ "profile": profile }).to_string();
        let request = self.request(Method::POST, "/control/outages")?.json(order);
        self.send(request).await.map(drop)
    }

    /// All of them where none is named.
    pub(super) async fn stop(&self, outage: &str) -> Result<(), String> {
        let path = match outage.parse::<u64>() {
            Ok(id) => format!("/control/outages/{id}"),
            Err(_) => "/control/outages".to_owned(),
        };
        let request = self.request(Method::DELETE, &path)?;
        self.send(request).await.map(drop)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, String> {
        let response = self.send(self.request(Method::GET, path)?).await?;
        let unread = |_| "The sandbox answers in a form that is not known here.".to_owned();
        serde_json::from_slice(&response.body).map_err(unread)
    }

    fn request(&self, method: Method, path: &str) -> Result<Request, String> {
        let url = self.base.join(path).map_err(|error| error.to_string())?;
        Ok(Request::new(method, url, "/control").timeout_ms(TIMEOUT_MS))
    }

    async fn send(&self, request: Request) -> Result<Response, String> {
        let sent = self.client.send(request).await;
        let response = sent.map_err(|error| format!("The sandbox does not answer: {error}."))?;
        match response.status {
            200..=299 => Ok(response),
            status => {
                let said: serde_json::Value =
                    serde_json::from_slice(&response.body).unwrap_or_default();
                let why = said["error"].as_str().unwrap_or("no reason").to_owned();
                Err(format!("The sandbox refuses it ({status}): {why}."))
            }
        }
    }
}
