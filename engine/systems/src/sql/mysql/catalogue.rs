//! What a MySQL or MariaDB database says about its tables.

use pipewright_entity::{Text, Value};

use super::MysqlSession;
use crate::plain::plain;
use crate::sql::session::{Column, Key, Kind, Listed, Session, SqlError, Table, TableName};

const COLUMNS: &str = "\
    SELECT column_name, column_type, is_nullable, extra, data_type \
    FROM information_schema.columns \
    WHERE table_schema = coalesce(?, database()) AND table_name = ? \
    ORDER BY ordinal_position";

const KEYS: &str = "\
    SELECT index_name, column_name FROM information_schema.statistics \
    WHERE table_schema = coalesce(?, database()) AND table_name = ? AND non_unique = 0 \
    ORDER BY index_name = 'PRIMARY' DESC, index_name, seq_in_index";

const TABLES: &str = "\
    SELECT table_name, table_type FROM information_schema.tables \
    WHERE table_schema = database() ORDER BY table_name";

/// All rows as text. Servers differ in the types of these columns.
fn rows(
    session: &mut MysqlSession,
    sql: &str,
    parameters: &[Value],
) -> Result<Vec<Vec<Option<String>>>, SqlError> {
    let mut fetched = session.query(sql, parameters, 1000)?;
    let mut all = Vec::new();
    loop {
        let some = fetched.fetch()?;
        if some.is_empty() {
            return Ok(all);
        }
        all.extend(some.into_iter().map(|row| row.into_iter().map(text).collect()));
    }
}

fn text(value: Result<Value, String>) -> Option<String> {
    match value {
        Ok(Value::Bytes(bytes)) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Ok(value) => plain(&value),
        Err(_) => None,
    }
}

pub(super) fn table(
    session: &mut MysqlSession,
    name: &TableName,
) -> Result<Option<Table>, SqlError> {
    let schema = name.schema.as_deref().map_or(Value::Null, Value::from);
    let which = [schema, Value::from(name.name.as_str())];
    let word = |row: &[Option<String>], at: usize| row[at].clone().unwrap_or_default();
    let columns: Vec<Column> = rows(session, COLUMNS, &which)?
        .into_iter()
        .map(|row| Column {
            name: Text::from(word(&row, 0)),
            type_name: word(&row, 1),
            is_nullable: word(&row, 2) == "YES",
            is_identity: word(&row, 3).contains("auto_increment"),
            kind: kind(&word(&row, 4)),
        })
        .collect();
    if columns.is_empty() {
        return Ok(None);
    }
    let mut keys: Vec<(String, Option<Key>)> = Vec::new();
    for row in rows(session, KEYS, &which)? {
        let index = word(&row, 0);
        if keys.last().is_none_or(|(name, _)| *name != index) {
            let is_primary = index == "PRIMARY";
            keys.push((index, Some(Key { columns: Vec::new(), is_primary })));
        }
        if let Some((_, key)) = keys.last_mut() {
            // An index over an expression has no column there.
            match (&row[1], key.as_mut()) {
                (Some(column), Some(key)) => key.columns.push(Text::new(column)),
                _ => *key = None,
            }
        }
    }
    Ok(Some(Table { columns, keys: keys.into_iter().filter_map(|(_, key)| key).collect() }))
}

fn kind(data_type: &str) -> Kind {
    match data_type.to_ascii_lowercase().as_str() {
        "datetime" => Kind::LocalTime,
        "date" => Kind::Date,
        "time" => Kind::Time,
        "char" => Kind::Char,
        "json" => Kind::Json,
        "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
        | "multipolygon" | "geometrycollection" => Kind::Other,
        _ => Kind::Plain,
    }
}

pub(super) fn tables(session: &mut MysqlSession) -> Result<Vec<Listed>, SqlError> {
    let all = rows(session, TABLES, &[])?;
    Ok(all
        .into_iter()
        .map(|row| Listed {
            name: TableName { schema: None, name: row[0].clone().unwrap_or_default() },
            is_view: row[1].as_deref().is_some_and(|kind| kind.contains("VIEW")),
        })
        .collect())
}
