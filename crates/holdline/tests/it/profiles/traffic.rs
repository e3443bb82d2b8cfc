//! An app that sends all the time: one message of each kind in turn, to a new person each.

use crate::stack::{PHONE_ID, Stack};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

const PAUSE: Duration = Duration::from_millis(40);
/// No test sends more.
const MESSAGES_MAX: u32 = 4_000;

/// What one kind of message looks like, and to which country it goes.
#[derive(Clone)]
pub(super) struct Kind {
    pub(super) prefix: &'static str,
    pub(super) message: Value,
}

pub(super) fn text(prefix: &'static str) -> Kind {
    Kind {
        prefix,
        message: json!({"type": "text", "text": {"body": "hello"}}),
    }
}

/// A picture that the app has uploaded.
pub(super) fn image(prefix: &'static str, media: &str) -> Kind {
    Kind {
        prefix,
        message: json!({"type": "image", "image": {"id": media}}),
    }
}

pub(super) fn template(prefix: &'static str) -> Kind {
    let template = json!({"name": "hello_world", "language": {"code": "en_US"}});
    Kind {
        prefix,
        message: json!({"type": "template", "template": template}),
    }
}

/// Sends until it is dropped.
pub(super) struct Traffic {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

impl Traffic {
    pub(super) fn start(stack: &Stack, kinds: Vec<Kind>) -> Self {
        let (stop, sent) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU32::new(0)),
        );
        let url = format!("{}/v23.0/{PHONE_ID}/messages", stack.url);
        let sending = send_all(
            url,
            stack.token.clone(),
            kinds,
            (stop.clone(), sent.clone()),
        );
        Self {
            stop,
            sent,
            task: tokio::spawn(sending),
        }
    }

    /// How many were accepted.
    pub(super) fn sent(&self) -> u32 {
        self.sent.load(Ordering::SeqCst)
    }

    pub(super) async fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.expect("no panic");
    }
}

async fn send_all(
    url: String,
    token: String,
    kinds: Vec<Kind>,
    (stop, sent): (Arc<AtomicBool>, Arc<AtomicU32>),
) {
    let http = reqwest::Client::new();
    let mut pace = tokio::time::interval(PAUSE);
    for (number, kind) in (0..MESSAGES_MAX).zip(kinds.iter().cycle()) {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        pace.tick().await;
        let mut message = kind.message.clone();
        message["messaging_product"] = json!("whatsapp");
        message["to"] = json!(format!("{}{:07}", kind.prefix, 2_000_000 + number));
        let post = http.post(&url).bearer_auth(&token).json(&message);
        if post
            .send()
            .await
            .is_ok_and(|answer| answer.status().is_success())
        {
            sent.fetch_add(1, Ordering::SeqCst);
        }
    }
}
