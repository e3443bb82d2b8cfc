//! Reads `message_history`: how far a message got, and whether we were told. The one source that
//! tells a message that was not delivered from a webhook that did not come.

use crate::http::tidy;
use holdline_core::Timestamp;
use serde_json::Value;

/// Most events of one message that are read.
const EVENTS_MAX: usize = 500;

/// What the provider knows of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageFate {
    /// The furthest it got.
    pub reached: Reach,
    /// What became of the webhook about that.
    pub webhook: Option<WebhookFate>,
    /// When it got there.
    pub at: Option<Timestamp>,
    /// Why it failed.
    pub words: Option<String>,
}

/// Later ones outrank earlier ones: what was delivered has not failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    Accepted,
    Sent,
    Failed,
    Delivered,
    Read,
}

/// Later ones outrank earlier ones, where several receivers were told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WebhookFate {
    Failed,
    Retrying,
    /// Not posted yet.
    Pending,
    Delivered,
}

impl MessageFate {
    /// Reads an answer of the history of `provider_id`; `None` where it knows nothing of it.
    pub(crate) fn of(answer: &Value, provider_id: &str) -> Option<Self> {
        let rows = answer.get("data").and_then(Value::as_array)?;
        let about = |row: &&Value| match row.get("message_id").and_then(Value::as_str) {
            Some(id) => id == provider_id,
            None => true,
        };
        let mut rows = rows.iter().filter(about).peekable();
        rows.peek()?;
        let events = rows.flat_map(events).take(EVENTS_MAX);
        let accepted = Self {
            reached: Reach::Accepted,
            webhook: None,
            at: None,
            words: None,
        };
        Some(
            events
                .filter_map(Self::of_event)
                .fold(accepted, Self::further),
        )
    }

    /// Whether we were told of it: `None` where that is not known yet.
    #[must_use]
    pub fn webhook_delivered(&self) -> Option<bool> {
        match self.webhook? {
            WebhookFate::Delivered => Some(true),
            WebhookFate::Failed | WebhookFate::Retrying => Some(false),
            WebhookFate::Pending => None,
        }
    }

    fn of_event(event: &Value) -> Option<Self> {
        let text = |key: &str| event.get(key).and_then(Value::as_str);
        let reached = Reach::parse(text("delivery_status")?)?;
        let failed = reached == Reach::Failed;
        Some(Self {
            reached,
            webhook: text("webhook_update_state").and_then(WebhookFate::parse),
            at: event.get("timestamp").and_then(time),
            words: text("error_description").filter(|_| failed).map(tidy),
        })
    }

    fn further(self, other: Self) -> Self {
        let rank = |fate: &Self| (fate.reached, fate.webhook);
        match rank(&other) > rank(&self) {
            true => other,
            false => self,
        }
    }
}

impl Reach {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "ACCEPTED" => Some(Self::Accepted),
            "SENT" => Some(Self::Sent),
            "DELIVERED" => Some(Self::Delivered),
            "READ" => Some(Self::Read),
            "FAILED" => Some(Self::Failed),
            _ => None,
        }
    }
}

impl WebhookFate {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "PENDING" => Some(Self::Pending),
            "DELIVERED" => Some(Self::Delivered),
            "FAILED" => Some(Self::Failed),
            "RETRYING" => Some(Self::Retrying),
            _ => None,
        }
    }
}

fn events(row: &Value) -> impl Iterator<Item = &Value> {
    let events = row.pointer("/events/data").and_then(Value::as_array);
    events.into_iter().flatten()
}

/// Seconds, as number or text.
fn time(value: &Value) -> Option<Timestamp> {
    let written = value.as_str().and_then(|text| text.parse().ok());
    let seconds = value.as_i64().or(written)?;
    Some(Timestamp(seconds.checked_mul(1000)?))
}
