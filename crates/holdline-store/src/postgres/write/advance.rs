//! Deliveries that moved: their last state, their attempts, and what came with them.

use crate::postgres::statement::{
    Statement, insert_many, maybe_text, small, text, upsert_many, uuid,
};
use crate::rows::codes::progress_code;
use crate::rows::message::{packed_tries, state_columns};
use holdline_core::AttemptKey;
use holdline_engine::ports::ops::{Advance, AttemptEnd};
use holdline_engine::ports::records::{
    AttemptRecord, DecisionRecord, DeliveryState, ReceiptRecord,
};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Advanced<'a> {
    states: BTreeMap<u128, &'a DeliveryState>,
    attempts: BTreeMap<(u128, u16), Change>,
    receipts: Vec<&'a ReceiptRecord>,
    decisions: Vec<&'a DecisionRecord>,
}

/// What becomes of one attempt.
#[derive(Default)]
struct Change {
    /// It was begun here: the row is known whole.
    row: Option<AttemptRecord>,
    end: Option<AttemptEnd>,
    duplicate: bool,
}

impl Change {
    fn finish(&mut self, end: &AttemptEnd) {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        if let Some(row) = &mut self.row {
            row.outcome = Some(end.outcome.to_owned());
            row.ended_at = Some(end.at);
            row.provider_id = end.provider_id.clone().or(row.provider_id.take());
            row.fault_class = owned(end.fault_class);
            row.fault_code = end.fault_code.clone();
            row.fault_detail = end.fault_detail.clone();
        } else {
            let before = self.end.take().and_then(|it| it.provider_id);
            self.end = Some(AttemptEnd {
                provider_id: end.provider_id.clone().or(before),
                ..end.clone()
            });
        }
    }
}

impl<'a> Advanced<'a> {
    pub(super) fn add(&mut self, advance: &'a Advance) {
        self.states.insert(advance.state.id.0, &advance.state);
        if let Some(row) = &advance.started {
            let change = Change {
                row: Some(row.clone()),
                ..Change::default()
            };
            self.attempts.insert(place(row.key), change);
        }
        if let Some(end) = &advance.ended {
            self.change(end.key).finish(end);
        }
        self.receipts.extend(&advance.receipts);
        self.decisions.extend(&advance.decisions);
        if let Some(key) = advance.duplicate {
            self.change(key).duplicate = true;
        }
    }

    fn change(&mut self, key: AttemptKey) -> &mut Change {
        self.attempts.entry(place(key)).or_default()
    }

    pub(super) fn statements(self) -> Vec<Statement<'a>> {
        let mut all = Vec::new();
        if !self.states.is_empty() {
            all.push(self.moved());
        }
        let (mut begun, mut ended, mut doubled) = (Vec::new(), Vec::new(), Vec::new());
        for (key, change) in self.attempts {
            match change.row {
                Some(row) => begun.push((row, change.duplicate)),
                None => {
                    ended.extend(change.end);
                    doubled.extend(change.duplicate.then_some(key));
                }
            }
        }
        all.extend((!begun.is_empty()).then(|| save_attempts(begun)));
        all.extend((!ended.is_empty()).then(|| end_attempts(ended)));
        all.extend((!doubled.is_empty()).then(|| mark_duplicates(&doubled)));
        all.extend((!self.receipts.is_empty()).then(|| keep_receipts(&self.receipts)));
        all.extend((!self.decisions.is_empty()).then(|| keep_decisions(&self.decisions)));
        all
    }

    fn moved(&self) -> Statement<'a> {
        let sql = "UPDATE delivery d SET state = v.state, since = v.since, until = v.until,
                 hop = v.hop, hop_since = v.hop_since, tries = v.tries, attempts = v.attempts,
                 spent = v.spent, told = v.told, told_failed = v.told_failed
             FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS v(id, state, since, until,
                 hop, hop_since, tries, attempts, spent, told, told_failed)
             WHERE d.id = v.id";
        let states = || self.states.values();
        let columns = || states().map(|it| state_columns(it.state));
        Statement::new(sql)
            .many(self.states.keys().map(|id| uuid(*id)))
            .many(columns().map(|(code, _, _)| small(code)))
            .many(columns().map(|(_, since, _)| since))
            .many(columns().map(|(_, _, until)| until))
            .many(states().map(|it| small(it.hop)))
            .many(states().map(|it| it.hop_since.0))
            .many(states().map(|it| small(it.tries)))
            .many(states().map(|it| packed_tries(&it.attempts)))
            .many(states().map(|it| small(it.spent)))
            .many(states().map(|it| small(progress_code(it.told))))
            .many(states().map(|it| it.told_failed))
    }
}

const fn place(key: AttemptKey) -> (u128, u16) {
    (key.message.0, key.number)
}

fn owned_text(value: &str) -> String {
    text(value).into_owned()
}

fn owned_maybe(value: Option<&str>) -> Option<String> {
    value.map(owned_text)
}

fn save_attempts<'a>(rows: Vec<(AttemptRecord, bool)>) -> Statement<'a> {
    let columns = "message, number, hop, channel, route, started_at, outcome, ended_at, \
         provider_id, fault_class, fault_code, fault_detail, duplicate";
    let all = || rows.iter().map(|(row, _)| row);
    Statement::new(upsert_many("attempt", "message, number", columns))
        .many(all().map(|it| uuid(it.key.message.0)))
        .many(all().map(|it| i32::from(it.key.number)))
        .many(all().map(|it| small(it.hop)))
        .many(all().map(|it| it.channel.as_str().to_owned()))
        .many(all().map(|it| owned_text(&it.route)))
        .many(all().map(|it| it.started_at.0))
        .many(all().map(|it| owned_maybe(it.outcome.as_deref())))
        .many(all().map(|it| it.ended_at.map(|at| at.0)))
        .many(all().map(|it| owned_maybe(it.provider_id.as_deref())))
        .many(all().map(|it| owned_maybe(it.fault_class.as_deref())))
        .many(all().map(|it| owned_maybe(it.fault_code.as_deref())))
        .many(all().map(|it| owned_maybe(it.fault_detail.as_deref())))
        .many(rows.iter().map(|(_, duplicate)| *duplicate))
}

fn end_attempts<'a>(ends: Vec<AttemptEnd>) -> Statement<'a> {
    let sql = "UPDATE attempt a SET outcome = v.outcome, ended_at = v.ended_at,
             provider_id = COALESCE(v.provider_id, a.provider_id), fault_class = v.fault_class,
             fault_code = v.fault_code, fault_detail = v.fault_detail
         FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) AS v(message, number, outcome, ended_at,
             provider_id, fault_class, fault_code, fault_detail)
         WHERE a.message = v.message AND a.number = v.number";
    let all = || ends.iter();
    Statement::new(sql)
        .many(all().map(|it| uuid(it.key.message.0)))
        .many(all().map(|it| i32::from(it.key.number)))
        .many(all().map(|it| it.outcome))
        .many(all().map(|it| it.at.0))
        .many(all().map(|it| owned_maybe(it.provider_id.as_deref())))
        .many(all().map(|it| it.fault_class))
        .many(all().map(|it| owned_maybe(it.fault_code.as_deref())))
        .many(all().map(|it| owned_maybe(it.fault_detail.as_deref())))
}

fn mark_duplicates<'a>(keys: &[(u128, u16)]) -> Statement<'a> {
    let sql = "UPDATE attempt a SET duplicate = true FROM unnest($1, $2) AS v(message, number)
         WHERE a.message = v.message AND a.number = v.number";
    Statement::new(sql)
        .many(keys.iter().map(|(message, _)| uuid(*message)))
        .many(keys.iter().map(|(_, number)| i32::from(*number)))
}

fn keep_receipts<'a>(receipts: &[&'a ReceiptRecord]) -> Statement<'a> {
    let columns = "message, number, status, at, received_at, fault_code, fault_detail";
    let all = || receipts.iter();
    Statement::new(insert_many("receipt", columns))
        .many(all().map(|it| uuid(it.key.message.0)))
        .many(all().map(|it| i32::from(it.key.number)))
        .many(all().map(|it| text(&it.status)))
        .many(all().map(|it| it.at.0))
        .many(all().map(|it| it.received_at.0))
        .many(all().map(|it| maybe_text(it.fault_code.as_deref())))
        .many(all().map(|it| maybe_text(it.fault_detail.as_deref())))
}

fn keep_decisions<'a>(decisions: &[&'a DecisionRecord]) -> Statement<'a> {
    let columns = "message, at, hop, number, code, words";
    let all = || decisions.iter();
    Statement::new(insert_many("decision", columns))
        .many(all().map(|it| uuid(it.message.0)))
        .many(all().map(|it| it.at.0))
        .many(all().map(|it| small(it.hop)))
        .many(all().map(|it| i32::from(it.number)))
        .many(all().map(|it| text(&it.code)))
        .many(all().map(|it| text(&it.words)))
}
