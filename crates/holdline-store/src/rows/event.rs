//! An event to an app as one JSON text.

use super::codes::{progress_code, progress_of};
use super::{id_at, time_at, unreadable};
use holdline_core::health::Health;
use holdline_core::id::InboundId;
use holdline_core::{ChannelKind, MessageId, Timestamp};
use holdline_engine::ports::records::{Event, EventKind, HookRecord};
use rusqlite::{Result, Row};
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
        } => KindText::Health {
            route,
            from: from.name().to_owned(),
            to: to.name().to_owned(),
            reason,
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
        } => EventKind::Health {
            route,
            from: Health::parse(&from)?,
            to: Health::parse(&to)?,
            reason,
        },
        KindText::Passed { field, waba, value } => EventKind::Passed { field, waba, value },
    })
}
