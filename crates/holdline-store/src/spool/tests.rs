//! What a crash at any point leaves, what the bound means, and that order and places stay.

use super::segments::Segments;
use super::*;
use std::collections::BTreeSet;
use std::fs;
use tempfile::TempDir;

const MIB: u64 = 1024 * 1024;

fn record(n: u64) -> Bytes {
    Bytes::from(format!("record {n}"))
}

fn open(folder: &Path) -> Segments {
    Segments::open(folder, MIB).expect("opens")
}

/// What waits, as (place, text).
fn waiting(segments: &Segments) -> Vec<(u64, String)> {
    let mut all: Vec<(u64, String)> = Vec::new();
    loop {
        let after = all.last().map(|(place, _)| *place);
        let page = segments.read(after, 3).expect("reads");
        if page.is_empty() {
            return all;
        }
        let text = |it: &Spooled| String::from_utf8_lossy(it.record.expose()).into_owned();
        all.extend(page.iter().map(|it| (it.place, text(it))));
    }
}

fn expected(places: impl Iterator<Item = u64>) -> Vec<(u64, String)> {
    places.map(|n| (n, format!("record {n}"))).collect()
}

fn append(segments: &mut Segments, places: std::ops::RangeInclusive<u64>) {
    let records: Vec<Bytes> = places.clone().map(record).collect();
    let results = segments.append(&records);
    let given: Vec<u64> = results.into_iter().map(|it| it.expect("fits")).collect();
    assert_eq!(given, places.collect::<Vec<_>>());
}

/// The state on disk as a crash now would leave it.
fn copy(folder: &Path) -> TempDir {
    let copied = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(folder).expect("reads") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name");
        fs::copy(&path, copied.path().join(name)).expect("copies");
    }
    copied
}

fn only_segment(folder: &Path) -> PathBuf {
    let entries = fs::read_dir(folder).expect("reads");
    let mut paths = entries.map(|entry| entry.expect("an entry").path());
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|it| it == "spool");
    paths.find(is_segment).expect("a segment")
}

#[test]
fn records_stay_in_order_across_openings_and_places_are_never_used_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut segments = open(folder.path());
    append(&mut segments, 1..=7);
    segments.drained(3).expect("drains");
    drop(segments);
    let mut segments = open(folder.path());
    assert_eq!(waiting(&segments), expected(4..=7));
    append(&mut segments, 8..=8);
    segments.drained(8).expect("drains");
    assert_eq!((segments.size().records, segments.size().bytes), (0, 0));
    drop(segments);
    let mut segments = open(folder.path());
    append(&mut segments, 9..=10);
    assert_eq!(waiting(&segments), expected(9..=10));
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_and_what_was_before_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut segments = open(folder.path());
    append(&mut segments, 1..=2);
    let whole = fs::read(only_segment(folder.path())).expect("reads");
    append(&mut segments, 3..=4);
    let all = fs::read(only_segment(folder.path())).expect("reads");
    drop(segments);
    let third = whole.len() + (all.len() - whole.len()) / 2;
    for length in 0..all.len() {
        let torn = copy(folder.path());
        fs::write(only_segment(torn.path()), &all[..length]).expect("writes");
        let mut segments = open(torn.path());
        let left = waiting(&segments);
        if length >= whole.len() {
            let last = if length < third { 2 } else { 3 };
            assert_eq!(left, expected(1..=last), "cut at {length}");
        }
        let next = left.len() as u64 + 1;
        append(&mut segments, next..=next + 1);
        drop(segments);
        assert_eq!(
            waiting(&open(torn.path())),
            expected(1..=next + 1),
            "cut at {length}"
        );
    }
}

#[test]
fn a_byte_changed_anywhere_never_gives_a_record_that_was_not_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut segments = open(folder.path());
    append(&mut segments, 1..=3);
    drop(segments);
    let all = fs::read(only_segment(folder.path())).expect("reads");
    let written = expected(1..=3);
    for at in 0..all.len() {
        let hurt = copy(folder.path());
        let mut bytes = all.clone();
        bytes[at] ^= 0x41;
        fs::write(only_segment(hurt.path()), &bytes).expect("writes");
        let left = waiting(&open(hurt.path()));
        assert!(written.starts_with(&left), "{at}: {left:?}");
    }
}

#[test]
fn a_crash_between_any_two_steps_loses_nothing_acknowledged_and_brings_nothing_drained_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut segments = Segments::open(folder.path(), 64 * MIB).expect("opens");
    let big = |n: u64| Bytes::from(vec![u8::try_from(n % 251).expect("small"); 700_000]);
    let (mut acknowledged, mut drained) = (0, 0);
    for round in 0..24_u64 {
        if round % 3 == 2 {
            drained = acknowledged - round % 2;
            segments.drained(drained).expect("drains");
        } else {
            let records = [big(acknowledged + 1), big(acknowledged + 2)];
            for result in segments.append(&records) {
                acknowledged = result.expect("fits");
            }
        }
        let crashed = copy(folder.path());
        let again = Segments::open(crashed.path(), 64 * MIB).expect("opens");
        let mut found = BTreeSet::new();
        let mut after = None;
        while let Some(last) = again.read(after, 100).expect("reads").pop() {
            found.extend(after.map_or(drained, |it: u64| it) + 1..=last.place);
            assert_eq!(*last.record.expose(), big(last.place));
            after = Some(last.place);
        }
        assert_eq!(
            found,
            (drained + 1..=acknowledged).collect(),
            "round {round}"
        );
    }
    assert!(segments.size().bytes < 16 * MIB, "drained files are gone");
}

#[test]
fn what_is_not_synced_whole_before_the_last_file_is_kept_aside_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut segments = Segments::open(folder.path(), 64 * MIB).expect("opens");
    let big = Bytes::from(vec![7; 3_000_000]);
    for _ in 0..4 {
        let result = segments.append(std::slice::from_ref(&big));
        assert!(result.iter().all(Result::is_ok));
    }
    drop(segments);
    let first = folder.path().join("0000000000000001.spool");
    let mut bytes = fs::read(&first).expect("reads");
    bytes[3_500_000] ^= 1;
    fs::write(&first, &bytes).expect("writes");
    let segments = Segments::open(folder.path(), 64 * MIB).expect("opens");
    let mut places = Vec::new();
    while let Some(one) = segments
        .read(places.last().copied(), 1)
        .expect("reads")
        .pop()
    {
        places.push(one.place);
    }
    assert_eq!(places, [1, 3, 4]);
    assert!(first.with_extension("damaged").exists());
}

#[test]
fn at_the_bound_nothing_more_is_taken_until_a_file_is_drained() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut segments = Segments::open(folder.path(), 10 * MIB).expect("opens");
    let big = Bytes::from(vec![1; 1_000_000]);
    let mut taken = 0;
    let refusal = loop {
        match segments
            .append(std::slice::from_ref(&big))
            .pop()
            .expect("a result")
        {
            Ok(place) => taken = place,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!(taken, 10);
    assert!(matches!(refusal, SpoolError::Full(_)), "{refusal}");
    let small = segments.append(&[big.clone(), record(1)]);
    assert!(small[0].is_err() && small[1] == Ok(11), "{small:?}");
    segments.drained(5).expect("drains");
    assert_eq!(segments.append(std::slice::from_ref(&big)), [Ok(12)]);
}

#[test]
fn without_a_front_that_can_be_read_everything_waits() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut segments = open(folder.path());
    append(&mut segments, 1..=3);
    segments.drained(2).expect("drains");
    drop(segments);
    fs::write(folder.path().join("front"), "nonsense").expect("writes");
    assert_eq!(waiting(&open(folder.path())), expected(1..=3));
}

#[test]
fn a_folder_is_used_by_one_process_and_read_by_its_owner_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join("a/b");
    let mut segments = open(&inner);
    append(&mut segments, 1..=1);
    let second = Segments::open(&inner, MIB).expect_err("is in use");
    assert!(second.to_string().contains("storage.spool_dir"), "{second}");
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| path.metadata().expect("is there").permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    assert_eq!(mode(&only_segment(&inner)), 0o600);
}

#[test]
fn an_append_that_fails_leaves_nothing_and_the_next_one_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut segments = open(folder.path());
    append(&mut segments, 1..=1);
    segments.drained(1).expect("drains");
    // A folder in the place of the next file.
    let blocked = folder.path().join("0000000000000002.spool");
    fs::create_dir(&blocked).expect("a folder");
    assert!(segments.append(&[record(2)])[0].is_err());
    fs::remove_dir(&blocked).expect("is empty");
    append(&mut segments, 2..=3);
    drop(segments);
    assert_eq!(waiting(&open(folder.path())), expected(2..=3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_each_get_a_place_and_all_are_there_in_its_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = Arc::new(FileSpool::open(folder.path(), MIB).expect("opens"));
    let append = |n: u64| {
        let spool = Arc::clone(&spool);
        tokio::spawn(async move { (spool.append(Redacted::new(record(n))).await.unwrap(), n) })
    };
    let tasks: Vec<_> = (0..500).map(append).collect();
    let mut given = Vec::new();
    for task in tasks {
        given.push(task.await.unwrap());
    }
    given.sort_unstable();
    assert!(given.iter().map(|(place, _)| *place).eq(1..=500));
    let read = spool.read(None, 1_000).await.unwrap();
    let same = |(given, read): (&(u64, u64), &Spooled)| {
        given.0 == read.place && record(given.1) == *read.record.expose()
    };
    assert_eq!(read.len(), 500);
    assert!(given.iter().zip(&read).all(same));
    spool.set_aside(&read[0]).await.unwrap();
    spool.drained(500).await.unwrap();
    let size = spool.size();
    assert_eq!((size.records, size.bytes, size.aside), (0, 0, 1));
}
