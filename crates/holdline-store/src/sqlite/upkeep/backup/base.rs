//! Makes one whole backup, under a passing name until everything in it is synced and verified.
//! Never writes to the database it copies.

use super::manifest::{FileSum, Manifest};
use super::{
    DATABASE, LogPlace, MEDIA, PARTIAL, Progress, cannot, list, make_folder, media, sync_folder,
    verify,
};
use crate::sqlite::connection;
use crate::sqlite::error::store_error;
use crate::sqlite::migrate;
use holdline_core::Timestamp;
use holdline_engine::ports::store::StoreResult;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Pages copied between two words of progress.
const STEP_PAGES: i32 = 2_048;

/// What to copy, and where to.
#[derive(Clone, Debug)]
pub struct BackupOrder {
    pub database: PathBuf,
    pub media_dir: PathBuf,
    /// The folder that gets one folder for each backup.
    pub to: PathBuf,
    /// The name of this one.
    pub name: String,
    /// Tells the instant of the copy.
    pub clock: fn() -> Timestamp,
    /// Older backups beyond so many are deleted; `None` = all stay.
    pub keep: Option<usize>,
}

/// A backup that is whole.
#[derive(Clone, Debug)]
pub struct Made {
    pub path: PathBuf,
    pub manifest: Manifest,
    /// Media that the database names and that are not in the media folder.
    pub media_missing: Vec<String>,
    /// Backups that had to go.
    pub deleted: Vec<PathBuf>,
}

/// Copies, verifies, and only then gives the backup its name.
/// `place` finds out which increments lead on from it, once the copy is made.
pub fn backup(
    order: &BackupOrder,
    place: Option<&dyn Fn() -> StoreResult<LogPlace>>,
    progress: &mut Progress<'_>,
) -> StoreResult<Made> {
    make_folder(&order.to.join(MEDIA))?;
    let partial = Partial(order.to.join(format!("{PARTIAL}{}", order.name)));
    make_folder(&partial.0)?;
    let copy = partial.0.join(DATABASE);
    let (made_at, schema) = copy_database(order, &copy, progress)?;
    let log = place.map(|place| place()).transpose()?;
    let rows = verify(&copy, progress)?;
    let mut manifest = Manifest::new(made_at, schema, FileSum::of(&copy, DATABASE)?);
    manifest.log = log;
    manifest.rows = rows
        .into_iter()
        .map(|(table, rows)| (table.to_owned(), rows))
        .collect();
    let kept = media::keep(&copy, order, progress)?;
    manifest.media = kept.files;
    manifest.write(&partial.0)?;
    let path = order.to.join(&order.name);
    sync_folder(&partial.0)?;
    fs::rename(&partial.0, &path).map_err(|error| cannot("name", &path, &error))?;
    sync_folder(&order.to)?;
    let deleted = order
        .keep
        .map_or(Ok(Vec::new()), |keep| prune(&order.to, keep))?;
    progress("done", 100);
    Ok(Made {
        path,
        manifest,
        media_missing: kept.missing,
        deleted,
    })
}

/// Gone again, unless it got its name.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// One state of the database, page by page. The read that is open all the while keeps that state;
/// without it each commit of the server would make the copy begin again.
fn copy_database(
    order: &BackupOrder,
    to: &Path,
    progress: &mut Progress<'_>,
) -> StoreResult<(Timestamp, u32)> {
    let source = connection::reader_of_existing(&order.database)?;
    let failed = |error: rusqlite::Error| store_error(&error);
    source
        .execute_batch("BEGIN; SELECT COUNT(*) FROM sqlite_schema")
        .map_err(failed)?;
    let made_at = (order.clock)();
    let schema = migrate::known_schema(&source)?;
    File::create(to).map_err(|error| cannot("create", to, &error))?;
    let mut target = Connection::open(to).map_err(failed)?;
    let copying = Backup::new(&source, &mut target).map_err(failed)?;
    while copying.step(STEP_PAGES).map_err(failed)? != StepResult::Done {
        let at = copying.progress();
        let all = i64::from(at.pagecount).max(1);
        progress(
            "copying",
            ((all - i64::from(at.remaining)) * 100 / all).unsigned_abs(),
        );
    }
    drop(copying);
    // A file of its own, without a log beside it.
    target
        .pragma_update(None, "journal_mode", "delete")
        .map_err(failed)?;
    drop(target);
    let synced = File::open(to).and_then(|file| file.sync_all());
    synced.map_err(|error| cannot("sync", to, &error))?;
    Ok((made_at, schema))
}

/// Deletes the oldest backups, and media that none of the others names.
fn prune(folder: &Path, keep: usize) -> StoreResult<Vec<PathBuf>> {
    let mut all = list(folder)?;
    let gone = all.len().saturating_sub(keep.max(1));
    let deleted: Vec<PathBuf> = all.drain(..gone).map(|(path, _)| path).collect();
    for path in &deleted {
        fs::remove_dir_all(path).map_err(|error| cannot("delete", path, &error))?;
    }
    if !deleted.is_empty() {
        media::prune(
            &folder.join(MEDIA),
            all.iter().map(|(_, manifest)| manifest),
        )?;
    }
    Ok(deleted)
}
