//! What must hold between rows, as SQL that finds those for which it does not, and the mending of
//! those where nothing can be lost by it. `?1` is the instant of the look, in milliseconds.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Result, Row};

/// Rows that a finding names.
const SAMPLES_MAX: usize = 5;
/// Rows that one mending transaction changes.
pub(super) const MEND_ROWS: usize = 500;

/// What sort of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Pages or indexes that SQLite cannot follow.
    Damage,
    /// Rows whose owner is not there.
    Orphan,
    /// Rows that nobody works on any more.
    Stuck,
}

impl Kind {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Damage => "damage",
            Self::Orphan => "orphan",
            Self::Stuck => "stuck",
        }
    }
}

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub code: &'static str,
    pub kind: Kind,
    pub words: &'static str,
    /// How many rows, and the first few of them.
    pub count: u64,
    pub samples: Vec<String>,
    pub mend: &'static str,
    /// `repair` can mend it.
    pub repairable: bool,
}

/// One thing that must hold.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) code: &'static str,
    kind: Kind,
    words: &'static str,
    /// Finds the rows that break it; the first column names them.
    find: &'static str,
    mend: &'static str,
    /// Mends at most `?1` of them; run until nothing changes.
    pub(super) repair: Option<&'static str>,
}

const BY_REPAIR: &str = "run `holdline store check --repair`";
const BY_RESTORE: &str = "restore the last backup beside it and compare: `holdline restore`";
const BY_RESTART: &str = "restart the server: it takes up at start what was left; \
                          if that does not help, its log says why";

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "message_without_delivery",
        kind: Kind::Orphan,
        words: "messages that nobody has the duty to deliver",
        find: "SELECT id FROM message m
            WHERE NOT EXISTS (SELECT 1 FROM delivery d WHERE d.id = m.id)",
        mend: BY_RESTORE,
        repair: None,
    },
    Rule {
        code: "delivery_without_message",
        kind: Kind::Orphan,
        words: "deliveries of messages that are not there",
        find: "SELECT id FROM delivery d
            WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = d.id)",
        mend: BY_RESTORE,
        repair: None,
    },
    Rule {
        code: "open_without_body",
        kind: Kind::Orphan,
        words: "open deliveries whose text is not there",
        find: "SELECT id FROM delivery d
            WHERE state < 4 AND NOT EXISTS (SELECT 1 FROM body b WHERE b.id = d.id)",
        mend: BY_RESTORE,
        repair: None,
    },
    orphan(
        "attempt_without_message",
        "attempts of messages that are not there",
        "SELECT message FROM attempt a
            WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = a.message)",
        "DELETE FROM attempt WHERE (message, number) IN (SELECT message, number FROM attempt a
            WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = a.message) LIMIT ?1)",
    ),
    orphan(
        "receipt_without_message",
        "receipts of messages that are not there",
        "SELECT message FROM receipt r
            WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = r.message)",
        "DELETE FROM receipt WHERE (message, place) IN (SELECT message, place FROM receipt r
            WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = r.message) LIMIT ?1)",
    ),
    orphan(
        "decision_without_message",
        "decisions about messages that are not there",
        "SELECT message FROM decision r
            WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = r.message)",
        "DELETE FROM decision WHERE (message, place) IN (SELECT message, place FROM decision r
            WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = r.message) LIMIT ?1)",
    ),
    orphan(
        "body_without_owner",
        "texts that belong to no message, ours or theirs",
        "SELECT id FROM body b WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = b.id)
            AND NOT EXISTS (SELECT 1 FROM inbound i WHERE i.id = b.id)",
        "DELETE FROM body WHERE id IN (SELECT id FROM body b
            WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = b.id)
            AND NOT EXISTS (SELECT 1 FROM inbound i WHERE i.id = b.id) LIMIT ?1)",
    ),
    orphan(
        "alias_without_media",
        "providers' ids of media that are not there",
        "SELECT media FROM media_alias a
            WHERE NOT EXISTS (SELECT 1 FROM media m WHERE m.id = a.media)",
        "DELETE FROM media_alias WHERE (media, sender) IN (SELECT media, sender FROM media_alias a
            WHERE NOT EXISTS (SELECT 1 FROM media m WHERE m.id = a.media) LIMIT ?1)",
    ),
    // What is known of the address, above all a withdrawn consent, is kept: the person comes back.
    orphan(
        "contact_missing",
        "addresses and open messages of persons who are not there",
        "SELECT contact FROM (SELECT contact FROM address UNION
                SELECT contact FROM delivery WHERE state < 4) a
            WHERE NOT EXISTS (SELECT 1 FROM contact c WHERE c.id = a.contact)",
        "INSERT OR IGNORE INTO contact (id, created_at, updated_at)
            SELECT contact, 0, 0 FROM (SELECT contact FROM address UNION
                SELECT contact FROM delivery WHERE state < 4) a
            WHERE NOT EXISTS (SELECT 1 FROM contact c WHERE c.id = a.contact) LIMIT ?1",
    ),
    Rule {
        code: "open_past_expiry",
        kind: Kind::Stuck,
        words: "open deliveries that expired more than a day ago",
        find: "SELECT d.id FROM delivery d JOIN message m ON m.id = d.id
            WHERE d.state < 4 AND m.expires_at < ?1 - 86400000",
        mend: BY_RESTART,
        repair: None,
    },
    Rule {
        code: "in_flight_long",
        kind: Kind::Stuck,
        words: "attempts under way for more than an hour",
        find: "SELECT id FROM delivery WHERE state < 4 AND state = 1 AND since < ?1 - 3600000",
        mend: BY_RESTART,
        repair: None,
    },
    Rule {
        code: "webhook_not_read",
        kind: Kind::Stuck,
        words: "providers' webhooks stored more than an hour ago and not worked off",
        find: "SELECT id FROM raw_inbound WHERE done = 0 AND received_at < ?1 - 3600000",
        mend: BY_RESTART,
        repair: None,
    },
    Rule {
        code: "event_not_posted",
        kind: Kind::Stuck,
        words: "events for apps that were due more than a day ago",
        find: "SELECT seq FROM hook WHERE head = 1 AND due_at < ?1 - 86400000",
        mend: BY_RESTART,
        repair: None,
    },
    Rule {
        code: "event_head_wrong",
        kind: Kind::Stuck,
        words: "events to apps marked as first that are not: they could be posted out of order",
        find: "SELECT h.seq FROM hook h
            WHERE h.head = 1 AND (h.dropped_at IS NOT NULL OR EXISTS (
                SELECT 1 FROM hook o WHERE o.endpoint = h.endpoint AND o.subject = h.subject
                AND o.seq < h.seq AND o.dropped_at IS NULL))",
        mend: BY_REPAIR,
        repair: Some(
            "UPDATE hook SET head = 0 WHERE seq IN (SELECT h.seq FROM hook h
                WHERE h.head = 1 AND (h.dropped_at IS NOT NULL OR EXISTS (
                    SELECT 1 FROM hook o WHERE o.endpoint = h.endpoint AND o.subject = h.subject
                    AND o.seq < h.seq AND o.dropped_at IS NULL)) LIMIT ?1)",
        ),
    },
    Rule {
        code: "event_head_missing",
        kind: Kind::Stuck,
        words: "queues of events to apps whose first event is not marked as first: none is posted",
        find: "SELECT MIN(seq) FROM hook WHERE dropped_at IS NULL
            GROUP BY endpoint, subject HAVING MAX(head) = 0",
        mend: BY_REPAIR,
        repair: Some(
            "UPDATE hook SET head = 1 WHERE seq IN (SELECT MIN(seq) FROM hook
                WHERE dropped_at IS NULL GROUP BY endpoint, subject HAVING MAX(head) = 0 LIMIT ?1)",
        ),
    },
];

const fn orphan(
    code: &'static str,
    words: &'static str,
    find: &'static str,
    repair: &'static str,
) -> Rule {
    Rule {
        code,
        kind: Kind::Orphan,
        words,
        find,
        mend: BY_REPAIR,
        repair: Some(repair),
    }
}

impl Rule {
    /// What breaks it, if anything does.
    pub(super) fn look(&self, c: &Connection, now_ms: i64) -> Result<Option<Finding>> {
        let mut statement = c.prepare(self.find)?;
        let mut rows = match statement.parameter_count() {
            0 => statement.query([])?,
            _ => statement.query([now_ms])?,
        };
        let (mut count, mut samples) = (0, Vec::new());
        while let Some(row) = rows.next()? {
            count += 1;
            if samples.len() < SAMPLES_MAX {
                samples.push(name_of(row)?);
            }
        }
        Ok((count > 0).then(|| Finding {
            code: self.code,
            kind: self.kind,
            words: self.words,
            count,
            samples,
            mend: self.mend,
            repairable: self.repair.is_some(),
        }))
    }
}

/// Ids as everybody else prints them.
fn name_of(row: &Row<'_>) -> Result<String> {
    Ok(match row.get_ref(0)? {
        ValueRef::Null => "-".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    })
}

/// What SQLite itself says of pages and indexes.
pub(super) fn damage(c: &Connection) -> Result<Option<Finding>> {
    let mut statement = c.prepare("PRAGMA integrity_check")?;
    let said: Result<Vec<String>> = statement.query_map([], |row| row.get(0))?.collect();
    let said = said?;
    if said.iter().all(|line| line == "ok") {
        return Ok(None);
    }
    Ok(Some(Finding {
        code: "damaged",
        kind: Kind::Damage,
        words: "SQLite finds the file damaged",
        count: said.len() as u64,
        samples: said.into_iter().take(SAMPLES_MAX).collect(),
        mend: "stop the server, keep a copy of the file, and restore the last backup: \
               `holdline restore`; then look after the disk",
        repairable: false,
    }))
}
