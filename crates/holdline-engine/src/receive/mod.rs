//! What providers tell us: webhooks are stored raw before they are answered, then read, once.
//!
//! Receipts go to the driver; messages of people are kept with their events for apps. A repeat is
//! dropped by the provider's id. Inbound is never gated on health (invariant 13).

pub(crate) mod keywords;

use crate::config::CHOICE_WINDOW_MS;
use crate::driver::event::{Event as DriverEvent, ReceiptEvent, Wrote};
use crate::intake::find_by_address;
use crate::ports::channel::{HookRefusal, InboundItem, InboundMessage, InboundReceipt};
use crate::ports::ops::{AddressNote, Op};
use crate::ports::records::{
    ContactRecord, Event, EventKind, InboundRecord, MediaRecord, MessageRecord, RawInbound,
    ReceiptRecord, WA_USER,
};
use crate::ports::store::PAGE_MAX;
use crate::ports::{Channel, HookRequest, Partition, StoreError};
use crate::request::{Echo, EchoStep, Told};
use crate::shared::Shared;
use holdline_core::health::InboundKind;
use holdline_core::id::InboundId;
use holdline_core::message::{Receipt, ReceiptKind};
use holdline_core::{AttemptKey, ChannelKind, Redacted, Timestamp};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc;

/// Pause before webhooks that could not be worked off are read again.
const RAW_AGAIN_MS: u64 = 500;
/// How often it is looked for webhooks that nobody works on: their node died, or the partition
/// was taken over before they were stored.
const RAW_LOOK_MS: u64 = 10_000;
/// Ids drawn to find one in a partition of this node: with 16 nodes one in ten thousand fails.
const RAW_IDS_DRAWN: usize = 144;
/// Messages looked at to find the choices a reply may mean.
const CHOICES_LOOKED_AT: usize = 5;
/// Media of people are kept as long as ours (whatsapp.md: 30 days).
const MEDIA_KEPT_MS: u64 = 30 * 24 * 3_600_000;

/// Why a provider's call was not taken.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    #[error("no such channel")]
    UnknownChannel,
    #[error(transparent)]
    Refused(#[from] HookRefusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Verified, stored and synced when it returns; read by the receive loop after.
pub(crate) async fn take(
    shared: &Shared,
    channel: ChannelKind,
    request: HookRequest,
) -> Result<(), HookError> {
    let port = shared
        .channels
        .get(&channel)
        .ok_or(HookError::UnknownChannel)?;
    port.verify(&request)?;
    let now = shared.clock.now();
    let query = request
        .url
        .split_once('?')
        .map_or("", |(_, query)| query)
        .to_owned();
    let raw = RawInbound {
        id: raw_id(shared, now),
        channel,
        received_at: now,
        query,
        body: request.body,
    };
    if keep(shared, &raw).await? && shared.raw_queue.try_send(raw).is_err() {
        shared.read_raw_again();
    }
    Ok(())
}

/// Returns when it is safe; true where it is in the store.
async fn keep(shared: &Shared, raw: &RawInbound) -> Result<bool, StoreError> {
    if let Some(spooling) = &shared.spooling {
        return spooling.take(shared, raw).await;
    }
    let committed = shared.batcher.commit(vec![Op::Raw(raw.clone())]).await;
    if let Err(StoreError::Ambiguous(_)) = &committed {
        // The provider is told to come again; what is stored all the same has to be read too.
        shared.read_raw_again();
    }
    let committed =
        committed.inspect_err(|error| shared.storing.failed(error, shared.clock.now()))?;
    debug_assert!(committed.is_ok(), "a raw webhook conflicts with nothing");
    Ok(true)
}

/// An id of a partition that this node reads, if it has any.
fn raw_id(shared: &Shared, now: Timestamp) -> u128 {
    let draw = || shared.ids.id(now);
    let mut own = std::iter::repeat_with(draw).take(RAW_IDS_DRAWN);
    own.find(|id| shared.owns(Partition::of(*id)))
        .unwrap_or_else(draw)
}

/// It has had its time; nodes' clocks may differ.
fn is_left_behind(raw: &RawInbound, now: Timestamp) -> bool {
    raw.received_at > now || now.since_ms(raw.received_at) >= RAW_LOOK_MS
}

/// To be run by one task.
pub struct ReceiveLoop {
    shared: Arc<Shared>,
    queue: mpsc::Receiver<RawInbound>,
}

impl std::fmt::Debug for ReceiveLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceiveLoop").finish_non_exhaustive()
    }
}

impl ReceiveLoop {
    pub(crate) fn new(shared: Arc<Shared>, queue: mpsc::Receiver<RawInbound>) -> Self {
        Self { shared, queue }
    }

    /// Reads what is stored and not read yet, then what comes, until the engine stops.
    pub async fn run(mut self) {
        let mut look_at = self.shared.clock.now().plus_ms(RAW_LOOK_MS);
        loop {
            if self.shared.raw_overflow.swap(false, Ordering::SeqCst) {
                self.read_stored(|_| true).await;
            }
            let clock = Arc::clone(&self.shared.clock);
            look_at = look_at.min(clock.now().plus_ms(RAW_LOOK_MS));
            // The queue after what went wrong: what waits in it is in the store too, and read again
            // from there. What was left behind by others comes when there is nothing else.
            tokio::select! {
                biased;
                () = self.shared.stop.stopped() => return,
                () = self.shared.raw_wake.notified() => {
                    let now = self.shared.clock.now();
                    self.shared.clock.sleep_until(now.plus_ms(RAW_AGAIN_MS)).await;
                }
                raw = self.queue.recv() => match raw {
                    Some(raw) => self.read(&raw).await,
                    None => return,
                },
                () = clock.sleep_until(look_at) => {
                    let now = clock.now();
                    self.read_stored(|raw| is_left_behind(raw, now)).await;
                    look_at = now.plus_ms(RAW_LOOK_MS);
                }
            }
        }
    }

    async fn read_stored(&self, wanted: impl Fn(&RawInbound) -> bool) {
        let mut after = None;
        loop {
            let page = match self
                .shared
                .store
                .raw_open(self.shared.owned(), after, PAGE_MAX)
                .await
            {
                Ok(page) => page,
                Err(error) => {
                    tracing::error!(%error, "stored webhooks could not be read; tried again");
                    self.shared.read_raw_again();
                    return;
                }
            };
            let Some(last) = page.last() else { return };
            after = Some(last.id);
            for raw in page.iter().filter(|raw| wanted(raw)) {
                self.read(raw).await;
            }
        }
    }

    async fn read(&self, raw: &RawInbound) {
        let Some(channel) = self.shared.channels.get(&raw.channel) else {
            return;
        };
        let items = channel.read(raw).unwrap_or_else(|refusal| {
            tracing::warn!(channel = %raw.channel, %refusal, "a webhook could not be read");
            Vec::new()
        });
        let mut receipts = Vec::new();
        let mut heard = Vec::new();
        for item in items {
            let wrote = wrote(channel.kind(), &item);
            let came = (raw.received_at, item);
            match self.item(channel, came, &mut receipts).await {
                // A repeat is no sign that the provider works.
                Ok(is_news) => heard.extend(wrote.filter(|_| is_news)),
                Err(error) => {
                    tracing::error!(%error, "a webhook could not be worked off; read again later");
                    self.shared.read_raw_again();
                    return;
                }
            }
        }
        let ops = vec![Op::RawDone(raw.id)];
        let _ = self
            .shared
            .mailbox
            .send(DriverEvent::Receipts {
                receipts,
                wrote: heard,
                ops,
            })
            .await;
    }

    /// Whether it said anything new.
    async fn item(
        &self,
        channel: &Arc<dyn Channel>,
        (came_at, item): (Timestamp, InboundItem),
        receipts: &mut Vec<ReceiptEvent>,
    ) -> Result<bool, StoreError> {
        let kind = channel.kind();
        match item {
            InboundItem::Receipt(receipt) => {
                self.shared.counts.inbound(kind, "receipt");
                receipts.extend(self.receipt(kind, receipt, came_at).await?);
            }
            InboundItem::Message(message) => {
                self.shared.counts.inbound(kind, "message");
                return self.message(channel, *message).await;
            }
            InboundItem::Passed { field, waba, value } => {
                self.shared.counts.inbound(kind, "other");
                self.pass_on(field, waba, value).await?;
            }
            InboundItem::TemplatesChanged { waba } => {
                let _ = self.shared.template_wishes.try_send(waba);
            }
            InboundItem::Echo { from, token } => {
                self.shared.counts.inbound(kind, "echo");
                self.echo(kind, from, token).await;
            }
        }
        Ok(true)
    }

    async fn echo(&self, channel: ChannelKind, from: String, token: u64) {
        let echo = Echo {
            channel,
            from,
            to_number: String::new(),
            token,
            step: EchoStep::Arrived,
        };
        let told = Box::new(Told::Echo(echo));
        // The driver has ended: nobody decides by it any more.
        let _ = self.shared.mailbox.send(DriverEvent::Told(told)).await;
    }

    async fn receipt(
        &self,
        channel: ChannelKind,
        receipt: InboundReceipt,
        came_at: Timestamp,
    ) -> Result<Option<ReceiptEvent>, StoreError> {
        let key = match receipt.key {
            Some(key) => Some(key),
            None => {
                self.shared
                    .store
                    .attempt_by_provider_id(channel, &receipt.provider_id)
                    .await?
            }
        };
        let Some(key) = key else { return Ok(None) };
        Ok(Some(receipt_event(key, receipt, came_at)))
    }

    async fn message(
        &self,
        channel: &Arc<dyn Channel>,
        message: InboundMessage,
    ) -> Result<bool, StoreError> {
        let shared = &self.shared;
        let now = shared.clock.now();
        let Some((at, value)) = address_of(channel.kind(), &message) else {
            return Ok(false);
        };
        let (contact, mut ops) = find_by_address(shared, at, &value, now).await?;
        ops.extend(self.learned(channel.kind(), &contact, &message, now));
        let kind = channel.kind();
        let keyword = keywords::asked(kind, &contact, &message, &value);
        ops.extend(keyword.and_then(|it| keywords::note(it, kind, &contact, &value)));
        let recent = self.recent(channel.kind(), &contact, now).await?;
        let (record, media) = self
            .record(channel, &contact, message, &recent, now)
            .await?;
        ops.extend(media.map(Op::Media));
        let event = Event {
            at: record.at,
            kind: EventKind::Inbound { inbound: record.id },
        };
        let (sender, subject) = (record.sender.clone(), record.contact.0);
        ops.push(Op::Inbound(Box::new(record)));
        ops.extend(
            shared
                .endpoints
                .hooks_for_sender(&sender, subject, &event, now),
        );
        let stored = shared.batcher.commit(ops).await?;
        match &stored {
            Ok(()) => shared.hooks_wake.notify_one(),
            Err(conflict) => tracing::debug!(?conflict, "a repeated inbound message was dropped"),
        }
        if let Some(keyword) = keyword {
            let who = (&contact, value.as_str());
            keywords::carry_out(shared, keyword, kind, who, stored.is_ok()).await;
        }
        Ok(stored.is_ok())
    }

    /// The newest messages that went to this person by this channel.
    async fn recent(
        &self,
        channel: ChannelKind,
        contact: &ContactRecord,
        now: Timestamp,
    ) -> Result<Vec<MessageRecord>, StoreError> {
        let since = Timestamp(now.0.saturating_sub_unsigned(CHOICE_WINDOW_MS));
        self.shared
            .store
            .recent_by_contact(contact.id, channel, since, CHOICES_LOOKED_AT)
            .await
    }

    async fn record(
        &self,
        channel: &Arc<dyn Channel>,
        contact: &ContactRecord,
        message: InboundMessage,
        recent: &[MessageRecord],
        now: Timestamp,
    ) -> Result<(InboundRecord, Option<MediaRecord>), StoreError> {
        let mut context = match &message.context {
            Some(provider_id) => {
                let store = &self.shared.store;
                store
                    .attempt_by_provider_id(channel.kind(), provider_id)
                    .await?
                    .map(|k| k.message)
            }
            None => None,
        };
        let (mut kind, mut payload) = (message.kind.clone(), message.payload.clone());
        let text = message.text.as_ref().map_or("", |text| text.expose());
        if let Some(meant) = channel.interpret(text, recent, &*self.shared.library).await {
            (context, kind, payload) = (Some(meant.context), meant.kind, meant.payload);
        }
        let sender = self.sender_known_to_apps(channel.kind(), &message, recent);
        let media = self.media(channel.kind(), &message, &sender, now);
        let from = message.from.unwrap_or_else(|| Redacted::new(String::new()));
        let record = InboundRecord {
            id: InboundId(self.shared.ids.id(now)),
            channel: channel.kind(),
            provider_id: message.provider_id,
            contact: contact.id,
            sender,
            from,
            at: message.at,
            received_at: now,
            context,
            kind,
            payload,
            media: media.as_ref().map(|media| media.id.clone()),
        };
        Ok((record, media))
    }

    /// Apps know phone-number ids only: a reply by SMS belongs to the sender that last wrote.
    fn sender_known_to_apps(
        &self,
        channel: ChannelKind,
        message: &InboundMessage,
        recent: &[MessageRecord],
    ) -> String {
        if channel == ChannelKind::WHATSAPP {
            return message.to.clone();
        }
        let routes = &self.shared.config.routes;
        let first = || routes.iter().find(|r| r.channel == ChannelKind::WHATSAPP);
        // Our own answers to HELP belong to no sender.
        recent
            .iter()
            .find(|message| !message.sender.is_empty())
            .map(|message| message.sender.clone())
            .or_else(|| first().map(|route| route.sender.clone()))
            .unwrap_or_else(|| message.to.clone())
    }

    fn media(
        &self,
        channel: ChannelKind,
        message: &InboundMessage,
        sender: &str,
        now: Timestamp,
    ) -> Option<MediaRecord> {
        let media = message.media.as_ref()?;
        let digits = self.shared.ids.draw() % 9_000_000_000_000_000 + 1_000_000_000_000_000;
        Some(MediaRecord {
            id: digits.to_string(),
            app: String::new(),
            sender: sender.to_owned(),
            mime: media.mime.clone(),
            filename: media.filename.clone(),
            sha256: media.sha256.clone().unwrap_or_default(),
            size: 0,
            created_at: now,
            expires_at: now.plus_ms(MEDIA_KEPT_MS),
            remote: Some((channel, media.remote.clone())),
        })
    }

    /// A person who writes can be reached where they write from.
    fn learned(
        &self,
        channel: ChannelKind,
        contact: &ContactRecord,
        message: &InboundMessage,
        now: Timestamp,
    ) -> Vec<Op> {
        let mut known = contact.clone();
        known.name.clone_from(&message.name);
        let phone = message
            .from
            .as_ref()
            .map(|from| (channel, from.expose().clone()));
        let user = message.from_user.clone().map(|user| (WA_USER, user));
        known.addresses = phone
            .iter()
            .chain(&user)
            .map(|(channel, value)| crate::intake::new_address(*channel, value))
            .collect();
        let mut ops = vec![Op::ContactSeen(Box::new(known))];
        for (channel, value) in phone.into_iter().chain(user) {
            ops.push(Op::AddressNote(Box::new(AddressNote {
                contact: contact.id,
                channel,
                value,
                unreachable_until: Some(Timestamp(0)),
                last_inbound_at: Some(message.at.min(now)),
                consent: None,
            })));
        }
        ops
    }

    async fn pass_on(&self, field: String, waba: String, value: String) -> Result<(), StoreError> {
        let shared = &self.shared;
        let now = shared.clock.now();
        let senders = shared.endpoints.senders_of_waba(&waba);
        let Some(sender) = senders.first() else {
            return Ok(());
        };
        let event = Event {
            at: now,
            kind: EventKind::Passed { field, waba, value },
        };
        let ops = shared
            .endpoints
            .hooks_for_sender(sender, shared.ids.id(now), &event, now);
        if !ops.is_empty() && shared.batcher.commit(ops).await?.is_ok() {
            shared.hooks_wake.notify_one();
        }
        Ok(())
    }
}

/// That somebody wrote, as far as it bears on health.
fn wrote(channel: ChannelKind, item: &InboundItem) -> Option<Wrote> {
    match item {
        InboundItem::Message(message) => Some(Wrote {
            channel,
            sender: message.to.clone(),
            kind: InboundKind::of_type(&message.kind),
        }),
        InboundItem::Receipt(_)
        | InboundItem::Passed { .. }
        | InboundItem::TemplatesChanged { .. }
        | InboundItem::Echo { .. } => None,
    }
}

/// Where the message came from, as an address to know the person by.
fn address_of(channel: ChannelKind, message: &InboundMessage) -> Option<(ChannelKind, String)> {
    match (&message.from, &message.from_user) {
        (Some(from), _) => Some((channel, from.expose().clone())),
        (None, Some(user)) => Some((WA_USER, user.clone())),
        (None, None) => None,
    }
}

/// It came when its webhook did, however long that waited to be read.
fn receipt_event(key: AttemptKey, receipt: InboundReceipt, came_at: Timestamp) -> ReceiptEvent {
    let fault = match &receipt.kind {
        ReceiptKind::Failed(fault) => Some(fault),
        ReceiptKind::Reached(_) => None,
    };
    let status = match &receipt.kind {
        ReceiptKind::Reached(progress) => progress.name(),
        ReceiptKind::Failed(_) => "failed",
    };
    let record = ReceiptRecord {
        key,
        status: status.to_owned(),
        at: receipt.at,
        received_at: came_at,
        fault_code: fault.map(|fault| fault.code.clone()),
        fault_detail: fault.map(|fault| fault.detail.clone()),
    };
    let receipt = Receipt {
        number: key.number,
        kind: receipt.kind,
    };
    ReceiptEvent {
        key,
        receipt,
        record,
    }
}
