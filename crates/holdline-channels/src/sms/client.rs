//! The SMS channel over HTTP. Keeps nothing about messages.

use super::config::SmsConfig;
use super::{classify, encode, inbound, reply, wire};
use crate::adapt::{Adapted, MediaMode, Options};
use crate::http::{BuildError, Client, ClientConfig, Request, web_url};
use crate::say::{self, Said};
use async_trait::async_trait;
use bytes::Bytes;
use holdline_core::message::content::Media;
use holdline_core::message::{Outcome, Success};
use holdline_core::{ChannelKind, Timestamp};
use holdline_engine::ports::channel::{HookRefusal, Interpreted};
use holdline_engine::ports::records::{MessageRecord, RawInbound};
use holdline_engine::ports::{Capabilities, Channel, Dispatch, HookRequest, InboundItem, Library};
use url::Url;

/// Most redirects followed for the file of an incoming MMS.
const REDIRECTS_MAX: usize = 3;

/// SMS by one provider account.
#[derive(Debug)]
pub struct SmsChannel {
    client: Client,
    /// For files that lie elsewhere than at the provider.
    elsewhere: Client,
    account: Url,
    config: SmsConfig,
}

impl SmsChannel {
    /// # Errors
    /// When a setting is missing or no URL.
    pub fn new(config: SmsConfig) -> Result<Self, BuildError> {
        if config.account_sid.is_empty() || config.auth_token.expose().is_empty() {
            return Err(BuildError::setting(
                "sms.account_sid",
                "and sms.auth_token are needed",
            ));
        }
        let mut account = web_url("sms.base_url", &config.base_url)?;
        let prefix = account.path().trim_end_matches('/').to_owned();
        account.set_path(&format!(
            "{prefix}/2010-04-01/Accounts/{}",
            config.account_sid
        ));
        web_url("http.public_url", &config.public_url)?;
        let settings = client_config(&config);
        Ok(Self {
            client: Client::new(settings.clone())?,
            elsewhere: Client::guarded(settings, config.allow_private_networks)?,
            account,
            config,
        })
    }

    async fn post(&self, dispatch: &Dispatch, library: &dyn Library) -> Result<Outcome, Outcome> {
        let said = Said::load(dispatch, library).await?;
        let adapted = self.adapt(&said, library)?;
        let media = match self.config.mms {
            true => encode::media_sources(&adapted),
            false => Vec::new(),
        };
        let media = media
            .iter()
            .map(|media| say::media_address(&media.source, library))
            .collect();
        let fields = encode::encode(dispatch, &adapted, media, &self.config)?;
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let request = self.signed(Request::post(self.url("/Messages.json"), "/Messages.json"));
        Ok(match self.client.send(request.form(&fields)).await {
            Ok(answer) => classify::classify(
                answer.status,
                answer.header("retry-after"),
                &answer.body,
                library.now(),
            ),
            Err(error) => say::of_transport(&error),
        })
    }

    fn adapt(&self, said: &Said, library: &dyn Library) -> Result<Adapted, Outcome> {
        if self.config.mms {
            return said.render(&Options {
                media: MediaMode::Attach,
                replies: true,
            });
        }
        let link = |media: &Media| Some(say::media_address(&media.source, library));
        said.render(&Options {
            media: MediaMode::Link(&link),
            replies: true,
        })
    }

    fn url(&self, rest: &str) -> Url {
        let mut url = self.account.clone();
        url.set_path(&format!("{}{rest}", self.account.path()));
        url
    }

    fn signed(&self, request: Request) -> Request {
        request.basic(&self.config.account_sid, self.config.auth_token.expose())
    }

    /// The provider's own address gets our credentials; others are fetched as any stranger's.
    async fn fetch_url(&self, url: Url, size_max: usize) -> Result<Fetched, String> {
        let ours = url.origin() == self.account.origin();
        let request = Request::get(url.clone(), "(media)").response_bytes_max(size_max);
        let answer = match ours {
            true => self.client.send(self.signed(request)).await,
            false => self.elsewhere.send(request).await,
        };
        let answer = answer.map_err(|error| error.to_string())?;
        if let (300..=399, Some(next)) = (answer.status, answer.header("location")) {
            return Ok(Fetched::Elsewhere(
                url.join(next).map_err(|error| error.to_string())?,
            ));
        }
        if !answer.is_success() {
            return Err(format!("the provider answered {}", answer.status));
        }
        if answer.truncated {
            return Err(format!(
                "the file is larger than the {size_max} bytes allowed"
            ));
        }
        let mime = answer
            .header("content-type")
            .unwrap_or("application/octet-stream");
        Ok(Fetched::File(mime.into(), answer.body.clone()))
    }
}

enum Fetched {
    File(String, Bytes),
    Elsewhere(Url),
}

#[async_trait]
impl Channel for SmsChannel {
    fn kind(&self) -> ChannelKind {
        ChannelKind::SMS
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            best_receipt: Success::Delivered,
            inbound: true,
            probe: true,
        }
    }

    async fn send(&self, dispatch: &Dispatch, library: &dyn Library) -> Outcome {
        self.post(dispatch, library)
            .await
            .unwrap_or_else(|outcome| outcome)
    }

    async fn probe(&self, _sender: &str) -> Outcome {
        let request = self.signed(Request::get(self.url(".json"), "/Accounts/{sid}.json"));
        match self.client.send(request).await {
            // Not every provider of this shape has the call; that it answers is what counts.
            Ok(answer) if answer.is_success() || answer.status == 404 => {
                Outcome::Accepted { provider_id: None }
            }
            Ok(answer) => {
                classify::classify(answer.status, None, &answer.body, Timestamp::default())
            }
            Err(error) => say::of_transport(&error),
        }
    }

    fn verify(&self, request: &HookRequest) -> Result<(), HookRefusal> {
        let signature = request
            .header(wire::SIGNATURE_HEADER)
            .ok_or(HookRefusal::NoSignature)?;
        let form = wire::read_form(request.body.expose());
        let secret = self.config.auth_token.expose().as_bytes();
        match wire::verify(secret, &request.url, &form, signature) {
            true => Ok(()),
            false => Err(HookRefusal::BadSignature),
        }
    }

    fn handshake(&self, _query: &[(String, String)]) -> Option<Result<String, HookRefusal>> {
        None
    }

    fn read(&self, raw: &RawInbound) -> Result<Vec<InboundItem>, HookRefusal> {
        inbound::read(raw)
    }

    async fn interpret(
        &self,
        text: &str,
        recent: &[MessageRecord],
        library: &dyn Library,
    ) -> Option<Interpreted> {
        reply::interpret(text, recent, library).await
    }

    async fn fetch(&self, remote: &str, size_max: u64) -> Result<(String, Bytes), String> {
        let size_max = usize::try_from(size_max).unwrap_or(usize::MAX);
        let mut url = Url::parse(remote).map_err(|_| "the file has no address".to_owned())?;
        for _ in 0..=REDIRECTS_MAX {
            match self.fetch_url(url, size_max).await? {
                Fetched::File(mime, bytes) => return Ok((mime, bytes)),
                Fetched::Elsewhere(next) => url = next,
            }
        }
        Err(format!("more than {REDIRECTS_MAX} redirects"))
    }
}

fn client_config(config: &SmsConfig) -> ClientConfig {
    ClientConfig {
        user_agent: config.user_agent.clone(),
        timeout_ms: config.timeout_ms,
        connect_timeout_ms: config.connect_timeout_ms,
        in_flight_max: config.in_flight_max,
        ca_file: config.ca_file.clone(),
        ..ClientConfig::default()
    }
}
