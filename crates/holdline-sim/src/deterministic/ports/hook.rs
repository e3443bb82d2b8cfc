//! Webhooks to apps: rendered in a form of the simulator's own, posted over a network that fails
//! to apps that refuse. Counts what is under way at once.

use super::store::SimStore;
use crate::deterministic::exec::WORLD;
use crate::deterministic::facts::{Fact, Heard, News};
use crate::deterministic::sabotage::Sabotage;
use crate::deterministic::script::Between;
use crate::deterministic::stage::{Stage, lock};
use crate::deterministic::weather::Way;
use async_trait::async_trait;
use bytes::Bytes;
use holdline_core::MessageId;
use holdline_engine::ports::records::{EndpointRecord, EventKind, HookRecord};
use holdline_engine::ports::{Hook, HookOutcome, Rendered, Renderer, Store as _, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// As the real client has it.
const TIMEOUT_MS: u64 = 10_000;
const HANG_MS: u64 = 60_000;

/// What is posted.
#[derive(Clone, Serialize, Deserialize)]
struct Letter {
    endpoint: String,
    app: u8,
    seq: i64,
    subject: u128,
    kind: Kind,
}

#[derive(Clone, Serialize, Deserialize)]
enum Kind {
    Progress(u128, String),
    Failed(u128),
    Wrote(String, u128),
    Health(String, String),
    Other,
}

pub(crate) struct SimHook {
    stage: Arc<Stage>,
    node: u8,
    under_way: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl SimHook {
    pub(crate) fn new(stage: &Arc<Stage>, node: u8) -> Self {
        Self {
            stage: Arc::clone(stage),
            node,
            under_way: Arc::default(),
        }
    }

    fn begins(&self, url: &str) -> Counted {
        let (all, one) = {
            let mut under_way = lock(&self.under_way);
            *under_way.entry(url.to_owned()).or_default() += 1;
            (under_way.values().sum(), under_way[url])
        };
        self.stage.tell(&Fact::Posting { all, one });
        Counted {
            under_way: Arc::clone(&self.under_way),
            url: url.to_owned(),
        }
    }
}

/// A post under way, until it ends or is given up.
struct Counted {
    under_way: Arc<Mutex<BTreeMap<String, usize>>>,
    url: String,
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(count) = lock(&self.under_way).get_mut(&self.url) {
            *count -= 1;
        }
    }
}

#[async_trait]
impl Hook for SimHook {
    async fn post(&self, url: &str, _: &[(String, String)], body: Bytes) -> HookOutcome {
        let _counted = self.begins(url);
        if self.stage.sabotage == Sabotage::KeepsFromApps && body.len().is_multiple_of(3) {
            return HookOutcome::Taken;
        }
        let way = self.stage.way(Between::Apps, self.node);
        if way.refused {
            self.stage.exec.sleep(way.there_ms).await;
            return HookOutcome::Refused(String::from("connection refused"));
        }
        let (tx, rx) = oneshot::channel();
        let carried = carry(Arc::clone(&self.stage), body, way, tx);
        self.stage.exec.spawn(WORLD, carried);
        tokio::select! {
            biased;
            back = rx => match back {
                Ok(true) => HookOutcome::Taken,
                Ok(false) => HookOutcome::Refused(String::from("answered 500")),
                Err(_) => HookOutcome::Refused(String::from("connection reset")),
            },
            () = self.stage.exec.sleep(TIMEOUT_MS) => {
                HookOutcome::Refused(String::from("no answer"))
            }
        }
    }
}

async fn carry(stage: Arc<Stage>, body: Bytes, way: Way, back: oneshot::Sender<bool>) {
    stage.exec.sleep(way.there_ms).await;
    if way.request_lost {
        return stage.exec.sleep(HANG_MS).await;
    }
    let mut taken = hear(&stage, &body);
    if way.twice {
        stage.exec.sleep(way.back_ms).await;
        taken |= hear(&stage, &body);
    }
    if way.cut {
        return;
    }
    stage.exec.sleep(way.back_ms).await;
    if way.answer_lost {
        stage.exec.sleep(HANG_MS).await;
    }
    // Whoever asked may have given up.
    let _ = back.send(taken);
}

/// The app reads what came; false when it refuses it.
fn hear(stage: &Stage, body: &[u8]) -> bool {
    let Ok(letter) = serde_json::from_slice::<Letter>(body) else {
        return false;
    };
    let taken = !stage.weather().app_refuses(letter.app);
    let news = match letter.kind {
        Kind::Progress(message, word) => News::Progress {
            message: MessageId(message),
            word,
        },
        Kind::Failed(message) => News::Failed {
            message: MessageId(message),
        },
        Kind::Wrote(id, inbound) => News::Wrote { id, inbound },
        Kind::Health(route, to) => News::Health { route, to },
        Kind::Other => News::Other,
    };
    stage.tell(&Fact::Heard(Heard {
        endpoint: letter.endpoint,
        seq: letter.seq,
        subject: letter.subject,
        news,
        taken,
    }));
    taken
}

pub(crate) struct SimRenderer {
    store: SimStore,
}

impl SimRenderer {
    pub(crate) const fn new(store: SimStore) -> Self {
        Self { store }
    }
}

#[async_trait]
impl Renderer for SimRenderer {
    async fn render(
        &self,
        endpoint: &EndpointRecord,
        hook: &HookRecord,
    ) -> Result<Option<Rendered>, StoreError> {
        let kind = match &hook.event.kind {
            EventKind::Status {
                message, progress, ..
            } => Kind::Progress(message.0, progress.name().to_owned()),
            EventKind::Failed { message, .. } => Kind::Failed(message.0),
            EventKind::Inbound { inbound } => match self.store.inbound(*inbound).await? {
                Some(record) => Kind::Wrote(record.provider_id, inbound.0),
                None => return Ok(None),
            },
            EventKind::Health { route, to, .. } => {
                Kind::Health(route.clone(), to.name().to_owned())
            }
            EventKind::Account { .. } | EventKind::Passed { .. } => Kind::Other,
        };
        let app = endpoint.app.trim_start_matches("app").parse().unwrap_or(0);
        let letter = Letter {
            endpoint: endpoint.id.clone(),
            app,
            seq: hook.seq,
            subject: hook.subject,
            kind,
        };
        let body =
            serde_json::to_vec(&letter).map_err(|why| StoreError::Corrupt(why.to_string()))?;
        Ok(Some(Rendered {
            headers: Vec::new(),
            body: Bytes::from(body),
        }))
    }
}
