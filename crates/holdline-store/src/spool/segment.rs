//! One file of the spool: records in order, the first named by the file. Judges what it finds;
//! changes nothing but by appending and by cutting its end.

use super::record::{HEAD_BYTES, read, write};
use bytes::Bytes;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// What each file begins with: what it is, and in which form.
const MAGIC: &[u8; 8] = b"HLSPOOL1";
const ENDING: &str = "spool";

#[derive(Debug)]
pub(super) struct Segment {
    /// The place of its first record.
    pub(super) first: u64,
    path: PathBuf,
    /// Where each record begins.
    offsets: Vec<u64>,
    pub(super) bytes: u64,
}

/// What was found in a file.
pub(super) struct Found {
    pub(super) segment: Segment,
    /// Bytes behind the last whole record.
    pub(super) torn: u64,
}

impl Segment {
    /// A new file, with nothing in it.
    pub(super) fn new(folder: &Path, first: u64) -> Self {
        Self {
            first,
            path: folder.join(format!("{first:016x}.{ENDING}")),
            offsets: Vec::new(),
            bytes: 0,
        }
    }

    /// The place that a file's name says; `None` for other files.
    pub(super) fn place_of(path: &Path) -> Option<u64> {
        let ending = path.extension()?.to_str()?;
        let stem = path.file_stem()?.to_str()?;
        let is_ours = ending == ENDING && stem.len() == 16;
        is_ours.then(|| u64::from_str_radix(stem, 16).ok())?
    }

    /// Reads the file up to the end of its last whole record.
    pub(super) fn open(path: &Path, first: u64) -> io::Result<Found> {
        let content = std::fs::read(path)?;
        let mut segment = Self {
            first,
            path: path.to_owned(),
            offsets: Vec::new(),
            bytes: 0,
        };
        let mut end = 0;
        if content.starts_with(MAGIC) {
            end = MAGIC.len();
            while let Some(record) = read(&content[end..], segment.next()) {
                segment.offsets.push(end as u64);
                end += HEAD_BYTES + record.len();
            }
        }
        segment.bytes = end as u64;
        let torn = (content.len() - end) as u64;
        Ok(Found { segment, torn })
    }

    /// The place behind its last record.
    pub(super) fn next(&self) -> u64 {
        self.first + self.offsets.len() as u64
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// The file to append to.
    pub(super) fn tail(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.append(true).create(true).open(&self.path)
    }

    /// Writes records behind the others, without a sync.
    pub(super) fn append(&mut self, tail: &mut File, records: &[&Bytes]) -> io::Result<()> {
        let mut out = Vec::new();
        if self.bytes == 0 {
            out.extend_from_slice(MAGIC);
        }
        let mut offsets = Vec::with_capacity(records.len());
        for (place, record) in (self.next()..).zip(records) {
            offsets.push(self.bytes + out.len() as u64);
            write(&mut out, place, record);
        }
        tail.write_all(&out)?;
        self.bytes += out.len() as u64;
        self.offsets.append(&mut offsets);
        Ok(())
    }

    /// What this record takes in the file.
    pub(super) fn cost(&self, record: &Bytes) -> u64 {
        let head = if self.bytes == 0 { MAGIC.len() } else { 0 };
        (head + HEAD_BYTES + record.len()) as u64
    }

    /// Takes it back to what it was when it had so many bytes.
    pub(super) fn cut(&mut self, bytes: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(&self.path)?;
        file.set_len(bytes)?;
        file.sync_all()?;
        self.bytes = bytes;
        self.offsets.retain(|offset| *offset < bytes);
        Ok(())
    }

    /// Records from this place on, while `room` says that there is some.
    pub(super) fn read(
        &self,
        from: u64,
        mut room: impl FnMut(usize) -> bool,
    ) -> io::Result<Vec<(u64, Bytes)>> {
        let mut found = Vec::new();
        let skip = usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let Some(begin) = self.offsets.get(skip) else {
            return Ok(found);
        };
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(*begin))?;
        for (ix, offset) in self.offsets.iter().enumerate().skip(skip) {
            let end = self.offsets.get(ix + 1).unwrap_or(&self.bytes);
            let length = usize::try_from(end - offset).unwrap_or(usize::MAX);
            if !room(length) {
                break;
            }
            let mut bytes = vec![0; length];
            file.read_exact(&mut bytes)?;
            let place = self.first + ix as u64;
            let record = read(&bytes, place).ok_or_else(|| damaged(&self.path, place))?;
            found.push((place, Bytes::copy_from_slice(record)));
        }
        Ok(found)
    }

    pub(super) fn delete(&self) -> io::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

fn damaged(path: &Path, place: u64) -> io::Error {
    let why = format!(
        "record {place} of {} is damaged; a restart sets it aside and goes on behind it",
        path.display()
    );
    io::Error::new(io::ErrorKind::InvalidData, why)
}
