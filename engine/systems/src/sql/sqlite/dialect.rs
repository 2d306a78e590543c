//! The SQL of SQLite.

use super::super::schema::{DefinedKind, Definition};
use super::super::session::{Dialect, TableName, on_conflict};

pub(super) struct SqliteDialect;

impl Dialect for SqliteDialect {
    fn quote(&self, name: &str) -> String {
        format!("\"{}\"", name.replace('"', "\"\""))
    }

    fn parameter(&self, number: usize) -> String {
        format!("?{number}")
    }

    fn most_parameters(&self) -> usize {
        32_000
    }

    fn begin_read(&self) -> &'static str {
        "BEGIN"
    }

    fn update_instead(&self, key: &[&str], others: &[&str]) -> String {
        on_conflict(self, key, others)
    }

    fn truncate(&self, table: &str) -> String {
        format!("DELETE FROM {table}")
    }

    fn type_of(&self, definition: &Definition) -> String {
        match definition.kind {
            DefinedKind::String => "TEXT".into(),
            DefinedKind::Uuid => "CHAR(36)".into(),
            DefinedKind::Integer => "INTEGER".into(),
            DefinedKind::Decimal => {
                format!("DECIMAL{}", definition.digits().unwrap_or_default())
            }
            DefinedKind::Float => "REAL".into(),
            DefinedKind::Binary => "BLOB".into(),
            DefinedKind::DateTime => "DATETIME".into(),
            DefinedKind::Date => "DATE".into(),
            DefinedKind::Time => "TIME".into(),
            DefinedKind::Boolean => "BOOLEAN".into(),
        }
    }

    fn create_index(&self, table: &TableName, index: &str, column: &str) -> String {
        let name = TableName { schema: table.schema.clone(), name: index.to_owned() };
        format!(
            "CREATE INDEX {} ON {} ({})",
            self.table(&name),
            self.quote(&table.name),
            self.quote(column)
        )
    }
}
