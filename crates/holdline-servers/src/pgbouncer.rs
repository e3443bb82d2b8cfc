//! A PgBouncer of a test's own, which gives each transaction another connection.

use crate::Postgres;
use crate::process::{self, Server};
use std::fs;
use tempfile::TempDir;

/// A proxy that runs until it is dropped.
#[derive(Debug)]
pub struct Pgbouncer {
    _folder: TempDir,
    port: u16,
    server: Server,
}

impl Pgbouncer {
    /// In front of all databases of a server, with few connections to it.
    #[must_use]
    pub fn start(postgres: &Postgres) -> Self {
        let folder = process::folder();
        let port = process::free_port();
        let file = folder.path().join("pgbouncer.ini");
        let settings = format!(
            "[databases]\n\
             * = host=127.0.0.1 port={} user=holdline\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             auth_type = any\n\
             pool_mode = transaction\n\
             default_pool_size = 3\n\
             server_idle_timeout = 2\n",
            postgres.port()
        );
        fs::write(&file, settings).expect("a file can be written");
        process::give_away(&file);
        let mut pgbouncer = process::command(&process::find("pgbouncer", &[]));
        pgbouncer.arg(&file);
        let log = folder.path().join("log");
        let server = Server::start(pgbouncer, &log, || process::takes_connections(port));
        let server = server.unwrap_or_else(|| panic!("PgBouncer ends: {}", process::read(&log)));
        Self {
            _folder: folder,
            port,
            server,
        }
    }

    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://holdline@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Pgbouncer {
    fn drop(&mut self) {
        self.server.end_by("INT");
    }
}
