//! The import of a list of people: a form, a page that shows how far it is, and the bad lines as a
//! file to mend and send again.

use super::jobs::Job;
use crate::http::api::contacts::import::{FAULTS_MAX, ImportReport, import_list};
use crate::http::api::contacts::rows::bad_lines_of;
use crate::http::body::{DRAIN_BYTES_MAX, DRAIN_TIME_MAX, read_off};
use crate::http::console::access::{Act, Denied, Signed, deed, new_token};
use crate::http::console::guard;
use crate::http::console::layout::{self, Nav};
use crate::http::state::AppState;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest as _, Multipart, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use futures_util::StreamExt as _;
use maud::{Markup, html};
use std::io::SeekFrom;
use std::sync::Arc;
use tokio::fs::File;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::io::ReaderStream;

const URL: &str = "/console/contacts/import";
const COLUMNS: &str = "name, external_id, whatsapp, sms, email, consent, sms_consent";
static UPLOADS: Semaphore = Semaphore::const_new(4);
/// Largest list, as in the API.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Of a form that is refused so much more is read off, for so long, so that the browser sees why
/// and not a broken connection.
pub(in crate::http::console) const FORM_BYTES_MAX: usize = BYTES_MAX + DRAIN_BYTES_MAX;

pub(in crate::http::console) async fn page(
    State(state): State<AppState>,
    signed: Signed,
) -> Response {
    shown(&state, &signed, StatusCode::OK, None).await
}

/// Takes the file in, then works it off beside: the page that follows shows how far it is.
pub(in crate::http::console) async fn begin(
    State(state): State<AppState>,
    signed: Result<Signed, Response>,
    request: Request,
) -> Response {
    let denied = match &signed {
        Ok(signed) => signed.must(Act::Operate).err(),
        Err(_) => None,
    };
    let signed = match (signed, denied) {
        (Ok(signed), None) => signed,
        (Ok(_), Some(denied)) => return refuse(request, denied.answer(&state)).await,
        (Err(answer), _) => return refuse(request, answer).await,
    };
    let (job, file) = match job_of(&state, &signed, request).await {
        Ok(begun) => begun,
        Err(refused) => return shown(&state, &signed, refused.code, Some(refused.words)).await,
    };
    let what = ("contacts.import", job.id.as_str());
    let deed = deed(
        &state,
        &signed.actor(),
        what,
        ("", &format!("{} bytes", job.bytes)),
    );
    if let Err(error) = state.engine.commit(deed).await {
        job.end(Err("the database does not answer".into()));
        return Denied::Store(error).answer(&state);
    }
    let url = format!("{URL}/{}", job.id);
    tokio::spawn(work_off(state, job, file));
    Redirect::to(&url).into_response()
}

/// The body is read off, so that the browser sees the answer and not a broken connection.
async fn refuse(request: Request, answer: Response) -> Response {
    read_off(request.into_body()).await;
    answer
}

/// Why a list is not taken in.
struct Refused {
    code: StatusCode,
    words: String,
}

impl Refused {
    fn later(words: &str) -> Self {
        Self {
            code: StatusCode::SERVICE_UNAVAILABLE,
            words: words.to_owned(),
        }
    }

    fn unfit(words: String) -> Self {
        Self {
            code: StatusCode::UNPROCESSABLE_ENTITY,
            words,
        }
    }
}

/// The list on disk, and the import of it, which is not under way yet.
async fn job_of(
    state: &AppState,
    signed: &Signed,
    request: Request,
) -> Result<(Arc<Job>, File), Refused> {
    let (file, bytes) = take_in(request).await?;
    let id = new_token().map_err(|error| Refused::later(&format!("{error}.")))?;
    let copy = file.try_clone().await;
    let copy = copy.map_err(|error| Refused::later(&format!("It cannot be kept: {error}.")))?;
    let (id, copy) = (id[..16].to_owned(), copy.into_std().await);
    let begun = state.console.imports.begin(id, &signed.name, bytes, copy);
    let many = || Refused::later("Too many lists are being imported. Try again in a minute.");
    Ok((begun.ok_or_else(many)?, file))
}

/// So many at a time: the others take no room on the disk.
async fn take_in(request: Request) -> Result<(File, u64), Refused> {
    let Ok(_turn) = UPLOADS.try_acquire() else {
        read_off(request.into_body()).await;
        let words = "Other lists come in at this moment. Try again in a minute.";
        return Err(Refused::later(words));
    };
    let parts = Multipart::from_request(request, &()).await;
    let mut parts = parts.map_err(|_| Refused::unfit("This is no form with a file.".to_owned()))?;
    let kept = keep(&mut parts).await;
    if kept.is_err() {
        let _ = timeout(DRAIN_TIME_MAX, drain(parts)).await;
    }
    kept.map_err(Refused::unfit)
}

async fn drain(mut parts: Multipart) {
    while let Ok(Some(mut field)) = parts.next_field().await {
        while let Ok(Some(_)) = field.chunk().await {}
    }
}

/// The file of the form, on disk and without a name there: it is gone once nobody reads it.
async fn keep(parts: &mut Multipart) -> Result<(File, u64), String> {
    let broken = |_| "The file did not come whole. Send it again.".to_owned();
    while let Some(mut field) = parts.next_field().await.map_err(broken)? {
        if field.name() != Some("list") {
            continue;
        }
        let file = tempfile::tempfile().map_err(|error| format!("It cannot be kept: {error}."))?;
        let mut file = File::from_std(file);
        let mut bytes = 0;
        while let Some(piece) = field.chunk().await.map_err(broken)? {
            bytes += piece.len();
            if bytes > BYTES_MAX {
                return Err("The file is larger than 64 MiB. Send it in parts.".into());
            }
            let written = file.write_all(&piece).await;
            written.map_err(|error| format!("It cannot be kept: {error}."))?;
        }
        if bytes == 0 {
            break;
        }
        let begun = file.seek(SeekFrom::Start(0)).await;
        begun.map_err(|error| format!("It cannot be read again: {error}."))?;
        return Ok((file, bytes as u64));
    }
    Err("Choose a file.".into())
}

async fn work_off(state: AppState, job: Arc<Job>, file: File) {
    let told = Arc::clone(&job);
    let counted = Arc::clone(&job);
    let pieces = ReaderStream::new(file).map(move |piece: std::io::Result<Bytes>| {
        if let Ok(piece) = &piece {
            counted.has_read(piece.len() as u64);
        }
        piece
    });
    let body = Body::from_stream(pieces);
    let done = import_list(&state, body, &|report| told.heard(report)).await;
    if let Ok(report) = &done {
        job.heard(report);
    }
    job.end(done.map_err(|problem| problem.words()));
}

pub(in crate::http::console) async fn progress(
    State(state): State<AppState>,
    signed: Signed,
    Path(id): Path<String>,
) -> Response {
    let Some(job) = own(&state, &signed, &id) else {
        let content = html! {
            h1 { "Import" }
            div id="import" {
                p {
                    "Nothing is known of this import any more: the server has started anew, or it "
                    "was long ago. The same list can be sent again."
                }
                p { a.button href=(URL) { "Import a list" } }
            }
        };
        return layout::page(&state, &signed, Nav::Contacts, "Import", &content).await;
    };
    let content = html! {
        h1 { "Import" }
        (job.with(|outcome| match outcome {
            None => running(&job),
            Some(Ok(report)) => over(&job, report),
            Some(Err(fault)) => html! {
                div id="import" {
                    (layout::fault(&format!("The import stopped: {fault}")))
                    p { a.button href=(URL) { "Try again" } }
                }
            },
        }))
    };
    layout::page(&state, &signed, Nav::Contacts, "Import", &content).await
}

/// One's own import; an owner sees those of others too.
fn own(state: &AppState, signed: &Signed, id: &str) -> Option<Arc<Job>> {
    let job = state.console.imports.get(id)?;
    (job.user == signed.name || signed.may(Act::Administer)).then_some(job)
}

fn running(job: &Job) -> Markup {
    let (read, lines, bad) = job.progress();
    let percent = (read * 100).checked_div(job.bytes).unwrap_or(0).min(99);
    let url = format!("{URL}/{}", job.id);
    html! {
        div id="import" hx-get=(url) hx-select="#import" hx-trigger="every 250ms"
            hx-swap="outerMorph" {
            p { "It runs: " (lines) " lines done, " (bad) " of them bad." }
            progress max="100" value=(percent) aria-label="Progress of the import" {
                (percent) " %"
            }
            noscript { p { a href=(url) { "See how far it is" } } }
        }
    }
}

fn over(job: &Job, report: &ImportReport) -> Markup {
    html! {
        div id="import" {
            p.done role="status" { "The list is imported." }
            dl {
                dt { "New" } dd { (report.imported) }
                dt { "Changed" } dd { (report.updated) }
                dt { "As they were" } dd { (report.unchanged) }
                dt { "Bad lines" } dd { (report.bad) }
            }
            @if report.bad > 0 {
                p {
                    a.button href={ (URL) "/" (job.id) "/bad.csv" } download {
                        "Download the bad lines"
                    }
                    " Mend them there and import that file: columns that begin with # are passed "
                    "over."
                    @if report.faults.len() >= FAULTS_MAX {
                        " Of very many faults the first " (FAULTS_MAX) " are in it."
                    }
                }
                (faults(report))
            }
            p { a href="/console/contacts" { "To the contacts" } }
        }
    }
}

/// Faults that the page itself shows.
const SHOWN: usize = 20;

fn faults(report: &ImportReport) -> Markup {
    html! {
        table {
            caption { "The first bad lines" }
            (layout::head(&["Line", "Column", "What is wrong", "How to mend it"]))
            tbody {
                @for fault in report.faults.iter().take(SHOWN) {
                    tr {
                        td { (fault.line) } td { (fault.column.as_deref().unwrap_or("–")) }
                        td { (fault.message) } td { (fault.fix) }
                    }
                }
            }
        }
    }
}

pub(in crate::http::console) async fn bad_lines(
    State(state): State<AppState>,
    signed: Signed,
    Path(id): Path<String>,
) -> Response {
    let job = own(&state, &signed, &id);
    let known = job.and_then(|job| {
        let faults = job.with(|outcome| match outcome {
            Some(Ok(report)) => Some(report.faults.clone()),
            Some(Err(_)) | None => None,
        });
        Some((job, faults?))
    });
    let Some((job, faults)) = known else {
        return guard::unknown_page(State(state), signed).await;
    };
    let read = move || job.read(|file| bad_lines_of(file, &faults));
    let text = match tokio::task::spawn_blocking(read).await {
        Ok(Ok(text)) => text,
        Ok(Err(_)) | Err(_) => {
            let words = "The file cannot be read any more. Import the list again.".to_owned();
            let code = StatusCode::INTERNAL_SERVER_ERROR;
            return shown(&state, &signed, code, Some(words)).await;
        }
    };
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"bad-lines.csv\"",
        ),
    ];
    (headers, text).into_response()
}

async fn shown(
    state: &AppState,
    signed: &Signed,
    code: StatusCode,
    fault: Option<String>,
) -> Response {
    if let Err(denied) = signed.must(Act::Operate) {
        return denied.answer(state);
    }
    let content = html! {
        h1 { "Import contacts" }
        @if let Some(fault) = &fault { (layout::fault(fault)) }
        form.card.narrow method="post" action=(URL) enctype="multipart/form-data" {
            label { "CSV file" input type="file" name="list" accept=".csv,text/csv" required; }
            button.primary type="submit" { "Import" }
        }
        p {
            "The first line names the columns: " code { (COLUMNS) } " and others. Who is known by "
            "an address or the external id is updated. Bad lines are named and passed over; the "
            "same file can be sent again. A list never undoes a withdrawn consent."
        }
    };
    let page = layout::page(state, signed, Nav::Contacts, "Import contacts", &content).await;
    (code, page).into_response()
}
