//! What PostgreSQL says, in the words of the Store port, and what is to be done about it: try the
//! transaction again, look for the server again, or tell the caller. Repeats no value of a row.

use crate::rows::RowError;
use holdline_engine::ports::StoreError;
use std::error::Error as _;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// Why a transaction did not happen. Nothing of it did.
#[derive(Debug)]
pub(super) enum Fault {
    /// Others were in the way; made again it may succeed.
    Raced(String),
    /// The connection is of no use any more, or leads to a server that must not be written to.
    Lost(String),
    /// Made again it would fail again.
    Refused(StoreError),
}

impl Fault {
    /// The word for whoever waits, when there is no more trying.
    pub(super) fn into_store(self) -> StoreError {
        match self {
            Self::Raced(why) => StoreError::Unavailable(format!(
                "PostgreSQL: others kept getting in the way, try again: {why}"
            )),
            Self::Lost(why) => StoreError::Unreachable(format!("PostgreSQL: {why}")),
            Self::Refused(error) => error,
        }
    }
}

impl From<RowError> for Fault {
    fn from(error: RowError) -> Self {
        match error {
            RowError::Postgres(error) => error.into(),
            RowError::Sqlite(_) => Self::Refused(StoreError::Corrupt("a row".to_owned())),
            RowError::Unreadable { column, what } => {
                Self::Refused(StoreError::Corrupt(format!("column {column}: not {what}")))
            }
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let Some(code) = error.code() else {
            return of_driver(&error);
        };
        let why = words(&error);
        let lock = [SqlState::LOCK_NOT_AVAILABLE, SqlState::QUERY_CANCELED];
        if code.code().starts_with("40") || *code == SqlState::UNIQUE_VIOLATION {
            return Self::Raced(why);
        }
        if lock.contains(code) {
            return Self::Raced(format!("a lock or a statement took too long: {why}"));
        }
        if let Some(mend) = unwritable(code) {
            return Self::Lost(format!("{why}; {mend}"));
        }
        if is_of_kept_statement(&error) {
            let why = format!(
                "{why}: the server does not have a statement that it was to keep; with a proxy in \
                 between, set storage.prepared_statements to false"
            );
            tracing::warn!("PostgreSQL: {why}");
            return Self::Lost(why);
        }
        match &code.code()[..2] {
            "08" | "57" => Self::Lost(why),
            _ => Self::Refused(refused(code, why)),
        }
    }
}

/// Another connection behind a proxy, or a table that has changed: a new connection begins anew.
fn is_of_kept_statement(error: &Error) -> bool {
    let names = [
        SqlState::INVALID_SQL_STATEMENT_NAME,
        SqlState::DUPLICATE_PSTATEMENT,
    ];
    let said = error.as_db_error();
    // Its words are in the server's language, and its code stands for much else.
    let is_old = |routine: &str| routine == "RevalidateCachedQuery";
    said.is_some_and(|said| names.contains(said.code()) || said.routine().is_some_and(is_old))
}

/// The server takes no writes: another may.
fn unwritable(code: &SqlState) -> Option<&'static str> {
    let read_only = *code == SqlState::READ_ONLY_SQL_TRANSACTION;
    read_only.then_some(
        "it is a standby or set read-only: promote it, or name the primary as well in \
         storage.url (postgres://HOST1,HOST2/DATABASE)",
    )
}

fn refused(code: &SqlState, why: String) -> StoreError {
    match code.code() {
        "53100" => StoreError::Full(format!(
            "{why}; make room on the disk of the database server"
        )),
        "53200" | "53400" => {
            StoreError::Unavailable(format!("{why}; the database server is short of resources"))
        }
        // What only a new connection meets says nothing about what was to be written.
        "53300" => StoreError::Unreachable(format!("{why}; raise max_connections")),
        "28000" | "28P01" => {
            StoreError::Unreachable(format!("{why}; check user and password in storage.url"))
        }
        "3D000" => StoreError::Unreachable(format!(
            "{why}; make it: createdb --encoding=UTF8 --template=template0 NAME"
        )),
        "42501" => StoreError::Unavailable(format!(
            "{why}; the user of storage.url needs the right to use and make tables there"
        )),
        "XX001" | "XX002" => StoreError::Corrupt(why),
        _ => StoreError::Unavailable(why),
    }
}

/// No word of the server, but of the driver or the network.
fn of_driver(error: &Error) -> Fault {
    let why = words(error);
    match error.source() {
        // A parameter or a column of the wrong type is a fault of ours.
        Some(source) if source.is::<tokio_postgres::types::WrongType>() => {
            Fault::Refused(StoreError::Corrupt(why))
        }
        Some(_) | None => Fault::Lost(why),
    }
}

/// The message without its details: those repeat values of rows.
pub(super) fn words(error: &Error) -> String {
    if let Some(said) = error.as_db_error() {
        return format!("{} ({})", said.message(), said.code().code());
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
