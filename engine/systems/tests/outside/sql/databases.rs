//! Real databases for the tests: files for SQLite, fresh databases of real
//! servers for the others.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use pipewright_component::Surroundings;
use serde_json::{Value as Json, json};

use super::servers::{mysql_server, postgresql_server};
use crate::in_folder;

/// A fresh, empty database.
pub(crate) enum Database {
    Sqlite { folder: tempfile::TempDir },
    Postgresql { name: String },
    Mysql { name: String },
}

/// One of each kind.
pub(crate) fn all() -> [Database; 3] {
    [sqlite(), postgresql(), mysql()]
}

pub(crate) fn sqlite() -> Database {
    let database = Database::Sqlite { folder: tempfile::tempdir().unwrap() };
    database.run("PRAGMA journal_mode = WAL");
    database
}

pub(crate) fn postgresql() -> Database {
    let name = fresh_name();
    postgresql_server().client("postgres", &format!("CREATE DATABASE {name}"));
    Database::Postgresql { name }
}

pub(crate) fn mysql() -> Database {
    let name = fresh_name();
    mysql_server().client("", &format!("CREATE DATABASE {name} CHARACTER SET utf8mb4"));
    Database::Mysql { name }
}

fn fresh_name() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

impl Database {
    /// Its system.
    pub(crate) fn system(&self) -> Json {
        let server = |kind: &str, port: u16, name: &str| {
            json!({
                "_id": "sys", "type": kind, "host": "127.0.0.1", "port": port,
                "database": name, "username": "tester", "password": "pass;word'1",
            })
        };
        match self {
            Database::Sqlite { .. } => {
                json!({"_id": "sys", "type": "system:sqlite", "database": "test.db"})
            }
            Database::Postgresql { name } => {
                server("system:postgresql", postgresql_server().port, name)
            }
            Database::Mysql { name } => server("system:mysql", mysql_server().port, name),
        }
    }

    /// A run that may reach it.
    pub(crate) fn live(&self) -> Surroundings {
        match self {
            Database::Sqlite { folder } => Surroundings {
                access: pipewright_component::Access::LIVE,
                ..in_folder(folder.path())
            },
            _ => crate::live(),
        }
    }

    /// Runs statements and gives the rows of the last, values divided by `|`.
    pub(crate) fn run(&self, sql: &str) -> Vec<String> {
        match self {
            Database::Sqlite { folder } => sqlite_rows(&folder.path().join("test.db"), sql),
            Database::Postgresql { name } => postgresql_server().client(name, sql),
            Database::Mysql { name } => mysql_server().client(name, sql),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Database::Sqlite { .. } => "sqlite",
            Database::Postgresql { .. } => "postgresql",
            Database::Mysql { .. } => "mysql",
        }
    }
}

fn sqlite_rows(file: &Path, sql: &str) -> Vec<String> {
    let connection = rusqlite::Connection::open(file).unwrap();
    let (before, last) = sql.trim_end_matches(';').rsplit_once(';').unwrap_or(("", sql));
    connection.execute_batch(before).unwrap();
    let mut statement = connection.prepare(last).unwrap();
    let width = statement.column_count();
    let rows = statement.query_map([], |row| {
        let texts = (0..width).map(|at| match row.get_ref(at).unwrap() {
            rusqlite::types::ValueRef::Null => "NULL".to_owned(),
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            rusqlite::types::ValueRef::Real(number) => number.to_string(),
            rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
            rusqlite::types::ValueRef::Blob(bytes) => format!("{bytes:?}"),
        });
        Ok(texts.collect::<Vec<_>>().join("|"))
    });
    rows.unwrap().map(Result::unwrap).collect()
}
