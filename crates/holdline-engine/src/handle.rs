//! The engine as the rest of the binary sees it: a handle to ask, and the loops to be run.

use crate::cluster::handoff::Handoff;
use crate::cluster::{ClusterLoop, hand_to};
use crate::config::{EngineConfig, RAW_QUEUE_MAX};
use crate::driver::{Driver, event::Event, mailbox};
use crate::intake;
use crate::perform::Worker;
use crate::ports::channel::HookRefusal;
use crate::ports::ops::GroupResult;
use crate::ports::records::HoldRecord;
use crate::ports::{Channel, HookRequest, Lease, Op, Partition, SpoolError, Store, StoreError};
use crate::post::PostLoop;
use crate::receive::keywords;
use crate::receive::{self, HookError, ReceiveLoop};
use crate::request::{Accepted, Check, NewMessage, Refusal, RouteStatus, Told, Totals};
use crate::shared::batcher::{BatchLoop, batcher};
use crate::shared::counts::Counts;
use crate::shared::endpoints::Endpoints;
use crate::shared::storing::StoreFault;
use crate::shared::taken::Taken;
use crate::shared::{Ports, Queues, Shared};
use crate::spool::{DrainLoop, SpoolStatus, Spooling};
use holdline_core::{ChannelKind, MessageId, Timestamp};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Wishes (template syncs, help texts) that may wait; more are dropped, they are only hints.
const WISHES_MAX: usize = 256;

/// Handle to a running engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

/// What has to run, each in a task of its own, for the engine to live.
#[derive(Debug)]
pub struct Loops {
    pub batch: BatchLoop,
    pub driver: Driver,
    pub workers: Vec<Worker>,
    pub receive: ReceiveLoop,
    pub post: PostLoop,
    pub help: HelpLoop,
    pub cluster: ClusterLoop,
    pub drain: DrainLoop,
    /// What should be looked at outside; answers come back by [`Engine::tell`].
    pub checks: mpsc::Receiver<Check>,
    /// WABAs whose templates should be synced soon.
    pub template_wishes: mpsc::Receiver<String>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    /// Loads what was open and gives the loops to run.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn start(ports: Ports, config: EngineConfig) -> Result<(Self, Loops), StoreError> {
        let (batcher, batch) = batcher(Arc::clone(&ports.store));
        let (mailbox_tx, mailbox_rx) = mailbox();
        let (raw_tx, raw_rx) = mpsc::channel(RAW_QUEUE_MAX);
        let (template_tx, template_wishes) = mpsc::channel(WISHES_MAX);
        let (help_tx, help_rx) = mpsc::channel(WISHES_MAX);
        let (checks_tx, checks) = mpsc::channel(WISHES_MAX);
        let list = ports.store.endpoints().await?;
        let endpoints = Endpoints::new(list, config.wabas.clone(), config.app_senders.clone());
        let queues = Queues {
            batcher,
            mailbox: mailbox_tx,
            raw_queue: raw_tx,
            template_wishes: template_tx,
            help_wishes: help_tx,
            checks: checks_tx,
        };
        let spooling = match &ports.spool {
            Some(spools) => {
                let opening = Spooling::open(spools.clone(), config.key_kept_ms);
                let unavailable = |error: SpoolError| StoreError::Unavailable(error.to_string());
                Some(opening.await.map_err(unavailable)?)
            }
            None => None,
        };
        let parts = (endpoints, spooling);
        let shared = Arc::new(Shared::new(ports, config, queues, parts));
        let (ended, driver_ended) = oneshot::channel();
        let (driver, workers) = Driver::start(Arc::clone(&shared), mailbox_rx, ended).await?;
        let loops = Loops {
            batch,
            driver,
            workers,
            receive: ReceiveLoop::new(Arc::clone(&shared), raw_rx),
            post: PostLoop::new(Arc::clone(&shared)),
            help: HelpLoop {
                shared: Arc::clone(&shared),
                wishes: help_rx,
            },
            cluster: ClusterLoop::new(&shared, driver_ended),
            drain: DrainLoop::new(&shared),
            checks,
            template_wishes,
        };
        Ok((Self { shared }, loops))
    }

    /// Takes a message; durable when it returns `Ok`.
    ///
    /// # Errors
    /// See [`Refusal`]; nothing was kept then.
    pub async fn accept(&self, new: NewMessage) -> Result<Accepted, Refusal> {
        intake::accept(&self.shared, new).await
    }

    /// Nothing more leaves for this message. What has left cannot be called back.
    ///
    /// # Errors
    /// When it is unknown or has ended.
    pub async fn cancel(&self, id: MessageId) -> Result<(), Refusal> {
        self.ask(id, &Handoff::cancel(id), |reply| Event::Cancel {
            id,
            reply,
        })
        .await
    }

    /// Looks at a waiting message now instead of later.
    ///
    /// # Errors
    /// When it is unknown or has ended.
    pub async fn retry_now(&self, id: MessageId) -> Result<(), Refusal> {
        self.ask(id, &Handoff::retry_now(id), |reply| Event::RetryNow {
            id,
            reply,
        })
        .await
    }

    /// An operator wants it sent by this channel of its plan, in place of the one it is on. On
    /// another node it happens, or does not, a moment later.
    ///
    /// # Errors
    /// When it is unknown, has ended, is on its way or in doubt, or cannot go by that channel.
    pub async fn send_by(&self, id: MessageId, channel: ChannelKind) -> Result<(), Refusal> {
        self.ask(id, &Handoff::send_by(id, channel), |reply| Event::SendBy {
            id,
            channel,
            reply,
        })
        .await
    }

    /// A look outside showed something.
    pub async fn tell(&self, told: Told) {
        // The driver has ended: nobody decides by it any more.
        let _ = self.shared.mailbox.send(Event::Told(Box::new(told))).await;
    }

    /// An operator overrules the health of a scope until a time; audited.
    ///
    /// # Errors
    /// When no scope has this name, or the driver is busy.
    pub async fn hold(&self, hold: HoldRecord) -> Result<(), Refusal> {
        let hold = Box::new(hold);
        self.say(|reply| Event::Hold { hold, reply }).await
    }

    /// An operator takes that back; audited.
    ///
    /// # Errors
    /// When there is nothing to take back, or the driver is busy.
    pub async fn release(&self, scope: &str, actor: &str, reason: &str) -> Result<(), Refusal> {
        let [scope, actor, reason] = [scope, actor, reason].map(str::to_owned);
        self.say(|reply| Event::Release {
            scope,
            actor,
            reason,
            reply,
        })
        .await
    }

    /// Writes through the group commit.
    ///
    /// # Errors
    /// When the store cannot; a conflict is no error but the inner result.
    pub async fn commit(&self, ops: Vec<Op>) -> Result<GroupResult, StoreError> {
        self.shared.batcher.commit(ops).await
    }

    /// Writes something small, to learn whether the store takes writes again.
    ///
    /// # Errors
    /// When it does not.
    pub async fn probe_store(&self) -> Result<(), StoreError> {
        let op = Op::Setting {
            key: String::from("store_probe"),
            value: self.now().0.to_string(),
        };
        match self.commit(vec![op]).await {
            Ok(_) => {
                self.shared.storing.works();
                Ok(())
            }
            Err(error) => {
                self.shared.storing.failed(&error, self.now());
                Err(error)
            }
        }
    }

    /// Why nothing can be stored, as the last commit said.
    #[must_use]
    pub fn store_fault(&self) -> Option<StoreFault> {
        self.shared.storing.fault()
    }

    /// Why a new message would be refused now, before it is looked at.
    #[must_use]
    pub fn refuses(&self) -> Option<String> {
        self.shared.storing.refuses()
    }

    /// What is kept on this node's own disk until the store is back; `None` without a spool.
    #[must_use]
    pub fn spool(&self) -> Option<SpoolStatus> {
        let spooling = self.shared.spooling.as_ref()?;
        Some(spooling.status(&self.shared))
    }

    /// What the store answers to a question that is asked before something is accepted. `None`
    /// where it is away and the spool takes what comes: then whoever asks goes on without.
    ///
    /// # Errors
    /// When the store cannot answer, and there is no spool or the store is not away.
    pub async fn look<T>(
        &self,
        asking: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<Option<T>, StoreError> {
        match &self.shared.spooling {
            Some(spooling) => spooling.look(&self.shared, asking).await,
            None => asking.await.map(Some),
        }
    }

    /// New messages are refused from now on, for this reason; `None` = taken again. What was
    /// accepted, outcomes and webhooks go on.
    pub fn close_intake(&self, why: Option<String>) {
        self.shared.storing.close(why);
    }

    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.shared.store
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    #[must_use]
    pub fn new_id(&self) -> u128 {
        self.shared.ids.id(self.now())
    }

    #[must_use]
    pub fn routes(&self) -> Vec<RouteStatus> {
        self.shared.routes()
    }

    #[must_use]
    pub fn totals(&self) -> Totals {
        self.shared.totals()
    }

    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.counts.read()
    }

    /// What this endpoint took lately, the newest first: by this node, since it started.
    #[must_use]
    pub fn taken(&self, endpoint: &str) -> Vec<Taken> {
        self.shared.taken.of(endpoint)
    }

    /// When the driver last ended a turn: it does at least once a second.
    #[must_use]
    pub fn turned_at(&self) -> Timestamp {
        self.shared.turned_at()
    }

    /// A provider's webhook: verified, stored and synced when `Ok`.
    ///
    /// # Errors
    /// See [`HookError`]; the provider must be told to come again.
    pub async fn take_hook(
        &self,
        channel: ChannelKind,
        request: HookRequest,
    ) -> Result<(), HookError> {
        receive::take(&self.shared, channel, request).await
    }

    /// A provider's subscription handshake, for channels that have one.
    #[must_use]
    pub fn handshake(
        &self,
        channel: ChannelKind,
        query: &[(String, String)],
    ) -> Option<Result<String, HookRefusal>> {
        self.channel(channel)?.handshake(query)
    }

    /// Whether this node has to do what comes with a lease; always where there is only one.
    #[must_use]
    pub fn holds(&self, lease: Lease) -> bool {
        self.shared.holds(lease)
    }

    /// Other nodes may have handed something over: a hint, it is looked for anyway.
    pub fn look_for_handoffs(&self) {
        self.shared.handoff_wake.notify_one();
    }

    /// To be called after endpoints were written.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn reload_endpoints(&self) -> Result<(), StoreError> {
        let list = self.shared.store.endpoints().await?;
        self.shared.endpoints.replace(list);
        self.shared.hooks_wake.notify_one();
        Ok(())
    }

    /// Asks for a sync of templates soon.
    pub fn want_template_sync(&self, waba: &str) {
        let _ = self.shared.template_wishes.try_send(waba.to_owned());
    }

    #[must_use]
    pub fn channel(&self, kind: ChannelKind) -> Option<&Arc<dyn Channel>> {
        self.shared.channels.get(&kind)
    }

    #[must_use]
    pub fn config(&self) -> &EngineConfig {
        &self.shared.config
    }

    /// No new work from now on; loops end when nothing is in flight, or after `grace_ms`.
    pub fn stop(&self, grace_ms: u64) {
        self.shared.stop.stop(self.now().plus_ms(grace_ms));
    }

    async fn ask(
        &self,
        id: MessageId,
        elsewhere: &Handoff,
        event: impl FnOnce(oneshot::Sender<Result<(), Refusal>>) -> Event,
    ) -> Result<(), Refusal> {
        let Some(stored) = self.shared.store.message(id).await? else {
            return Err(Refusal::UnknownMessage);
        };
        let partition = Partition::of_contact(stored.message.contact);
        if self.shared.owns(partition) {
            return self.say(event).await;
        }
        if stored.delivery.state.is_ended() {
            return Err(Refusal::AlreadyEnded);
        }
        let op = hand_to(&self.shared, partition, elsewhere);
        let kept = self.shared.batcher.commit(vec![op]).await?;
        debug_assert!(kept.is_ok(), "a handoff conflicts with nothing");
        Ok(())
    }

    async fn say(
        &self,
        event: impl FnOnce(oneshot::Sender<Result<(), Refusal>>) -> Event,
    ) -> Result<(), Refusal> {
        let (reply, result) = oneshot::channel();
        let busy = |_| Refusal::Busy { retry_after_s: 1 };
        self.shared.mailbox.try_send(event(reply)).map_err(busy)?;
        result.await.map_err(|_| Refusal::AlreadyEnded)?
    }
}

/// Answers HELP by SMS.
pub struct HelpLoop {
    shared: Arc<Shared>,
    wishes: mpsc::Receiver<String>,
}

impl std::fmt::Debug for HelpLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HelpLoop").finish_non_exhaustive()
    }
}

impl HelpLoop {
    /// Runs until the engine stops.
    pub async fn run(mut self) {
        loop {
            let wish = tokio::select! {
                biased;
                () = self.shared.stop.stopped() => None,
                wish = self.wishes.recv() => wish,
            };
            let Some(number) = wish else { return };
            let message = keywords::help_message(&self.shared, number);
            if let Err(refusal) = intake::accept(&self.shared, message).await {
                tracing::warn!(%refusal, "the help text could not be sent");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spawnable(_: impl Future<Output = ()> + Send + 'static) {}

    #[test]
    fn every_loop_can_be_spawned() {
        let _ = |loops: Loops| {
            spawnable(loops.batch.run());
            spawnable(loops.driver.run());
            spawnable(loops.receive.run());
            spawnable(loops.post.run());
            spawnable(loops.help.run());
            spawnable(loops.cluster.run());
            spawnable(loops.drain.run());
            loops
                .workers
                .into_iter()
                .for_each(|worker| spawnable(worker.run()));
        };
    }
}
