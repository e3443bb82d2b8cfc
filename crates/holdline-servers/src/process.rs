//! Finds programs, runs them as somebody who is not root, and stops them.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest wait for a server to do what it was asked.
pub(crate) const WAIT_S_MAX: u64 = 60;
const POLL_MS: u64 = 20;

/// Users that database servers may run as when the test is root.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// The program, or a failure of the test that says how to get it.
pub(crate) fn find(name: &str, directories: &[PathBuf]) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = directories.to_vec();
    places.extend(std::env::split_paths(&path));
    places.push(PathBuf::from("/usr/sbin"));
    let found = places
        .iter()
        .map(|place| place.join(name))
        .find(|it| it.is_file());
    found.unwrap_or_else(|| {
        panic!("{name} is not installed; run scripts/test.sh --install, or put it into PATH")
    })
}

/// Who runs servers: (uid, gid), when this is root.
pub(crate) fn other_user() -> Option<(u32, u32)> {
    if number_of(&["-u"])? != 0 {
        return None;
    }
    let ids = USERS
        .iter()
        .find_map(|user| Some((number_of(&["-u", user])?, number_of(&["-g", user])?)));
    Some(ids.expect("root needs a user that servers may run as: postgres or nobody"))
}

fn number_of(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// A command that runs as somebody who is not root, and that the system stops should this process
/// end without doing so itself.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "QUIT"]);
    if let Some((uid, gid)) = other_user() {
        command
            .arg(format!("--reuid={uid}"))
            .arg(format!("--regid={gid}"));
        command.arg("--clear-groups");
    }
    command.arg("--").arg(program).stdin(Stdio::null());
    command
        .env("LC_ALL", "C")
        .env_remove("PGHOST")
        .env_remove("PGPORT");
    command
        .env_remove("PGUSER")
        .env_remove("PGDATABASE")
        .env_remove("PGOPTIONS");
    command
}

/// A folder that servers may use.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    give_away(folder.path());
    folder
}

/// Lets servers use a file or folder.
pub(crate) fn give_away(path: &Path) {
    if let Some((uid, gid)) = other_user() {
        chown(path, Some(uid), Some(gid)).expect("root may give files away");
    }
    if path.is_dir() {
        let mode = fs::Permissions::from_mode(0o700);
        fs::set_permissions(path, mode).expect("a mode can be set");
    }
}

/// Runs to its end; fails the test with what it said when it failed.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

/// Waits until `is_so`, at most [`WAIT_S_MAX`]; gives whether it came to be.
pub(crate) fn wait_until(mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(WAIT_S_MAX);
    while Instant::now() < deadline {
        if is_so() {
            return true;
        }
        sleep(Duration::from_millis(POLL_MS));
    }
    false
}

pub(crate) fn takes_connections(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
}

impl Server {
    /// Starts it, its words in `log`; `None` when it ends before it is ready.
    pub(crate) fn start(
        mut command: Command,
        log: &Path,
        mut is_ready: impl FnMut() -> bool,
    ) -> Option<Self> {
        let file = fs::File::options().create(true).append(true).open(log);
        let file = file.expect("a log can be written");
        let errors = file.try_clone().expect("a file has two handles");
        command.stdout(file).stderr(errors);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut server = Self { child };
        let mut has_ended = false;
        let came = wait_until(|| {
            has_ended = matches!(server.child.try_wait(), Ok(Some(_)));
            has_ended || is_ready()
        });
        assert!(
            came,
            "{command:?} was not ready in {WAIT_S_MAX} s: {}",
            read(log)
        );
        (!has_ended).then_some(server)
    }

    /// Sends a signal, such as `INT`.
    pub(crate) fn signal(&self, name: &str) -> io::Result<()> {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status()?;
        if status.success() {
            Ok(())
        } else {
            Err(io::Error::other(format!("kill -s {name} {id}: {status}")))
        }
    }

    /// Ends it by a signal and waits for its end.
    pub(crate) fn end_by(&mut self, signal: &str) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        let _ = self.signal("CONT");
        let _ = self.signal(signal);
        let ended = wait_until(|| matches!(self.child.try_wait(), Ok(Some(_))));
        if !ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// What a server has said.
pub(crate) fn read(log: &Path) -> String {
    fs::read_to_string(log).unwrap_or_default()
}
