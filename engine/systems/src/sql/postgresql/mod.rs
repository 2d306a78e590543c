//! PostgreSQL
//! (`hub/documentation/service-configuration/systems/configuration-systems-postgresql`).

mod catalogue;
mod dialect;
mod tls;
mod values;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::StreamExt;
use pipewright_component::Cancel;
use pipewright_entity::{Text, Value};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls, RowStream, Statement};

use self::dialect::PostgresqlDialect;
use self::values::Parameter;
use super::server::Server;
use super::session::{
    Class, Dialect, Field, Listed, Row, Rows, Session, SqlError, Table, TableName,
};
use crate::waiting::Waiting;

/// How many statements a session keeps prepared.
const PREPARED: usize = 64;

/// A connection to a PostgreSQL server.
pub(crate) struct PostgresqlSession {
    client: Client,
    waiting: Arc<Waiting>,
    cancel: Cancel,
    prepared: HashMap<String, Statement>,
}

impl PostgresqlSession {
    pub(crate) fn connect(
        server: &Server,
        waiting: &Arc<Waiting>,
        cancel: &Cancel,
    ) -> Result<PostgresqlSession, SqlError> {
        let client = match server.sslmode.as_str() {
            "disable" => connect(server, SslMode::Disable, waiting, cancel)?,
            "require" => connect(server, SslMode::Require, waiting, cancel)?,
            "prefer" => connect(server, SslMode::Prefer, waiting, cancel)?,
            "allow" => match connect(server, SslMode::Disable, waiting, cancel) {
                Err(error) if error.class == Class::Refused => {
                    connect(server, SslMode::Require, waiting, cancel)?
                }
                done => done?,
            },
            other => {
                let message = format!(
                    "sslmode must be \"disable\", \"allow\", \"prefer\" or \"require\", \
                     not \"{other}\""
                );
                return Err(SqlError::new(Class::Refused, message));
            }
        };
        Ok(PostgresqlSession {
            client,
            waiting: waiting.clone(),
            cancel: cancel.clone(),
            prepared: HashMap::new(),
        })
    }

    /// Waits for an answer; a run that is stopped also stops the server's work.
    fn wait<T>(
        &self,
        what: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, SqlError> {
        match self.waiting.wait(&self.cancel, what) {
            Ok(answer) => Ok(answer?),
            Err(why) => {
                let token = self.client.cancel_token();
                let _ = self.waiting.spawn(async move {
                    let _ = token.cancel_query(NoTls).await;
                });
                Err(why.into())
            }
        }
    }

    fn prepare(&mut self, sql: &str) -> Result<Statement, SqlError> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.wait(self.client.prepare(sql))?;
        if self.prepared.len() >= PREPARED {
            self.prepared.clear();
        }
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

fn connect(
    server: &Server,
    mode: SslMode,
    waiting: &Waiting,
    cancel: &Cancel,
) -> Result<Client, SqlError> {
    let mut config = tokio_postgres::Config::new();
    config
        .host(&server.host)
        .port(server.port)
        .dbname(&server.database)
        .user(&server.username)
        .password(&server.password)
        .application_name("Pipewright")
        .connect_timeout(super::CONNECT_TIMEOUT)
        .keepalives_idle(super::KEEP_ALIVE)
        .ssl_mode(mode);
    let tls = tls::connector()?;
    let connecting = async { config.connect(tls).await };
    let (client, connection) = waiting.wait(cancel, connecting)?.map_err(|error| {
        let error = SqlError::from(error);
        let message = format!("{}:{}: {}", server.host, server.port, error.message);
        SqlError { message, ..error }
    })?;
    waiting.spawn(async move {
        // What goes wrong here the next statement tells.
        let _ = connection.await;
    })?;
    Ok(client)
}

impl Session for PostgresqlSession {
    fn dialect(&self) -> &'static dyn Dialect {
        &PostgresqlDialect
    }

    fn attach(&mut self, cancel: &Cancel) {
        self.cancel = cancel.clone();
    }

    fn reset(&mut self) -> bool {
        !self.client.is_closed() && self.wait(self.client.batch_execute("ROLLBACK")).is_ok()
    }

    fn run(&mut self, sql: &str) -> Result<(), SqlError> {
        self.wait(self.client.batch_execute(sql))
    }

    fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64, SqlError> {
        let statement = self.prepare(sql)?;
        let parameters = parameters.iter().map(Parameter);
        self.wait(self.client.execute_raw(&statement, parameters))
    }

    fn query<'a>(
        &'a mut self,
        sql: &str,
        parameters: &[Value],
        fetch: usize,
    ) -> Result<Box<dyn Rows + 'a>, SqlError> {
        let statement = self.prepare(sql)?;
        let parameters = parameters.iter().map(Parameter);
        let stream = self.wait(self.client.query_raw(&statement, parameters))?;
        let columns = statement.columns();
        if let Some(unknown) = columns.iter().find(|column| !values::is_known(column.type_())) {
            let message = format!(
                "column \"{}\" has the type {}, which cannot be read; leave it out \
                 (blacklist) or cast it in the query, such as to text",
                unknown.name(),
                unknown.type_()
            );
            return Err(SqlError::new(Class::Refused, message));
        }
        let fields = columns
            .iter()
            .map(|column| Field {
                name: Text::new(column.name()),
                is_local: *column.type_() == Type::TIMESTAMP,
            })
            .collect();
        Ok(Box::new(Streamed { session: self, fields, stream: Some(Box::pin(stream)), fetch }))
    }

    fn table(&mut self, name: &TableName) -> Result<Option<Table>, SqlError> {
        catalogue::table(self, name)
    }

    fn tables(&mut self) -> Result<Vec<Listed>, SqlError> {
        catalogue::tables(self)
    }
}

/// Rows as the server sends them.
struct Streamed<'a> {
    session: &'a mut PostgresqlSession,
    fields: Vec<Field>,
    /// `None` at its end, behind which it may not be asked.
    stream: Option<Pin<Box<RowStream>>>,
    fetch: usize,
}

impl Rows for Streamed<'_> {
    fn fields(&self) -> &[Field] {
        &self.fields
    }

    fn fetch(&mut self) -> Result<Vec<Row>, SqlError> {
        let Some(stream) = &mut self.stream else { return Ok(Vec::new()) };
        let fetch = self.fetch;
        let (rows, is_over) = self.session.wait(async {
            let mut rows: Vec<Row> = Vec::new();
            while rows.len() < fetch {
                let Some(row) = stream.next().await else { return Ok((rows, true)) };
                let row = row?;
                rows.push((0..row.len()).map(|at| values::decode(&row, at)).collect());
            }
            Ok((rows, false))
        })?;
        if is_over {
            self.stream = None;
        }
        Ok(rows)
    }
}

impl From<tokio_postgres::Error> for SqlError {
    fn from(error: tokio_postgres::Error) -> SqlError {
        if let Some(answer) = error.as_db_error() {
            let detail = answer.detail().map(|text| format!(" ({text})")).unwrap_or_default();
            return SqlError::new(class(answer), format!("{}{detail}", answer.message()));
        }
        // The driver's own text names the step; the reason is its source.
        let reason = std::error::Error::source(&error)
            .map(|source| format!(": {source}"))
            .unwrap_or_default();
        let class = match error.to_string() {
            text if text.contains("parameter") => Class::Data,
            text if text.contains("TLS") => Class::Refused,
            _ => Class::Passing,
        };
        SqlError::new(class, format!("{error}{reason}"))
    }
}

/// By the class of the state, its first two characters (appendix A of the
/// PostgreSQL manual).
fn class(answer: &DbError) -> Class {
    let code = answer.code();
    match code.code().get(..2).unwrap_or_default() {
        // A statement that took too long for the server is among them.
        "08" | "40" | "53" | "55" | "57" | "58" | "XX" => Class::Passing,
        "22" | "23" | "44" => Class::Data,
        // A wrong type of parameter: the value is at fault, not the statement.
        "42" if *code == SqlState::DATATYPE_MISMATCH => Class::Data,
        _ => Class::Refused,
    }
}
