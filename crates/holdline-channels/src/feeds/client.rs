//! Fetches feeds: asks only for what changed, follows few redirects, keeps no more than the
//! limit. Never reports health that it did not read, and never retries by itself.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use holdline_core::Timestamp;
use url::Url;

use super::config::{FEED_BYTES_MAX, FeedConfig, FeedFormat, METASTATUS_ORG};
use super::reading::{FeedAnswer, FeedReading, Parsed, Shape, clip, unknown};
use super::{metastatus, statuspage, syndication};
use crate::http::{BuildError, Client, ClientConfig, Request, Response, web_url};

const REDIRECTS_MAX: usize = 3;
/// Unknown words remembered, so that each is logged once.
const WORDS_LOGGED_MAX: usize = 64;
const ORG_CHARS_MAX: usize = 100;
const ACCEPT: &str = "application/json, application/rss+xml, application/atom+xml, application/xml";

/// Reads one feed, again and again.
#[derive(Debug)]
pub struct FeedClient {
    config: FeedConfig,
    org: String,
    http: Client,
    /// For redirects to elsewhere, which the other side names: the public internet only.
    guarded: Client,
    pages: Vec<Page>,
    last: Option<FeedReading>,
    logged: BTreeSet<String>,
}

/// One address of a feed and its last good answer.
#[derive(Debug)]
struct Page {
    url: Url,
    template: &'static str,
    etag: Option<String>,
    last_modified: Option<String>,
    body: Option<Bytes>,
}

impl FeedClient {
    /// # Errors
    /// Settings that cannot be used: the address, the organization, the time-out, the CA file.
    pub fn new(config: FeedConfig) -> Result<Self, BuildError> {
        let org = organization(&config)?;
        let pages = pages(&config, &org)?;
        if config.timeout_ms == 0 {
            return Err(BuildError::setting("timeout_ms", "must be at least 1"));
        }
        let settings = ClientConfig {
            user_agent: config.user_agent.clone(),
            timeout_ms: config.timeout_ms,
            in_flight_max: 2,
            response_bytes_max: FEED_BYTES_MAX,
            ca_file: config.ca_file.clone(),
            ..ClientConfig::default()
        };
        Ok(Self {
            http: Client::new(settings.clone())?,
            guarded: Client::guarded(settings, false)?,
            config,
            org,
            pages,
            last: None,
            logged: BTreeSet::new(),
        })
    }

    /// What the feed says now.
    pub async fn fetch(&mut self) -> FeedAnswer {
        match self.read().await {
            Ok(answer) => answer,
            Err(why) => {
                // Asked without conditions next time, so that the answer comes whole.
                self.pages.iter_mut().for_each(Page::forget);
                self.last = None;
                tracing::debug!(feed = self.config.name, why, "a feed is unknown");
                unknown(&why)
            }
        }
    }

    async fn read(&mut self) -> Shape<FeedAnswer> {
        let mut changed = false;
        for page in &mut self.pages {
            changed |= page.refresh(&self.http, &self.guarded).await?;
        }
        let parsed = self.parse()?;
        self.log_unknown(parsed.unknown);
        // The same bytes can mean something else later: entries age, maintenance begins.
        if !changed && self.last.as_ref() == Some(&parsed.reading) {
            return Ok(FeedAnswer::Unchanged);
        }
        self.last = Some(parsed.reading.clone());
        Ok(FeedAnswer::Seen(parsed.reading))
    }

    fn parse(&self) -> Shape<Parsed> {
        let now = now();
        match (self.config.format, self.pages.as_slice()) {
            (FeedFormat::Metastatus, [orgs, outages]) => {
                metastatus::parse(orgs.body()?, outages.body()?, &self.org, now)
            }
            (FeedFormat::Statuspage, [page]) => {
                let summary = page.url.path().ends_with("/summary.json");
                statuspage::parse(page.body()?, summary, now)
            }
            (FeedFormat::Syndication, [page]) => syndication::parse(page.body()?, now),
            (FeedFormat::Metastatus | FeedFormat::Statuspage | FeedFormat::Syndication, _) => {
                Err("the feed has no address".into())
            }
        }
    }

    fn log_unknown(&mut self, words: Vec<String>) {
        for word in words {
            let is_new = !self.logged.contains(&word) && self.logged.len() < WORDS_LOGGED_MAX;
            if is_new {
                let feed = &self.config.name;
                tracing::warn!(feed, word, "an unknown severity: taken for medium at least");
                self.logged.insert(word);
            }
        }
    }
}

impl Page {
    fn new(url: Url, template: &'static str) -> Self {
        Self {
            url,
            template,
            etag: None,
            last_modified: None,
            body: None,
        }
    }

    /// Fetches the page unless it is the same; whether it came anew.
    async fn refresh(&mut self, http: &Client, guarded: &Client) -> Shape<bool> {
        let response = self.follow(http, guarded).await?;
        match response.status {
            200 if response.truncated => Err(format!(
                "{} is longer than {FEED_BYTES_MAX} bytes",
                self.template
            )),
            200 => {
                self.keep(response);
                Ok(true)
            }
            304 if self.body.is_some() => Ok(false),
            status => Err(format!("{} answered {status}", self.template)),
        }
    }

    async fn follow(&self, http: &Client, guarded: &Client) -> Shape<Response> {
        let mut url = self.url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let at_home = url.origin() == self.url.origin();
            let client = if at_home { http } else { guarded };
            let response = client
                .send(self.request(url.clone()))
                .await
                .map_err(|error| error.to_string())?;
            if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            url = target(&url, &response)?;
        }
        Err(format!("more than {REDIRECTS_MAX} redirects"))
    }

    fn request(&self, url: Url) -> Request {
        let mut request = Request::get(url, self.template).header("accept", ACCEPT);
        if let Some(etag) = &self.etag {
            request = request.header("if-none-match", etag);
        }
        if let Some(date) = &self.last_modified {
            request = request.header("if-modified-since", date);
        }
        request
    }

    fn keep(&mut self, response: Response) {
        let header = |name| response.header(name).map(str::to_owned);
        self.etag = header("etag");
        self.last_modified = header("last-modified");
        self.body = Some(response.body);
    }

    fn forget(&mut self) {
        self.etag = None;
        self.last_modified = None;
        self.body = None;
    }

    fn body(&self) -> Shape<&[u8]> {
        self.body
            .as_deref()
            .ok_or_else(|| format!("{} was not fetched", self.template))
    }
}

/// Where a redirect leads; never from https to http.
fn target(from: &Url, response: &Response) -> Shape<Url> {
    let place = response
        .header("location")
        .ok_or("a redirect without a location")?;
    let to = from
        .join(place)
        .map_err(|error| format!("a redirect to nowhere: {error}"))?;
    match (from.scheme(), to.scheme()) {
        (_, "https") | ("http", "http") => Ok(to),
        (_, scheme) => Err(format!("a redirect to {}", clip(scheme, 20))),
    }
}

fn organization(config: &FeedConfig) -> Result<String, BuildError> {
    let org = config.org.as_deref().unwrap_or(METASTATUS_ORG);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=ORG_CHARS_MAX).contains(&org.len()) && org.bytes().all(fits) {
        Ok(org.to_owned())
    } else {
        Err(BuildError::setting(
            "org",
            "give the organization's id as in orgs.json, such as whatsapp-business-api",
        ))
    }
}

fn pages(config: &FeedConfig, org: &str) -> Result<Vec<Page>, BuildError> {
    let base = web_url("url", &config.url)?;
    let below = |path: &str| {
        let mut url = base.clone();
        url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
        url
    };
    Ok(match config.format {
        FeedFormat::Metastatus => vec![
            Page::new(below("/data/orgs.json"), "/data/orgs.json"),
            Page::new(
                below(&format!("/data/outages/{org}.json")),
                "/data/outages/{org}.json",
            ),
        ],
        FeedFormat::Statuspage if base.path().ends_with(".json") => {
            vec![Page::new(base, "{url}")]
        }
        FeedFormat::Statuspage => vec![Page::new(
            below("/api/v2/summary.json"),
            "/api/v2/summary.json",
        )],
        FeedFormat::Syndication => vec![Page::new(base, "{url}")],
    })
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = since.unwrap_or_default().as_millis();
    Timestamp(i64::try_from(ms).unwrap_or(i64::MAX))
}
