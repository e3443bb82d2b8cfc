//! One statement with its parameters. Sent without a name and with the types of its parameters:
//! that takes one round trip, and works through a proxy that gives each transaction another
//! connection. Where the configuration says so the server keeps it by a name instead
//! ([`Client::kept`]).

use crate::postgres::connect::Client;
use crate::rows::{Result, Row, RowError};
use std::borrow::Cow;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row as PostgresRow};
use uuid::Uuid;

type Value<'a> = Box<dyn ToSql + Sync + Send + 'a>;

/// A statement to send.
pub(super) struct Statement<'a> {
    sql: Cow<'a, str>,
    values: Vec<(Value<'a>, Type)>,
}

impl<'a> Statement<'a> {
    pub(super) fn new(sql: impl Into<Cow<'a, str>>) -> Self {
        let values = Vec::new();
        let sql = sql.into();
        Self { sql, values }
    }

    /// The next parameter.
    pub(super) fn one<T: Parameter + 'a>(mut self, value: T) -> Self {
        self.values.push((Box::new(value), T::one_type()));
        self
    }

    /// The next parameter: an array.
    pub(super) fn many<T: Parameter + 'a>(mut self, values: impl IntoIterator<Item = T>) -> Self {
        let values: Vec<T> = values.into_iter().collect();
        self.values.push((Box::new(values), T::array_type()));
        self
    }

    /// The same parameters for another text.
    pub(super) fn with(self, sql: String) -> Self {
        let sql = Cow::Owned(sql);
        Self { sql, ..self }
    }

    /// The number of parameters so far.
    pub(super) fn count(&self) -> usize {
        self.values.len()
    }

    fn types(&self) -> Vec<Type> {
        self.values.iter().map(|(_, kind)| kind.clone()).collect()
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        let values = self.values.iter().map(|(value, _)| value);
        values
            .map(|value| &**value as &(dyn ToSql + Sync))
            .collect()
    }

    fn typed(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.parameters().into_iter().zip(self.types()).collect()
    }

    async fn rows(&self, client: &Client) -> std::result::Result<Vec<PostgresRow>, Error> {
        match client.kept(&self.sql, &self.types()) {
            Some(kept) => client.query(&kept, &self.parameters()).await,
            None => client.query_typed(&self.sql, &self.typed()).await,
        }
    }

    /// How many rows it changed.
    pub(super) async fn run(self, client: &Client) -> std::result::Result<u64, Error> {
        match client.kept(&self.sql, &self.types()) {
            Some(kept) => client.execute(&kept, &self.parameters()).await,
            None => client.execute_typed(&self.sql, &self.typed()).await,
        }
    }

    pub(super) async fn all<T>(
        self,
        client: &Client,
        read: impl Fn(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let rows = self.rows(client).await.map_err(RowError::Postgres)?;
        rows.iter().map(|row| read(&Row::postgres(row))).collect()
    }

    /// The first row, if any.
    pub(super) async fn first<T>(
        self,
        client: &Client,
        read: impl Fn(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.all(client, read).await?.into_iter().next())
    }
}

/// What may be a parameter.
pub(super) trait Parameter: ToSql + Sync + Send {
    fn one_type() -> Type;
    fn array_type() -> Type;
}

macro_rules! parameters {
    ($($type:ty: $one:ident $array:ident,)*) => { $(
        impl Parameter for $type {
            fn one_type() -> Type {
                Type::$one
            }

            fn array_type() -> Type {
                Type::$array
            }
        }
    )* };
}

parameters! {
    Uuid: UUID UUID_ARRAY,
    i64: INT8 INT8_ARRAY,
    i32: INT4 INT4_ARRAY,
    i16: INT2 INT2_ARRAY,
    f64: FLOAT8 FLOAT8_ARRAY,
    bool: BOOL BOOL_ARRAY,
    String: TEXT TEXT_ARRAY,
    &str: TEXT TEXT_ARRAY,
    Cow<'_, str>: TEXT TEXT_ARRAY,
    &[u8]: BYTEA BYTEA_ARRAY,
    Vec<u8>: BYTEA BYTEA_ARRAY,
}

impl<T: Parameter> Parameter for Option<T> {
    fn one_type() -> Type {
        T::one_type()
    }

    fn array_type() -> Type {
        T::array_type()
    }
}

/// A text as PostgreSQL can hold it: it knows no character NUL.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

pub(super) fn maybe_text(value: Option<&str>) -> Option<Cow<'_, str>> {
    value.map(text)
}

pub(super) const fn uuid(id: u128) -> Uuid {
    Uuid::from_u128(id)
}

/// A code or a small count; each fits.
pub(super) fn small(number: impl Into<i64>) -> i16 {
    i16::try_from(number.into()).unwrap_or(i16::MAX)
}

/// SQL that inserts a row, or replaces that with the same key.
pub(super) fn upsert(table: &str, key: &str, columns: &str) -> String {
    let names: Vec<&str> = columns.split(", ").collect();
    let marks: Vec<String> = (1..=names.len()).map(|n| format!("${n}")).collect();
    format!(
        "INSERT INTO {table} ({columns}) VALUES ({}) ON CONFLICT ({key}) DO UPDATE SET {}",
        marks.join(", "),
        replaced(&names)
    )
}

/// SQL that inserts many rows, each given once, or replaces those with the same key.
pub(super) fn upsert_many(table: &str, key: &str, columns: &str) -> String {
    let names: Vec<&str> = columns.split(", ").collect();
    format!(
        "{} ON CONFLICT ({key}) DO UPDATE SET {}",
        insert_many(table, columns),
        replaced(&names)
    )
}

/// SQL that inserts many rows from as many arrays as there are columns, in their order.
pub(super) fn insert_many(table: &str, columns: &str) -> String {
    let count = columns.split(", ").count();
    let marks: Vec<String> = (1..=count).map(|n| format!("${n}")).collect();
    format!(
        "INSERT INTO {table} ({columns}) SELECT {columns}
         FROM unnest({}) WITH ORDINALITY AS v({columns}, ordinal) ORDER BY ordinal",
        marks.join(", ")
    )
}

fn replaced(names: &[&str]) -> String {
    let sets: Vec<String> = names
        .iter()
        .map(|name| format!("{name} = excluded.{name}"))
        .collect();
    sets.join(", ")
}
