//! Reads `health_status`: what the provider thinks of our account. Says nothing of whether the
//! provider itself works.

use crate::http::tidy;
use serde_json::Value;

/// Most entities and errors that are read.
const ENTITIES_MAX: usize = 32;

/// Whether we may send, as the provider judges it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountHealth {
    pub can_send: CanSend,
    /// What the judgement is made up of.
    pub entities: Vec<EntityHealth>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CanSend {
    Available,
    Limited,
    Blocked,
    /// A word that we do not know, or none.
    Unknown,
}

/// One part of our account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityHealth {
    /// `PHONE_NUMBER`, `WABA`, `BUSINESS`, `APP`, …
    pub kind: String,
    pub can_send: CanSend,
    /// Of the first error.
    pub code: Option<String>,
    /// Of the first error, or else what the provider adds.
    pub words: Option<String>,
}

impl AccountHealth {
    /// Reads a node that holds `health_status`.
    pub(crate) fn of(node: &Value) -> Self {
        let status = node.get("health_status").unwrap_or(&Value::Null);
        let entities = status.get("entities").and_then(Value::as_array);
        let entities = entities.into_iter().flatten().take(ENTITIES_MAX);
        Self {
            can_send: CanSend::of(status),
            entities: entities.map(EntityHealth::of).collect(),
        }
    }

    /// One line for people.
    #[must_use]
    pub fn words(&self) -> String {
        let faulty =
            |entity: &&EntityHealth| matches!(entity.can_send, CanSend::Limited | CanSend::Blocked);
        let faults: Vec<String> = self
            .entities
            .iter()
            .filter(faulty)
            .map(EntityHealth::words)
            .collect();
        let verdict = format!("sending is {}", self.can_send.word());
        match faults.is_empty() {
            true => verdict,
            false => format!("{verdict}: {}", faults.join("; ")),
        }
    }
}

impl CanSend {
    fn of(node: &Value) -> Self {
        match node.get("can_send_message").and_then(Value::as_str) {
            Some("AVAILABLE") => Self::Available,
            Some("LIMITED") => Self::Limited,
            Some("BLOCKED") => Self::Blocked,
            Some(_) | None => Self::Unknown,
        }
    }

    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Limited => "limited",
            Self::Blocked => "blocked",
            Self::Unknown => "not judged",
        }
    }
}

impl EntityHealth {
    fn of(entity: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(tidy);
        let error = entity.pointer("/errors/0").unwrap_or(&Value::Null);
        let words = error
            .get("error_description")
            .or_else(|| entity.pointer("/additional_info/0"));
        Self {
            kind: entity
                .get("entity_type")
                .and_then(text)
                .unwrap_or_else(|| "UNKNOWN".into()),
            can_send: CanSend::of(entity),
            code: error.get("error_code").and_then(code),
            words: words.and_then(text),
        }
    }

    fn words(&self) -> String {
        let mut said = format!("{} {}", self.kind, self.can_send.word());
        if let Some(code) = &self.code {
            said.push_str(&format!(" ({code})"));
        }
        if let Some(words) = &self.words {
            said.push_str(&format!(", {}", words.trim_end_matches('.')));
        }
        said
    }
}

/// A number, or its digits as text.
fn code(value: &Value) -> Option<String> {
    let number = value.as_i64().map(|number| number.to_string());
    number.or_else(|| value.as_str().map(tidy))
}
