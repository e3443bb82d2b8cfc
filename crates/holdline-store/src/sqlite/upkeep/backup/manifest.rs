//! What a backup says of itself: its files with their sizes and SHA-256, and how many rows it has.
//! Reads and writes that one file, and hashes others; decides nothing.

use super::{LogPlace, cannot};
use aws_lc_rs::digest::{Context, SHA256};
use holdline_core::Timestamp;
use holdline_engine::ports::StoreError;
use holdline_engine::ports::store::StoreResult;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

pub(super) const MANIFEST: &str = "manifest.json";
/// The form of backups that this program writes and reads.
const FORMAT: u32 = 1;
const PIECE_BYTES: usize = 1024 * 1024;
/// Longest manifest: some five million files of media.
const MANIFEST_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// The table of contents of one backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// The state of the database that it holds, in milliseconds since 1970.
    pub made_at_ms: i64,
    pub schema: u32,
    pub database: FileSum,
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
    /// Files beside the database, in the folder `media` that all backups share.
    pub media: Vec<FileSum>,
    /// Increments that lead on from here.
    pub log: Option<LogPlace>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSum {
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
}

impl Manifest {
    pub(super) fn new(made_at: Timestamp, schema: u32, database: FileSum) -> Self {
        Self {
            format: FORMAT,
            made_at_ms: made_at.0,
            schema,
            database,
            rows: BTreeMap::new(),
            media: Vec::new(),
            log: None,
        }
    }

    #[must_use]
    pub fn made_at(&self) -> Timestamp {
        Timestamp(self.made_at_ms)
    }

    pub(super) fn write(&self, folder: &Path) -> StoreResult<()> {
        let path = folder.join(MANIFEST);
        let failed = |error: io::Error| cannot("write", &path, &error);
        let text = serde_json::to_vec_pretty(self).map_err(io::Error::other);
        let mut file = File::create(&path).map_err(failed)?;
        let text = text.map_err(failed)?;
        file.write_all(&text).map_err(failed)?;
        file.sync_all().map_err(failed)
    }

    pub(super) fn read(folder: &Path) -> StoreResult<Self> {
        let path = folder.join(MANIFEST);
        let failed = |error: io::Error| cannot("read", &path, &error);
        let mut text = Vec::new();
        let file = File::open(&path).map_err(failed)?;
        file.take(MANIFEST_BYTES_MAX)
            .read_to_end(&mut text)
            .map_err(failed)?;
        let unreadable = |why: String| {
            StoreError::Corrupt(format!("{}: {why}; take another backup", path.display()))
        };
        let manifest: Self =
            serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
        match manifest.format {
            FORMAT => Ok(manifest),
            other => Err(unreadable(format!("is of form {other}, not {FORMAT}"))),
        }
    }
}

impl FileSum {
    /// Of a file as it is now.
    pub(super) fn of(path: &Path, name: &str) -> StoreResult<Self> {
        let failed = |error: io::Error| cannot("read", path, &error);
        let mut file = File::open(path).map_err(failed)?;
        let (bytes, sha256) = copy_hashed(&mut file, &mut io::sink()).map_err(failed)?;
        Ok(Self {
            name: name.to_owned(),
            bytes,
            sha256,
        })
    }

    /// That the file is the one that was summed.
    pub(super) fn verify(&self, path: &Path) -> StoreResult<()> {
        let found = Self::of(path, &self.name)?;
        if found == *self {
            return Ok(());
        }
        Err(StoreError::Corrupt(format!(
            "{} is not what its manifest says (SHA-256 {} instead of {}); take another backup",
            path.display(),
            found.sha256,
            self.sha256
        )))
    }
}

/// Copies to the end; gives how many bytes, and their SHA-256 in hexadecimal.
pub(super) fn copy_hashed(from: &mut impl Read, to: &mut impl Write) -> io::Result<(u64, String)> {
    let mut hash = Context::new(&SHA256);
    let mut piece = vec![0; PIECE_BYTES];
    let mut bytes = 0;
    loop {
        let read = from.read(&mut piece)?;
        if read == 0 {
            let sum = hash.finish();
            let text = sum.as_ref().iter().map(|byte| format!("{byte:02x}"));
            return Ok((bytes, text.collect()));
        }
        hash.update(&piece[..read]);
        to.write_all(&piece[..read])?;
        bytes += read as u64;
    }
}

/// Copies a file under a passing name, syncs it, and gives it its own.
pub(super) fn copy_file(from: &Path, to: &Path) -> StoreResult<(u64, String)> {
    let part = to.with_extension("part");
    let copied = || -> io::Result<(u64, String)> {
        let mut target = File::create(&part)?;
        let summed = copy_hashed(&mut File::open(from)?, &mut target)?;
        target.sync_all()?;
        fs::rename(&part, to)?;
        Ok(summed)
    };
    copied().map_err(|error| {
        let _ = fs::remove_file(&part);
        cannot("copy to", to, &error)
    })
}
