//! The e-mail channel over SMTP. Keeps nothing about messages.

use super::config::EmailConfig;
use super::encode::{self, Draft, File, Mailbox};
use super::pool::{Pool, Undelivered};
use super::session::Connector;
use crate::adapt::{Adapted, Attachment, MediaMode, MediaRef, Options};
use crate::http::BuildError;
use crate::say::{self, Said};
use async_trait::async_trait;
use bytes::Bytes;
use holdline_core::ChannelKind;
use holdline_core::message::content::{Media, MediaSource};
use holdline_core::message::{Fault, FaultClass, Outcome, Success};
use holdline_engine::ports::channel::HookRefusal;
use holdline_engine::ports::records::{MediaRecord, RawInbound};
use holdline_engine::ports::{Capabilities, Channel, Dispatch, HookRequest, InboundItem, Library};
use std::fmt;
use std::time::Duration;

/// E-mail by one server.
pub struct EmailChannel {
    pool: Pool,
    from: Mailbox,
    reply_to: Option<Mailbox>,
    config: EmailConfig,
}

impl EmailChannel {
    /// # Errors
    /// When an address or the CA file cannot be used.
    pub fn new(config: EmailConfig) -> Result<Self, BuildError> {
        let (from, reply_to) = encode::mailboxes(&config)?;
        if config.host.is_empty() {
            return Err(BuildError::setting("email.host", "name the mail server"));
        }
        let idle_max = Duration::from_millis(config.idle_ms_max.into());
        let pool = Pool::new(Connector::new(&config)?, config.in_flight_max, idle_max);
        Ok(Self {
            pool,
            from,
            reply_to,
            config,
        })
    }

    async fn submit(&self, dispatch: &Dispatch, library: &dyn Library) -> Result<Outcome, Outcome> {
        let to = Mailbox::parse(dispatch.hop.address.expose()).ok_or_else(|| {
            let why = "is no mail address of the form name@example.com";
            Outcome::Rejected(Fault {
                marks_unreachable: true,
                ..Fault::new(FaultClass::Recipient, "address", why)
            })
        })?;
        // A hop may send from another mailbox of ours.
        let from = Mailbox::parse(&dispatch.hop.sender).unwrap_or_else(|| self.from.clone());
        let said = Said::load(dispatch, library).await?;
        let (adapted, files) = self.with_files(&said, library).await?;
        if adapted.text.is_empty() && files.is_empty() {
            return Err(say::rejected(
                FaultClass::Request,
                "empty",
                "nothing of it can go by mail",
            ));
        }
        let message = &dispatch.message;
        let thread = library
            .thread(message.contact, ChannelKind::EMAIL, message.id)
            .await;
        let thread = thread.map_err(|error| say::store_fault(&error))?;
        let draft = Draft {
            id: message.id,
            from: &from,
            to: &to,
            adapted: &adapted,
            files,
            thread,
            now: library.now(),
        };
        let mail = encode::mail(draft, self.reply_to.as_ref(), &self.config);
        Ok(match self.pool.deliver(&mail, self.limit()).await {
            Ok(()) => Outcome::Accepted {
                provider_id: Some(mail.id),
            },
            Err(Undelivered::Busy) => say::not_now("busy", "all connections are in use"),
            Err(Undelivered::Broken(broken)) => broken.outcome(),
        })
    }

    /// Files go along where we have them and they are not too large; otherwise all go as links.
    async fn with_files(
        &self,
        said: &Said,
        library: &dyn Library,
    ) -> Result<(Adapted, Vec<File>), Outcome> {
        let attached = said.render(&Options {
            media: MediaMode::Attach,
            replies: false,
        })?;
        let Some(records) = self.records(&attached, library).await? else {
            let link = |media: &Media| Some(say::media_address(&media.source, library));
            let linked = said.render(&Options {
                media: MediaMode::Link(&link),
                replies: false,
            })?;
            return Ok((linked, Vec::new()));
        };
        let mut files = Vec::new();
        for (record, media) in records {
            let bytes = library.media_bytes(&record).await;
            let bytes = bytes.map_err(|why| say::not_now("media", &why))?;
            let stored = record.filename.map(|name| name.into_inner());
            let name = media.filename.clone().or(stored);
            let name =
                name.unwrap_or_else(|| format!("{}{}", media.kind.name(), suffix(&record.mime)));
            files.push(File {
                name,
                mime: record.mime,
                bytes,
            });
        }
        files.extend(attached.attachments.iter().filter_map(card));
        Ok((attached, files))
    }

    async fn records<'a>(
        &self,
        adapted: &'a Adapted,
        library: &dyn Library,
    ) -> Result<Option<Vec<(MediaRecord, &'a MediaRef)>>, Outcome> {
        let mut found = Vec::new();
        let mut bytes = 0;
        for attachment in &adapted.attachments {
            let Attachment::Media(media) = attachment else {
                continue;
            };
            let MediaSource::Id(id) = &media.source else {
                return Ok(None);
            };
            let record = library
                .media(id)
                .await
                .map_err(|error| say::store_fault(&error))?;
            let Some(record) = record else {
                let why = "the file is not kept any more: upload it again";
                return Err(say::rejected(FaultClass::Request, "media_missing", why));
            };
            bytes += record.size;
            found.push((record, media));
        }
        Ok((bytes <= self.config.attachment_bytes_max).then_some(found))
    }

    fn limit(&self) -> Duration {
        Duration::from_millis(self.config.timeout_ms.into())
    }
}

fn card(attachment: &Attachment) -> Option<File> {
    match attachment {
        Attachment::Media(_) => None,
        Attachment::Card { filename, vcard } => Some(File {
            name: filename.clone(),
            mime: "text/vcard".into(),
            bytes: Bytes::from(vcard.clone()),
        }),
    }
}

fn suffix(mime: &str) -> &'static str {
    match mime.split(';').next().unwrap_or_default().trim() {
        "image/jpeg" => ".jpg",
        "image/png" => ".png",
        "image/webp" => ".webp",
        "video/mp4" => ".mp4",
        "video/3gpp" => ".3gp",
        "audio/aac" => ".aac",
        "audio/amr" => ".amr",
        "audio/mpeg" => ".mp3",
        "audio/mp4" => ".m4a",
        "audio/ogg" => ".ogg",
        "application/pdf" => ".pdf",
        "text/plain" => ".txt",
        _ => "",
    }
}

#[async_trait]
impl Channel for EmailChannel {
    fn kind(&self) -> ChannelKind {
        ChannelKind::EMAIL
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            best_receipt: Success::Accepted,
            inbound: false,
            probe: true,
        }
    }

    async fn send(&self, dispatch: &Dispatch, library: &dyn Library) -> Outcome {
        self.submit(dispatch, library)
            .await
            .unwrap_or_else(|outcome| outcome)
    }

    async fn probe(&self, _sender: &str) -> Outcome {
        match self.pool.check(self.limit()).await {
            Ok(()) => Outcome::Accepted { provider_id: None },
            Err(broken) => broken.outcome(),
        }
    }

    fn verify(&self, _request: &HookRequest) -> Result<(), HookRefusal> {
        Err(HookRefusal::Malformed("e-mail takes no calls".into()))
    }

    fn handshake(&self, _query: &[(String, String)]) -> Option<Result<String, HookRefusal>> {
        None
    }

    fn read(&self, _raw: &RawInbound) -> Result<Vec<InboundItem>, HookRefusal> {
        Err(HookRefusal::Malformed("e-mail takes no calls".into()))
    }

    async fn fetch(&self, _remote: &str, _size_max: u64) -> Result<(String, Bytes), String> {
        Err("nothing comes in by e-mail".into())
    }
}

impl fmt::Debug for EmailChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmailChannel")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
