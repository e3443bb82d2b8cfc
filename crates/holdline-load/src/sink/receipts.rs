//! The receipts of what was taken: `delivered`, signed, up to a hundred in a webhook as Meta sends
//! them under load. Asks again after refusals; keeps what waits in memory, which the number of
//! messages of a run bounds.

use super::lock;
use super::wire::id_of;
use crate::press::RawLane;
use crate::stage::{APP_SECRET, PHONE_ID};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;
use tokio::time::sleep;

/// Updates in one webhook at most.
const BATCH: usize = 100;
/// Webhooks under way at a time.
const LANES: usize = 4;
/// How long a batch may gather.
const GATHER: Duration = Duration::from_millis(5);
const AGAIN: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
pub(super) struct Receipts(Arc<Waiting>);

/// The other end.
#[derive(Debug)]
pub(super) struct Posts {
    server: SocketAddr,
    waiting: Arc<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    statuses: Mutex<Vec<String>>,
    come: Notify,
}

impl Receipts {
    pub(super) fn new(server: SocketAddr) -> (Self, Posts) {
        let waiting = Arc::new(Waiting::default());
        let posts = Posts {
            server,
            waiting: Arc::clone(&waiting),
        };
        (Self(waiting), posts)
    }

    pub(super) fn add(&self, place: u64, opaque: &str) {
        lock(&self.0.statuses).push(status(place, opaque));
        self.0.come.notify_one();
    }
}

impl Posts {
    pub(super) fn begin(self) {
        let posts = Arc::new(self);
        for _ in 0..LANES {
            tokio::spawn(post(Arc::clone(&posts)));
        }
    }
}

async fn post(posts: Arc<Posts>) {
    let mut lane = RawLane::new(posts.server);
    loop {
        let batch = take(&posts.waiting);
        if batch.is_empty() {
            posts.waiting.come.notified().await;
            sleep(GATHER).await;
            continue;
        }
        let request = webhook(posts.server, "statuses", &batch);
        while !matches!(lane.exchange(&request).await, Ok(200)) {
            sleep(AGAIN).await;
        }
    }
}

fn take(waiting: &Waiting) -> Vec<String> {
    let mut statuses = lock(&waiting.statuses);
    let from = statuses.len().saturating_sub(BATCH);
    let batch = statuses.split_off(from);
    if !statuses.is_empty() {
        waiting.come.notify_one();
    }
    batch
}

/// That the message taken at this place was delivered.
pub(crate) fn status(place: u64, opaque: &str) -> String {
    let (id, now) = (id_of(place), now_s());
    let opaque = match opaque {
        "" => String::new(),
        word => format!(r#","biz_opaque_callback_data":"{word}""#),
    };
    let person = r#""recipient_id":"16505000000""#;
    format!(r#"{{"id":"{id}","status":"delivered","timestamp":"{now}",{person}{opaque}}}"#)
}

pub(crate) fn now_s() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}

/// A signed webhook with these updates, as a whole request.
pub(crate) fn webhook(server: SocketAddr, kind: &str, updates: &[String]) -> Vec<u8> {
    let updates = updates.join(",");
    let number = format!(r#""phone_number_id":"{PHONE_ID}","display_phone_number":"15550783881""#);
    let value = format!(
        r#"{{"messaging_product":"whatsapp","metadata":{{{number}}},"{kind}":[{updates}]}}"#
    );
    let change = format!(r#"{{"field":"messages","value":{value}}}"#);
    let entry = format!(r#"{{"id":"102290129340398","changes":[{change}]}}"#);
    let body = format!(r#"{{"object":"whatsapp_business_account","entry":[{entry}]}}"#);
    let signature = holdline_sim::meta_signature(APP_SECRET, body.as_bytes());
    let head = format!(
        "POST /hooks/whatsapp HTTP/1.1\r\nHost: {server}\r\nContent-Type: application/json\r\n\
         X-Hub-Signature-256: {signature}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head, body].concat().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_json_with_its_updates_and_signed() {
        let server = SocketAddr::from(([127, 0, 0, 1], 80));
        let request = webhook(server, "statuses", &[status(1, "x"), status(2, "y")]);
        let text = String::from_utf8(request).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&holdline_sim::meta_signature(APP_SECRET, body.as_bytes())));
        let said: serde_json::Value = serde_json::from_str(body).unwrap();
        let statuses = &said["entry"][0]["changes"][0]["value"]["statuses"];
        assert_eq!(statuses[1]["biz_opaque_callback_data"], "y");
    }

    #[test]
    fn a_batch_has_a_bound() {
        let (receipts, posts) = Receipts::new(SocketAddr::from(([127, 0, 0, 1], 80)));
        (0..BATCH + 3).for_each(|_| receipts.add(1, ""));
        assert_eq!(take(&posts.waiting).len(), BATCH);
        assert_eq!(take(&posts.waiting).len(), 3);
    }
}
