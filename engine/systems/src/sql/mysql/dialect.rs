//! The SQL of MySQL and MariaDB.

use super::super::schema::{DefinedKind, Definition};
use super::super::session::{Column, Dialect, Kind, Table};

pub(super) struct MysqlDialect;

impl Dialect for MysqlDialect {
    fn quote(&self, name: &str) -> String {
        format!("`{}`", name.replace('`', "``"))
    }

    fn parameter(&self, _: usize) -> String {
        "?".into()
    }

    fn most_parameters(&self) -> usize {
        65_000
    }

    fn begin_read(&self) -> &'static str {
        "START TRANSACTION READ ONLY"
    }

    /// The server updates the row of whichever unique index is violated: it
    /// must be the only one.
    fn can_upsert(&self, table: &Table, key: &[&str]) -> bool {
        table.keys.len() == 1 && table.has_key(key)
    }

    fn update_instead(&self, key: &[&str], others: &[&str]) -> String {
        let names = if others.is_empty() { key } else { others };
        let set: Vec<String> = names
            .iter()
            .map(|name| {
                let name = self.quote(name);
                format!("{name} = VALUES({name})")
            })
            .collect();
        format!(" ON DUPLICATE KEY UPDATE {}", set.join(", "))
    }

    fn truncate(&self, table: &str) -> String {
        format!("TRUNCATE TABLE {table}")
    }

    fn type_of(&self, definition: &Definition) -> String {
        match definition.kind {
            DefinedKind::String => match definition.max_size {
                Some(size) if size <= 8000 => format!("varchar({size})"),
                // Neither a key nor an index can be over a text of any length.
                None if definition.is_key || definition.is_indexed => "varchar(255)".into(),
                _ => "longtext".into(),
            },
            DefinedKind::Integer => match definition.bits() {
                16 => "smallint".into(),
                32 => "int".into(),
                _ => "bigint".into(),
            },
            DefinedKind::Decimal => {
                format!("decimal{}", definition.digits().unwrap_or_else(|| "(65,30)".into()))
            }
            DefinedKind::Float => "double".into(),
            DefinedKind::Binary => match definition.max_size {
                Some(size) if size <= 8000 => format!("varbinary({size})"),
                None if definition.is_key || definition.is_indexed => "varbinary(255)".into(),
                _ => "longblob".into(),
            },
            DefinedKind::DateTime => "datetime(6)".into(),
            DefinedKind::Date => "date".into(),
            DefinedKind::Time => "time(6)".into(),
            DefinedKind::Uuid => "char(36)".into(),
            DefinedKind::Boolean => "boolean".into(),
        }
    }

    fn table_options(&self) -> &'static str {
        " DEFAULT CHARACTER SET utf8mb4"
    }

    fn selected(&self, column: &Column) -> String {
        let name = self.quote(&column.name);
        match column.kind {
            Kind::Other => format!("ST_AsText({name}) AS {name}"),
            _ => name,
        }
    }
}
