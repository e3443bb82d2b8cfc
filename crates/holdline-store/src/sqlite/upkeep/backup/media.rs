//! The files beside the database: each is copied once for all backups of a folder, and verified by
//! the SHA-256 that the database has of it.

use super::manifest::{FileSum, Manifest, copy_file};
use super::{BackupOrder, MEDIA, Progress, cannot, sync_folder};
use crate::sqlite::connection;
use crate::sqlite::error::store_error;
use holdline_engine::ports::StoreError;
use holdline_engine::ports::store::StoreResult;
use rusqlite::{Connection, OptionalExtension as _};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

pub(super) struct Kept {
    pub(super) files: Vec<FileSum>,
    pub(super) missing: Vec<String>,
}

/// Copies what the database copy names. What the server has deleted since, with its row, is left
/// out; what is missing without that is told.
pub(super) fn keep(
    copy: &Path,
    order: &BackupOrder,
    progress: &mut Progress<'_>,
) -> StoreResult<Kept> {
    let failed = |error: rusqlite::Error| store_error(&error);
    let named = named_in(&Connection::open(copy).map_err(failed)?).map_err(failed)?;
    let live = connection::reader_of_existing(&order.database)?;
    let (all, mut files, mut missing) = (named.len().max(1), Vec::new(), Vec::new());
    for (place, wanted) in named.into_iter().enumerate() {
        progress("media", (place * 100 / all) as u64);
        let to = order.to.join(MEDIA).join(&wanted.name);
        if to.metadata().is_ok_and(|file| file.len() == wanted.bytes) {
            files.push(wanted);
            continue;
        }
        let from = order.media_dir.join(&wanted.name);
        if !from.is_file() {
            if is_named(&live, &wanted.name).map_err(failed)? {
                missing.push(wanted.name);
            }
            continue;
        }
        let (_, sha256) = copy_file(&from, &to)?;
        if sha256 != wanted.sha256 {
            let _ = fs::remove_file(&to);
            missing.push(wanted.name);
            continue;
        }
        files.push(wanted);
    }
    sync_folder(&order.to.join(MEDIA))?;
    Ok(Kept { files, missing })
}

/// Copies files that came since the last whole backup: increments name them.
pub(super) fn keep_new(from: &Path, to: &Path) -> StoreResult<()> {
    let failed = |error| cannot("read", from, &error);
    for entry in fs::read_dir(from).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(name) = path.file_name().filter(|_| path.extension().is_none()) else {
            continue;
        };
        if !to.join(name).exists() && path.is_file() {
            copy_file(&path, &to.join(name))?;
        }
    }
    sync_folder(to)
}

/// What came back, and what the backup does not have.
pub(super) struct BroughtBack {
    pub(super) files: u64,
    pub(super) missing: Vec<String>,
}

/// Brings back those that a restored database names and that are not there.
pub(super) fn bring_back(database: &Path, from: &Path, to: &Path) -> StoreResult<BroughtBack> {
    let failed = |error: rusqlite::Error| store_error(&error);
    let named = named_in(&Connection::open(database).map_err(failed)?).map_err(failed)?;
    let (mut files, mut missing) = (0, Vec::new());
    for file in named {
        let target = to.join(&file.name);
        if target.metadata().is_ok_and(|it| it.len() == file.bytes) {
            continue;
        }
        if !from.join(&file.name).is_file() {
            missing.push(file.name);
            continue;
        }
        let (_, sha256) = copy_file(&from.join(&file.name), &target)?;
        if sha256 != file.sha256 {
            let _ = fs::remove_file(&target);
            let why = format!("the media file {} in the backup is damaged", file.name);
            return Err(StoreError::Corrupt(why));
        }
        files += 1;
    }
    sync_folder(to)?;
    Ok(BroughtBack { files, missing })
}

/// Deletes files that no backup names and that are older than all of them.
pub(super) fn prune<'a>(
    folder: &Path,
    manifests: impl Iterator<Item = &'a Manifest> + Clone,
) -> StoreResult<()> {
    let oldest = manifests.clone().map(|it| it.made_at_ms).min();
    let oldest = Duration::from_millis(oldest.unwrap_or_default().unsigned_abs());
    let is_old = |path: &Path| {
        let changed = path.metadata().and_then(|file| file.modified());
        changed.is_ok_and(|at| at < SystemTime::UNIX_EPOCH + oldest)
    };
    let named: BTreeSet<&str> = manifests
        .flat_map(|manifest| manifest.media.iter().map(|file| file.name.as_str()))
        .collect();
    let failed = |error| cannot("clear", folder, &error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let is_named = named.contains(&*entry.file_name().to_string_lossy());
        if !is_named && is_old(&entry.path()) {
            fs::remove_file(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

fn named_in(c: &Connection) -> rusqlite::Result<Vec<FileSum>> {
    let mut rows =
        c.prepare("SELECT id, size, sha256 FROM media WHERE sha256 <> '' ORDER BY id")?;
    let rows = rows.query_map([], |row| {
        Ok(FileSum {
            name: row.get(0)?,
            bytes: row.get::<_, i64>(1)?.unsigned_abs(),
            sha256: row.get(2)?,
        })
    })?;
    rows.collect()
}

fn is_named(c: &Connection, id: &str) -> rusqlite::Result<bool> {
    let found = c.query_row("SELECT 1 FROM media WHERE id = ?1", [id], |_| Ok(()));
    Ok(found.optional()?.is_some())
}
