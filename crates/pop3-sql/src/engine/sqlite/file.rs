//! One connection to an SQLite file.

use core::time::Duration;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use bytes::Bytes;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql};

use crate::error::{SqlError, SqlErrorKind};
use crate::lock_file::LockFiles;
use crate::statement::{Answer, Call, Cell, Dialect, Row, Value};

/// Opens the file, and makes an empty one that only its owner may read if there is none.
pub(super) fn open(path: &Path, patience: Duration) -> Result<Connection, SqlError> {
    let place = |error: &dyn core::fmt::Display| {
        SqlError::unusable(format!("the database {} can't be opened: {error}", path.display()))
    };
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(place(&error)),
    }
    let path = fs::canonicalize(path).map_err(|error| place(&error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags).map_err(|error| place(&error))?;
    connection.busy_timeout(patience).map_err(failed)?;
    // What is committed is on the disk. A reader does not wait for a writer.
    let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
        PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF";
    connection.execute_batch(settings).map_err(failed)?;
    let locks = LockFiles::beside(&path);
    let held = move |context: &mut rusqlite::functions::Context<'_>| {
        let incarnation: i64 = context.get(0)?;
        Ok(i64::from(locks.is_held(incarnation)))
    };
    connection.create_scalar_function("pop3_held", 1, FunctionFlags::SQLITE_UTF8, held).map_err(failed)?;
    Ok(connection)
}

/// Runs a statement.
pub(super) fn run(connection: &Connection, call: &Call) -> Result<Answer, SqlError> {
    let mut statement = connection.prepare_cached(call.statement.text(Dialect::Sqlite)).map_err(failed)?;
    for (index, value) in call.values.iter().enumerate().take(statement.parameter_count()) {
        statement.raw_bind_parameter(index + 1, value).map_err(failed)?;
    }
    let columns = statement.column_count();
    let mut rows = Vec::new();
    let mut found = statement.raw_query();
    while let Some(row) = found.next().map_err(failed)? {
        let cells = (0..columns).map(|column| row.get_ref(column).map_err(failed).and_then(cell));
        rows.push(Row(cells.collect::<Result<_, _>>()?));
    }
    drop(found);
    let changed = if statement.readonly() { 0 } else { connection.changes() };
    Ok(Answer { rows, changed })
}

fn cell(value: ValueRef<'_>) -> Result<Cell, SqlError> {
    match value {
        ValueRef::Null => Ok(Cell::Null),
        ValueRef::Integer(number) => Ok(Cell::Number(number)),
        ValueRef::Text(text) => String::from_utf8(text.to_vec())
            .map(Cell::Text)
            .map_err(|_| SqlError::invalid("the database contains a text that is not UTF-8")),
        ValueRef::Blob(octets) => Ok(Cell::Octets(Bytes::copy_from_slice(octets))),
        ValueRef::Real(_) => {
            Err(SqlError::invalid("the database contains a fraction where a number was expected"))
        }
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Number(number) => number.to_sql(),
            Self::Text(text) => text.to_sql(),
            Self::Octets(octets) => Ok(ToSqlOutput::Borrowed(ValueRef::Blob(octets))),
            Self::Numbers(numbers) => {
                let numbers: Vec<_> = numbers.iter().map(i64::to_string).collect();
                Ok(ToSqlOutput::from(format!("[{}]", numbers.join(","))))
            }
        }
    }
}

/// An error of a statement. A transaction in which it happens has changed nothing.
pub(super) fn failed(error: rusqlite::Error) -> SqlError {
    let text = error.to_string();
    let (kind, what) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (SqlErrorKind::Busy, "another program writes to the database for too long")
        }
        Some(ErrorCode::NotADatabase | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            (SqlErrorKind::Unusable, "the file can't be used")
        }
        Some(ErrorCode::Unknown)
            if text.starts_with("no such table") || text.starts_with("no such column") =>
        {
            (SqlErrorKind::Schema, "the tables are missing or of another version")
        }
        _ => (SqlErrorKind::Database, "the database reports an error"),
    };
    SqlError::new(kind, format!("{what}: {text}")).with_source(error)
}
