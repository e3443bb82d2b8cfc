//! A channel over the virtual provider: real bytes there and back, by a network that fails. Tells
//! the chronicle what leaves, what arrives and what the answer truly means.

use super::wire::{self, no_answer, not_sent};
use crate::Provider;
use crate::deterministic::exec::WORLD;
use crate::deterministic::facts::{Fact, Leaves};
use crate::deterministic::sabotage::{self, Sabotage};
use crate::deterministic::script::Between;
use crate::deterministic::stage::{Stage, channel_of};
use crate::deterministic::weather::Way;
use crate::providers::{Answer, ApiRequest, Reply};
use crate::world::ConnectionFault;
use async_trait::async_trait;
use bytes::Bytes;
use holdline_core::health::{Country, Health};
use holdline_core::message::{Outcome, Success};
use holdline_core::{AttemptKey, ChannelKind, Timestamp};
use holdline_engine::contract::NoLibrary;
use holdline_engine::ports::channel::HookRefusal;
use holdline_engine::ports::records::{PlannedHop, RawInbound};
use holdline_engine::ports::{
    Capabilities, Channel, Dispatch, HookRequest, InboundItem, Library, Partition, Store as _,
};
use holdline_engine::request::{RouteStatus, ScopeStatus};
use std::sync::Arc;
use tokio::sync::oneshot;

/// As the real channels have it.
const TIMEOUT_MS: u64 = 15_000;
/// A connection that nobody answers is cut at last.
const HANG_MS: u64 = 120_000;

pub(crate) struct SimChannel {
    stage: Arc<Stage>,
    node: u8,
    provider: Provider,
}

/// What came back over the network.
enum Back {
    Reply(Reply),
    /// The provider did not even take the connection.
    Refused,
}

/// An attempt under way: that it was given up is a fact too.
struct UnderWay<'a> {
    stage: &'a Stage,
    key: AttemptKey,
    ended: bool,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.stage.tell(&Fact::Dropped { key: self.key });
        }
    }
}

impl UnderWay<'_> {
    fn ends(mut self, outcome: &Outcome) {
        self.ended = true;
        self.stage.tell(&Fact::Ends {
            key: self.key,
            outcome: outcome.clone(),
        });
    }
}

impl SimChannel {
    pub(crate) fn new(stage: &Arc<Stage>, node: u8, provider: Provider) -> Self {
        let stage = Arc::clone(stage);
        Self {
            stage,
            node,
            provider,
        }
    }

    async fn attempt(&self, dispatch: &Dispatch, library: &dyn Library) -> Outcome {
        let key = dispatch.key;
        self.leaves(dispatch);
        let under_way = UnderWay {
            stage: &self.stage,
            key,
            ended: false,
        };
        let outcome = match wire::request_of(self.provider, dispatch) {
            Ok(request) => match self.exchange(request, Some(key)).await {
                Ok(reply) => wire::outcome_of(self.provider, &reply, library.now()),
                Err(outcome) => outcome,
            },
            Err(outcome) => outcome,
        };
        under_way.ends(&outcome);
        outcome
    }

    fn leaves(&self, dispatch: &Dispatch) {
        let hop = &dispatch.hop;
        let engine = self.stage.slot(self.node).engine.clone();
        let status = engine.and_then(|engine| {
            let mut routes = engine.routes().into_iter();
            routes.find(|it| it.channel == hop.channel && it.sender == hop.sender)
        });
        let (scope, health, since) = stands(status.as_ref(), hop);
        let now = self.stage.node_time(self.node);
        self.stage.tell(&Fact::Leaves(Leaves {
            key: dispatch.key,
            channel: hop.channel,
            sender: hop.sender.clone(),
            scope,
            node: self.node,
            partition: Partition::of_contact(dispatch.message.contact),
            to: dispatch.message.to_input.expose().clone(),
            priority: dispatch.message.priority,
            health,
            health_ms: since.map_or(0, |since| now.since_ms(since)),
        }));
    }

    async fn exchange(
        &self,
        request: ApiRequest,
        key: Option<AttemptKey>,
    ) -> Result<Reply, Outcome> {
        let between = match self.provider {
            Provider::Whatsapp => Between::Whatsapp,
            Provider::Sms | Provider::Email => Between::Sms,
        };
        let way = self.stage.way(between, self.node);
        if way.refused {
            self.stage.exec.sleep(way.there_ms).await;
            return Err(not_sent());
        }
        let (tx, rx) = oneshot::channel();
        let carried = carry(
            Arc::clone(&self.stage),
            self.provider,
            (request, key),
            way,
            tx,
        );
        self.stage.exec.spawn(WORLD, carried);
        tokio::select! {
            biased;
            back = rx => match back {
                Ok(Back::Reply(reply)) => Ok(reply),
                Ok(Back::Refused) => Err(not_sent()),
                Err(_) => Err(no_answer("reset")),
            },
            () = self.stage.exec.sleep(TIMEOUT_MS) => Err(no_answer("timeout")),
        }
    }
}

/// The worst trouble that a node sees over the route of a hop.
fn stands(status: Option<&RouteStatus>, hop: &PlannedHop) -> (String, Health, Option<Timestamp>) {
    let country = Country::of_number(hop.address.expose()).to_string();
    let covers = |scope: &&ScopeStatus| {
        let mut parts = scope.name.split('/').skip(2);
        let feature = parts
            .next()
            .is_none_or(|it| it == "all" || it == hop.feature.name());
        feature && parts.next().is_none_or(|it| it == country)
    };
    let Some(status) = status else {
        return (hop.sender.clone(), Health::Up, None);
    };
    let worst = status
        .scopes
        .iter()
        .filter(covers)
        .max_by_key(|it| rank(it.health));
    match worst {
        Some(scope) => (scope.name.clone(), scope.health, Some(scope.since)),
        None => {
            let since = (status.health == Health::Up).then_some(status.since);
            (hop.sender.clone(), Health::Up, since)
        }
    }
}

const fn rank(health: Health) -> u8 {
    match health {
        Health::Up => 0,
        Health::Suspect => 1,
        Health::Degraded => 2,
        Health::Recovering => 3,
        Health::SelfImpaired => 4,
        Health::AccountFault => 5,
        Health::Down => 6,
    }
}

/// The request's way to the provider and the answer's way back; it outlives the node.
async fn carry(
    stage: Arc<Stage>,
    provider: Provider,
    (request, key): (ApiRequest, Option<AttemptKey>),
    way: Way,
    back: oneshot::Sender<Back>,
) {
    stage.exec.sleep(way.there_ms).await;
    if way.request_lost {
        stage.exec.sleep(HANG_MS).await;
        return drop(back);
    }
    match stage.look(|world| world.connection_fault(provider)) {
        ConnectionFault::Reset => return drop(back.send(Back::Refused)),
        ConnectionFault::Swallow => return stage.exec.sleep(HANG_MS).await,
        ConnectionFault::None => {}
    }
    if let Some(key) = key {
        arrives(&stage, key, channel_of(provider)).await;
    }
    let answer = stage.with_world(|world, now_ms| wire::ask(world, provider, &request, now_ms));
    let Answer::Reply(reply) = answer else {
        if matches!(answer, Answer::Hang) {
            stage.exec.sleep(HANG_MS).await;
        }
        return drop(back);
    };
    if way.cut {
        return drop(back);
    }
    stage.exec.sleep(reply.delay_ms + way.back_ms).await;
    if way.answer_lost {
        stage.exec.sleep(HANG_MS).await;
    }
    drop(back.send(Back::Reply(reply)));
}

async fn arrives(stage: &Arc<Stage>, key: AttemptKey, channel: ChannelKind) {
    let timeline = stage.disk.timeline(key.message).await.unwrap_or_default();
    let on_disk = timeline.attempts.iter().any(|attempt| attempt.key == key);
    stage.tell(&Fact::Arrives {
        key,
        channel,
        on_disk,
    });
}

impl std::fmt::Debug for SimChannel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SimChannel({})", self.provider.name())
    }
}

#[async_trait]
impl Channel for SimChannel {
    fn kind(&self) -> ChannelKind {
        channel_of(self.provider)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            best_receipt: match self.provider {
                Provider::Whatsapp => Success::Read,
                Provider::Sms | Provider::Email => Success::Delivered,
            },
            inbound: true,
            probe: true,
        }
    }

    async fn send(&self, dispatch: &Dispatch, library: &dyn Library) -> Outcome {
        let sabotage = self.stage.sabotage;
        let again = || Self::new(&self.stage, self.node, self.provider);
        if sabotage == Sabotage::LeavesTheCall {
            return sabotage::leave_the_call(&self.stage, again(), dispatch);
        }
        if sabotage.dawdles(dispatch) {
            return sabotage::dawdle(&self.stage, again(), dispatch);
        }
        if sabotage == Sabotage::Knocks {
            sabotage::knock(&self.stage, again(), dispatch);
        }
        let outcome = self.attempt(dispatch, library).await;
        sabotage.twisted(outcome)
    }

    async fn probe(&self, sender: &str) -> Outcome {
        let request = wire::probe_of(self.provider, sender);
        let now = self.stage.node_time(self.node);
        let outcome = match self.exchange(request, None).await {
            Ok(reply) => wire::probed(self.provider, &reply, now),
            Err(outcome) => outcome,
        };
        self.stage.sabotage.twisted(outcome)
    }

    fn verify(&self, request: &HookRequest) -> Result<(), HookRefusal> {
        wire::real(self.provider).map_or(Ok(()), |real| real.verify(request))
    }

    fn handshake(&self, _: &[(String, String)]) -> Option<Result<String, HookRefusal>> {
        None
    }

    fn read(&self, raw: &RawInbound) -> Result<Vec<InboundItem>, HookRefusal> {
        let read = wire::real(self.provider).map_or(Ok(Vec::new()), |real| real.read(raw));
        read.map(|items| self.stage.sabotage.deafened(items))
    }

    async fn fetch(&self, _: &str, _: u64) -> Result<(String, Bytes), String> {
        Err(String::from("a run has no files"))
    }
}

impl SimChannel {
    /// For broken machines: one attempt beside the engine's own.
    pub(crate) async fn stray(&self, dispatch: &Dispatch) {
        let clock = super::clock::NodeClock::new(&self.stage, self.node);
        let library = NoLibrary(Arc::new(clock));
        drop(self.attempt(dispatch, &library).await);
    }
}
