//! What a PostgreSQL database says about its tables.

use pipewright_entity::{Text, Value};

use super::PostgresqlSession;
use crate::sql::session::{Column, Key, Kind, Listed, Session, SqlError, Table, TableName};

const COLUMNS: &str = "\
    SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, \
           a.attidentity <> '' \
             OR coalesce(pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%', false), \
           CASE WHEN t.typtype = 'd' THEN b.typname ELSE t.typname END::text, \
           t.typtype::text \
    FROM pg_attribute a \
    JOIN pg_type t ON t.oid = a.atttypid \
    LEFT JOIN pg_type b ON b.oid = t.typbasetype \
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
    WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped \
    ORDER BY a.attnum";

const KEYS: &str = "\
    SELECT i.indexrelid::int8, i.indisprimary, a.attname::text \
    FROM pg_index i \
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place) \
    LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0 \
    WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indisvalid \
      AND i.indpred IS NULL AND k.place <= i.indnkeyatts \
    ORDER BY i.indisprimary DESC, i.indexrelid, k.place";

const TABLES: &str = "\
    SELECT CASE WHEN n.nspname = current_schema() THEN NULL ELSE n.nspname::text END, \
           c.relname::text, c.relkind IN ('v', 'm') \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition \
      AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' \
    ORDER BY n.nspname, c.relname";

/// The values of all rows; what cannot be read is null.
fn rows(
    session: &mut PostgresqlSession,
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
        all.extend(
            some.into_iter()
                .map(|row| row.into_iter().map(|value| value.unwrap_or(Value::Null)).collect()),
        );
    }
}

fn text(value: &Value) -> Text {
    Text::new(value.as_str().unwrap_or_default())
}

pub(super) fn table(
    session: &mut PostgresqlSession,
    name: &TableName,
) -> Result<Option<Table>, SqlError> {
    let quoted = [Value::from(session.dialect().table(name))];
    let columns: Vec<Column> = rows(session, COLUMNS, &quoted)?
        .into_iter()
        .map(|row| Column {
            name: text(&row[0]),
            type_name: text(&row[1]).to_string(),
            is_nullable: row[2] == Value::Bool(true),
            is_identity: row[3] == Value::Bool(true),
            kind: kind(&text(&row[4]), &text(&row[5])),
        })
        .collect();
    if columns.is_empty() {
        return Ok(None);
    }
    let mut keys: Vec<(Value, Option<Key>)> = Vec::new();
    for row in rows(session, KEYS, &quoted)? {
        if keys.last().is_none_or(|(index, _)| *index != row[0]) {
            let is_primary = row[1] == Value::Bool(true);
            keys.push((row[0].clone(), Some(Key { columns: Vec::new(), is_primary })));
        }
        if let Some((_, key)) = keys.last_mut() {
            // An index over an expression has no column there.
            match (row[2].as_str(), key.as_mut()) {
                (Some(column), Some(key)) => key.columns.push(Text::new(column)),
                _ => *key = None,
            }
        }
    }
    Ok(Some(Table { columns, keys: keys.into_iter().filter_map(|(_, key)| key).collect() }))
}

fn kind(base: &str, class: &str) -> Kind {
    match base {
        _ if class == "e" => Kind::Plain,
        "timestamp" => Kind::LocalTime,
        "date" => Kind::Date,
        "time" | "timetz" => Kind::Time,
        "bpchar" => Kind::Char,
        "json" | "jsonb" => Kind::Json,
        "bool" | "int2" | "int4" | "int8" | "oid" | "float4" | "float8" | "numeric" | "text"
        | "varchar" | "name" | "char" | "xml" | "citext" | "bytea" | "uuid" | "timestamptz" => {
            Kind::Plain
        }
        _ => Kind::Other,
    }
}

pub(super) fn tables(session: &mut PostgresqlSession) -> Result<Vec<Listed>, SqlError> {
    let all = rows(session, TABLES, &[])?;
    Ok(all
        .into_iter()
        .map(|row| Listed {
            name: TableName {
                schema: row[0].as_str().map(str::to_owned),
                name: text(&row[1]).to_string(),
            },
            is_view: row[2] == Value::Bool(true),
        })
        .collect())
}
