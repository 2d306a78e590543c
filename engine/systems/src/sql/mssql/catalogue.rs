//! What a Microsoft SQL Server says about its tables.

use pipewright_entity::{Text, Value};

use super::MssqlSession;
use crate::sql::session::{Column, Key, Kind, Listed, Session, SqlError, Table, TableName};

const COLUMNS: &str = "\
    SELECT c.name, \
           t.name + CASE \
             WHEN b.name IN ('nchar', 'nvarchar') AND c.max_length > 0 \
               THEN '(' + CAST(c.max_length / 2 AS varchar) + ')' \
             WHEN b.name IN ('char', 'varchar', 'binary', 'varbinary') AND c.max_length > 0 \
               THEN '(' + CAST(c.max_length AS varchar) + ')' \
             WHEN b.name IN ('nvarchar', 'varchar', 'varbinary') THEN '(max)' \
             WHEN b.name IN ('decimal', 'numeric') \
               THEN '(' + CAST(c.precision AS varchar) + ',' + CAST(c.scale AS varchar) + ')' \
             ELSE '' END, \
           CAST(c.is_nullable AS int), CAST(c.is_identity AS int), \
           coalesce(b.name, t.name), CAST(t.is_assembly_type AS int) \
    FROM sys.columns c \
    JOIN sys.types t ON t.user_type_id = c.user_type_id \
    LEFT JOIN sys.types b ON b.user_type_id = c.system_type_id \
    WHERE c.object_id = object_id(@P1) ORDER BY c.column_id";

const KEYS: &str = "\
    SELECT i.index_id, CAST(i.is_primary_key AS int), c.name \
    FROM sys.indexes i \
    JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id \
    JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id \
    WHERE i.object_id = object_id(@P1) AND i.is_unique = 1 AND i.has_filter = 0 \
      AND i.is_disabled = 0 AND k.is_included_column = 0 \
    ORDER BY i.is_primary_key DESC, i.index_id, k.key_ordinal";

const TABLES: &str = "\
    SELECT CASE WHEN s.name = schema_name() THEN NULL ELSE s.name END, o.name, \
           CASE o.type WHEN 'V' THEN 1 ELSE 0 END \
    FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id \
    WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0 \
    ORDER BY s.name, o.name";

/// The values of all rows; what cannot be read is null.
fn rows(
    session: &mut MssqlSession,
    sql: &str,
    parameters: &[Value],
) -> Result<Vec<Vec<Value>>, SqlError> {
    let mut fetched = session.query(sql, parameters, 1000)?;
    let mut all = Vec::new();
    loop {
        let some = fetched.fetch()?;
        if some.is_empty() {
            return Ok(all);
        }
        let plain = |row: Vec<Result<Value, String>>| {
            row.into_iter().map(|value| value.unwrap_or(Value::Null)).collect()
        };
        all.extend(some.into_iter().map(plain));
    }
}

fn text(value: &Value) -> Text {
    Text::new(value.as_str().unwrap_or_default())
}

fn is(value: &Value) -> bool {
    *value == Value::Int(1)
}

pub(super) fn table(
    session: &mut MssqlSession,
    name: &TableName,
) -> Result<Option<Table>, SqlError> {
    let which = [Value::from(session.dialect().table(name))];
    let columns: Vec<Column> = rows(session, COLUMNS, &which)?
        .iter()
        .map(|row| Column {
            name: text(&row[0]),
            type_name: text(&row[1]).to_string(),
            is_nullable: is(&row[2]),
            is_identity: is(&row[3]),
            kind: kind(&text(&row[4]), is(&row[5])),
        })
        .collect();
    if columns.is_empty() {
        return Ok(None);
    }
    let mut keys: Vec<(Value, Key)> = Vec::new();
    for row in rows(session, KEYS, &which)? {
        if keys.last().is_none_or(|(index, _)| *index != row[0]) {
            let key = Key { columns: Vec::new(), is_primary: is(&row[1]) };
            keys.push((row[0].clone(), key));
        }
        if let Some((_, key)) = keys.last_mut() {
            key.columns.push(text(&row[2]));
        }
    }
    Ok(Some(Table { columns, keys: keys.into_iter().map(|(_, key)| key).collect() }))
}

fn kind(name: &str, is_assembly: bool) -> Kind {
    match name {
        _ if is_assembly => Kind::Other,
        "datetime" | "datetime2" | "smalldatetime" => Kind::LocalTime,
        "date" => Kind::Date,
        "time" => Kind::Time,
        "char" | "nchar" => Kind::Char,
        _ => Kind::Plain,
    }
}

pub(super) fn tables(session: &mut MssqlSession) -> Result<Vec<Listed>, SqlError> {
    Ok(rows(session, TABLES, &[])?
        .iter()
        .map(|row| Listed {
            name: TableName {
                schema: row[0].as_str().map(str::to_owned),
                name: text(&row[1]).to_string(),
            },
            is_view: is(&row[2]),
        })
        .collect())
}
