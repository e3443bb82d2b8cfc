//! One row of either database, read by column number. Knows no table.

use super::{Result, RowError, unreadable};
use tokio_postgres::types::Type;
use uuid::Uuid;

/// A row as the driver of its database gives it.
#[derive(Clone, Copy)]
enum Source<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

/// A row, or the part of it from one column on.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    source: Source<'a>,
    first: usize,
}

impl<'a> Row<'a> {
    pub(crate) const fn sqlite(row: &'a rusqlite::Row<'a>) -> Self {
        let source = Source::Sqlite(row);
        Self { source, first: 0 }
    }

    pub(crate) const fn postgres(row: &'a tokio_postgres::Row) -> Self {
        let source = Source::Postgres(row);
        Self { source, first: 0 }
    }

    /// The same row without the columns before `first`.
    pub(crate) const fn from(self, first: usize) -> Self {
        Self { first, ..self }
    }

    pub(crate) fn get<T: Column>(&self, column: usize) -> Result<T> {
        let column = self.first + column;
        match self.source {
            Source::Sqlite(row) => T::of_sqlite(row, column),
            Source::Postgres(row) => T::of_postgres(row, column),
        }
    }

    pub(crate) fn text(&self, column: usize) -> Result<&'a str> {
        let column = self.first + column;
        match self.source {
            Source::Sqlite(row) => {
                let value = row.get_ref(column)?;
                value.as_str().map_err(|_| unreadable(column, "a text"))
            }
            Source::Postgres(row) => Ok(row.try_get(column)?),
        }
    }

    pub(crate) fn bytes(&self, column: usize) -> Result<Option<&'a [u8]>> {
        let column = self.first + column;
        match self.source {
            Source::Sqlite(row) => {
                let value = row.get_ref(column)?;
                let bytes = value.as_blob_or_null();
                bytes.map_err(|_| unreadable(column, "bytes"))
            }
            Source::Postgres(row) => Ok(row.try_get(column)?),
        }
    }
}

/// A value of a column.
pub(crate) trait Column: Sized {
    fn of_sqlite(row: &rusqlite::Row<'_>, column: usize) -> Result<Self>;
    fn of_postgres(row: &tokio_postgres::Row, column: usize) -> Result<Self>;
}

macro_rules! same_in_both {
    ($($type:ty),*) => { $(
        impl Column for $type {
            fn of_sqlite(row: &rusqlite::Row<'_>, column: usize) -> Result<Self> {
                Ok(row.get(column)?)
            }

            fn of_postgres(row: &tokio_postgres::Row, column: usize) -> Result<Self> {
                Ok(row.try_get(column)?)
            }
        }
    )* };
}

same_in_both!(String, Option<String>, bool, f64, Option<f64>, Vec<u8>);

macro_rules! whole_numbers {
    ($($type:ty),*) => { $(
        impl Column for $type {
            fn of_sqlite(row: &rusqlite::Row<'_>, column: usize) -> Result<Self> {
                Ok(row.get(column)?)
            }

            fn of_postgres(row: &tokio_postgres::Row, column: usize) -> Result<Self> {
                let number = number_at(row, column)?.ok_or(unreadable(column, "a number"))?;
                Self::try_from(number).map_err(|_| unreadable(column, "in its range"))
            }
        }
    )* };
}

whole_numbers!(i64, u32, u16, u8);

impl Column for Option<i64> {
    fn of_sqlite(row: &rusqlite::Row<'_>, column: usize) -> Result<Self> {
        Ok(row.get(column)?)
    }

    fn of_postgres(row: &tokio_postgres::Row, column: usize) -> Result<Self> {
        number_at(row, column)
    }
}

/// An id: 16 bytes in the one, a UUID in the other.
impl Column for Option<[u8; 16]> {
    fn of_sqlite(row: &rusqlite::Row<'_>, column: usize) -> Result<Self> {
        Ok(row.get(column)?)
    }

    fn of_postgres(row: &tokio_postgres::Row, column: usize) -> Result<Self> {
        let id: Option<Uuid> = row.try_get(column)?;
        Ok(id.map(Uuid::into_bytes))
    }
}

impl Column for [u8; 16] {
    fn of_sqlite(row: &rusqlite::Row<'_>, column: usize) -> Result<Self> {
        Ok(row.get(column)?)
    }

    fn of_postgres(row: &tokio_postgres::Row, column: usize) -> Result<Self> {
        let id: Uuid = row.try_get(column)?;
        Ok(id.into_bytes())
    }
}

/// A SHA-256.
impl Column for [u8; 32] {
    fn of_sqlite(row: &rusqlite::Row<'_>, column: usize) -> Result<Self> {
        Ok(row.get(column)?)
    }

    fn of_postgres(row: &tokio_postgres::Row, column: usize) -> Result<Self> {
        let bytes: &[u8] = row.try_get(column)?;
        bytes.try_into().map_err(|_| unreadable(column, "a hash"))
    }
}

/// A whole number of any width.
fn number_at(row: &tokio_postgres::Row, column: usize) -> Result<Option<i64>> {
    let known = row.columns().get(column).map(|it| it.type_().clone());
    let number = match known {
        Some(Type::INT2) => row.try_get::<_, Option<i16>>(column)?.map(i64::from),
        Some(Type::INT4) => row.try_get::<_, Option<i32>>(column)?.map(i64::from),
        _ => row.try_get(column)?,
    };
    Ok(number)
}

impl From<rusqlite::Error> for RowError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<tokio_postgres::Error> for RowError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<RowError> for rusqlite::Error {
    fn from(error: RowError) -> Self {
        let (column, why): (_, Box<dyn std::error::Error + Send + Sync>) = match error {
            RowError::Sqlite(error) => return error,
            RowError::Postgres(error) => (0, error.into()),
            RowError::Unreadable { column, what } => (column, format!("not {what}").into()),
        };
        Self::FromSqlConversionFailure(column, rusqlite::types::Type::Text, why)
    }
}
