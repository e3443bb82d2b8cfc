//! An event to an app as one JSON text.

use super::codes::{progress_code, progress_of};
use super::{Result, Row, finite, id_at, time_at, unreadable};
use holdline_core::health::Health;
use holdline_core::id::InboundId;
use holdline_core::{ChannelKind, MessageId, Timestamp};
use holdline_engine::ports::records::{Event, EventKind, HookRecord};
use serde::{Deserialize, Serialize};

/// The columns that [`hook_from`] reads.
pub(crate) const HOOK_COLUMNS: &str = "seq, endpoint, subject, event, created_at, due_at, tries";

#[derive(Serialize, Deserialize)]
struct EventText {
    at: i64,
    #[serde(flatten)]
    kind: KindText,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum KindText {
    Status {
        message: String,
        progress: i64,
        channel: String,
    },
    Failed {
        message: String,
        channel: String,
        code: String,
        detail: String,
    },
    Inbound {
        inbound: String,
    },
    Health {
        route: String,
        from: String,
        to: String,
        reason: String,
        #[serde(default)]
        scope: String,
        #[serde(default)]
        onset: Option<i64>,
        #[serde(default)]
        nats: f64,
    },
    Account {
        route: String,
        code: String,
        reason: String,
        confirmed: bool,
    },
    Passed {
        field: String,
        waba: String,
        value: String,
    },
}

pub(crate) fn event_text(event: &Event) -> String {
    let text = EventText {
        at: event.at.0,
        kind: text_of(&event.kind),
    };
    serde_json::to_string(&text).unwrap_or_default()
}

pub(crate) fn hook_from(row: &Row<'_>) -> Result<HookRecord> {
    let text: EventText = super::json_at(row, 3)?;
    let kind = kind_of(text.kind).ok_or_else(|| unreadable(3, "an event"))?;
    Ok(HookRecord {
        seq: row.get(0)?,
        endpoint: row.get(1)?,
        subject: id_at(row, 2)?,
        event: Event {
            at: Timestamp(text.at),
            kind,
        },
        created_at: time_at(row, 4)?,
        due_at: time_at(row, 5)?,
        tries: row.get(6)?,
    })
}

fn text_of(kind: &EventKind) -> KindText {
    match kind.clone() {
        EventKind::Status {
            message,
            progress,
            channel,
        } => KindText::Status {
            message: message.hex(),
            progress: progress_code(progress),
            channel: channel.to_string(),
        },
        EventKind::Failed {
            message,
            channel,
            code,
            detail,
        } => KindText::Failed {
            message: message.hex(),
            channel: channel.to_string(),
            code,
            detail,
        },
        EventKind::Inbound { inbound } => KindText::Inbound {
            inbound: inbound.hex(),
        },
        EventKind::Health {
            route,
            from,
            to,
            reason,
            scope,
            onset,
            nats,
        } => KindText::Health {
            route,
            from: from.name().to_owned(),
            to: to.name().to_owned(),
            reason,
            scope,
            onset: onset.map(|at| at.0),
            nats: finite(nats),
        },
        EventKind::Account {
            route,
            code,
            reason,
            confirmed,
        } => KindText::Account {
            route,
            code,
            reason,
            confirmed,
        },
        EventKind::Passed { field, waba, value } => KindText::Passed { field, waba, value },
    }
}

fn kind_of(text: KindText) -> Option<EventKind> {
    Some(match text {
        KindText::Status {
            message,
            progress,
            channel,
        } => EventKind::Status {
            message: MessageId::parse(&message)?,
            progress: progress_of(progress)?,
            channel: ChannelKind::new(&channel)?,
        },
        KindText::Failed {
            message,
            channel,
            code,
            detail,
        } => EventKind::Failed {
            message: MessageId::parse(&message)?,
            channel: ChannelKind::new(&channel)?,
            code,
            detail,
        },
        KindText::Inbound { inbound } => EventKind::Inbound {
            inbound: InboundId::parse(&inbound)?,
        },
        KindText::Health {
            route,
            from,
            to,
            reason,
            scope,
            onset,
            nats,
        } => EventKind::Health {
            route,
            from: Health::parse(&from)?,
            to: Health::parse(&to)?,
            reason,
            scope,
            onset: onset.map(Timestamp),
            nats,
        },
        KindText::Account {
            route,
            code,
            reason,
            confirmed,
        } => EventKind::Account {
            route,
            code,
            reason,
            confirmed,
        },
        KindText::Passed { field, waba, value } => EventKind::Passed { field, waba, value },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(nats: f64) -> Event {
        Event {
            at: Timestamp(5),
            kind: EventKind::Health {
                route: "sms/a/any".to_owned(),
                from: Health::Up,
                to: Health::Down,
                reason: "why".to_owned(),
                scope: String::new(),
                onset: None,
                nats,
            },
        }
    }

    fn read(text: &str) -> Option<EventKind> {
        let text: EventText = serde_json::from_str(text).ok()?;
        kind_of(text.kind)
    }

    #[test]
    fn a_health_event_of_before_has_no_scope_onset_or_evidence() {
        let text = r#"{"at":5,"kind":"health","route":"sms/a/any","from":"up","to":"down",
            "reason":"why"}"#;
        assert_eq!(read(text), Some(health(0.0).kind));
    }

    #[test]
    fn evidence_beyond_numbers_leaves_the_event_readable() {
        for (nats, expect) in [
            (f64::NAN, 0.0),
            (f64::INFINITY, 1e15),
            (f64::NEG_INFINITY, -1e15),
            (-0.5, -0.5),
        ] {
            let read = read(&event_text(&health(nats)));
            assert_eq!(read, Some(health(expect).kind), "{nats}");
        }
    }
}
