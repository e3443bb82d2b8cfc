//! Where Holdline keeps what it knows, and for how long.

use crate::config::reader::Reader;
use crate::config::section::section;
use crate::secret::Secret;
use holdline_engine::ports::StoreError;
use holdline_store::{PostgresOptions, is_postgres};
use std::path::{Path, PathBuf};

/// Longest name of a server.
const NAME_MAX: usize = 64;

section! {
    /// Where Holdline keeps what it knows.
    Storage at "storage" many false {
        /// The database: `sqlite:` and the path of its file, which is made if it does not exist; or
        /// `postgres://USER@HOST:PORT/DATABASE`, which several servers may share. With several
        /// hosts (`HOST1,HOST2`) the one that takes writes is used. Servers elsewhere must show a
        /// valid certificate: `?sslrootcert=FILE` names the authority, `?sslmode=disable` goes
        /// without.
        url: String = "sqlite:holdline-data/holdline.db";
        /// Password of the PostgreSQL user.
        password: Option<Secret>;
        /// Connections to PostgreSQL that write; each commits what has queued at once.
        write_connections: u32 = 2, 1 to 16;
        /// Connections to PostgreSQL that read.
        read_connections: u32 = 4, 1 to 64;
        /// Wake other servers by PostgreSQL's NOTIFY when something waits for them. Without it they
        /// find it a little later by themselves.
        notify: bool = true;
        /// Have PostgreSQL keep statements, read and planned, for each connection: less work for
        /// the database. Never through a proxy that does not know of prepared statements (PgBouncer
        /// from 1.21 on does, with max_prepared_statements): another statement might run than was
        /// meant.
        prepared_statements: bool = false;
        /// Largest size of the SQLite file in MiB; its write-ahead log comes on top. At the limit
        /// messages and webhooks are refused with 503 and what was accepted waits, until this is
        /// raised. Unset: what the disk holds.
        size_max_mb: Option<u32>, 8 to 16_000_000;
        /// Room on the disk of the SQLite file, in MiB, below which new messages are refused with
        /// 503, so that outcomes, receipts and replies of what was accepted still find room. 0:
        /// none.
        reserve_mb: u32 = 64, 0 to 1_000_000;
        /// Folder in which this server keeps what comes in while PostgreSQL cannot be reached,
        /// until it is back: on a disk that lasts, and for this server alone.
        spool_dir: PathBuf = "holdline-data/spool";
        /// Most of it, in MiB, a quarter of that for webhooks; beyond it they are refused with 503.
        /// 0: nothing is kept there. Always so with SQLite, which is on this machine itself.
        spool_max_mb: u32 = 256, 0 to 1_000_000;
        /// Folder for media that apps upload and people send.
        media_dir: PathBuf = "holdline-data/media";
    }
}

section! {
    /// This server among those that share a PostgreSQL database.
    Node at "node" many false {
        /// What people know it by; unset: the name of the host. Each start adds a few letters of
        /// its own, so that no two processes are ever taken for one.
        name: Option<String>;
        /// Milliseconds without a sign of life after which the others take over what it does.
        takeover_ms: u64 = 5_000, 2_000 to 60_000;
    }
}

section! {
    /// Backups of the SQLite file that the server keeps while it runs. Without a folder there are
    /// none.
    Backup at "backup" many false {
        /// Folder for backups; best on another disk.
        folder: Option<PathBuf>;
        /// Seconds between two writes of what changed: so much may be lost.
        every_s: u32 = 10, 1 to 86_400;
        /// Seconds between two whole backups. A start of the server makes one too.
        whole_every_s: u32 = 86_400, 60 to 31_536_000;
        /// Whole backups that are kept, with the changes after them.
        keep: u32 = 7, 1 to 1_000;
    }
}

section! {
    /// How long Holdline keeps it.
    Retention at "retention" many false {
        /// Bodies and media of messages.
        bodies_days: u32 = 90, 1 to 3650;
        /// Everything else: times, attempts, receipts, decisions, outages that are over, the audit.
        metadata_days: u32 = 400, 1 to 3650;
        /// Idempotency keys and the answers stored for them.
        idempotency_days: u32 = 7, 1 to 90;
    }
}

impl Storage {
    pub(crate) fn check(&self, reader: &mut Reader) {
        if is_postgres(&self.url) {
            self.check_postgres(reader);
        } else if self.sqlite_path().is_none() {
            let mend = "write sqlite:PATH, for example sqlite:holdline-data/holdline.db, or \
                        postgres://USER@HOST/DATABASE";
            reader.fault(
                &["storage.url"],
                "names no database that is supported",
                mend,
            );
        }
    }

    fn check_postgres(&self, reader: &mut Reader) {
        let key = &["storage.url"];
        match PostgresOptions::from_url(&self.url) {
            Ok(options) if options.has_password() => reader.fault(
                key,
                "holds a password",
                "put it into storage.password_file or HOLDLINE_STORAGE_PASSWORD",
            ),
            Ok(_) => {}
            Err(error) => {
                let mend = "write postgres://USER@HOST:PORT/DATABASE";
                reader.fault(key, error.to_string(), mend);
            }
        }
    }

    /// The path of the database file; `None` when the database is no file.
    pub(crate) fn sqlite_path(&self) -> Option<PathBuf> {
        let path = self.url.strip_prefix("sqlite:")?;
        let path = path.strip_prefix("//").unwrap_or(path);
        (!path.is_empty()).then(|| PathBuf::from(path))
    }

    /// Folder and size of the spool, where there is one.
    pub(crate) fn spool(&self) -> Option<(&Path, u64)> {
        let bytes_max = u64::from(self.spool_max_mb) * 1024 * 1024;
        let is_used = is_postgres(&self.url) && bytes_max > 0;
        is_used.then_some((&*self.spool_dir, bytes_max))
    }

    /// `None` when the database is another one.
    pub(crate) fn postgres(&self) -> Option<Result<PostgresOptions, StoreError>> {
        let options = is_postgres(&self.url).then(|| PostgresOptions::from_url(&self.url))?;
        let configured = options.map(|mut options| {
            options.writers = self.write_connections as usize;
            options.readers = self.read_connections as usize;
            options.notify = self.notify;
            options.prepared_statements = self.prepared_statements;
            match &self.password {
                Some(password) => options.with_password(password.expose()),
                None => options,
            }
        });
        Some(configured)
    }
}

impl Node {
    pub(crate) fn check(&self, reader: &mut Reader) {
        let is_bad = |name: &String| {
            name.is_empty()
                || name.len() > NAME_MAX
                || !name.bytes().all(|it| it.is_ascii_graphic())
        };
        if self.name.as_ref().is_some_and(is_bad) {
            let mend = "write 1 to 64 letters, digits or signs without spaces";
            reader.fault(&["node.name"], "is no name for a server", mend);
        }
    }
}

impl Backup {
    /// Only a file is copied.
    pub(crate) fn check(&self, storage: &Storage, reader: &mut Reader) {
        if self.folder.is_some() && is_postgres(&storage.url) {
            reader.fault(
                &["backup.folder"],
                "is for SQLite, and storage.url names PostgreSQL",
                "take it out, and back up with pg_basebackup and WAL archiving",
            );
        }
    }
}

impl Retention {
    pub(crate) fn check(&self, reader: &mut Reader) {
        if self.bodies_days > self.metadata_days {
            let what = "is longer than retention.metadata_days";
            let mend = "keep bodies no longer than the messages they belong to";
            reader.fault(
                &["retention.bodies_days", "retention.metadata_days"],
                what,
                mend,
            );
        }
    }
}
