//! `POST /contacts/import`: a list of people as CSV, streamed. A bad line is reported and passed
//! over; the good ones are stored, many with one sync. Reading the same list again changes nothing.

use super::ADDRESSES_MAX;
use super::columns::{LineFault, Row};
use super::known::{Keys, Refused, find, is_unchanged, merged};
use super::rows::{BYTES_MAX, Ending, Found, rows};
use crate::http::api::input::Caller;
use crate::http::api::problem::{Answer, Errors, Kind, Problem, ProblemBody};
use crate::http::state::AppState;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use futures_util::future::join_all;
use holdline_core::ContactId;
use holdline_engine::ports::Op;
use holdline_engine::ports::ops::{Conflict, ContactSave};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use tokio::sync::{Semaphore, mpsc};
use utoipa::ToSchema;

/// Most bad lines that a report names; all are counted.
pub(crate) const FAULTS_MAX: usize = 1_000;
/// Lines that go to the store together.
const BATCH: usize = 256;
/// Lists that are read at a time.
static IMPORTS: Semaphore = Semaphore::const_new(4);
const RETRY_S: u32 = 10;

/// What became of a list.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct ImportReport {
    /// New contacts.
    pub(crate) imported: u64,
    /// Contacts that were there and changed.
    pub(crate) updated: u64,
    /// Contacts that were there and stayed as they were.
    pub(crate) unchanged: u64,
    /// Lines that were passed over.
    pub(crate) bad: u64,
    /// What is wrong in them, the first 1000 faults.
    pub(crate) faults: Vec<LineFault>,
}

/// Import contacts from CSV.
///
/// The first line names the columns: name, external_id, whatsapp, sms, email, wa_user, consent,
/// verified, and `<channel>_consent`; a column whose name begins with `#` is passed over.
/// Separators are comma, semicolon or tab. A person who is known by an address or the external id
/// is updated: filled cells add to what is known, empty cells say nothing. A list never undoes a
/// withdrawn consent. Bad lines are reported, all others are imported; sending the same file again
/// is safe.
#[utoipa::path(
    post, path = "/contacts/import", tag = "Contacts",
    request_body(content = String, content_type = "text/csv"),
    responses(
        (status = 200, description = "What became of the lines", body = ImportReport),
        (status = 413, description = "Larger than 64 MiB", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 415, description = "Not text/csv", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "Columns that are not known; nothing was imported",
            body = ProblemBody, content_type = "application/problem+json"),
        Errors,
    )
)]
pub(crate) async fn import(
    State(state): State<AppState>,
    _caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Answer<Json<ImportReport>> {
    expect_csv(&headers)?;
    Ok(Json(import_list(&state, body, &|_| {}).await?))
}

/// Imports a list; `told` hears how far it is, now and then.
pub(crate) async fn import_list(
    state: &AppState,
    body: Body,
    told: &(dyn Fn(&ImportReport) + Sync),
) -> Answer<ImportReport> {
    let Ok(_permit) = IMPORTS.try_acquire() else {
        return Err(Problem::retry(
            Kind::Busy,
            "other lists are being imported",
            RETRY_S,
        ));
    };
    let (found, pump) = rows(body, state.config.sms.default_country.clone());
    let (report, ending) = tokio::join!(Import::new(state, told).run(found), pump);
    let report = report?;
    let stored = report.imported + report.updated + report.unchanged;
    match ending {
        Ending::Whole | Ending::Dropped => Ok(report),
        Ending::TooLarge => {
            let detail = format!("longer than {BYTES_MAX} bytes; {stored} lines were imported");
            Err(Problem::new(Kind::TooLarge, detail))
        }
        Ending::BrokenOff => {
            let detail = format!("the body broke off; {stored} lines were imported before");
            Err(Problem::new(Kind::Malformed, detail))
        }
    }
}

fn expect_csv(headers: &HeaderMap) -> Answer<()> {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media = given
        .and_then(|given| given.split(';').next())
        .unwrap_or_default();
    if media.trim().eq_ignore_ascii_case("text/csv") {
        return Ok(());
    }
    Err(Problem::new(
        Kind::MediaType,
        "a list of contacts comes as Content-Type: text/csv",
    ))
}

/// A list while it is read.
struct Import<'a> {
    state: &'a AppState,
    keys: Option<Keys>,
    batch: Vec<Row>,
    /// Addresses and keys in the batch: lines about the same person go one after the other.
    in_batch: BTreeSet<String>,
    report: ImportReport,
    told: &'a (dyn Fn(&ImportReport) + Sync),
}

/// What became of one line.
enum Done {
    New(ContactId),
    Changed,
    Unchanged,
}

impl<'a> Import<'a> {
    fn new(state: &'a AppState, told: &'a (dyn Fn(&ImportReport) + Sync)) -> Self {
        let report = ImportReport::default();
        Self {
            state,
            keys: None,
            batch: Vec::new(),
            in_batch: BTreeSet::new(),
            report,
            told,
        }
    }

    async fn run(mut self, mut found: mpsc::Receiver<Found>) -> Answer<ImportReport> {
        while let Some(next) = found.recv().await {
            match next {
                Found::Header(faults) => return Err(Problem::invalid(faults)),
                Found::Bad(faults) => self.bad(faults),
                Found::Row(row) => self.add(row).await?,
            }
        }
        self.flush().await?;
        Ok(self.report)
    }

    async fn add(&mut self, row: Row) -> Answer<()> {
        let about: Vec<String> = marks(&row).collect();
        if self.batch.len() >= BATCH || about.iter().any(|mark| self.in_batch.contains(mark)) {
            self.flush().await?;
        }
        self.in_batch.extend(about);
        self.batch.push(row);
        Ok(())
    }

    async fn flush(&mut self) -> Answer<()> {
        let batch = std::mem::take(&mut self.batch);
        self.in_batch.clear();
        if self.keys.is_none() && batch.iter().any(|row| row.external_id.is_some()) {
            self.keys = Some(Keys::load(self.state).await?);
        }
        let none = Keys::default();
        let (state, keys) = (self.state, self.keys.as_ref().unwrap_or(&none));
        let done = join_all(batch.into_iter().map(|row| store(state, keys, row))).await;
        for (row, done) in done {
            self.count(&row, done)?;
        }
        (self.told)(&self.report);
        Ok(())
    }

    fn count(&mut self, row: &Row, done: Result<Done, Refused>) -> Answer<()> {
        match done {
            Ok(Done::New(id)) => {
                self.report.imported += 1;
                if let (Some(keys), Some(key)) = (&mut self.keys, &row.external_id) {
                    keys.add(key, id);
                }
            }
            Ok(Done::Changed) => self.report.updated += 1,
            Ok(Done::Unchanged) => self.report.unchanged += 1,
            Err(Refused::Line(fault)) => self.bad(vec![fault]),
            Err(Refused::Store(error)) => {
                tracing::warn!(%error, line = row.line, "an import stopped");
                let detail = format!(
                    "stopped at line {}; the same file can be sent again",
                    row.line
                );
                return Err(Problem::retry(Kind::Unavailable, detail, RETRY_S));
            }
        }
        Ok(())
    }

    fn bad(&mut self, faults: Vec<LineFault>) {
        self.report.bad += 1;
        let room = FAULTS_MAX.saturating_sub(self.report.faults.len());
        self.report.faults.extend(faults.into_iter().take(room));
    }
}

async fn store(state: &AppState, keys: &Keys, row: Row) -> (Row, Result<Done, Refused>) {
    let done = store_row(state, keys, &row).await;
    (row, done)
}

async fn store_row(state: &AppState, keys: &Keys, row: &Row) -> Result<Done, Refused> {
    let now = state.engine.now();
    let known = find(state, keys, row).await?;
    let mut contact = merged(row, known.clone(), state.engine.new_id(), now);
    if known
        .as_ref()
        .is_some_and(|known| is_unchanged(known, &contact))
    {
        return Ok(Done::Unchanged);
    }
    if contact.addresses.len() > ADDRESSES_MAX {
        let fix = "delete addresses of the contact that it no longer has";
        return Err(Refused::Line(LineFault::new(
            row.line,
            None,
            "gives it too many addresses",
            fix,
        )));
    }
    contact.updated_at = now;
    let id = contact.id;
    let save = ContactSave {
        contact,
        lifts: Vec::new(),
    };
    let saved = state
        .engine
        .commit(vec![Op::ContactSave(Box::new(save))])
        .await;
    match saved.map_err(Refused::Store)? {
        Ok(()) if known.is_some() => Ok(Done::Changed),
        Ok(()) => Ok(Done::New(id)),
        Err(conflict) => Err(Refused::Line(conflicting(row.line, &conflict))),
    }
}

fn conflicting(line: u64, conflict: &Conflict) -> LineFault {
    let fix = "send the line again";
    match conflict {
        Conflict::AddressTaken { channel, owner } => {
            let message = format!("was given to contact {owner} meanwhile");
            LineFault::new(line, Some(channel.as_str()), &message, fix)
        }
        Conflict::Idempotency { .. } | Conflict::Fenced { .. } | Conflict::Repeated => {
            LineFault::new(line, None, "was changed by somebody else meanwhile", fix)
        }
    }
}

/// What tells that two lines may be about the same person.
fn marks(row: &Row) -> impl Iterator<Item = String> {
    let addresses = row
        .addresses
        .iter()
        .map(|address| format!("{} {}", address.channel, address.value));
    let key = row.external_id.iter().map(|key| format!("key {key}"));
    addresses.chain(key)
}
