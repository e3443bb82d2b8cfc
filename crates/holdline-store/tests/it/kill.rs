//! A process that is killed while it writes, checkpoints and all, loses nothing it had answered.

use crate::fixtures::{groups, numbers, options};
use holdline_core::message::Priority;
use holdline_engine::ports::Partitions;
use holdline_engine::ports::Store;
use holdline_store::{SqliteOptions, sqlite};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const DIRECTORY: &str = "HOLDLINE_TEST_KILL_DIRECTORY";
const PER_COMMIT: u32 = 5;
/// More than anybody lets it make.
const COMMITS_MAX: u32 = 100_000;

fn serving(directory: &Path) -> SqliteOptions {
    SqliteOptions {
        exclusive: true,
        checkpoint_pages: 50,
        ..options(directory)
    }
}

/// Also the process that is killed: with a directory given it goes on until then.
#[tokio::test]
async fn a_writer_goes_on_from_where_it_was() {
    if let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) {
        write(&directory, COMMITS_MAX).await;
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), 3).await;
    write(directory.path(), 2).await;
    let store = sqlite::open(serving(directory.path())).await.unwrap();
    assert_eq!(
        numbers(&store).await,
        (0..5 * PER_COMMIT).collect::<Vec<_>>()
    );
}

/// Commits, and says each time how many are kept.
async fn write(directory: &Path, commits: u32) {
    let store = sqlite::open(serving(directory)).await.unwrap();
    let mut next = stored(&store).await;
    for _ in 0..commits {
        store.commit(groups(next..next + PER_COMMIT)).await.unwrap();
        next += PER_COMMIT;
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nkept {next}").unwrap();
        out.flush().unwrap();
    }
}

/// Starts the writer, kills it after so many answers, and gives the last number it had answered.
fn kill_after(directory: &Path, answers: usize) -> u32 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "kill::a_writer_goes_on_from_where_it_was",
            "--exact",
            "--nocapture",
        ])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let mut kept = lines.filter_map(|line| line.strip_prefix("kept ")?.parse::<u32>().ok());
    let mut last = kept.by_ref().take(answers).last();
    child.kill().unwrap();
    last = kept.last().or(last);
    child.wait().unwrap();
    last.expect("the writer answered")
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut floor = 0;
    for answers in [1, 17, 60, 3, 41] {
        let path = directory.path().to_owned();
        let kept = tokio::task::spawn_blocking(move || kill_after(&path, answers))
            .await
            .unwrap();
        assert!(kept > floor, "it went on from where it was");
        let store = sqlite::open(serving(directory.path())).await.unwrap();
        let found = stored(&store).await;
        let more = found - kept;
        assert!(
            more == 0 || more == PER_COMMIT,
            "{kept} were answered, {found} found"
        );
        floor = kept;
    }
    let store = sqlite::open(serving(directory.path())).await.unwrap();
    let count = stored(&store).await;
    assert_eq!(
        numbers(&store).await,
        (0..count).collect::<Vec<_>>(),
        "every group is whole"
    );
}

/// How many there are; they are 0, 1, 2, and so on.
async fn stored(store: &dyn Store) -> u32 {
    let mut count = 0;
    let mut after = None;
    loop {
        let page = store
            .waiting(Partitions::ALL, Priority::Service, after, 1_000)
            .await
            .unwrap();
        let Some(last) = page.last() else {
            return count;
        };
        after = Some(last.message.id);
        for one in &page {
            assert_eq!(one.message.id.0 >> 80, u128::from(count));
            count += 1;
        }
    }
}
