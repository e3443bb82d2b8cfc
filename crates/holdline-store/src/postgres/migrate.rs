//! Brings the schema of a database up to date, or says why it cannot. Never goes back.
//!
//! Nodes are renewed one after the other, so a schema serves two versions of the program at a time:
//! a step only adds (columns with a default, tables, indexes); what no version uses any more is
//! taken away by a step of a later release. Each step names the lowest step that a program must
//! know to go on writing beside it; a program that knows less is refused.

use super::connect::Link;
use super::error::Fault;
use crate::postgres::connect::Client;
use aws_lc_rs::digest;
use holdline_engine::ports::StoreError;
use tokio_postgres::types::Type;

/// One step of the schema, in the order of its number.
#[derive(Clone, Copy)]
pub(super) struct Migration {
    version: i32,
    name: &'static str,
    sql: &'static str,
    /// Programs that know no step from here on must not write any more.
    writer_min: i32,
}

pub(super) const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "start",
        sql: include_str!("../../migrations/postgres/0001_start.sql"),
        writer_min: 1,
    },
    Migration {
        version: 2,
        name: "console",
        sql: include_str!("../../migrations/postgres/0002_console.sql"),
        writer_min: 1,
    },
];

/// One node at a time; the lock goes with the transaction. The number is "holdline" in ASCII.
const LOCK: &str = "BEGIN; SELECT pg_advisory_xact_lock(7524239297262217829)";

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS schema_migration (
        version    integer NOT NULL PRIMARY KEY,
        name       text    NOT NULL,
        checksum   bytea   NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE TABLE IF NOT EXISTS schema_version (
        one        boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (one),
        version    integer NOT NULL,
        writer_min integer NOT NULL
    );";

struct Applied {
    version: i32,
    checksum: Vec<u8>,
}

/// What a database says of its schema.
#[derive(Default)]
struct State {
    applied: Vec<Applied>,
    writer_min: i32,
}

/// Applies what is missing, all of it or nothing.
pub(super) async fn migrate(link: &Link) -> Result<(), StoreError> {
    migrate_by(link.client(), MIGRATIONS).await
}

async fn migrate_by(c: &Client, known: &[Migration]) -> Result<(), StoreError> {
    let state = state(c).await.map_err(Fault::into_store)?;
    check(&state, known)?;
    if state.newest() >= newest(known) {
        return Ok(());
    }
    c.batch_execute(LOCK).await.map_err(store_error)?;
    let done = apply_missing(c, known).await;
    match done {
        Ok(()) => c.batch_execute("COMMIT").await.map_err(store_error),
        Err(error) => {
            if let Err(error) = c.batch_execute("ROLLBACK").await {
                tracing::debug!(%error, "a failed migration could not be rolled back");
            }
            Err(error)
        }
    }
}

async fn apply_missing(c: &Client, known: &[Migration]) -> Result<(), StoreError> {
    c.batch_execute(TABLES).await.map_err(store_error)?;
    let state = state(c).await.map_err(Fault::into_store)?;
    check(&state, known)?;
    let after = state.newest();
    for migration in known.iter().filter(|migration| migration.version > after) {
        apply(c, migration).await?;
        tracing::info!(
            version = migration.version,
            name = migration.name,
            "schema migrated"
        );
    }
    Ok(())
}

async fn apply(c: &Client, migration: &Migration) -> Result<(), StoreError> {
    c.batch_execute(migration.sql).await.map_err(store_error)?;
    let sql = "INSERT INTO schema_migration (version, name, checksum) VALUES ($1, $2, $3)";
    c.execute_typed(
        sql,
        &[
            (&migration.version, Type::INT4),
            (&migration.name, Type::TEXT),
            (&checksum(migration), Type::BYTEA),
        ],
    )
    .await
    .map_err(store_error)?;
    let sql = "INSERT INTO schema_version (version, writer_min) VALUES ($1, $2)
         ON CONFLICT (one) DO UPDATE SET version = excluded.version,
             writer_min = GREATEST(schema_version.writer_min, excluded.writer_min)";
    let values = [
        (&migration.version as _, Type::INT4),
        (&migration.writer_min as _, Type::INT4),
    ];
    c.execute_typed(sql, &values).await.map_err(store_error)?;
    Ok(())
}

/// Refuses when the schema has gone beyond what this program may write to.
pub(super) async fn check_writer(c: &Client) -> Result<(), Fault> {
    let rows = c
        .query_typed("SELECT writer_min FROM schema_version", &[])
        .await?;
    let writer_min = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
    check_writer_min(writer_min, newest(MIGRATIONS)).map_err(Fault::Refused)
}

fn check_writer_min(writer_min: i32, known: i32) -> Result<(), StoreError> {
    if writer_min <= known {
        return Ok(());
    }
    Err(StoreError::Unavailable(format!(
        "the database is for holdline that knows its schema {writer_min}, this one knows only \
         {known}: run the newer holdline"
    )))
}

/// The newest step in a database, and that which this program knows.
pub(super) struct Schema {
    pub(super) newest: i32,
    pub(super) known: i32,
}

/// Refuses a schema that this program must not write to.
pub(super) async fn schema(c: &Client) -> Result<Schema, StoreError> {
    let state = state(c).await.map_err(Fault::into_store)?;
    check(&state, MIGRATIONS)?;
    Ok(Schema {
        newest: state.newest(),
        known: newest(MIGRATIONS),
    })
}

/// Whether a schema of this program was ever made there.
pub(super) async fn has_tables(c: &Client) -> Result<bool, StoreError> {
    are_there(c).await.map_err(Fault::into_store)
}

async fn are_there(c: &Client) -> Result<bool, Fault> {
    let sql = "SELECT to_regclass('schema_version') IS NOT NULL";
    let there = c.query_typed(sql, &[]).await?;
    Ok(there.first().map_or(Ok(false), |row| row.try_get(0))?)
}

async fn state(c: &Client) -> Result<State, Fault> {
    if !are_there(c).await? {
        return Ok(State::default());
    }
    let sql = "SELECT version, checksum FROM schema_migration ORDER BY version";
    let mut applied = Vec::new();
    for row in c.query_typed(sql, &[]).await? {
        applied.push(Applied {
            version: row.try_get(0)?,
            checksum: row.try_get(1)?,
        });
    }
    let rows = c
        .query_typed("SELECT writer_min FROM schema_version", &[])
        .await?;
    let writer_min = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
    Ok(State {
        applied,
        writer_min,
    })
}

impl State {
    fn newest(&self) -> i32 {
        self.applied.last().map_or(0, |last| last.version)
    }
}

fn newest(known: &[Migration]) -> i32 {
    known.last().map_or(0, |last| last.version)
}

fn check(state: &State, known: &[Migration]) -> Result<(), StoreError> {
    check_writer_min(state.writer_min, newest(known))?;
    for one in &state.applied {
        let Some(migration) = known.iter().find(|it| it.version == one.version) else {
            continue;
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

fn store_error(error: tokio_postgres::Error) -> StoreError {
    Fault::from(error).into_store()
}

fn checksum(migration: &Migration) -> Vec<u8> {
    digest::digest(&digest::SHA256, migration.sql.as_bytes())
        .as_ref()
        .to_vec()
}
