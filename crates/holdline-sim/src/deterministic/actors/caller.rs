//! Apps that send: they ask any node, ask again with the same key until they know, and reuse a key
//! for another request now and then. Without a key they ask again only when nothing was kept.

use crate::deterministic::exec::WORLD;
use crate::deterministic::facts::{AskId, Asks, Fact, Told};
use crate::deterministic::sabotage::Sabotage;
use crate::deterministic::script::{Between, Send};
use crate::deterministic::stage::Stage;
use crate::deterministic::{app_name, number_of, sender_of};
use bytes::Bytes;
use holdline_core::ChannelKind;
use holdline_core::health::Feature;
use holdline_core::message::Priority;
use holdline_engine::Engine;
use holdline_engine::request::{IdempotencyKey, NewMessage, Recipient, Refusal};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;

/// How long an app waits for an answer.
const TIMEOUT_MS: u64 = 30_000;
/// Pauses between two requests, and how often an app asks.
const PAUSE_FIRST_MS: u64 = 200;
const PAUSE_LAST_MS: u64 = 10_000;
const TRIES_MAX: u32 = 500;
/// Limits of open messages that are low enough to be reached, and so to be looked at.
const COUNTED_BELOW: usize = 1_000;

/// Sends it, and what reuses its key.
pub(crate) fn send(stage: &Arc<Stage>, send: Send) {
    let stage = Arc::clone(stage);
    stage.asking.fetch_add(1, Ordering::SeqCst);
    let exec = Arc::clone(&stage.exec);
    exec.spawn(WORLD, async move {
        let first = AskId {
            ask: send.ask,
            clash: false,
        };
        ask_until_known(&stage, send, first).await;
        if send.clash {
            let clash = AskId {
                clash: true,
                ..first
            };
            ask_until_known(&stage, send, clash).await;
        }
        stage.asking.fetch_sub(1, Ordering::SeqCst);
    });
}

async fn ask_until_known(stage: &Arc<Stage>, send: Send, id: AskId) {
    let mut pause_ms = PAUSE_FIRST_MS;
    for try_number in 1..=TRIES_MAX {
        stage.tell(&Fact::Asks(Asks {
            id,
            app: send.app,
            person: send.person,
            priority: send.priority,
            key: send.key,
            try_number,
        }));
        let told = ask(stage, send, id).await;
        let again = match &told {
            Told::ComeAgain => true,
            Told::Nothing => send.key.is_some(),
            Told::Accepted { .. } | Told::KeyReused | Told::Refused(_) => false,
        };
        let accepted = matches!(told, Told::Accepted { repeat: false, .. });
        stage.tell(&Fact::Told { ask: id, told });
        if accepted && stage.script.open_messages_max < COUNTED_BELOW {
            let count = stage.open_on_disk();
            stage.tell(&Fact::Open { count });
        }
        if !again {
            return;
        }
        stage.exec.sleep(pause_ms).await;
        pause_ms = (pause_ms * 2).min(PAUSE_LAST_MS);
    }
}

async fn ask(stage: &Arc<Stage>, send: Send, id: AskId) -> Told {
    let way = stage.way(Between::Callers, 0);
    stage.exec.sleep(way.there_ms).await;
    if way.refused {
        return Told::ComeAgain;
    }
    if way.request_lost {
        stage.exec.sleep(TIMEOUT_MS).await;
        return Told::Nothing;
    }
    let Some((node, owner, engine)) = stage.some_node("callers") else {
        return Told::ComeAgain;
    };
    let (tx, rx) = oneshot::channel();
    let message = message_of(stage, send, id);
    stage.exec.spawn(owner, async move {
        drop(tx.send(accept(node, &engine, message).await));
    });
    let told = tokio::select! {
        biased;
        told = rx => told.unwrap_or(Told::Nothing),
        () = stage.exec.sleep(TIMEOUT_MS) => Told::Nothing,
    };
    stage.exec.sleep(way.back_ms).await;
    if way.cut || way.answer_lost {
        return Told::Nothing;
    }
    told
}

async fn accept(by: u8, engine: &Engine, message: NewMessage) -> Told {
    match engine.accept(message).await {
        Ok(accepted) => Told::Accepted {
            id: accepted.id,
            repeat: accepted.repeat,
            by,
        },
        Err(Refusal::KeyReused) => Told::KeyReused,
        Err(Refusal::Busy { .. } | Refusal::Unavailable { .. }) => Told::ComeAgain,
        Err(
            refusal @ (Refusal::UnknownContact
            | Refusal::NoRoute(_)
            | Refusal::NoConsent
            | Refusal::UnknownMessage
            | Refusal::AlreadyEnded
            | Refusal::UnknownScope(_)),
        ) => Told::Refused(refusal.to_string()),
    }
}

fn message_of(stage: &Stage, send: Send, id: AskId) -> NewMessage {
    let number = number_of(send.person);
    let text = id.text();
    let body = serde_json::json!({
        "messaging_product": "whatsapp", "recipient_type": "individual", "to": number,
        "type": "text", "text": {"body": text},
    });
    let keyed = send
        .key
        .filter(|_| stage.sabotage != Sabotage::OverlooksKeys);
    NewMessage {
        app: app_name(send.app),
        sender: sender_of(send.app),
        to: Recipient::Address {
            channel: ChannelKind::WHATSAPP,
            value: number.clone(),
        },
        to_input: number,
        kind: String::from("text"),
        feature: Feature::Session,
        body: Bytes::from(body.to_string()),
        opaque: None,
        priority: Priority::ALL[usize::from(send.priority) % Priority::ALL.len()],
        duplicate_rule: None,
        data_class: None,
        expires_at: None,
        hops: None,
        idempotency: keyed.map(|key| IdempotencyKey {
            key: format!("key {key}"),
            body_hash: [u8::from(id.clash); 32],
        }),
        answer: Arc::new(|facts| Bytes::from(facts.id.hex())),
    }
}
