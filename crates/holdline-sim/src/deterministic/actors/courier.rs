//! Carries the providers' webhooks to the nodes, and their answers back. A webhook that is not
//! answered comes again when the provider says so.

use crate::Provider;
use crate::deterministic::exec::WORLD;
use crate::deterministic::facts::Fact;
use crate::deterministic::ports::real;
use crate::deterministic::script::Between;
use crate::deterministic::stage::{Stage, channel_of};
use crate::hooks::Post;
use holdline_core::{Redacted, Timestamp};
use holdline_engine::ports::records::RawInbound;
use holdline_engine::ports::{HookRequest, InboundItem, StoreError};
use holdline_engine::{Engine, HookError};
use std::sync::Arc;
use tokio::sync::oneshot;

const OK: u16 = 200;
const REFUSED: u16 = 503;

/// Posts it once; the answer goes back to the provider.
pub(crate) fn carry(stage: &Arc<Stage>, post: Post) {
    let stage = Arc::clone(stage);
    let exec = Arc::clone(&stage.exec);
    exec.spawn(WORLD, async move {
        let id = post.id;
        let status = go(&stage, post).await;
        stage.with_world(|world, now_ms| world.hook_answered(id, status, now_ms));
    });
}

async fn go(stage: &Arc<Stage>, post: Post) -> Option<u16> {
    let way = stage.way(Between::Hooks, 0);
    stage.exec.sleep(way.there_ms).await;
    if way.refused {
        return None;
    }
    if way.request_lost {
        stage.exec.sleep(post.timeout_ms).await;
        return None;
    }
    if way.twice {
        drop(ask(stage, &post));
    }
    let answer = ask(stage, &post)?;
    let timeout_ms = post.timeout_ms;
    let status = tokio::select! {
        biased;
        status = answer => status.ok(),
        () = stage.exec.sleep(timeout_ms) => None,
    };
    stage.exec.sleep(way.back_ms).await;
    status.filter(|_| !way.cut && !way.answer_lost)
}

/// Hands it to a node; the node's answer comes back unless it dies before.
fn ask(stage: &Arc<Stage>, post: &Post) -> Option<oneshot::Receiver<u16>> {
    let (_, owner, engine) = stage.some_node("hooks")?;
    let (tx, rx) = oneshot::channel();
    let (stage, post) = (Arc::clone(stage), post.clone());
    let exec = Arc::clone(&stage.exec);
    exec.spawn(owner, async move {
        let status = take(&stage, &engine, &post).await;
        // The provider may have given up.
        let _ = tx.send(status);
    });
    Some(rx)
}

async fn take(stage: &Stage, engine: &Engine, post: &Post) -> u16 {
    let request = HookRequest {
        url: post.url.clone(),
        headers: vec![
            (post.signature_header.to_owned(), post.signature.clone()),
            (String::from("content-type"), post.content_type.to_owned()),
        ],
        body: Redacted::new(post.body.clone()),
    };
    match engine.take_hook(channel_of(post.provider), request).await {
        Ok(()) => {
            tell(stage, post);
            OK
        }
        Err(error) => {
            tracing::debug!(%error, "a webhook was refused");
            if matches!(error, HookError::Store(StoreError::Ambiguous(_))) {
                tell_maybe(stage, post);
            }
            REFUSED
        }
    }
}

/// What the store may have, though the provider was told to come again.
fn tell_maybe(stage: &Stage, post: &Post) {
    for item in items(post) {
        if let InboundItem::Receipt(receipt) = item
            && let Some(key) = receipt.key
        {
            stage.tell(&Fact::MayBeKept { key });
        }
    }
}

/// What the node has taken charge of, by answering 200.
fn tell(stage: &Stage, post: &Post) {
    for item in items(post) {
        match item {
            InboundItem::Receipt(receipt) => stage.tell(&Fact::Receipt {
                key: receipt.key,
                provider_id: receipt.provider_id,
                kind: receipt.kind,
            }),
            InboundItem::Message(message) => stage.tell(&Fact::Stored {
                id: message.provider_id,
            }),
            InboundItem::Passed { .. }
            | InboundItem::TemplatesChanged { .. }
            | InboundItem::Echo { .. } => {}
        }
    }
}

fn items(post: &Post) -> Vec<InboundItem> {
    let provider: Provider = post.provider;
    let query = post.url.split_once('?').map_or("", |(_, query)| query);
    let raw = RawInbound {
        id: 0,
        channel: channel_of(provider),
        received_at: Timestamp(0),
        query: query.to_owned(),
        body: Redacted::new(post.body.clone()),
    };
    let read = real(provider).map(|channel| channel.read(&raw));
    read.and_then(Result::ok).unwrap_or_default()
}
