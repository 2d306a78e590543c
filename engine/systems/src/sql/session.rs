//! What a kind of database implements: a session, its rows, its dialect.

use std::fmt;

use pipewright_component::{Cancel, Failure};
use pipewright_entity::{Text, Value};

use super::schema::Definition;
use crate::waiting::NotWaited;

/// A connection to a database, used by one component at a time.
pub(crate) trait Session: Send {
    /// How the database wants to be spoken to.
    fn dialect(&self) -> &'static dyn Dialect;

    /// Belongs to another run from now on.
    fn attach(&mut self, cancel: &Cancel);

    /// Makes the session as good as new. `false`: it is broken.
    fn reset(&mut self) -> bool;

    /// Runs a statement that has neither parameters nor rows.
    fn run(&mut self, sql: &str) -> Result<(), SqlError>;

    /// Runs a statement and says how many rows it matched.
    fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64, SqlError>;

    /// Runs a query; rows are fetched by so many at a time.
    fn query<'a>(
        &'a mut self,
        sql: &str,
        parameters: &[Value],
        fetch: usize,
    ) -> Result<Box<dyn Rows + 'a>, SqlError>;

    /// What a table looks like; `None` when there is none.
    fn table(&mut self, name: &TableName) -> Result<Option<Table>, SqlError>;

    /// All tables and views that are not the database's own.
    fn tables(&mut self) -> Result<Vec<Listed>, SqlError>;
}

/// Rows that are being fetched.
pub(crate) trait Rows: Send {
    /// What each row is made of.
    fn fields(&self) -> &[Field];

    /// Some more rows; none at the end.
    fn fetch(&mut self) -> Result<Vec<Row>, SqlError>;
}

/// One value for each field, or why it cannot be one.
pub(crate) type Row = Vec<Result<Value, String>>;

/// A column of a result.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: Text,
    /// Whether its times have no zone, and so are those of the system's.
    pub(crate) is_local: bool,
}

/// The name of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableName {
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "\"{schema}.{}\"", self.name),
            None => write!(f, "\"{}\"", self.name),
        }
    }
}

/// A table among all tables.
pub(crate) struct Listed {
    pub(crate) name: TableName,
    pub(crate) is_view: bool,
}

/// What a table looks like.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    /// Its unique indexes over plain columns.
    pub(crate) keys: Vec<Key>,
}

/// Columns whose values are a row's own.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) columns: Vec<Text>,
    pub(crate) is_primary: bool,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: Text,
    /// In the database's own words.
    pub(crate) type_name: String,
    pub(crate) kind: Kind,
    pub(crate) is_nullable: bool,
    /// Whether the database numbers it by itself.
    pub(crate) is_identity: bool,
}

/// What has to be known of a type to write and read its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing more.
    Plain,
    /// A date and time without a zone.
    LocalTime,
    /// A date.
    Date,
    /// A time of day.
    Time,
    /// Text that is filled up with spaces.
    Char,
    /// A JSON document.
    Json,
    /// A type that is read as its text.
    Other,
}

impl Table {
    /// The column of that name: exactly, or but for upper and lower case.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        let exactly = self.columns.iter().position(|column| column.name == name);
        exactly.or_else(|| {
            self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
        })
    }

    /// The columns of the primary key.
    pub(crate) fn primary_key(&self) -> Option<&[Text]> {
        self.keys.iter().find(|key| key.is_primary).map(|key| key.columns.as_slice())
    }

    /// Whether a unique index has exactly these columns.
    pub(crate) fn has_key(&self, columns: &[&str]) -> bool {
        self.keys.iter().any(|key| {
            key.columns.len() == columns.len()
                && key.columns.iter().all(|name| columns.contains(&name.as_str()))
        })
    }
}

/// How a kind of database wants to be spoken to.
pub(crate) trait Dialect: Sync {
    /// A name of a table or column, quoted.
    fn quote(&self, name: &str) -> String;

    /// The place of the parameter with this number, from 1 on.
    fn parameter(&self, number: usize) -> String;

    /// How many parameters a statement may have.
    fn most_parameters(&self) -> usize;

    /// Begins a transaction.
    fn begin(&self) -> &'static str {
        "BEGIN"
    }

    /// Takes back what was done since.
    fn rollback(&self) -> &'static str {
        "ROLLBACK"
    }

    /// Begins a transaction that only reads.
    fn begin_read(&self) -> &'static str;

    /// Whether [`update_instead`](Dialect::update_instead) touches the row of
    /// this key and no other.
    fn can_upsert(&self, table: &Table, key: &[&str]) -> bool {
        table.has_key(key)
    }

    /// What follows an `INSERT` so that it updates the row of the same key.
    fn update_instead(&self, key: &[&str], others: &[&str]) -> String;

    /// The statement that empties a table.
    fn truncate(&self, table: &str) -> String;

    /// The type of a column to be created.
    fn type_of(&self, definition: &Definition) -> String;

    /// What follows the columns of a `CREATE TABLE`.
    fn table_options(&self) -> &'static str {
        ""
    }

    /// The statement that creates an index over one column.
    fn create_index(&self, table: &TableName, index: &str, column: &str) -> String {
        format!(
            "CREATE INDEX {} ON {} ({})",
            self.quote(index),
            self.table(table),
            self.quote(column)
        )
    }

    /// A column as it is read.
    fn selected(&self, column: &Column) -> String {
        self.quote(&column.name)
    }

    /// A table's name, quoted.
    fn table(&self, name: &TableName) -> String {
        match &name.schema {
            Some(schema) => format!("{}.{}", self.quote(schema), self.quote(&name.name)),
            None => self.quote(&name.name),
        }
    }
}

/// What follows an `INSERT` in PostgreSQL, and in SQLite after its model.
pub(super) fn on_conflict(dialect: &dyn Dialect, key: &[&str], others: &[&str]) -> String {
    let quoted =
        |names: &[&str]| -> Vec<String> { names.iter().map(|name| dialect.quote(name)).collect() };
    let key = quoted(key).join(", ");
    if others.is_empty() {
        return format!(" ON CONFLICT ({key}) DO NOTHING");
    }
    let set: Vec<String> =
        quoted(others).iter().map(|name| format!("{name} = excluded.{name}")).collect();
    format!(" ON CONFLICT ({key}) DO UPDATE SET {}", set.join(", "))
}

/// What went wrong with a statement.
#[derive(Clone, Debug)]
pub(crate) struct SqlError {
    pub(crate) class: Class,
    pub(crate) message: String,
}

/// What that means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The run was stopped.
    Stopped,
    /// The connection broke, or the database is too busy.
    Passing,
    /// A value does not fit.
    Data,
    /// Everything else: the statement, the rights, the address.
    Refused,
}

impl SqlError {
    pub(crate) fn new(class: Class, message: impl Into<String>) -> SqlError {
        SqlError { class, message: message.into() }
    }

    /// The failure of a component at the JSON path, where single entities are
    /// not to blame.
    pub(crate) fn into_failure(self, system: &str, path: &str) -> Failure {
        let message = format!("system \"{system}\": {}", self.message);
        match self.class {
            Class::Stopped => Failure::Stopped,
            Class::Passing => Failure::retryable(message),
            Class::Data | Class::Refused => Failure::config(path, message),
        }
    }
}

impl From<NotWaited> for SqlError {
    fn from(why: NotWaited) -> SqlError {
        match why {
            NotWaited::Stopped => SqlError::new(Class::Stopped, "stopped"),
            NotWaited::NoThreads(reason) => SqlError::new(Class::Passing, reason),
        }
    }
}
