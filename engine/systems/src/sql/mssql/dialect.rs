//! The SQL of Microsoft SQL Server.

use super::super::schema::{DefinedKind, Definition};
use super::super::session::{Column, Dialect, Kind, Table};

pub(super) struct MssqlDialect;

impl Dialect for MssqlDialect {
    fn quote(&self, name: &str) -> String {
        format!("[{}]", name.replace(']', "]]"))
    }

    fn parameter(&self, number: usize) -> String {
        format!("@P{number}")
    }

    /// The server's limit is 2100.
    fn most_parameters(&self) -> usize {
        2_000
    }

    fn begin(&self) -> &'static str {
        "BEGIN TRANSACTION"
    }

    /// After some errors the server has ended the transaction by itself.
    fn rollback(&self) -> &'static str {
        "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION"
    }

    fn begin_read(&self) -> &'static str {
        "BEGIN TRANSACTION"
    }

    /// There is no tail that does it: rows are updated, and inserted when they
    /// are not there.
    fn can_upsert(&self, _: &Table, _: &[&str]) -> bool {
        false
    }

    fn update_instead(&self, _: &[&str], _: &[&str]) -> String {
        String::new()
    }

    fn truncate(&self, table: &str) -> String {
        format!("TRUNCATE TABLE {table}")
    }

    fn type_of(&self, definition: &Definition) -> String {
        // A key may be over 900 bytes, and a character has two of them.
        let is_short = definition.is_key || definition.is_indexed;
        match definition.kind {
            DefinedKind::String => match definition.max_size {
                Some(size) if size <= 4000 => format!("nvarchar({size})"),
                None if is_short => "nvarchar(450)".into(),
                _ => "nvarchar(max)".into(),
            },
            DefinedKind::Binary => match definition.max_size {
                Some(size) if size <= 8000 => format!("varbinary({size})"),
                None if is_short => "varbinary(900)".into(),
                _ => "varbinary(max)".into(),
            },
            DefinedKind::Integer => match (definition.min_value, definition.max_value) {
                (None | Some(0..), Some(0..=255)) => "tinyint".into(),
                _ => match definition.bits() {
                    16 => "smallint".into(),
                    32 => "int".into(),
                    _ => "bigint".into(),
                },
            },
            DefinedKind::Decimal => {
                format!("decimal{}", definition.digits().unwrap_or_else(|| "(38,10)".into()))
            }
            DefinedKind::Float => "float".into(),
            DefinedKind::DateTime => "datetime2".into(),
            DefinedKind::Date => "date".into(),
            DefinedKind::Time => "time".into(),
            DefinedKind::Uuid => "uniqueidentifier".into(),
            DefinedKind::Boolean => "bit".into(),
        }
    }

    fn selected(&self, column: &Column) -> String {
        let name = self.quote(&column.name);
        match column.kind {
            // Places on a map, paths in a tree and the like.
            Kind::Other => format!("{name}.ToString() AS {name}"),
            _ => name,
        }
    }
}

/// The statement with `NULL` in the places of some parameters, by their number
/// from 1 on: a null that is sent has a type, and the server lets not every
/// type into every column.
pub(super) fn with_nulls(sql: &str, is_null: impl Fn(usize) -> bool) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(letter) = rest.chars().next() {
        // What is quoted holds no parameters.
        let closing = match letter {
            '\'' => Some('\''),
            '"' => Some('"'),
            '[' => Some(']'),
            _ => None,
        };
        let length = match closing {
            Some(closing) => quoted(rest, closing),
            None if rest.starts_with("@P") => {
                let digits = rest[2..].bytes().take_while(u8::is_ascii_digit).count();
                let number = rest[2..2 + digits].parse().unwrap_or(0);
                if number > 0 && is_null(number) {
                    out.push_str("NULL");
                    rest = &rest[2 + digits..];
                    continue;
                }
                2 + digits
            }
            None => letter.len_utf8(),
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

/// How long a text is that is quoted at the beginning of another. A mark that
/// is written twice does not close it.
fn quoted(text: &str, closing: char) -> usize {
    let mut end = 1;
    while let Some(more) = text[end..].find(closing) {
        end += more + 1;
        if !text[end..].starts_with(closing) {
            return end;
        }
        end += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::properties::Properties;
    use crate::sql::schema;
    use crate::sql::session::TableName;

    #[test]
    fn names_are_quoted() {
        let name = TableName { schema: Some("dbo".into()), name: "odd]name".into() };
        assert_eq!(MssqlDialect.table(&name), "[dbo].[odd]]name]");
    }

    #[test]
    fn nulls_are_written_out_of_what_is_quoted() {
        let sql = "UPDATE [a@P1] SET [b] = @P1, [c] = @P12, [d]]@P1] = '@P1' WHERE [k] = @P2";
        let filled = with_nulls(sql, |number| number == 1);
        let expected = "UPDATE [a@P1] SET [b] = NULL, [c] = @P12, [d]]@P1] = '@P1' WHERE [k] = @P2";
        assert_eq!(filled, expected);
    }

    #[test]
    fn tables_are_created_of_a_definition() {
        let config = json!({"schema_definition": [
            {"name": "id", "type": "string", "primary_key": true},
            {"name": "n", "type": "integer", "min_value": 0, "max_value": 200},
            {"name": "m", "type": "integer", "min_value": -5, "max_value": 70_000},
            {"name": "long", "type": "string", "max_size": 5000},
            {"name": "price", "type": "decimal", "precision": 10, "scale": 2},
            {"name": "at", "type": "datetime", "index": true},
            {"name": "id2", "type": "uuid"}, {"name": "on", "type": "boolean"},
        ]});
        let properties = Properties::new(config.as_object().unwrap(), "$.sink");
        let definitions = schema::definitions(&properties, "$.sink").unwrap();
        let table = TableName { schema: None, name: "t".into() };
        assert_eq!(
            schema::create(&MssqlDialect, &table, &definitions),
            [
                "CREATE TABLE [t] ([id] nvarchar(450) NOT NULL, [n] tinyint, [m] int, \
                 [long] nvarchar(max), [price] decimal(10,2), [at] datetime2, \
                 [id2] uniqueidentifier, [on] bit, PRIMARY KEY ([id]))",
                "CREATE INDEX [t_at] ON [t] ([at])",
            ]
        );
    }
}
