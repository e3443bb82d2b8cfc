//! A PostgreSQL server of a test's own: alone, or with a standby that every commit waits for.

use crate::process::{self, Server};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// The superuser of the servers.
const USER: &str = "holdline";
/// Ports tried, as another program may take one between its choice and its use.
const PORTS_MAX: u32 = 5;

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    port: u16,
    server: Server,
    databases: AtomicU32,
}

impl Postgres {
    /// A new, empty server. It syncs nothing to the disk: it need not outlive a crash of the
    /// machine.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// As [`start`](Self::start), with settings such as `("max_connections", "20")`.
    #[must_use]
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        let folder = process::folder();
        let mut initdb = process::command(&program("initdb"));
        initdb
            .arg("-D")
            .arg(data(&folder))
            .args(["-U", USER, "-A", "trust"]);
        initdb.args(["--no-sync", "--encoding=UTF8", "--locale=C"]);
        process::run(&mut initdb);
        Self::run_in(folder, settings)
    }

    fn run_in(folder: TempDir, settings: &[(&str, &str)]) -> Self {
        for _ in 0..PORTS_MAX {
            let port = process::free_port();
            if let Some(server) = serve(&folder, port, settings) {
                let databases = AtomicU32::new(0);
                return Self {
                    folder,
                    port,
                    server,
                    databases,
                };
            }
        }
        panic!(
            "PostgreSQL does not start: {}",
            process::read(&log(&folder))
        );
    }

    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// A URL of a database of this server.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes a new, empty database; gives its name.
    #[must_use]
    pub fn new_database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// Runs SQL by psql; gives what it prints, bare.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        process::run(&mut self.psql(database, sql))
    }

    fn psql(&self, database: &str, sql: &str) -> Command {
        let mut psql = Command::new(program("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]);
        psql.arg(self.url(database));
        psql
    }

    /// A standby named `name`, which has everything that this server has and follows it. From here
    /// on every commit waits for it.
    #[must_use]
    pub fn standby(&self, name: &str) -> Self {
        let folder = process::folder();
        let mut copy = process::command(&program("pg_basebackup"));
        let source = format!("{} application_name={name}", self.conninfo());
        copy.arg("-D").arg(data(&folder)).arg("-d").arg(source);
        copy.args([
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
            "--no-sync",
            "-C",
            "-S",
            name,
        ]);
        process::run(&mut copy);
        let standby = Self::run_in(folder, &[]);
        let streams = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
        let follows = || self.sql("postgres", streams) != "0";
        assert!(process::wait_until(follows), "the standby does not follow");
        self.set("synchronous_standby_names", name);
        standby
    }

    fn conninfo(&self) -> String {
        format!("host=127.0.0.1 port={} user={USER}", self.port)
    }

    /// Changes a setting for new transactions of all.
    pub fn set(&self, setting: &str, value: &str) {
        self.sql(
            "postgres",
            &format!("ALTER SYSTEM SET {setting} = '{value}'"),
        );
        self.sql("postgres", "SELECT pg_reload_conf()");
        let shows = || self.sql("postgres", &format!("SHOW {setting}")) == value;
        assert!(
            process::wait_until(shows),
            "{setting} does not become {value}"
        );
    }

    /// Makes a standby the primary. It waits for no standby of its own.
    pub fn promote(&self) {
        self.sql("postgres", "SELECT pg_promote()");
        let writes = || self.sql("postgres", "SELECT pg_is_in_recovery()") == "f";
        assert!(process::wait_until(writes), "the standby is not promoted");
        self.set("synchronous_standby_names", "");
    }

    /// Ends it at once, as a crash would. Its port is free then.
    pub fn kill(&mut self) {
        self.server.end_by("QUIT");
    }

    /// Starts it again on the same port after [`kill`](Self::kill).
    pub fn restart(&mut self) {
        let again = serve(&self.folder, self.port, &[]);
        self.server = again.expect("its port is still free");
    }

    /// Ends all other connections to a database.
    pub fn end_connections(&self, database: &str) {
        self.sql(
            "postgres",
            &format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = '{database}'"
            ),
        );
    }

    /// Waits until SQL prints `expect`.
    pub fn wait_for(&self, database: &str, sql: &str, expect: &str) {
        let mut last = String::new();
        let came = process::wait_until(|| {
            last = self.sql(database, sql);
            last == expect
        });
        assert!(came, "{sql} gives {last}, not {expect}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.server.end_by("QUIT");
    }
}

fn data(folder: &TempDir) -> PathBuf {
    folder.path().join("data")
}

fn log(folder: &TempDir) -> PathBuf {
    folder.path().join("log")
}

/// `None` when it ends at once, as it does when its port is taken.
fn serve(folder: &TempDir, port: u16, settings: &[(&str, &str)]) -> Option<Server> {
    let log = log(folder);
    let mut postgres = process::command(&program("postgres"));
    postgres
        .arg("-D")
        .arg(data(folder))
        .args(["-h", "127.0.0.1"]);
    postgres
        .arg("-k")
        .arg(folder.path())
        .args(["-p", &port.to_string()]);
    for (name, value) in [("fsync", "off"), ("max_connections", "60")]
        .iter()
        .chain(settings)
    {
        postgres.arg("-c").arg(format!("{name}={value}"));
    }
    let is_ready = || answers(folder.path(), port);
    Server::start(postgres, &log, is_ready)
}

/// By its socket, which is this server's alone.
fn answers(socket_folder: &Path, port: u16) -> bool {
    let mut ask = process::command(&program("pg_isready"));
    ask.args(["-q", "-p", &port.to_string(), "-h"])
        .arg(socket_folder);
    ask.status().is_ok_and(|status| status.success())
}

fn program(name: &str) -> PathBuf {
    process::find(name, &installed())
}

/// Where Debian puts the programs of each version, the newest first.
fn installed() -> Vec<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version = path.file_name()?.to_str()?.parse().ok()?;
            Some((version, path.join("bin")))
        })
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, path)| path).collect()
}
