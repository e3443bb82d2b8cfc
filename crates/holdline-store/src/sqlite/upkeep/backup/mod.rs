//! Backups: a copy of the database as it was at one instant, the media it names, and a manifest.
//! Made while a server works on the file: a copy is one long read, which holds up no write, only
//! the moving of the log into the file.

mod base;
mod log;
mod manifest;
mod media;
mod restore;

pub use base::{BackupOrder, Made, backup};
pub use log::{Archive, LogCopies, LogPlace};
pub use manifest::{FileSum, Manifest};
pub use restore::{RestoreOrder, Restored, restore};

use crate::sqlite::connection;
use crate::sqlite::error::store_error;
use crate::sqlite::upkeep::rules;
use holdline_engine::ports::StoreError;
use holdline_engine::ports::store::StoreResult;
use rusqlite::Connection;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// The database inside a backup.
const DATABASE: &str = "holdline.db";
/// The folder of media, shared by all backups of a folder.
const MEDIA: &str = "media";
/// A backup that is not whole has a name that begins so.
const PARTIAL: &str = ".partial-";

/// What is heard while it goes on: what is done, and how far it is of 100.
pub type Progress<'a> = dyn FnMut(&'static str, u64) + 'a;

fn cannot(verb: &str, path: &Path, error: &io::Error) -> StoreError {
    connection::cannot(verb, path, error)
}

fn sync_folder(folder: &Path) -> StoreResult<()> {
    let synced = File::open(folder).and_then(|it| it.sync_all());
    synced.map_err(|error| cannot("sync", folder, &error))
}

fn make_folder(folder: &Path) -> StoreResult<()> {
    connection::make_folder(folder).map_err(|error| cannot("make", folder, &error))
}

/// The whole backups of a folder, the oldest first.
pub fn list(folder: &Path) -> StoreResult<Vec<(PathBuf, Manifest)>> {
    let failed = |error: io::Error| cannot("read", folder, &error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with(PARTIAL) && path.join(manifest::MANIFEST).is_file() {
            let manifest = Manifest::read(&path)?;
            found.push((path, manifest));
        }
    }
    found.sort_by_key(|(_, manifest)| manifest.made_at_ms);
    Ok(found)
}

/// Pages and indexes are sound; gives the rows by table.
fn verify(database: &Path, progress: &mut Progress<'_>) -> StoreResult<Vec<(&'static str, u64)>> {
    progress("verifying", 0);
    let failed = |error: rusqlite::Error| store_error(&error);
    let c = Connection::open(database).map_err(failed)?;
    if let Some(damage) = rules::damage(&c).map_err(failed)? {
        let said = damage.samples.join("; ");
        let why = format!("the copy {} is damaged: {said}", database.display());
        return Err(StoreError::Corrupt(why));
    }
    super::check::rows(&c).map_err(failed)
}
