//! A crash between any two writes: the file and the log are kept at each sync of a real run, and
//! every disk that a crash could leave in between is put together from them, byte by byte: the log
//! cut at and inside each frame, frames that reached the disk out of order, its header torn, pages
//! of a checkpoint written in part and in any order, the log begun anew over the old one. Each is
//! opened by the real store, and must hold exactly one acknowledged state, never an earlier one.
//!
//! That SQLite syncs the log before it moves pages, the file before it begins the log anew, and the
//! new header before new frames is taken from its documentation. A virtual file system between
//! SQLite and the disk would see these syncs; it needs `unsafe`, which no crate here may use.

mod record;
pub(crate) mod work;

use record::{CHECKPOINT_PAGES, Content, Taken, content, look_at, record};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use work::Draws;

const PAGE: usize = 4_096;
const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const FRAME: usize = FRAME_HEADER + PAGE;
/// Disks tried for each commit with frames, and each checkpoint with pages, out of order.
const SHUFFLES: usize = 4;
const THREADS: usize = 4;

/// A disk that a crash could leave, and the state that must be found on it.
struct Image {
    what: String,
    file: Vec<u8>,
    log: Vec<u8>,
    state: usize,
}

#[tokio::test]
async fn a_crash_between_any_two_writes_loses_nothing_that_was_acknowledged() {
    let taken = record().await;
    let images = images(&taken);
    let kinds = |part: &str| images.iter().filter(|it| it.what.contains(part)).count();
    // Else the run is not the one that is meant.
    let held_back = taken.iter().map(|it| frames(&it.log)).max();
    assert!(
        held_back > Some(2 * CHECKPOINT_PAGES as usize),
        "{held_back:?}"
    );
    for (part, least) in [
        ("frame", 400),
        ("inside", 400),
        ("out of order", 100),
        ("begun anew", 30),
        ("checkpoint", 60),
    ] {
        assert!(kinds(part) >= least, "{} of {part}", kinds(part));
    }
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(image) = images.get(next.fetch_add(1, Ordering::Relaxed)) {
                    recover(image, &taken);
                }
            });
        }
    });
}

fn images(taken: &[Taken]) -> Vec<Image> {
    let mut draws = Draws(99);
    let mut images = first_log(&taken[0]);
    for (at, pair) in taken.windows(2).enumerate() {
        let (before, after) = (&pair[0], &pair[1]);
        images.extend(logs(at, before, after, &mut draws));
        images.extend(checkpoints(at, before, after, &mut draws));
    }
    images
}

/// The log of the very first commit, that of the schema: without it the store is empty, as after.
fn first_log(first: &Taken) -> Vec<Image> {
    let image = |cut: usize| Image {
        what: format!("schema, inside the log at {cut}"),
        file: first.file.clone(),
        log: first.log[..cut].to_vec(),
        state: 0,
    };
    let frames = (LOG_HEADER..=first.log.len()).step_by(FRAME);
    let inside = frames.clone().map(|cut| cut.saturating_sub(1_000));
    let header = [0, 1, 16, 24, 31];
    header
        .into_iter()
        .chain(frames)
        .chain(inside)
        .map(image)
        .collect()
}

/// What the log can be between two commits. The file is that before: it changes after the sync.
fn logs(at: usize, before: &Taken, after: &Taken, draws: &mut Draws) -> Vec<Image> {
    if after.log.is_empty() {
        return Vec::new();
    }
    let anew = before.log.get(..LOG_HEADER) != after.log.get(..LOG_HEADER);
    let from = if anew { 0 } else { frames(&before.log) };
    let to = frames(&after.log);
    let name = if anew { ", log begun anew" } else { "" };
    // Old bytes may happen to be those of the missing part.
    let whole = |log: &[u8]| log.get(..end_of(to)) == after.log.get(..end_of(to));
    let image = |what: String, log: Vec<u8>| Image {
        what: format!("commit {at}{name}, {what}"),
        file: before.file.clone(),
        state: at + usize::from(whole(&log)),
        log,
    };
    let mut images = Vec::new();
    for cut in (1..LOG_HEADER).filter(|_| anew) {
        let log = overlaid(&before.log, &after.log, 0..cut);
        images.push(image(format!("header torn at {cut}"), log));
    }
    let start = if anew { 0 } else { end_of(from) };
    for frame in from..to {
        let log = overlaid(&before.log, &after.log, start..end_of(frame));
        images.push(image(format!("frame {frame} not begun"), log));
        let inside = end_of(frame) + 1 + draws.below(FRAME as u32 - 1) as usize;
        let log = overlaid(&before.log, &after.log, start..inside);
        images.push(image(format!("inside frame {frame} at {inside}"), log));
    }
    for _ in 0..SHUFFLES {
        let missing = from + draws.below((to - from) as u32) as usize;
        let mut log = overlaid(&before.log, &after.log, start..end_of(from));
        for frame in (from..to).filter(|frame| *frame != missing && draws.below(3) > 0) {
            log = overlaid(&log, &after.log, end_of(frame)..end_of(frame + 1));
        }
        images.push(image("frames out of order".to_owned(), log));
    }
    images.push(image("frame by frame whole".to_owned(), after.log.clone()));
    assert_eq!(images.last().map(|it| it.state), Some(at + 1));
    images
}

/// What the file can be while pages move into it: any of them, none, or some in part. The log is
/// whole all that time.
fn checkpoints(at: usize, before: &Taken, after: &Taken, draws: &mut Draws) -> Vec<Image> {
    let count = after.file.len() / PAGE;
    let page = |number: usize| number * PAGE..(number + 1) * PAGE;
    let differs = |number: &usize| before.file.get(page(*number)) != after.file.get(page(*number));
    let moved: Vec<usize> = (0..count).filter(differs).collect();
    if moved.is_empty() {
        return Vec::new();
    }
    // At close the log is cut only after the file is synced.
    let log = if after.log.is_empty() {
        &before.log
    } else {
        &after.log
    };
    let state = if after.log.is_empty() { at } else { at + 1 };
    let image = |what: String, file: Vec<u8>| Image {
        what: format!("checkpoint {at}, {what}"),
        file,
        log: log.clone(),
        state,
    };
    let mut images = Vec::new();
    let mut file = before.file.clone();
    for (place, number) in moved.iter().enumerate() {
        let torn = overlaid(&file, &after.file, number * PAGE..number * PAGE + 512);
        images.push(image(format!("page {place} torn"), torn));
        file = overlaid(&file, &after.file, page(*number));
        images.push(image(format!("{} pages moved", place + 1), file.clone()));
    }
    for _ in 0..SHUFFLES {
        let mut file = before.file.clone();
        for number in moved.iter().filter(|_| draws.below(2) == 0) {
            file = overlaid(&file, &after.file, page(*number));
        }
        images.push(image("pages out of order".to_owned(), file));
    }
    images
}

/// How many frames of a log are of its present round: those behind keep the salt of an older one.
fn frames(log: &[u8]) -> usize {
    let Some(salt) = log.get(16..24) else {
        return 0;
    };
    let of_round = |frame: &&[u8]| frame.len() == FRAME && frame[8..16] == *salt;
    log[LOG_HEADER..].chunks(FRAME).take_while(of_round).count()
}

fn end_of(frames: usize) -> usize {
    LOG_HEADER + frames * FRAME
}

/// `old` with a range of `new` written over it; what lies between is a hole.
fn overlaid(old: &[u8], new: &[u8], range: std::ops::Range<usize>) -> Vec<u8> {
    let mut image = old.to_vec();
    if image.len() < range.end {
        image.resize(range.end, 0);
    }
    image[range.clone()].copy_from_slice(&new[range]);
    image
}

/// Opens the disk as a server does after a crash, closes it, and looks at what is there.
fn recover(image: &Image, taken: &[Taken]) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("h.db");
    std::fs::write(&path, &image.file).unwrap();
    std::fs::write(path.with_extension("db-wal"), &image.log).unwrap();
    open_and_close(&path, &image.what);
    let connection = look_at(&path);
    let check = "PRAGMA integrity_check";
    let sound: String = connection.query_row(check, [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok", "{}", image.what);
    let found = state_of(&content(&connection), taken);
    assert_eq!(found, Some(image.state), "{}", image.what);
}

fn open_and_close(path: &Path, what: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let options = holdline_store::SqliteOptions {
            exclusive: true,
            ..holdline_store::SqliteOptions::new(path)
        };
        let store = holdline_store::sqlite::open(options).await;
        let store = store.unwrap_or_else(|error| panic!("{what}: {error}"));
        store
            .close()
            .await
            .unwrap_or_else(|error| panic!("{what}: {error}"));
    });
}

/// The last commit that left this; closing changes nothing.
fn state_of(found: &Content, taken: &[Taken]) -> Option<usize> {
    let commits = &taken[..taken.len() - 1];
    commits.iter().position(|it| it.content == *found)
}
