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

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "start",
    sql: include_str!("../../migrations/sqlite/0001_start.sql"),
}];

struct Applied {
    version: u32,
    checksum: Vec<u8>,
}

/// Applies what is missing, all of it or nothing.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    migrate_by(connection, MIGRATIONS)
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
    let sql = "SELECT version, checksum FROM schema_migration ORDER BY version";
    let mut statement = transaction.prepare(sql)?;
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
    use super::*;

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
}
