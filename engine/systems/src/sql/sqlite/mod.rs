//! SQLite: a database in a file, which belongs to the project like its other
//! files when it lies in the project folder.

mod dialect;
mod rows;
mod values;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pipewright_component::Cancel;
use pipewright_entity::{Text, Value};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use self::dialect::SqliteDialect;
use super::session::{
    Class, Column, Dialect, Key, Listed, Rows, Session, SqlError, Table, TableName,
};
use crate::waiting::Waiting;

/// How long a writer waits for another program that writes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A database file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    /// Whether it may be written.
    pub(crate) is_writable: bool,
    /// Whether it is made when it is not there.
    pub(crate) is_created: bool,
}

impl File {
    fn open(&self) -> Result<Connection, SqlError> {
        let mut flags = match self.is_writable {
            true => OpenFlags::SQLITE_OPEN_READ_WRITE,
            false => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
        if self.is_created {
            flags |= OpenFlags::SQLITE_OPEN_CREATE;
        }
        let connection =
            Connection::open_with_flags(&self.path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        Ok(connection)
    }
}

/// An open database file.
pub(crate) struct SqliteSession {
    file: File,
    connection: Connection,
    waiting: Arc<Waiting>,
    cancel: Cancel,
}

impl SqliteSession {
    pub(crate) fn open(
        file: &File,
        waiting: &Arc<Waiting>,
        cancel: &Cancel,
    ) -> Result<SqliteSession, SqlError> {
        let mut session = SqliteSession {
            file: file.clone(),
            connection: file.open()?,
            waiting: waiting.clone(),
            cancel: Cancel::new(),
        };
        session.attach(cancel);
        // Opening looks at nothing; only this tells a file that is none.
        session.connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(session)
    }

    fn texts(&self, sql: &str, parameters: &[&str]) -> Result<Vec<Vec<String>>, SqlError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let width = statement.column_count();
        let rows = statement.query_map(rusqlite::params_from_iter(parameters), |row| {
            (0..width)
                .map(|at| row.get::<_, Option<String>>(at).map(Option::unwrap_or_default))
                .collect()
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl Session for SqliteSession {
    fn dialect(&self) -> &'static dyn Dialect {
        &SqliteDialect
    }

    fn attach(&mut self, cancel: &Cancel) {
        self.cancel = cancel.clone();
        let cancel = cancel.clone();
        // It can only fail on a connection without an owner.
        let _ = self.connection.progress_handler(10_000, Some(move || cancel.is_stopped()));
    }

    fn reset(&mut self) -> bool {
        self.connection.is_autocommit() || self.connection.execute_batch("ROLLBACK").is_ok()
    }

    fn run(&mut self, sql: &str) -> Result<(), SqlError> {
        Ok(self.connection.execute_batch(sql)?)
    }

    fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64, SqlError> {
        let parameters = values::encoded(parameters)?;
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.execute(rusqlite::params_from_iter(parameters))? as u64)
    }

    fn query<'a>(
        &'a mut self,
        sql: &str,
        parameters: &[Value],
        fetch: usize,
    ) -> Result<Box<dyn Rows + 'a>, SqlError> {
        let parameters = values::encoded(parameters)?;
        // A reading of its own: it sees one state of the file throughout.
        let file = File { is_writable: false, is_created: false, ..self.file.clone() };
        let job = rows::Job { file, sql: sql.to_owned(), parameters, fetch };
        Ok(Box::new(rows::Fetched::start(job, self.waiting.clone(), &self.cancel)?))
    }

    fn table(&mut self, name: &TableName) -> Result<Option<Table>, SqlError> {
        let schema = name.schema.as_deref().unwrap_or("main");
        let columns = self.texts(
            "SELECT name, type, CAST(\"notnull\" AS TEXT), CAST(pk AS TEXT) \
             FROM pragma_table_xinfo(?1, ?2) WHERE hidden <> 1",
            &[&name.name, schema],
        )?;
        if columns.is_empty() {
            return Ok(None);
        }
        let mut primary: Vec<(usize, Text)> = columns
            .iter()
            .filter_map(|column| match column[3].parse() {
                Ok(0) | Err(_) => None,
                Ok(place) => Some((place, Text::new(&column[0]))),
            })
            .collect();
        primary.sort();
        let mut keys = Vec::new();
        if !primary.is_empty() {
            let columns = primary.into_iter().map(|(_, name)| name).collect();
            keys.push(Key { columns, is_primary: true });
        }
        let indexes = self.texts(
            "SELECT name FROM pragma_index_list(?1, ?2) \
             WHERE \"unique\" = 1 AND partial = 0 AND origin <> 'pk'",
            &[&name.name, schema],
        )?;
        for index in indexes {
            let names = self.texts(
                "SELECT name FROM pragma_index_info(?1, ?2) ORDER BY seqno",
                &[&index[0], schema],
            )?;
            let columns: Vec<Text> = names.iter().map(|name| Text::new(&name[0])).collect();
            // An index over expressions has columns without a name.
            if columns.iter().all(|name| !name.is_empty()) {
                keys.push(Key { columns, is_primary: false });
            }
        }
        let columns = columns
            .into_iter()
            .map(|column| Column {
                kind: values::kind(&column[1]),
                is_nullable: column[2] == "0",
                is_identity: false,
                name: Text::new(&column[0]),
                type_name: column[1].clone(),
            })
            .collect();
        Ok(Some(Table { columns, keys }))
    }

    fn tables(&mut self) -> Result<Vec<Listed>, SqlError> {
        let all = self.texts(
            "SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view') \
             AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
            &[],
        )?;
        Ok(all
            .into_iter()
            .map(|row| Listed {
                name: TableName { schema: None, name: row[0].clone() },
                is_view: row[1] == "view",
            })
            .collect())
    }
}

impl From<rusqlite::Error> for SqlError {
    fn from(error: rusqlite::Error) -> SqlError {
        let class = match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => Class::Stopped,
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::SystemIoFailure
                | ErrorCode::DiskFull
                | ErrorCode::OutOfMemory
                | ErrorCode::SchemaChanged
                | ErrorCode::FileLockingProtocolFailed,
            ) => Class::Passing,
            Some(
                ErrorCode::ConstraintViolation
                | ErrorCode::TypeMismatch
                | ErrorCode::TooBig
                | ErrorCode::ParameterOutOfRange,
            ) => Class::Data,
            _ => Class::Refused,
        };
        let message = match &error {
            rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
            rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
            other => other.to_string(),
        };
        SqlError::new(class, message)
    }
}
