//! A delivery moved: its state, its attempt, and what came with it.

use super::run;
use crate::rows::codes::progress_code;
use crate::rows::message::{packed_tries, state_columns};
use holdline_engine::ports::ops::{Advance, AttemptEnd};
use holdline_engine::ports::records::{
    AttemptRecord, DecisionRecord, DeliveryState, ReceiptRecord,
};
use rusqlite::{Connection, Result, params};

/// Without its state where a later one is written as well.
pub(super) fn advance(c: &Connection, advance: &Advance, with_state: bool) -> Result<()> {
    if with_state {
        save_state(c, &advance.state)?;
    }
    if let Some(attempt) = &advance.started {
        save_attempt(c, attempt)?;
    }
    if let Some(end) = &advance.ended {
        end_attempt(c, end)?;
    }
    advance
        .receipts
        .iter()
        .try_for_each(|receipt| keep_receipt(c, receipt))?;
    advance
        .decisions
        .iter()
        .try_for_each(|decision| keep_decision(c, decision))?;
    if let Some(key) = advance.duplicate {
        let sql = "UPDATE attempt SET duplicate = 1 WHERE message = ?1 AND number = ?2";
        run(c, sql, params![key.message.bytes(), key.number])?;
    }
    Ok(())
}

fn save_state(c: &Connection, state: &DeliveryState) -> Result<()> {
    let (code, since, until) = state_columns(state.state);
    run(
        c,
        "UPDATE delivery SET state = ?2, since = ?3, until = ?4, hop = ?5, hop_since = ?6,
             tries = ?7, attempts = ?8, spent = ?9, told = ?10, told_failed = ?11
         WHERE id = ?1",
        params![
            state.id.bytes(),
            code,
            since,
            until,
            state.hop,
            state.hop_since.0,
            state.tries,
            packed_tries(&state.attempts),
            state.spent,
            progress_code(state.told),
            state.told_failed,
        ],
    )
}

fn save_attempt(c: &Connection, attempt: &AttemptRecord) -> Result<()> {
    run(
        c,
        "INSERT OR REPLACE INTO attempt (message, number, hop, channel, route, started_at, outcome,
             ended_at, provider_id, fault_class, fault_code, fault_detail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        params![
            attempt.key.message.bytes(),
            attempt.key.number,
            attempt.hop,
            attempt.channel.as_str(),
            attempt.route,
            attempt.started_at.0,
            attempt.outcome,
            attempt.ended_at.map(|at| at.0),
            attempt.provider_id,
            attempt.fault_class,
            attempt.fault_code,
            attempt.fault_detail,
        ],
    )
}

fn end_attempt(c: &Connection, end: &AttemptEnd) -> Result<()> {
    run(
        c,
        "UPDATE attempt SET outcome = ?3, ended_at = ?4, provider_id = COALESCE(?5, provider_id),
             fault_class = ?6, fault_code = ?7, fault_detail = ?8
         WHERE message = ?1 AND number = ?2",
        params![
            end.key.message.bytes(),
            end.key.number,
            end.outcome,
            end.at.0,
            end.provider_id,
            end.fault_class,
            end.fault_code,
            end.fault_detail,
        ],
    )
}

fn keep_receipt(c: &Connection, receipt: &ReceiptRecord) -> Result<()> {
    run(
        c,
        "INSERT INTO receipt (message, place, number, status, at, received_at, fault_code,
             fault_detail)
         VALUES (?1, (SELECT COALESCE(MAX(place) + 1, 0) FROM receipt WHERE message = ?1),
             ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            receipt.key.message.bytes(),
            receipt.key.number,
            receipt.status,
            receipt.at.0,
            receipt.received_at.0,
            receipt.fault_code,
            receipt.fault_detail,
        ],
    )
}

fn keep_decision(c: &Connection, decision: &DecisionRecord) -> Result<()> {
    run(
        c,
        "INSERT INTO decision (message, place, at, hop, number, code, words)
         VALUES (?1, (SELECT COALESCE(MAX(place) + 1, 0) FROM decision WHERE message = ?1),
             ?2, ?3, ?4, ?5, ?6)",
        params![
            decision.message.bytes(),
            decision.at.0,
            decision.hop,
            decision.number,
            decision.code,
            decision.words,
        ],
    )
}
