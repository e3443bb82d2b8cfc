//! One increment: the pages that changed since the one before, in a file with a sum over all of it.

use super::copies::Pages;
use crate::sqlite::upkeep::backup::{cannot, sync_folder};
use aws_lc_rs::digest::{SHA256, digest};
use holdline_core::Timestamp;
use holdline_engine::ports::StoreError;
use holdline_engine::ports::store::StoreResult;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"HLPAGES1";
const HEADER_BYTES: usize = 48;
const SUM_BYTES: usize = 32;
const END: &str = "pages";

/// Which increments belong to a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPlace {
    pub chain: i64,
    /// The first to be applied, and the last of those without which pages of two instants would
    /// be mixed.
    pub first: u64,
    pub least: u64,
}

/// Of one increment, as its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Key {
    pub(in super::super) chain: i64,
    pub(in super::super) number: u64,
    /// The state that it leads to.
    pub(in super::super) at: Timestamp,
}

impl Key {
    fn name(&self) -> String {
        format!("{}-{:010}-{}.{END}", self.chain, self.number, self.at.0)
    }

    fn of(name: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(END)?.strip_suffix('.')?.split('-');
        let key = Self {
            chain: parts.next()?.parse().ok()?,
            number: parts.next()?.parse().ok()?,
            at: Timestamp(parts.next()?.parse().ok()?),
        };
        parts.next().is_none().then_some(key)
    }
}

/// Writes one, synced before it gets its name.
pub(super) fn write(folder: &Path, key: Key, pages: &Pages) -> StoreResult<()> {
    let path = folder.join(key.name());
    let part = path.with_extension("part");
    let bytes = encode(key, pages);
    let written = || -> io::Result<()> {
        let mut file = File::create(&part)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&part, &path)
    };
    written().map_err(|error| {
        let _ = fs::remove_file(&part);
        cannot("write", &path, &error)
    })?;
    sync_folder(folder)
}

fn encode(key: Key, pages: &Pages) -> Vec<u8> {
    let page_bytes = pages.pages.values().next().map_or(0, Vec::len);
    let mut bytes =
        Vec::with_capacity(HEADER_BYTES + pages.pages.len() * (page_bytes + 4) + SUM_BYTES);
    bytes.extend(MAGIC);
    bytes.extend(key.chain.to_be_bytes());
    bytes.extend(key.number.to_be_bytes());
    bytes.extend(key.at.0.to_be_bytes());
    bytes.extend((page_bytes as u64).to_be_bytes());
    bytes.extend(u64::from(pages.size_pages).to_be_bytes());
    for (number, page) in &pages.pages {
        bytes.extend(number.to_be_bytes());
        bytes.extend(page);
    }
    let sum = digest(&SHA256, &bytes);
    bytes.extend(sum.as_ref());
    bytes
}

/// All of a folder, by chain and number.
pub(in super::super) fn list(folder: &Path) -> StoreResult<Vec<(Key, PathBuf)>> {
    let failed = |error: io::Error| cannot("read", folder, &error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        found.extend(Key::of(&name).map(|key| (key, path.clone())));
    }
    found.sort();
    Ok(found)
}

/// Writes its pages over those of a database file.
pub(in super::super) fn apply(key: Key, path: &Path, database: &Path) -> StoreResult<()> {
    let bytes = fs::read(path).map_err(|error| cannot("read", path, &error))?;
    let damaged = || {
        let why = format!("the increment {} is damaged", path.display());
        StoreError::Corrupt(format!("{why}; restore to an instant before it with --at"))
    };
    let body = bytes.len().checked_sub(SUM_BYTES).ok_or_else(damaged)?;
    let (body, sum) = bytes.split_at(body);
    if digest(&SHA256, body).as_ref() != sum || body.len() < HEADER_BYTES {
        return Err(damaged());
    }
    let number = |at: usize| u64::from_be_bytes(body[at..at + 8].try_into().unwrap_or_default());
    let of_name = (key.chain as u64, key.number) == (number(8), number(16));
    if &body[..8] != MAGIC || !of_name {
        return Err(damaged());
    }
    let pages = Written {
        page_bytes: number(32),
        size_pages: number(40),
        pages: &body[HEADER_BYTES..],
    };
    pages
        .apply(database)
        .map_err(|error| cannot("write", database, &error))
}

struct Written<'a> {
    page_bytes: u64,
    size_pages: u64,
    pages: &'a [u8],
}

impl Written<'_> {
    fn apply(&self, database: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(database)?;
        let page_bytes = usize::try_from(self.page_bytes).map_err(io::Error::other)?;
        for one in self.pages.chunks_exact(page_bytes + 4) {
            let (number, page) = one.split_at(4);
            let number = u32::from_be_bytes(number.try_into().unwrap_or_default());
            let at = u64::from(number.saturating_sub(1)) * self.page_bytes;
            file.seek(SeekFrom::Start(at))?;
            file.write_all(page)?;
        }
        file.set_len(self.size_pages * self.page_bytes)?;
        file.sync_all()
    }
}
