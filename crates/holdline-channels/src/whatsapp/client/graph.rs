//! Calls to the provider's Graph API with our own token: sends, media, templates, and whatever an
//! app asks that we do not answer ourselves. Never passes on an app's token.

use super::config::WhatsappConfig;
use crate::http::{
    Body, BuildError, Client, ClientConfig, Part, Request, Response, StreamResponse,
    TransportError, web_url,
};
use crate::whatsapp::classify::{Reply, classify};
use bytes::Bytes;
use holdline_core::Timestamp;
use holdline_core::message::Fault;
use http::{HeaderMap, HeaderName, Method};
use serde_json::Value;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};
use url::{Url, form_urlencoded};

/// Longest time that an upload may take, in milliseconds: with the send after it still within the
/// time after which the engine calls an attempt unknown.
const UPLOAD_TIMEOUT_MS: u32 = 40_000;

/// Longest wait for the upload of the same file by another message.
const UPLOAD_TURN_MS_MAX: u64 = 8_000;
/// Uploads under way at a time, each of another file.
const UPLOADS_MAX: usize = 8;

/// Most pages of a list that are followed, and items asked for in each.
const PAGES_MAX: usize = 200;
const PAGE_ITEMS: &str = "100";

/// The headers of an app's call that go on to the provider.
const FORWARDED: [&str; 7] = [
    "content-type",
    "accept",
    "accept-language",
    "range",
    "if-none-match",
    "file_offset",
    "offset",
];

/// The provider, as one account sees it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct GraphClient {
    client: Client,
    base: Url,
    config: Arc<WhatsappConfig>,
    uploads: Arc<Uploads>,
}

/// One upload of a file at a time: who comes second finds its id.
pub(super) type Uploads = [Mutex<()>; UPLOADS_MAX];

/// A call of an app to be passed on.
#[derive(Debug)]
pub struct Forward {
    pub method: Method,
    /// As the app wrote it (`v19.0`); `None` = ours.
    pub version: Option<String>,
    /// Without version and leading slash, percent-encoded as it came.
    pub path: String,
    /// As it came, without `?`.
    pub query: Option<String>,
    pub headers: HeaderMap,
    pub body: Body,
}

/// Why a call gave nothing to read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum GraphFailure {
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error("the provider answered {status}: {} ({})", .fault.detail, .fault.code)]
    Refused { status: u16, fault: Fault },
    #[error("the provider's answer ({status}) cannot be read")]
    Unreadable { status: u16 },
}

impl GraphClient {
    /// # Errors
    /// When a setting cannot be used.
    pub fn new(config: WhatsappConfig) -> Result<Self, BuildError> {
        config.check()?;
        let base = web_url("whatsapp.base_url", &config.base_url)?;
        let client = Client::new(ClientConfig {
            user_agent: config.user_agent.clone(),
            timeout_ms: config.timeout_ms,
            connect_timeout_ms: config.connect_timeout_ms,
            in_flight_max: config.in_flight_max,
            ca_file: config.ca_file.clone(),
            ..ClientConfig::default()
        })?;
        Ok(Self {
            client,
            base,
            config: Arc::new(config),
            uploads: Arc::default(),
        })
    }

    /// Passes a call on, and its answer back, both as streams.
    ///
    /// # Errors
    /// When no answer began.
    pub async fn forward(&self, call: Forward) -> Result<StreamResponse, TransportError> {
        let version = call.version.as_deref().unwrap_or(&self.config.version);
        let mut url = self.url_of(version, &call.path)?;
        let query = call
            .query
            .as_deref()
            .map(without_token)
            .filter(|query| !query.is_empty());
        url.set_query(query.as_deref());
        let node = call.path.split('/').next().unwrap_or_default();
        let mut request = Request::new(call.method, url, "(forwarded)").body(call.body);
        for name in FORWARDED.map(HeaderName::from_static) {
            if let Some(value) = call
                .headers
                .get(&name)
                .and_then(|value| value.to_str().ok())
            {
                request = request.header(name.as_str(), value);
            }
        }
        self.client.stream(self.authorised(request, node)).await
    }

    /// The right to upload this file; `None` when others hold it for too long.
    pub(super) async fn upload_turn(&self, media: &str) -> Option<MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        media.hash(&mut hasher);
        let place = hasher.finish() as usize % UPLOADS_MAX;
        let wait = Duration::from_millis(UPLOAD_TURN_MS_MAX);
        tokio::time::timeout(wait, self.uploads[place].lock())
            .await
            .ok()
    }

    /// Posts a message.
    ///
    /// # Errors
    /// When no whole answer came.
    pub async fn post_message(
        &self,
        sender: &str,
        body: Vec<u8>,
    ) -> Result<Response, TransportError> {
        let url = self.url(&format!("{sender}/messages"))?;
        let request = Request::post(url, "/{phone}/messages").json(body);
        self.client.send(self.authorised(request, sender)).await
    }

    /// Uploads a file for messages of `sender`; the answer holds its id.
    ///
    /// # Errors
    /// When no whole answer came.
    pub async fn upload(
        &self,
        sender: &str,
        mime: &str,
        filename: &str,
        bytes: Bytes,
    ) -> Result<Response, TransportError> {
        let url = self.url(&format!("{sender}/media"))?;
        let text = |name, value: &str| Part::Text {
            name,
            value: value.into(),
        };
        let (filename, kind) = (filename.into(), mime.into());
        let file = Part::File {
            name: "file",
            filename,
            mime: kind,
            bytes,
        };
        let parts = vec![
            text("messaging_product", "whatsapp"),
            text("type", mime),
            file,
        ];
        let request = Request::post(url, "/{phone}/media")
            .body(Body::Multipart(parts))
            .timeout_ms(UPLOAD_TIMEOUT_MS);
        self.client.send(self.authorised(request, sender)).await
    }

    /// What the provider says about a file: its address, type and digest.
    ///
    /// # Errors
    /// When the provider refuses or does not answer.
    pub async fn media_info(&self, id: &str) -> Result<Value, GraphFailure> {
        self.get(id, "/{media}", &[]).await
    }

    /// The bytes behind an address that the provider gave.
    ///
    /// # Errors
    /// When no whole answer came.
    pub async fn download(&self, url: &str, size_max: usize) -> Result<Response, TransportError> {
        let malformed = |_| TransportError::Malformed("the file has no address".into());
        let url = Url::parse(url).map_err(malformed)?;
        // The token goes in the clear only where the whole provider is spoken to in the clear.
        if url.scheme() != "https" && url.scheme() != self.base.scheme() {
            return Err(TransportError::Malformed(
                "the file's address is not https".into(),
            ));
        }
        let request = Request::get(url, "(media file)")
            .response_bytes_max(size_max)
            .timeout_ms(UPLOAD_TIMEOUT_MS);
        self.client.send(self.authorised(request, "")).await
    }

    /// All templates of an account, page by page.
    ///
    /// # Errors
    /// When a page cannot be had.
    pub async fn templates(&self, waba: &str) -> Result<Vec<Value>, GraphFailure> {
        self.list(
            &format!("{waba}/message_templates"),
            "/{waba}/message_templates",
        )
        .await
    }

    /// # Errors
    /// When no whole answer came.
    pub async fn create_template(
        &self,
        waba: &str,
        body: Bytes,
    ) -> Result<Response, TransportError> {
        let url = self.url(&format!("{waba}/message_templates"))?;
        let request = Request::post(url, "/{waba}/message_templates").json(body);
        self.client.send(self.authorised(request, waba)).await
    }

    /// `query` names the template: `name`, perhaps `hsm_id`.
    ///
    /// # Errors
    /// When no whole answer came.
    pub async fn delete_template(
        &self,
        waba: &str,
        query: &[(&str, &str)],
    ) -> Result<Response, TransportError> {
        let mut url = self.url(&format!("{waba}/message_templates"))?;
        url.query_pairs_mut().extend_pairs(query);
        let request = Request::new(Method::DELETE, url, "/{waba}/message_templates");
        self.client.send(self.authorised(request, waba)).await
    }

    /// Fields of a number: `id,health_status` and such.
    ///
    /// # Errors
    /// When the provider refuses or does not answer.
    pub async fn phone(&self, id: &str, fields: &str) -> Result<Value, GraphFailure> {
        self.get(id, "/{phone}", &[("fields", fields)]).await
    }

    /// The apps that get the webhooks of an account; none means that nothing will come in.
    ///
    /// # Errors
    /// When the provider refuses or does not answer.
    pub async fn subscribed_apps(&self, waba: &str) -> Result<Vec<Value>, GraphFailure> {
        self.list(
            &format!("{waba}/subscribed_apps"),
            "/{waba}/subscribed_apps",
        )
        .await
    }

    /// A GET with its whole answer, whatever it is.
    pub(super) async fn ask(
        &self,
        path: &str,
        template: &'static str,
        query: &[(&str, &str)],
    ) -> Result<Response, TransportError> {
        let mut url = self.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let node = path.split('/').next().unwrap_or_default();
        self.client
            .send(self.authorised(Request::get(url, template), node))
            .await
    }

    pub(super) fn config(&self) -> &WhatsappConfig {
        &self.config
    }

    async fn list(&self, path: &str, template: &'static str) -> Result<Vec<Value>, GraphFailure> {
        let mut items = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut query = vec![("limit", PAGE_ITEMS)];
            query.extend(after.as_deref().map(|after| ("after", after)));
            let mut page = self.get(path, template, &query).await?;
            if let Some(Value::Array(found)) = page.get_mut("data").map(Value::take) {
                items.extend(found);
            }
            let next = page.pointer("/paging/next").is_some();
            let cursor = page
                .pointer("/paging/cursors/after")
                .and_then(Value::as_str);
            match cursor.filter(|cursor| next && Some(*cursor) != after.as_deref()) {
                Some(cursor) => after = Some(cursor.into()),
                None => return Ok(items),
            }
        }
        Ok(items)
    }

    pub(super) async fn get(
        &self,
        path: &str,
        template: &'static str,
        query: &[(&str, &str)],
    ) -> Result<Value, GraphFailure> {
        let answer = self.ask(path, template, query).await?;
        let status = answer.status;
        match serde_json::from_slice::<Value>(&answer.body) {
            Ok(value) if answer.is_success() => Ok(value),
            Ok(_) | Err(_) => Err(refused(&answer).unwrap_or(GraphFailure::Unreadable { status })),
        }
    }

    fn url(&self, path: &str) -> Result<Url, TransportError> {
        self.url_of(&self.config.version, path)
    }

    /// Only plain parts: nothing that a URL parser or the provider could read as another path.
    fn url_of(&self, version: &str, path: &str) -> Result<Url, TransportError> {
        let parts = [version]
            .into_iter()
            .chain(path.split('/'))
            .filter(|part| !part.is_empty());
        let parts: Vec<&str> = parts.collect();
        if !parts.iter().all(|part| is_plain(part)) || version.contains('/') {
            return Err(TransportError::Malformed("the path leaves the API".into()));
        }
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| TransportError::Malformed("the base address has no path".into()))?
            .pop_if_empty()
            .extend(parts);
        Ok(url)
    }

    fn authorised(&self, request: Request, node: &str) -> Request {
        match self.config.token_for(node) {
            Some(token) => request.bearer(token),
            None => request,
        }
    }
}

/// An answer as the classifier reads it.
pub(super) fn reply(answer: &Response) -> Reply<'_> {
    Reply {
        http_status: answer.status,
        retry_after: answer.header("retry-after"),
        body: &answer.body,
    }
}

fn refused(answer: &Response) -> Option<GraphFailure> {
    if answer.is_success() {
        return None;
    }
    let fault = classify(&reply(answer), Timestamp::default())
        .fault()
        .cloned()?;
    Some(GraphFailure::Refused {
        status: answer.status,
        fault,
    })
}

/// Ids, versions and names of edges: no escapes, no separators, no dots alone.
fn is_plain(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    part.bytes().all(plain) && part.bytes().any(|byte| byte != b'.')
}

/// The query without our own token, however its name is written.
pub(super) fn without_token(query: &str) -> String {
    let secret = |pair: &&str| {
        let name = form_urlencoded::parse(pair.as_bytes()).next();
        !name.is_some_and(|(name, _)| name.eq_ignore_ascii_case("access_token"))
    };
    query
        .split('&')
        .filter(secret)
        .collect::<Vec<_>>()
        .join("&")
}
