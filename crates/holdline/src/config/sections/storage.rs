//! Where Holdline keeps what it knows, and for how long.

use crate::config::reader::Reader;
use crate::config::section::section;
use std::path::PathBuf;

section! {
    /// Where Holdline keeps what it knows.
    Storage at "storage" many false {
        /// The database: `sqlite:` and the path of its file, which is made if it does not exist.
        url: String = "sqlite:holdline-data/holdline.db";
        /// Largest size of the database file in MiB; its write-ahead log comes on top. At the limit
        /// messages and webhooks are refused with 503 and what was accepted waits, until this is
        /// raised. Unset: what the disk holds.
        size_max_mb: Option<u32>, 8 to 16_000_000;
        /// Room on the disk of the database, in MiB, below which new messages are refused with 503,
        /// so that outcomes, receipts and replies of what was accepted still find room. 0: none.
        reserve_mb: u32 = 64, 0 to 1_000_000;
        /// Folder for media that apps upload and people send.
        media_dir: PathBuf = "holdline-data/media";
    }
}

section! {
    /// Backups that the server keeps while it runs. Without a folder there are none.
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
        let path = self.url.strip_prefix("sqlite:").unwrap_or_default();
        if path.is_empty() {
            let mend = "write sqlite:PATH, for example sqlite:holdline-data/holdline.db";
            reader.fault(
                &["storage.url"],
                "names no database that is supported",
                mend,
            );
        }
    }

    /// The path of the database file.
    pub(crate) fn sqlite_path(&self) -> PathBuf {
        let path = self.url.strip_prefix("sqlite:").unwrap_or(&self.url);
        PathBuf::from(path.strip_prefix("//").unwrap_or(path))
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
