//! Rows of `attempt`, `receipt` and `decision`.

use crate::rows::{Result, Row, channel_at, id_at, maybe_time_at, time_at};
use holdline_core::{AttemptKey, MessageId};
use holdline_engine::ports::records::{AttemptRecord, DecisionRecord, ReceiptRecord};

/// The columns that [`attempt_from`] reads.
pub(crate) const ATTEMPT_COLUMNS: &str = "message, number, hop, channel, route, started_at, \
     outcome, ended_at, provider_id, fault_class, fault_code, fault_detail";
/// The columns that [`receipt_from`] reads.
pub(crate) const RECEIPT_COLUMNS: &str =
    "message, number, status, at, received_at, fault_code, fault_detail";
/// The columns that [`decision_from`] reads.
pub(crate) const DECISION_COLUMNS: &str = "message, at, hop, number, code, words";

pub(crate) fn attempt_from(row: &Row<'_>) -> Result<AttemptRecord> {
    Ok(AttemptRecord {
        key: key_from(row)?,
        hop: row.get(2)?,
        channel: channel_at(row, 3)?,
        route: row.get(4)?,
        started_at: time_at(row, 5)?,
        outcome: row.get(6)?,
        ended_at: maybe_time_at(row, 7)?,
        provider_id: row.get(8)?,
        fault_class: row.get(9)?,
        fault_code: row.get(10)?,
        fault_detail: row.get(11)?,
    })
}

pub(crate) fn receipt_from(row: &Row<'_>) -> Result<ReceiptRecord> {
    Ok(ReceiptRecord {
        key: key_from(row)?,
        status: row.get(2)?,
        at: time_at(row, 3)?,
        received_at: time_at(row, 4)?,
        fault_code: row.get(5)?,
        fault_detail: row.get(6)?,
    })
}

pub(crate) fn decision_from(row: &Row<'_>) -> Result<DecisionRecord> {
    Ok(DecisionRecord {
        message: MessageId(id_at(row, 0)?),
        at: time_at(row, 1)?,
        hop: row.get(2)?,
        number: row.get(3)?,
        code: row.get(4)?,
        words: row.get(5)?,
    })
}

/// An attempt's key from the first two columns.
pub(crate) fn key_from(row: &Row<'_>) -> Result<AttemptKey> {
    Ok(AttemptKey {
        message: MessageId(id_at(row, 0)?),
        number: row.get(1)?,
    })
}
