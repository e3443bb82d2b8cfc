//! Reads what was committed to a write-ahead log since the last look. The log is only appended to
//! until a checkpoint is complete; what is torn or not committed yet is left for the next look.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// The header's magic number; the lowest bit says that sums are over big-endian words.
const MAGIC: u32 = 0x377f_0682;

/// Where the last look ended.
#[derive(Debug)]
pub(super) struct LogReader {
    path: PathBuf,
    round: Option<Round>,
}

#[derive(Clone, Copy, Debug)]
struct Round {
    salt: [u8; 8],
    page_bytes: usize,
    big_endian: bool,
    offset: u64,
    sums: (u32, u32),
}

/// What one look found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// The log was begun anew more than once since the last look: commits were missed.
    pub(super) gap: bool,
    /// Pages that the database has after the last commit; `None` = there was none.
    pub(super) size_pages: Option<u32>,
}

impl LogReader {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, round: None }
    }

    /// Frames of this round that were read.
    pub(super) fn frames(&self) -> u64 {
        self.round.map_or(0, |round| {
            let frame = (FRAME_HEADER_BYTES + round.page_bytes) as u64;
            (round.offset - HEADER_BYTES as u64) / frame
        })
    }

    /// Gives each page of each commit, in order.
    pub(super) fn read(&mut self, take: &mut dyn FnMut(u32, Vec<u8>)) -> io::Result<Seen> {
        let mut seen = Seen::default();
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(seen),
            Err(error) => return Err(error),
        };
        let mut header = [0; HEADER_BYTES];
        if !fill(&mut file, &mut header)? {
            return Ok(seen);
        }
        let Some(found) = Round::of(&header) else {
            return Ok(seen);
        };
        let mut round = match self.round {
            Some(known) if known.salt == found.salt => known,
            Some(known) => {
                seen.gap = found.number() != known.number().wrapping_add(1);
                found
            }
            None => found,
        };
        file.seek(SeekFrom::Start(round.offset))?;
        seen.size_pages = round.read(&mut BufReader::new(file), take)?;
        self.round = Some(round);
        Ok(seen)
    }
}

impl Round {
    fn of(header: &[u8; HEADER_BYTES]) -> Option<Self> {
        let magic = word(header, 0);
        if magic & !1 != MAGIC {
            return None;
        }
        let big_endian = magic & 1 == 1;
        let sums = (word(header, 24), word(header, 28));
        if sums != sum((0, 0), &header[..24], big_endian) {
            return None;
        }
        Some(Self {
            salt: header[16..24].try_into().ok()?,
            page_bytes: word(header, 8) as usize,
            big_endian,
            offset: HEADER_BYTES as u64,
            sums,
        })
    }

    /// Counts up each time the log is begun anew.
    fn number(&self) -> u32 {
        word(&self.salt, 0)
    }

    fn read(
        &mut self,
        log: &mut impl Read,
        take: &mut dyn FnMut(u32, Vec<u8>),
    ) -> io::Result<Option<u32>> {
        let mut next = *self;
        let (mut pages, mut size_pages) = (Vec::new(), None);
        let mut header = [0; FRAME_HEADER_BYTES];
        while fill(log, &mut header)? {
            let mut page = vec![0; self.page_bytes];
            if header[8..16] != self.salt || !fill(log, &mut page)? {
                break;
            }
            next.sums = sum(next.sums, &header[..8], self.big_endian);
            next.sums = sum(next.sums, &page, self.big_endian);
            if next.sums != (word(&header, 16), word(&header, 20)) {
                break;
            }
            next.offset += (FRAME_HEADER_BYTES + page.len()) as u64;
            pages.push((word(&header, 0), page));
            let size = word(&header, 4);
            if size != 0 {
                pages
                    .drain(..)
                    .for_each(|(number, page)| take(number, page));
                size_pages = Some(size);
                *self = next;
            }
        }
        Ok(size_pages)
    }
}

/// False when there is not so much.
fn fill(from: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|it| it.try_into().ok());
    u32::from_be_bytes(four.unwrap_or_default())
}

/// The sums of the log's format, over pairs of words.
fn sum((mut first, mut second): (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    let read = |four: &[u8]| {
        let four = four.try_into().unwrap_or_default();
        match big_endian {
            true => u32::from_be_bytes(four),
            false => u32::from_le_bytes(four),
        }
    };
    for pair in bytes.chunks_exact(8) {
        first = first.wrapping_add(read(&pair[..4])).wrapping_add(second);
        second = second.wrapping_add(read(&pair[4..])).wrapping_add(first);
    }
    (first, second)
}
