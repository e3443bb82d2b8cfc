//! Looks a database file over and counts what is in it, also while a server uses it; mends, when
//! asked, what is safe to mend. Looking writes nothing and changes no schema.

use super::rules::{self, Finding, MEND_ROWS, RULES, Rule};
use crate::sqlite::connection::{self, SqliteOptions};
use crate::sqlite::error::store_error;
use crate::sqlite::migrate;
use holdline_core::Timestamp;
use holdline_engine::ports::StoreError;
use holdline_engine::ports::store::StoreResult;
use rusqlite::Connection;
use std::path::Path;

/// Tables that are counted, in the order people ask for them.
const TABLES: [&str; 19] = [
    "message",
    "delivery",
    "attempt",
    "receipt",
    "decision",
    "body",
    "inbound",
    "raw_inbound",
    "hook",
    "endpoint",
    "contact",
    "address",
    "idempotency",
    "media",
    "media_alias",
    "template",
    "token",
    "outage",
    "audit",
];

/// What a look found; none is good.
pub type Findings = Vec<Finding>;

/// What a database file holds and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Report {
    pub schema: u32,
    pub findings: Findings,
    /// Rows by table.
    pub rows: Vec<(&'static str, u64)>,
    /// Deliveries that have not ended, and when the oldest of their messages came in.
    pub open: u64,
    pub open_since: Option<Timestamp>,
    pub file_bytes: u64,
    pub log_bytes: u64,
    /// Room inside the file that deleted rows left.
    pub free_bytes: u64,
}

/// Looks at everything; `progress` hears what is looked at, and how far it is of 100. Each look is
/// a read of its own, so that the log of a live database can be moved into its file in between.
pub fn check(
    path: &Path,
    now: Timestamp,
    progress: &mut dyn FnMut(&'static str, u64),
) -> StoreResult<Report> {
    let c = connection::reader_of_existing(path)?;
    let schema = migrate::known_schema(&c)?;
    progress("pages and indexes", 0);
    let mut findings = Vec::new();
    match rules::damage(&c) {
        Ok(found) => findings.extend(found),
        Err(error) => return Err(store_error(&error)),
    }
    let steps = RULES.len() as u64;
    for (place, rule) in RULES.iter().enumerate() {
        progress(rule.code, 50 + 40 * place as u64 / steps);
        findings.extend(rule.look(&c, now.0).map_err(|error| store_error(&error))?);
    }
    let mut report = sizes(&c, path).map_err(|error| store_error(&error))?;
    progress("counts", 90);
    report.rows = rows(&c).map_err(|error| store_error(&error))?;
    progress("done", 100);
    Ok(Report {
        schema,
        findings,
        ..report
    })
}

/// Mends what the findings say can be mended, in short transactions; gives how many rows each took.
/// Refuses a file that is damaged: there, deleting destroys evidence.
pub fn repair(path: &Path, findings: &Findings) -> StoreResult<Vec<(&'static str, u64)>> {
    if findings
        .iter()
        .any(|finding| finding.kind == rules::Kind::Damage)
    {
        let why = "the file is damaged: nothing is mended in it; restore a backup instead";
        return Err(StoreError::Corrupt(why.to_owned()));
    }
    let c = connection::writer(&SqliteOptions::new(path))?;
    let is_found = |rule: &&Rule| {
        // A mark taken away may leave its queue without one.
        let by = if rule.code == "event_head_missing" {
            "event_head_wrong"
        } else {
            rule.code
        };
        let codes = [rule.code, by];
        findings.iter().any(|finding| codes.contains(&finding.code))
    };
    let mut mended = Vec::new();
    for rule in RULES.iter().filter(is_found) {
        let Some(sql) = rule.repair else { continue };
        let rows = mend(&c, sql).map_err(|error| store_error(&error))?;
        mended.push((rule.code, rows));
    }
    Ok(mended)
}

fn mend(c: &Connection, sql: &str) -> rusqlite::Result<u64> {
    let mut statement = c.prepare(sql)?;
    let mut all = 0;
    loop {
        let changed = statement.execute([MEND_ROWS as i64])?;
        all += changed as u64;
        if changed < MEND_ROWS {
            return Ok(all);
        }
    }
}

fn sizes(c: &Connection, path: &Path) -> rusqlite::Result<Report> {
    let pragma = |name: &str| c.pragma_query_value(None, name, |row| row.get::<_, u32>(0));
    let free = u64::from(pragma("freelist_count")?) * u64::from(pragma("page_size")?);
    let open_since = c.query_row(
        "SELECT MIN(m.created_at) FROM delivery d JOIN message m ON m.id = d.id WHERE d.state < 4",
        [],
        |row| row.get::<_, Option<i64>>(0),
    )?;
    let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    Ok(Report {
        schema: 0,
        findings: Vec::new(),
        rows: Vec::new(),
        open: count(c, "SELECT COUNT(*) FROM delivery WHERE state < 4")?,
        open_since: open_since.map(Timestamp),
        file_bytes: bytes(path),
        log_bytes: bytes(&connection::log_of(path)),
        free_bytes: free,
    })
}

/// Rows by table.
pub(super) fn rows(c: &Connection) -> rusqlite::Result<Vec<(&'static str, u64)>> {
    let one = |table| Ok((table, count(c, &format!("SELECT COUNT(*) FROM {table}"))?));
    TABLES.into_iter().map(one).collect()
}

fn count(c: &Connection, sql: &str) -> rusqlite::Result<u64> {
    let count: i64 = c.query_row(sql, [], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}
