//! Brings the schema of a file up to date, or says why it cannot. Never goes back.

use super::error::{commit_error, store_error};
use aws_lc_rs::digest;
use holdline_engine::ports::StoreError;
use rusqlite::{Connection, Result, Transaction, TransactionBehavior, params};

/// One step of the schema, in the order of its number.
#[derive(Clone, Copy)]
pub(super) struct Migration {
    version: u32,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "start",
        sql: include_str!("../../migrations/sqlite/0001_start.sql"),
    },
    Migration {
        version: 2,
        name: "watch",
        sql: include_str!("../../migrations/sqlite/0002_watch.sql"),
    },
    Migration {
        version: 3,
        name: "cluster",
        sql: include_str!("../../migrations/sqlite/0003_cluster.sql"),
    },
    Migration {
        version: 4,
        name: "console",
        sql: include_str!("../../migrations/sqlite/0004_console.sql"),
    },
];

struct Applied {
    version: u32,
    checksum: Vec<u8>,
}

/// Applies what is missing, all of it or nothing.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    migrate_by(connection, MIGRATIONS)
}

/// The schema of a file that is only read: one that this program knows whole.
pub(super) fn known_schema(connection: &Connection) -> Result<u32, StoreError> {
    let applied = read_applied(connection).map_err(|error| store_error(&error))?;
    check_applied(&applied, MIGRATIONS)?;
    let schema = applied.last().map_or(0, |last| last.version);
    let newest = MIGRATIONS.last().map_or(0, |last| last.version);
    if schema == newest {
        return Ok(schema);
    }
    Err(StoreError::Unavailable(format!(
        "the database has schema {schema} and this holdline schema {newest}; \
         start its server once to bring it up to date"
    )))
}

fn migrate_by(connection: &mut Connection, known: &[Migration]) -> Result<(), StoreError> {
    let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = begun.map_err(|error| store_error(&error))?;
    let applied = applied(&transaction).map_err(|error| store_error(&error))?;
    check_applied(&applied, known)?;
    let newest = applied.last().map_or(0, |last| last.version);
    for migration in known.iter().filter(|migration| migration.version > newest) {
        apply(&transaction, migration).map_err(|error| store_error(&error))?;
        tracing::info!(
            version = migration.version,
            name = migration.name,
            "schema migrated"
        );
    }
    transaction.commit().map_err(|error| commit_error(&error))
}

fn applied(transaction: &Transaction<'_>) -> Result<Vec<Applied>> {
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_migration (
             version    INTEGER PRIMARY KEY,
             name       TEXT    NOT NULL,
             checksum   BLOB    NOT NULL,
             applied_at INTEGER NOT NULL
         )",
    )?;
    read_applied(transaction)
}

fn read_applied(connection: &Connection) -> Result<Vec<Applied>> {
    let sql = "SELECT version, checksum FROM schema_migration ORDER BY version";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        Ok(Applied {
            version: row.get(0)?,
            checksum: row.get(1)?,
        })
    })?;
    rows.collect()
}

fn check_applied(applied: &[Applied], known: &[Migration]) -> Result<(), StoreError> {
    let newest = known.last().map_or(0, |last| last.version);
    for one in applied {
        let Some(migration) = known.iter().find(|known| known.version == one.version) else {
            return Err(StoreError::Unavailable(format!(
                "the database has schema {}, but this holdline knows only schemas up to {newest}; \
                 run the newer holdline that wrote it, or restore an older backup",
                one.version
            )));
        };
        if checksum(migration) != one.checksum {
            return Err(StoreError::Unavailable(format!(
                "schema step {} ({}) in the database is not the one this holdline knows; \
                 run the holdline that wrote it",
                one.version, migration.name
            )));
        }
    }
    Ok(())
}

fn apply(transaction: &Transaction<'_>, migration: &Migration) -> Result<()> {
    transaction.execute_batch(migration.sql)?;
    transaction.execute(
        "INSERT INTO schema_migration (version, name, checksum, applied_at)
         VALUES (?1, ?2, ?3, unixepoch() * 1000)",
        params![migration.version, migration.name, checksum(migration)],
    )?;
    Ok(())
}

fn checksum(migration: &Migration) -> Vec<u8> {
    digest::digest(&digest::SHA256, migration.sql.as_bytes())
        .as_ref()
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::super::area::{hooks, routes};
    use super::*;
    use holdline_core::Timestamp;
    use holdline_core::health::Health;
    use holdline_core::id::OutageId;
    use holdline_engine::ports::records::{EventKind, OutageRecord, RouteRecord};

    const FIRST: Migration = Migration {
        version: 1,
        name: "first",
        sql: "CREATE TABLE a (x)",
    };
    const SECOND: Migration = Migration {
        version: 2,
        name: "second",
        sql: "CREATE TABLE b (x)",
    };

    fn tables(connection: &Connection) -> i64 {
        let sql = "SELECT COUNT(*) FROM sqlite_schema WHERE name IN ('a', 'b')";
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn missing_steps_are_applied_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        for (known, expect) in [
            (&[FIRST][..], 1),
            (&[FIRST, SECOND], 2),
            (&[FIRST, SECOND], 2),
        ] {
            migrate_by(&mut connection, known).unwrap();
            assert_eq!(tables(&connection), expect);
        }
    }

    #[test]
    fn a_newer_schema_is_refused_with_a_way_out() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_by(&mut connection, &[FIRST, SECOND]).unwrap();
        let error = migrate_by(&mut connection, &[FIRST])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("has schema 2") && error.contains("newer holdline"),
            "{error}"
        );
    }

    #[test]
    fn a_changed_step_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_by(&mut connection, &[FIRST]).unwrap();
        let changed = Migration {
            sql: "CREATE TABLE a (y)",
            ..FIRST
        };
        let error = migrate_by(&mut connection, &[changed])
            .unwrap_err()
            .to_string();
        assert!(error.contains("step 1 (first)"), "{error}");
    }

    #[test]
    fn a_step_that_fails_leaves_nothing_behind() {
        let mut connection = Connection::open_in_memory().unwrap();
        let broken = Migration {
            sql: "CREATE TABLE b (x); CREATE NONSENSE",
            ..SECOND
        };
        assert!(migrate_by(&mut connection, &[FIRST, broken]).is_err());
        assert_eq!(tables(&connection), 0);
        migrate_by(&mut connection, &[FIRST, SECOND]).unwrap();
    }

    /// Rows as the first released schema has them.
    const OLD_ROWS: &str = r#"
        INSERT INTO route (name, health, since, reason) VALUES ('r', 'down', 7, 'why');
        INSERT INTO outage (id, route, onset, opened_at, recovered_at, reason, moved)
        VALUES (x'00000000000000000000000000000009', 'r', NULL, 7, 8, 'why', 3);
        INSERT INTO hook (endpoint, subject, event, created_at, due_at, tries, head)
        VALUES ('e', x'00000000000000000000000000000001', '{"at":5,"kind":"health","route":"r",
            "from":"up","to":"down","reason":"why"}', 6, 6, 0, 1);
    "#;

    #[test]
    fn rows_of_the_first_schema_read_as_before() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_by(&mut connection, &MIGRATIONS[..1]).unwrap();
        connection.execute_batch(OLD_ROWS).unwrap();
        migrate(&mut connection).unwrap();
        assert_eq!(routes::all_routes(&connection).unwrap(), [old_route()]);
        assert_eq!(routes::outages(&connection, 9).unwrap(), [old_outage()]);
        super::super::cluster::add_function(&connection).unwrap();
        let due = hooks::due(&connection, -1, Timestamp(6), "[]", 9).unwrap();
        let kinds: Vec<_> = due.into_iter().map(|hook| hook.event.kind).collect();
        assert_eq!(kinds, [old_event()]);
    }

    fn old_route() -> RouteRecord {
        RouteRecord {
            name: "r".to_owned(),
            health: Health::Down,
            since: Timestamp(7),
            reason: "why".to_owned(),
            state: String::new(),
        }
    }

    fn old_outage() -> OutageRecord {
        OutageRecord {
            id: OutageId(9),
            route: "r".to_owned(),
            scope: String::new(),
            signal: String::new(),
            onset: None,
            suspect_at: None,
            degraded_at: None,
            opened_at: Timestamp(7),
            recovering_at: None,
            recovered_at: Some(Timestamp(8)),
            reason: "why".to_owned(),
            moved: 3,
            nats: 0.0,
            bound: None,
            ratio: None,
            feed: None,
            feed_at: None,
        }
    }

    fn old_event() -> EventKind {
        EventKind::Health {
            route: "r".to_owned(),
            from: Health::Up,
            to: Health::Down,
            reason: "why".to_owned(),
            scope: String::new(),
            onset: None,
            nats: 0.0,
        }
    }
}
