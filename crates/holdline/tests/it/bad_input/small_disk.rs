//! A real file system of a few MiB that becomes full and is enlarged while the server runs. Needs
//! the right to mount one: without it these tests fail and say so.

use super::full_disk::{all_is_as_promised, fill};
use super::read;
use crate::scenarios::until_ended;
use crate::stack::{Options, Stack, until, until_true};
use serde_json::json;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A file system in memory, gone with the test.
struct Disk(TempDir);

impl Disk {
    fn new(size_mib: u32) -> Self {
        let disk = Self(tempfile::tempdir().expect("a folder"));
        disk.mount(&format!("size={size_mib}m"));
        disk
    }

    fn enlarge(&self, size_mib: u32) {
        self.mount(&format!("remount,size={size_mib}m"));
    }

    fn mount(&self, options: &str) {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]);
        let done = mount.arg(self.path()).output().expect("mount runs");
        let said = String::from_utf8_lossy(&done.stderr);
        let need = "this test mounts a tmpfs: run it as root, or inside `unshare -rm`";
        assert!(done.status.success(), "{said}{need}");
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

async fn start_on(disk: &Disk, reserve_mb: u32) -> Stack {
    let url = format!("url = \"sqlite:{}/holdline.db\"", disk.path().display());
    let mut options = Options::default()
        .with("storage", &url)
        .with("storage", &format!("reserve_mb = {reserve_mb}"));
    // What was not stored is told again soon.
    options.sandbox.webhooks.retry_max_ms = 200;
    options.sandbox.webhooks.tries_max = 10_000;
    Stack::start_with(options).await
}

async fn ready(stack: &Stack) -> (u16, String) {
    let url = format!("{}/readyz", stack.url);
    let answer = stack.http.get(url).send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.text().await.expect("text"))
}

async fn metric(stack: &Stack, line: &str) -> bool {
    let url = format!("{}/metrics", stack.url);
    let answer = stack.http.get(url).send().await.expect("an answer");
    answer
        .text()
        .await
        .expect("text")
        .lines()
        .any(|it| it == line)
}

async fn until_ready(stack: &Stack) {
    until("the server is ready again by itself", || async {
        (ready(stack).await.0 == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_everywhere_and_left_behind_without_a_restart() {
    let disk = Disk::new(10);
    let stack = start_on(&disk, 0).await;
    let accepted = fill(&stack).await;
    until("the server says that it has no room", || async {
        let (status, words) = ready(&stack).await;
        (status == 503 && words.contains("no room")).then_some(())
    })
    .await;
    assert!(metric(&stack, "holdline_store_writable 0").await);
    let doctor = stack.command(&["doctor", "--offline"]).output();
    let doctor = doctor.expect("doctor runs");
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert_eq!(doctor.status.code(), Some(1), "{said}");
    assert!(
        said.contains("not ready") && said.contains("no room"),
        "{said}"
    );
    assert!(stack.log_text().contains("new messages are refused"));
    disk.enlarge(200);
    until_ready(&stack).await;
    assert!(metric(&stack, "holdline_store_writable 1").await);
    all_is_as_promised(&stack, &accepted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_room_kept_back_what_was_accepted_ends_while_new_messages_are_refused() {
    let disk = Disk::new(24);
    let stack = start_on(&disk, 14).await;
    let accepted = fill(&stack).await;
    for (_, id) in &accepted {
        assert_eq!(until_ended(&stack, id).await["state"], "delivered");
    }
    let (status, words) = ready(&stack).await;
    assert!(
        status == 503 && words.contains("runs out of room"),
        "{words}"
    );
    let by_api = json!({
        "to": {"phone": "+16505553309"}, "text": "x",
    });
    let request = stack.http.post(format!("{}/api/v1/messages", stack.url));
    let answer = request.bearer_auth(&stack.token).json(&by_api).send().await;
    let (status, after, problem) = read(answer.expect("an answer")).await;
    assert_eq!((status, after.as_deref()), (503, Some("5")), "{problem}");
    disk.enlarge(200);
    until_ready(&stack).await;
    until_true("the log says so", || {
        stack.log_text().contains("there is room again")
    })
    .await;
    all_is_as_promised(&stack, &accepted).await;
}
