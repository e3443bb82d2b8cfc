//! Puts a backup in the place of a database that no server uses. What stood there is set aside,
//! never deleted, and only when the copy is verified.

use super::manifest::{Manifest, copy_file};
use super::{
    DATABASE, MEDIA, Progress, cannot, list, log, make_folder, media, sync_folder, verify,
};
use crate::sqlite::connection;
use holdline_core::Timestamp;
use holdline_engine::ports::StoreError;
use holdline_engine::ports::store::StoreResult;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// Which backup, and where it goes.
#[derive(Clone, Debug)]
pub struct RestoreOrder {
    /// A folder of backups.
    pub from: PathBuf,
    /// The state of this instant, as near before it as there is one; `None` = the newest.
    pub at: Option<Timestamp>,
    pub database: PathBuf,
    pub media_dir: PathBuf,
    /// A database that stands there is set aside; otherwise it is a reason to refuse.
    pub replace: bool,
    pub now: Timestamp,
}

/// What was put in place.
#[derive(Clone, Debug)]
pub struct Restored {
    pub backup: PathBuf,
    /// The instant whose state is there now.
    pub at: Timestamp,
    pub rows: Vec<(&'static str, u64)>,
    /// Files of media that came back, and those the backup does not have.
    pub media: u64,
    pub media_missing: Vec<String>,
    /// Where the database went that stood there.
    pub aside: Option<PathBuf>,
}

/// Verifies the backup, copies it, verifies the copy, and changes the names.
pub fn restore(order: &RestoreOrder, progress: &mut Progress<'_>) -> StoreResult<Restored> {
    let _lock = connection::lock(&order.database)?;
    if order.database.exists() && !order.replace {
        return Err(StoreError::Unavailable(format!(
            "there is a database at {}; give --replace to set it aside",
            order.database.display()
        )));
    }
    let (backup, manifest) = choose(order)?;
    progress("verifying the backup", 0);
    manifest.database.verify(&backup.join(DATABASE))?;
    let fresh = beside(&order.database, ".restoring");
    copy_file(&backup.join(DATABASE), &fresh)?;
    let at = apply_increments(order, &manifest, &fresh, progress)?;
    let rows = verify(&fresh, progress)?;
    if at.is_none() {
        compare(&manifest, &rows)?;
    }
    progress("media", 60);
    make_folder(&order.media_dir)?;
    let media = media::bring_back(&fresh, &order.from.join(MEDIA), &order.media_dir)?;
    let aside = set_aside(order)?;
    fs::rename(&fresh, &order.database).map_err(|error| cannot("name", &order.database, &error))?;
    sync_folder(folder_of(&order.database))?;
    progress("done", 100);
    Ok(Restored {
        backup,
        at: at.unwrap_or(manifest.made_at()),
        rows,
        media: media.files,
        media_missing: media.missing,
        aside,
    })
}

/// The newest one that is not later than asked.
fn choose(order: &RestoreOrder) -> StoreResult<(PathBuf, Manifest)> {
    let at = order.at.unwrap_or(Timestamp::MAX);
    let all = list(&order.from)?;
    let found = all
        .into_iter()
        .rfind(|(_, manifest)| manifest.made_at() <= at);
    found.ok_or_else(|| {
        let from = order.from.display();
        StoreError::Unavailable(match order.at {
            Some(_) => format!("{from} has no backup that is as old as asked"),
            None => format!("{from} holds no backup"),
        })
    })
}

/// Gives the instant that the last increment leads to; `None` = there was none to apply.
fn apply_increments(
    order: &RestoreOrder,
    manifest: &Manifest,
    database: &Path,
    progress: &mut Progress<'_>,
) -> StoreResult<Option<Timestamp>> {
    let Some(place) = manifest.log else {
        return Ok(None);
    };
    let at = order.at.unwrap_or(Timestamp::MAX);
    let found = log::increments_to(&order.from, place, at)?;
    let count = found.len().max(1) as u64;
    let mut reached = None;
    for (done, (key, path)) in (0_u64..).zip(found) {
        progress("increments", done * 60 / count);
        log::increment::apply(key, &path, database)?;
        reached = Some(key.at);
    }
    Ok(reached)
}

fn compare(manifest: &Manifest, rows: &[(&'static str, u64)]) -> StoreResult<()> {
    let differs = |(table, count): &&(&str, u64)| manifest.rows.get(*table) != Some(count);
    match rows.iter().find(differs) {
        None => Ok(()),
        Some((table, count)) => Err(StoreError::Corrupt(format!(
            "the copy has {count} rows of {table}, its manifest says {:?}",
            manifest.rows.get(*table)
        ))),
    }
}

/// The database with its log, under another name; both are needed to read it again.
fn set_aside(order: &RestoreOrder) -> StoreResult<Option<PathBuf>> {
    if !order.database.exists() {
        return Ok(None);
    }
    let aside = beside(&order.database, &format!(".before-{}", order.now.0));
    for end in ["-wal", ""] {
        let (from, to) = (beside(&order.database, end), beside(&aside, end));
        if from.exists() {
            fs::rename(&from, &to).map_err(|error| cannot("set aside", &from, &error))?;
        }
    }
    let _ = fs::remove_file(beside(&order.database, "-shm"));
    Ok(Some(aside))
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

fn folder_of(path: &Path) -> &Path {
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}
