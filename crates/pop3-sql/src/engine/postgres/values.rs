//! Values on their way to PostgreSQL and back.

use core::error::Error;

use bytes::{Bytes, BytesMut};
use tokio_postgres::Row as Fetched;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::error::SqlError;
use crate::statement::{Cell, Row, Value};

/// The values with their types.
pub(super) fn types(values: &[Value]) -> Vec<(&Value, Type)> {
    let type_of = |value: &Value| match value {
        Value::Number(_) => Type::INT8,
        Value::Text(_) => Type::TEXT,
        Value::Octets(_) => Type::BYTEA,
        Value::Numbers(_) => Type::INT8_ARRAY,
    };
    values.iter().map(|value| (value, type_of(value))).collect()
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Number(number) => number.to_sql(ty, out),
            Self::Text(text) => text.to_sql(ty, out),
            Self::Octets(octets) => (&octets[..]).to_sql(ty, out),
            Self::Numbers(numbers) => numbers.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true // They are sent with the types above.
    }

    to_sql_checked!();
}

/// A row of an answer.
pub(super) fn row(fetched: &Fetched) -> Result<Row, SqlError> {
    let cells = fetched.columns().iter().enumerate().map(|(index, column)| {
        let number = |number: Option<i64>| number.map_or(Cell::Null, Cell::Number);
        let cell = match *column.type_() {
            Type::INT8 => fetched.try_get(index).map(number),
            Type::INT4 => fetched.try_get::<_, Option<i32>>(index).map(|cell| number(cell.map(i64::from))),
            Type::BYTEA => fetched
                .try_get::<_, Option<&[u8]>>(index)
                .map(|cell| cell.map_or(Cell::Null, |octets| Cell::Octets(Bytes::copy_from_slice(octets)))),
            _ => fetched.try_get::<_, Option<String>>(index).map(|cell| cell.map_or(Cell::Null, Cell::Text)),
        };
        cell.map_err(|error| {
            let text = format!("the database returned a column of an unexpected type: {error}");
            SqlError::invalid(text)
        })
    });
    cells.collect::<Result<_, _>>().map(Row)
}
