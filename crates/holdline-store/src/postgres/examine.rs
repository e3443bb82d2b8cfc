//! Looks at a database server from outside: what it is, and what of it bears on messages. Changes
//! nothing and judges nothing but whether its schema may be used.

use super::connect::{Connector, PostgresOptions};
use super::error::Fault;
use super::migrate::{self, Schema};
use super::read::cluster::CLOCK;
use super::statement::Statement;
use super::target;
use crate::rows::Row;
use holdline_core::Timestamp;
use holdline_engine::ports::store::StoreResult;

/// What a server says of itself and of the database.
#[derive(Clone, Debug)]
pub struct Examined {
    /// As people write it, such as `15.4`.
    pub version: String,
    pub is_supported: bool,
    pub encoding: String,
    pub schema: SchemaState,
    /// It holds the copy of a store whose move has not ended.
    pub is_unfinished: bool,
    /// Commits wait for the disk.
    pub fsync: bool,
    /// The setting `synchronous_commit`.
    pub synchronous_commit: String,
    /// The standbys that commits wait for; empty = none.
    pub standbys: String,
    /// How many of them follow; `None` where this user may not know.
    pub standbys_following: Option<u64>,
    /// How far its clock is ahead of this machine's.
    pub clock_ahead_ms: i64,
    /// This user may make tables.
    pub may_create: bool,
    pub connections_max: i64,
    pub connections_free: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaState {
    /// The first server that starts makes it.
    Missing,
    /// Older than this program knows: the next start brings it up to date.
    Older(i32),
    Known(i32),
    /// This program must not write there, and why.
    Refused(String),
}

/// Asks once; `clock` is this machine's.
pub async fn examine(
    options: &PostgresOptions,
    clock: impl Fn() -> Timestamp,
) -> StoreResult<Examined> {
    let connector = Connector::new(options)?;
    let link = connector.connect_by(connector.deadline()).await;
    let link = link.map_err(Fault::into_store)?;
    let c = link.client();
    let before = clock();
    let found = Statement::new(settings()).first(c, read).await;
    let after = clock();
    let found = found.map_err(|error| Fault::from(error).into_store())?;
    let mut examined = found.unwrap_or_else(unknown);
    examined.clock_ahead_ms -= before.0.midpoint(after.0);
    examined.schema = match migrate::schema(c).await {
        Ok(Schema { newest: 0, .. }) => SchemaState::Missing,
        Ok(Schema { newest, known }) if newest < known => SchemaState::Older(newest),
        Ok(Schema { newest, .. }) => SchemaState::Known(newest),
        Err(error) => SchemaState::Refused(error.to_string()),
    };
    examined.is_unfinished =
        migrate::has_tables(c).await? && target::refuse_unfinished(c).await.is_err();
    Ok(examined)
}

fn settings() -> String {
    format!(
        "SELECT current_setting('server_version'), current_setting('server_version_num'),
             current_setting('server_encoding'), current_setting('fsync') <> 'off',
             current_setting('synchronous_commit'), current_setting('synchronous_standby_names'),
             CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE') THEN
                 (SELECT count(*) FROM pg_stat_replication
                     WHERE sync_state IN ('sync', 'quorum') AND state = 'streaming') END,
             {CLOCK}, COALESCE(has_schema_privilege(current_schema(), 'CREATE'), false),
             current_setting('max_connections')::bigint
                 - current_setting('superuser_reserved_connections')::bigint,
             (SELECT sum(numbackends) FROM pg_stat_database)::bigint"
    )
}

fn read(row: &Row<'_>) -> crate::rows::Result<Examined> {
    let version: String = row.get(1)?;
    let version: u32 = version.parse().unwrap_or_default();
    let (connections_max, used): (i64, i64) = (row.get(9)?, row.get(10)?);
    Ok(Examined {
        version: row.get(0)?,
        is_supported: version >= super::connect::VERSION_MIN,
        encoding: row.get(2)?,
        fsync: row.get(3)?,
        synchronous_commit: row.get(4)?,
        standbys: row.get(5)?,
        standbys_following: row.get::<Option<i64>>(6)?.map(i64::unsigned_abs),
        clock_ahead_ms: row.get(7)?,
        may_create: row.get(8)?,
        connections_max,
        // The one that asks is given back.
        connections_free: connections_max - used + 1,
        ..unknown()
    })
}

fn unknown() -> Examined {
    Examined {
        version: String::new(),
        is_supported: false,
        encoding: String::new(),
        schema: SchemaState::Missing,
        is_unfinished: false,
        fsync: false,
        synchronous_commit: String::new(),
        standbys: String::new(),
        standbys_following: None,
        clock_ahead_ms: 0,
        may_create: false,
        connections_max: 0,
        connections_free: 0,
    }
}
