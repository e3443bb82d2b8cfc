//! What is moved from one database to another: every table with its key, and every column with the
//! kind that it has there. Left out on purpose is what belongs to running nodes and to the schema.

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Id,
    Text,
    Bytes,
    /// Whole numbers of 64, 32 and 16 bits.
    Long,
    Int,
    Small,
    Flag,
    Real,
    /// The partition of the id in an earlier column; only the target has it.
    PartitionOf(usize),
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// So many of the first columns are the key, by which rows are in order.
    pub(crate) key: usize,
    pub(crate) columns: &'static [(&'static str, Kind)],
    /// Rows of one page.
    pub(crate) page: usize,
    /// The column that the target numbers by itself.
    pub(crate) counter: Option<&'static str>,
    /// Rows that are moved, as a condition in SQL.
    pub(crate) only: Option<&'static str>,
}

impl Table {
    const fn new(name: &'static str, key: usize, columns: &'static [(&'static str, Kind)]) -> Self {
        Self {
            name,
            key,
            columns,
            page: 2_000,
            counter: None,
            only: None,
        }
    }

    const fn paged(self, page: usize) -> Self {
        Self { page, ..self }
    }

    const fn counted(self, column: &'static str) -> Self {
        Self {
            counter: Some(column),
            ..self
        }
    }

    const fn only(self, condition: &'static str) -> Self {
        Self {
            only: Some(condition),
            ..self
        }
    }

    /// The names of the key's columns, as a list.
    pub(crate) fn key_names(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        names.get(..self.key).unwrap_or_default().join(", ")
    }

    /// SQL for a page: `after` = the marks of the key that it begins after.
    pub(crate) fn select(&self, columns: &str, after: Option<&str>) -> String {
        let key = self.key_names();
        let begin = after.map(|marks| format!("({key}) > ({marks})"));
        let conditions = [self.only.map(str::to_owned), begin];
        let conditions: Vec<String> = conditions.into_iter().flatten().collect();
        let filter = match conditions.is_empty() {
            true => String::new(),
            false => format!("WHERE {}", conditions.join(" AND ")),
        };
        let (name, page) = (self.name, self.page);
        format!("SELECT {columns} FROM {name} {filter} ORDER BY {key} LIMIT {page}")
    }
}

use Kind::{Bytes, Flag, Id, Int, Long, PartitionOf, Real, Small, Text};

/// Settings that say where a store went and where it came from; each side has its own.
pub(crate) const MOVED_TO: &str = "moved_to";
pub(crate) const MOVING_FROM: &str = "moving_from";
/// The setting that tells one store from another.
pub(crate) const STORE_ID: &str = "store_id";

pub(crate) const TABLES: &[Table] = &[
    Table::new("setting", 1, &[("key", Text), ("value", Text)])
        .only("key NOT IN ('moved_to', 'moving_from')"),
    Table::new(
        "token",
        1,
        &[
            ("id", Text),
            ("name", Text),
            ("hash", Bytes),
            ("app", Text),
            ("senders", Text),
            ("created_at", Long),
            ("revoked_at", Long),
        ],
    ),
    Table::new(
        "endpoint",
        1,
        &[
            ("id", Text),
            ("app", Text),
            ("form", Small),
            ("url", Text),
            ("secret", Text),
            ("verify_token", Text),
            ("scope", Text),
            ("fields", Text),
            ("created_at", Long),
        ],
    ),
    Table::new(
        "contact",
        1,
        &[
            ("id", Id),
            ("created_at", Long),
            ("updated_at", Long),
            ("name", Text),
            ("external_id", Text),
        ],
    ),
    Table::new(
        "address",
        2,
        &[
            ("channel", Text),
            ("value", Text),
            ("contact", Id),
            ("place", Long),
            ("verified_at", Long),
            ("unreachable_until", Long),
            ("last_inbound_at", Long),
            ("consent", Small),
        ],
    )
    .counted("place"),
    Table::new(
        "message",
        1,
        &[
            ("id", Id),
            ("contact", Id),
            ("created_at", Long),
            ("expires_at", Long),
            ("priority", Small),
            ("duplicate_rule", Small),
            ("app", Text),
            ("sender", Text),
            ("to_input", Text),
            ("kind", Text),
            ("opaque", Text),
            ("data_class", Text),
            ("plan", Text),
        ],
    ),
    Table::new("body", 1, &[("id", Id), ("bytes", Bytes)]).paged(500),
    Table::new(
        "delivery",
        1,
        &[
            ("id", Id),
            ("contact", Id),
            ("since", Long),
            ("until", Long),
            ("hop_since", Long),
            ("expires_at", Long),
            ("priority", Small),
            ("state", Small),
            ("hop", Small),
            ("tries", Small),
            ("spent", Small),
            ("told", Small),
            ("told_failed", Flag),
            ("attempts", Bytes),
            ("partition", PartitionOf(1)),
        ],
    ),
    Table::new(
        "attempt",
        2,
        &[
            ("message", Id),
            ("number", Int),
            ("started_at", Long),
            ("ended_at", Long),
            ("hop", Small),
            ("duplicate", Flag),
            ("channel", Text),
            ("route", Text),
            ("outcome", Text),
            ("provider_id", Text),
            ("fault_class", Text),
            ("fault_code", Text),
            ("fault_detail", Text),
        ],
    ),
    Table::new(
        "receipt",
        2,
        &[
            ("message", Id),
            ("place", Long),
            ("at", Long),
            ("received_at", Long),
            ("number", Int),
            ("status", Text),
            ("fault_code", Text),
            ("fault_detail", Text),
        ],
    )
    .counted("place"),
    Table::new(
        "decision",
        2,
        &[
            ("message", Id),
            ("place", Long),
            ("at", Long),
            ("number", Int),
            ("hop", Small),
            ("code", Text),
            ("words", Text),
        ],
    )
    .counted("place"),
    Table::new(
        "idempotency",
        2,
        &[
            ("scope", Text),
            ("key", Text),
            ("message", Id),
            ("expires_at", Long),
            ("body_hash", Bytes),
            ("answer", Bytes),
        ],
    )
    .paged(1_000),
    Table::new(
        "raw_inbound",
        1,
        &[
            ("id", Id),
            ("received_at", Long),
            ("done", Flag),
            ("channel", Text),
            ("query", Text),
            ("body", Bytes),
            ("partition", PartitionOf(0)),
        ],
    )
    .paged(200),
    Table::new(
        "inbound",
        1,
        &[
            ("id", Id),
            ("contact", Id),
            ("context", Id),
            ("at", Long),
            ("received_at", Long),
            ("channel", Text),
            ("provider_id", Text),
            ("sender", Text),
            ("sent_from", Text),
            ("kind", Text),
            ("media", Text),
        ],
    ),
    Table::new(
        "hook",
        1,
        &[
            ("seq", Long),
            ("subject", Id),
            ("created_at", Long),
            ("due_at", Long),
            ("dropped_at", Long),
            ("tries", Long),
            ("head", Flag),
            ("endpoint", Text),
            ("event", Text),
            ("error", Text),
            ("partition", PartitionOf(1)),
        ],
    )
    .counted("seq"),
    Table::new(
        "media",
        1,
        &[
            ("id", Text),
            ("app", Text),
            ("sender", Text),
            ("mime", Text),
            ("filename", Text),
            ("sha256", Text),
            ("size", Long),
            ("created_at", Long),
            ("expires_at", Long),
            ("remote_channel", Text),
            ("remote", Text),
        ],
    ),
    Table::new(
        "media_alias",
        2,
        &[
            ("media", Text),
            ("sender", Text),
            ("provider_id", Text),
            ("until", Long),
        ],
    ),
    Table::new(
        "template",
        4,
        &[
            ("waba", Text),
            ("name", Text),
            ("language", Text),
            ("id", Text),
            ("status", Text),
            ("category", Text),
            ("json", Text),
            ("synced_at", Long),
        ],
    )
    .paged(200),
    Table::new(
        "route",
        1,
        &[
            ("name", Text),
            ("health", Text),
            ("since", Long),
            ("reason", Text),
            ("state", Text),
        ],
    )
    .paged(200),
    Table::new(
        "outage",
        1,
        &[
            ("id", Id),
            ("route", Text),
            ("scope", Text),
            ("signal", Text),
            ("onset", Long),
            ("suspect_at", Long),
            ("degraded_at", Long),
            ("opened_at", Long),
            ("recovering_at", Long),
            ("recovered_at", Long),
            ("reason", Text),
            ("moved", Long),
            ("nats", Real),
            ("bound", Real),
            ("ratio", Real),
            ("feed", Text),
            ("feed_at", Long),
        ],
    ),
    Table::new(
        "baseline",
        1,
        &[("key", Text), ("saved_at", Long), ("bytes", Bytes)],
    )
    .paged(50),
    Table::new(
        "route_hold",
        1,
        &[
            ("scope", Text),
            ("kind", Text),
            ("reason", Text),
            ("actor", Text),
            ("set_at", Long),
            ("until", Long),
        ],
    ),
    Table::new(
        "audit",
        1,
        &[
            ("id", Id),
            ("at", Long),
            ("actor", Text),
            ("action", Text),
            ("subject", Text),
            ("reason", Text),
            ("detail", Text),
        ],
    ),
    Table::new(
        "console_user",
        1,
        &[
            ("name", Text),
            ("role", Text),
            ("password", Text),
            ("totp", Text),
            ("totp_step", Long),
            ("created_at", Long),
            ("disabled_at", Long),
            ("version", Long),
        ],
    ),
    Table::new(
        "console_session",
        1,
        &[
            ("hash", Bytes),
            ("name", Text),
            ("created_at", Long),
            ("seen_at", Long),
            ("expires_at", Long),
            ("address", Text),
            ("agent", Text),
        ],
    ),
    Table::new(
        "activity",
        1,
        &[
            ("seq", Long),
            ("at", Long),
            ("kind", Text),
            ("subject", Text),
            ("words", Text),
        ],
    )
    .counted("seq"),
    Table::new(
        "traffic",
        2,
        &[
            ("minute", Long),
            ("channel", Text),
            ("sends", Long),
            ("receipts", Long),
            ("failures", Long),
        ],
    ),
    Table::new(
        "evidence",
        2,
        &[
            ("outage", Id),
            ("at", Long),
            ("signal", Text),
            ("nats", Real),
            ("threshold", Real),
        ],
    ),
    Table::new(
        "handoff",
        1,
        &[("id", Id), ("lease", Text), ("at", Long), ("event", Text)],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Tables of nodes that run, and of the schema itself.
    const LEFT: [&str; 4] = ["node", "lease", "schema_migration", "sqlite_sequence"];

    #[test]
    fn a_page_is_asked_for_by_its_key() {
        let table = TABLES.iter().find(|it| it.name == "template").unwrap();
        assert_eq!(
            table.select("waba", Some("?1, ?2, ?3, ?4")),
            "SELECT waba FROM template WHERE (waba, name, language, id) > (?1, ?2, ?3, ?4) \
             ORDER BY waba, name, language, id LIMIT 200"
        );
        let setting = TABLES.iter().find(|it| it.name == "setting").unwrap();
        let sql = setting.select("key", Some("?1"));
        for mark in [MOVED_TO, MOVING_FROM] {
            assert!(sql.contains(&format!("'{mark}'")), "{sql}");
        }
        assert!(sql.contains(" AND (key) > (?1) "), "{sql}");
    }

    /// A schema that grows must not be moved in part.
    #[test]
    fn every_table_and_column_is_moved() {
        let mut c = rusqlite::Connection::open_in_memory().unwrap();
        crate::sqlite::migrate(&mut c).unwrap();
        let list = |sql: &str| -> Vec<String> {
            let mut statement = c.prepare(sql).unwrap();
            let names = statement.query_map([], |row| row.get(0)).unwrap();
            names.map(|name| name.unwrap()).collect()
        };
        let tables = list("SELECT name FROM sqlite_schema WHERE type = 'table'");
        let there = tables.iter().filter(|name| !LEFT.contains(&name.as_str()));
        let mut there: Vec<&str> = there.map(String::as_str).collect();
        let mut moved: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        there.sort_unstable();
        moved.sort_unstable();
        assert_eq!(moved, there);
        for table in TABLES {
            let name = table.name;
            let mut there = list(&format!("SELECT name FROM pragma_table_info('{name}')"));
            let stored = |kind: &Kind| !matches!(kind, Kind::PartitionOf(_));
            let moved = table.columns.iter().filter(|(_, kind)| stored(kind));
            let mut moved: Vec<&str> = moved.map(|(column, _)| *column).collect();
            there.sort_unstable();
            moved.sort_unstable();
            assert_eq!(moved, there, "{name}");
            let sql = "SELECT name FROM pragma_table_info('{}') WHERE pk > 0 ORDER BY pk";
            let key = list(&sql.replace("{}", name)).join(", ");
            assert_eq!(table.key_names(), key, "{name}");
        }
    }
}
