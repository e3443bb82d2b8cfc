//! What providers tell us: webhooks are stored raw before they are answered, then read, once.
//!
//! Receipts go to the driver; messages of people are kept with their events for apps. A repeat is
//! dropped by the provider's id. Inbound is never gated on health (invariant 13).

pub(crate) mod keywords;
mod message;

use crate::driver::event::{Event as DriverEvent, ReceiptEvent, Wrote};
use crate::ports::channel::{HookRefusal, InboundItem, InboundMessage, InboundReceipt};
use crate::ports::ops::Op;
use crate::ports::records::{Event, EventKind, RawInbound, ReceiptRecord, WA_USER};
use crate::ports::store::PAGE_MAX;
use crate::ports::{Channel, HookRequest, Partition, StoreError};
use crate::request::{Echo, EchoStep, Told};
use crate::shared::Shared;
use futures_util::future::join_all;
use holdline_core::health::InboundKind;
use holdline_core::message::{Receipt, ReceiptKind};
use holdline_core::{AttemptKey, ChannelKind, Timestamp};
use std::collections::BTreeMap;
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
/// Webhooks worked off together.
const TOGETHER_MAX: usize = 256;

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

/// What one webhook holds: its place among those read together, and when it came.
type Item = (usize, Timestamp, InboundItem);
type Done = Result<(Vec<ReceiptEvent>, Option<Wrote>), StoreError>;

/// What became of one webhook.
#[derive(Default)]
struct Read {
    receipts: Vec<ReceiptEvent>,
    wrote: Vec<Wrote>,
    error: Option<StoreError>,
}

impl Read {
    fn take(&mut self, done: Done) {
        match done {
            Ok((receipts, wrote)) => {
                self.receipts.extend(receipts);
                self.wrote.extend(wrote);
            }
            Err(error) => self.error = Some(error),
        }
    }
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
        let mut came = Vec::new();
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
                count = self.queue.recv_many(&mut came, TOGETHER_MAX) => match count {
                    0 => return,
                    _ => self.read(std::mem::take(&mut came)).await,
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
            let mut wanted = page.into_iter().filter(|raw| wanted(raw)).peekable();
            while wanted.peek().is_some() {
                self.read(wanted.by_ref().take(TOGETHER_MAX).collect())
                    .await;
            }
        }
    }

    /// Works off some webhooks together: what one person wrote in order, beside that of others.
    async fn read(&self, raws: Vec<RawInbound>) {
        let came = raws.iter().map(|raw| raw.received_at);
        self.shared
            .set_unread_since(came.min().unwrap_or(Timestamp::MAX));
        let mut read: Vec<Read> = raws.iter().map(|_| Read::default()).collect();
        let mut threads: BTreeMap<String, Vec<Item>> = BTreeMap::new();
        for (place, raw) in raws.iter().enumerate() {
            for item in self.items(raw) {
                let thread = threads.entry(thread_of(raw.channel, &item)).or_default();
                thread.push((place, raw.received_at, item));
            }
        }
        let working = threads
            .into_values()
            .map(|items| self.work_off(&raws, items));
        for (place, done) in join_all(working).await.into_iter().flatten() {
            read[place].take(done);
        }
        for (raw, read) in raws.iter().zip(read) {
            self.hand_on(raw.id, read).await;
        }
        self.shared.set_unread_since(Timestamp::MAX);
    }

    fn items(&self, raw: &RawInbound) -> Vec<InboundItem> {
        let Some(channel) = self.shared.channels.get(&raw.channel) else {
            return Vec::new();
        };
        channel.read(raw).unwrap_or_else(|refusal| {
            tracing::warn!(channel = %raw.channel, %refusal, "a webhook could not be read");
            Vec::new()
        })
    }

    async fn work_off(&self, raws: &[RawInbound], items: Vec<Item>) -> Vec<(usize, Done)> {
        let mut done = Vec::with_capacity(items.len());
        for (place, came_at, item) in items {
            let Some(channel) = self.shared.channels.get(&raws[place].channel) else {
                continue;
            };
            let mut receipts = Vec::new();
            let wrote = wrote(channel.kind(), &item);
            let news = self.item(channel, (came_at, item), &mut receipts).await;
            // A repeat is no sign that the provider works.
            let heard = news.map(|is_news| (receipts, wrote.filter(|_| is_news)));
            done.push((place, heard));
        }
        done
    }

    async fn hand_on(&self, id: u128, read: Read) {
        if let Some(error) = read.error {
            tracing::error!(%error, "a webhook could not be worked off; read again later");
            self.shared.read_raw_again();
            return;
        }
        let event = DriverEvent::Receipts {
            receipts: read.receipts,
            wrote: read.wrote,
            ops: vec![Op::RawDone(id)],
        };
        let _ = self.shared.mailbox.send(event).await;
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

/// What is worked off in order: what one person wrote, and all the rest.
fn thread_of(channel: ChannelKind, item: &InboundItem) -> String {
    match item {
        InboundItem::Message(message) => {
            let from = address_of(channel, message);
            from.map_or_else(String::new, |(_, value)| value)
        }
        InboundItem::Receipt(_)
        | InboundItem::Passed { .. }
        | InboundItem::TemplatesChanged { .. }
        | InboundItem::Echo { .. } => String::new(),
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
