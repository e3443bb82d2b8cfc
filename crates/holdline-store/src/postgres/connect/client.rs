//! A connection's client. It may let the server keep statements by a name, so that they are read
//! and planned once for the connection and not each time.

use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Statement};

/// Statements that one connection has the server keep; further texts go without a name.
const KEPT_MAX: usize = 256;

#[derive(Debug)]
pub(in crate::postgres) struct Client {
    client: tokio_postgres::Client,
    /// Only where the configuration says that no proxy is in between.
    kept: Option<Mutex<Kept>>,
}

/// By their texts.
#[derive(Debug, Default)]
struct Kept {
    known: HashMap<String, Statement>,
    /// Sent once without a name, and to be kept before the connection is used again.
    wanted: BTreeMap<String, Vec<Type>>,
}

impl Client {
    pub(super) fn new(client: tokio_postgres::Client, keeps: bool) -> Self {
        let kept = keeps.then(Mutex::default);
        Self { client, kept }
    }

    /// The statement that the server keeps for this text; `None` when it is to be sent without a
    /// name. Asks the server nothing: what is sent at once stays in its order.
    pub(in crate::postgres) fn kept(&self, sql: &str, types: &[Type]) -> Option<Statement> {
        let mut kept = lock(self.kept.as_ref()?);
        if let Some(statement) = kept.known.get(sql) {
            return Some(statement.clone());
        }
        let has_room = kept.known.len() + kept.wanted.len() < KEPT_MAX;
        if has_room && !kept.wanted.contains_key(sql) {
            kept.wanted.insert(sql.to_owned(), types.to_vec());
        }
        None
    }

    /// Has the server keep what was sent since; outside of a transaction.
    pub(in crate::postgres) async fn keep(&self) -> Result<(), Error> {
        let Some(kept) = &self.kept else {
            return Ok(());
        };
        let wanted = std::mem::take(&mut lock(kept).wanted);
        for (sql, types) in wanted {
            let statement = self.client.prepare_typed(&sql, &types).await?;
            lock(kept).known.insert(sql, statement);
        }
        Ok(())
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Deref for Client {
    type Target = tokio_postgres::Client;

    fn deref(&self) -> &Self::Target {
        &self.client
    }
}
