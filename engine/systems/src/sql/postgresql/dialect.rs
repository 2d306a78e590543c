//! The SQL of PostgreSQL.

use super::super::schema::{DefinedKind, Definition};
use super::super::session::{Column, Dialect, Kind, on_conflict};

pub(super) struct PostgresqlDialect;

impl Dialect for PostgresqlDialect {
    fn quote(&self, name: &str) -> String {
        format!("\"{}\"", name.replace('"', "\"\""))
    }

    fn parameter(&self, number: usize) -> String {
        format!("${number}")
    }

    fn most_parameters(&self) -> usize {
        65_000
    }

    fn begin_read(&self) -> &'static str {
        "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
    }

    fn update_instead(&self, key: &[&str], others: &[&str]) -> String {
        on_conflict(self, key, others)
    }

    fn truncate(&self, table: &str) -> String {
        format!("TRUNCATE TABLE {table}")
    }

    fn type_of(&self, definition: &Definition) -> String {
        match definition.kind {
            DefinedKind::String => match definition.max_size {
                Some(size) if size <= 8000 => format!("varchar({size})"),
                _ => "text".into(),
            },
            DefinedKind::Integer => match definition.bits() {
                16 => "smallint".into(),
                32 => "integer".into(),
                _ => "bigint".into(),
            },
            DefinedKind::Decimal => {
                format!("numeric{}", definition.digits().unwrap_or_default())
            }
            DefinedKind::Float => "double precision".into(),
            DefinedKind::Binary => "bytea".into(),
            DefinedKind::DateTime => "timestamp with time zone".into(),
            DefinedKind::Date => "date".into(),
            DefinedKind::Time => "time".into(),
            DefinedKind::Uuid => "uuid".into(),
            DefinedKind::Boolean => "boolean".into(),
        }
    }

    fn selected(&self, column: &Column) -> String {
        let name = self.quote(&column.name);
        match column.kind {
            Kind::Other => format!("{name}::text AS {name}"),
            _ => name,
        }
    }
}
