//! Rows of `raw_inbound` and `inbound`.

use super::{Result, Row, channel_at, id_at, time_at};
use bytes::Bytes;
use holdline_core::id::InboundId;
use holdline_core::{ContactId, MessageId, Redacted};
use holdline_engine::ports::records::{InboundRecord, RawInbound};

/// The columns that [`raw_from`] reads.
pub(crate) const RAW_COLUMNS: &str = "id, channel, received_at, query, body";
/// The columns that [`inbound_from`] reads; `i` is `inbound`, the last is the body or NULL.
pub(crate) const INBOUND_COLUMNS: &str = "i.id, i.channel, i.provider_id, i.contact, i.sender, \
     i.sent_from, i.at, i.received_at, i.context, i.kind, i.media, b.bytes";

pub(crate) fn raw_from(row: &Row<'_>) -> Result<RawInbound> {
    Ok(RawInbound {
        id: id_at(row, 0)?,
        channel: channel_at(row, 1)?,
        received_at: time_at(row, 2)?,
        query: row.get(3)?,
        body: Redacted::new(Bytes::from(row.get::<Vec<u8>>(4)?)),
    })
}

pub(crate) fn inbound_from(row: &Row<'_>) -> Result<InboundRecord> {
    let payload = row.bytes(11)?;
    let context: Option<[u8; 16]> = row.get(8)?;
    Ok(InboundRecord {
        id: InboundId(id_at(row, 0)?),
        channel: channel_at(row, 1)?,
        provider_id: row.get(2)?,
        contact: ContactId(id_at(row, 3)?),
        sender: row.get(4)?,
        from: Redacted::new(row.get(5)?),
        at: time_at(row, 6)?,
        received_at: time_at(row, 7)?,
        context: context.map(MessageId::from_bytes),
        kind: row.get(9)?,
        payload: Redacted::new(Bytes::copy_from_slice(payload.unwrap_or_default())),
        media: row.get(10)?,
    })
}
