//! The files of a spool and the front up to which they are drained. Everything here is done by one
//! thread. A new file's name, and a new front, are synced before anybody relies on them.

use super::record::sum;
use super::segment::{Found, Segment};
use bytes::Bytes;
use holdline_core::Redacted;
use holdline_engine::ports::spool::{SpoolError, SpoolSize, Spooled};
use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// A file that has so much takes no more records: whole files are what is given back.
const SEGMENT_BYTES: u64 = 4 * 1024 * 1024;
/// What one read gives, about.
const READ_BYTES: usize = 1024 * 1024;
/// Holds the front: its place and a checksum.
const FRONT: &str = "front";
/// Held while the spool is in use.
const LOCK: &str = "lock";
/// The end of the name of a record set aside.
const ASIDE: &str = "aside";
/// The end of the name of a copy of a damaged file.
const DAMAGED: &str = "damaged";

#[derive(Debug)]
pub(super) struct Segments {
    folder: PathBuf,
    bytes_max: u64,
    /// The oldest first; the last takes what comes.
    list: VecDeque<Segment>,
    tail: Option<File>,
    /// Of the next record.
    next: u64,
    /// Drained up to and with this place.
    front: u64,
    aside: u64,
    /// An append failed and could not be taken back: to be cut to so many bytes of the last file.
    torn_at: Option<u64>,
    _lock: File,
}

impl Segments {
    pub(super) fn open(folder: &Path, bytes_max: u64) -> Result<Self, SpoolError> {
        make_folder(folder).map_err(|error| at(folder, &error))?;
        let lock = lock(folder)?;
        let files = files(folder).map_err(|error| at(folder, &error))?;
        let mut segments = Self {
            folder: folder.to_owned(),
            bytes_max,
            list: VecDeque::new(),
            tail: None,
            next: 1,
            front: read_front(folder),
            aside: files.aside,
            torn_at: None,
            _lock: lock,
        };
        let last = files.segments.last().map(|(first, _)| *first);
        for (first, path) in files.segments {
            let found = Segment::open(&path, first).map_err(|error| at(&path, &error))?;
            segments.take(found, Some(first) == last)?;
        }
        segments.next = segments.next.max(segments.front + 1);
        segments.forget().map_err(|error| at(folder, &error))?;
        Ok(segments)
    }

    /// Takes up a file; what is behind its last whole record is cut off. In the last file that is
    /// what a crash left; in others, which were synced whole, the disk has lost something.
    fn take(&mut self, found: Found, is_last: bool) -> Result<(), SpoolError> {
        let Found { mut segment, torn } = found;
        let path = segment.path().to_owned();
        if torn > 0 {
            if is_last {
                tracing::warn!(file = %path.display(), bytes = torn,
                    "the end of the spool was cut off: it was never acknowledged");
            } else {
                let copy = path.with_extension(DAMAGED);
                fs::copy(&path, &copy).map_err(|error| at(&path, &error))?;
                tracing::error!(file = %copy.display(), bytes = torn,
                    "a file of the spool is damaged: what is behind that is only in this copy");
            }
            let whole = segment.bytes;
            segment.cut(whole).map_err(|error| at(&path, &error))?;
        }
        self.next = self.next.max(segment.next());
        if segment.is_empty() {
            return segment.delete().map_err(|error| at(&path, &error));
        }
        self.list.push_back(segment);
        Ok(())
    }

    pub(super) fn size(&self) -> SpoolSize {
        let waiting = self.list.iter().map(|it| {
            let from = it.first.max(self.front + 1);
            it.next().saturating_sub(from)
        });
        SpoolSize {
            records: waiting.sum(),
            bytes: self.bytes(),
            bytes_max: self.bytes_max,
            aside: self.aside,
        }
    }

    fn bytes(&self) -> u64 {
        self.list.iter().map(|it| it.bytes).sum()
    }

    /// Appends what there is room for, with one sync, and says of each record what became of it.
    pub(super) fn append(&mut self, records: &[Bytes]) -> Vec<Result<u64, SpoolError>> {
        if let Err(error) = self.mend() {
            let error = at(&self.folder, &error);
            return records.iter().map(|_| Err(error.clone())).collect();
        }
        let mut room = self.bytes_max.saturating_sub(self.bytes());
        let (mut taken, mut results) = (Vec::new(), Vec::new());
        for record in records {
            let cost = Segment::new(&self.folder, 0).cost(record);
            if cost <= room {
                room -= cost;
                results.push(Ok(self.next + taken.len() as u64));
                taken.push(record);
            } else {
                results.push(Err(full(self.bytes_max)));
            }
        }
        if let Err(error) = self.write(&taken) {
            let error = at(&self.folder, &error);
            return results
                .into_iter()
                .map(|result| result.and(Err(error.clone())))
                .collect();
        }
        self.next += taken.len() as u64;
        results
    }

    fn write(&mut self, records: &[&Bytes]) -> io::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let last_is_whole = |last: &Segment| last.bytes >= SEGMENT_BYTES;
        if self.list.back().is_none_or(last_is_whole) {
            self.list.push_back(Segment::new(&self.folder, self.next));
            self.tail = None;
        }
        let Some(last) = self.list.back_mut() else {
            return Ok(());
        };
        let before = last.bytes;
        let mut tail = match self.tail.take() {
            Some(tail) => tail,
            None => last.tail()?,
        };
        let written = last.append(&mut tail, records).and_then(|()| {
            tail.sync_data()?;
            match before {
                0 => sync_folder(&self.folder),
                1.. => Ok(()),
            }
        });
        match written {
            Ok(()) => self.tail = Some(tail),
            Err(_) => self.torn_at = Some(before),
        }
        written.inspect_err(|_| drop(self.mend()))
    }

    /// Takes back what an append that failed may have left.
    fn mend(&mut self) -> io::Result<()> {
        let Some(before) = self.torn_at else {
            return Ok(());
        };
        self.tail = None;
        if let Some(last) = self.list.back_mut() {
            if before == 0 {
                last.delete()?;
                self.list.pop_back();
            } else {
                last.cut(before)?;
            }
        }
        self.torn_at = None;
        Ok(())
    }

    pub(super) fn read(
        &self,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Spooled>, SpoolError> {
        let from = after.unwrap_or(self.front).max(self.front) + 1;
        let (mut left, mut bytes) = (limit, READ_BYTES);
        let mut all = Vec::new();
        for segment in self.list.iter().filter(|it| it.next() > from) {
            let room = |length: usize| {
                let fits = left > 0 && bytes > 0;
                left = left.saturating_sub(1);
                bytes = bytes.saturating_sub(length);
                fits
            };
            let found = segment
                .read(from, room)
                .map_err(|error| at(segment.path(), &error))?;
            all.extend(found.into_iter().map(|(place, record)| Spooled {
                place,
                record: Redacted::new(record),
            }));
            if left == 0 || bytes == 0 {
                break;
            }
        }
        Ok(all)
    }

    pub(super) fn drained(&mut self, through: u64) -> Result<(), SpoolError> {
        let through = through.min(self.next - 1);
        if through <= self.front {
            return Ok(());
        }
        let done = write_front(&self.folder, through).and_then(|()| {
            self.front = through;
            self.forget()
        });
        done.map_err(|error| at(&self.folder, &error))
    }

    /// Deletes files in which nothing waits.
    fn forget(&mut self) -> io::Result<()> {
        while let Some(oldest) = self.list.front()
            && oldest.next() <= self.front + 1
            && self.torn_at.is_none()
        {
            oldest.delete()?;
            self.list.pop_front();
            if self.list.is_empty() {
                self.tail = None;
            }
        }
        Ok(())
    }

    pub(super) fn set_aside(&mut self, record: &Spooled) -> Result<(), SpoolError> {
        let path = self.folder.join(format!("{:016x}.{ASIDE}", record.place));
        let is_new = !path.exists();
        write_whole(&path, record.record.expose())
            .and_then(|()| sync_folder(&self.folder))
            .map_err(|error| at(&path, &error))?;
        self.aside += u64::from(is_new);
        Ok(())
    }
}

struct Files {
    segments: Vec<(u64, PathBuf)>,
    aside: u64,
}

fn files(folder: &Path) -> io::Result<Files> {
    let mut files = Files {
        segments: Vec::new(),
        aside: 0,
    };
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if let Some(first) = Segment::place_of(&path) {
            files.segments.push((first, path));
        } else if path.extension().is_some_and(|it| it == ASIDE) {
            files.aside += 1;
        }
    }
    files.segments.sort_unstable();
    Ok(files)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)?;
    // Where a folder above cannot be opened it was there before.
    let above = folder.ancestors().skip(1).filter(|it| it.is_dir());
    above.for_each(|it| drop(sync_folder(it)));
    Ok(())
}

fn lock(folder: &Path) -> Result<File, SpoolError> {
    let path = folder.join(LOCK);
    let file = write_options(false).open(&path);
    let file = file.map_err(|error| at(&path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(SpoolError::Io(format!(
            "{} is used by another process: give each node a storage.spool_dir of its own",
            folder.display()
        ))),
        Err(fs::TryLockError::Error(error)) => Err(at(&path, &error)),
    }
}

/// Without a front that can be read everything that is there waits: draining twice does no harm.
fn read_front(folder: &Path) -> u64 {
    let content = fs::read(folder.join(FRONT)).unwrap_or_default();
    let read = || {
        let (place, rest) = content.split_first_chunk::<8>()?;
        let place = u64::from_le_bytes(*place);
        (rest == sum(place, FRONT.as_bytes())).then_some(place)
    };
    read().unwrap_or(0)
}

fn write_front(folder: &Path, place: u64) -> io::Result<()> {
    let mut content = place.to_le_bytes().to_vec();
    content.extend_from_slice(&sum(place, FRONT.as_bytes()));
    let part = folder.join("front.part");
    write_whole(&part, &content)?;
    fs::rename(&part, folder.join(FRONT))?;
    sync_folder(folder)
}

fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = write_options(true).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn write_options(truncate: bool) -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create(true).truncate(truncate);
    options
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn full(bytes_max: u64) -> SpoolError {
    SpoolError::Full(format!("it holds the {bytes_max} bytes that it may"))
}

fn at(path: &Path, error: &io::Error) -> SpoolError {
    let words = format!("{}: {error}", path.display());
    let no_room = [
        ErrorKind::StorageFull,
        ErrorKind::QuotaExceeded,
        ErrorKind::ReadOnlyFilesystem,
    ];
    if no_room.contains(&error.kind()) {
        SpoolError::Full(words)
    } else {
        SpoolError::Io(words)
    }
}
