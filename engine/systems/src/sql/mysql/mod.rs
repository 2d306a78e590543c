//! MySQL and MariaDB
//! (`hub/documentation/service-configuration/systems/configuration-systems-mysql`).

mod catalogue;
mod dialect;
mod values;

use std::future::Future;
use std::sync::Arc;

use mysql_async::prelude::Queryable;
use mysql_async::{
    BinaryProtocol, Conn, DriverError, Error, IoError, OptsBuilder, Params, QueryResult,
    ServerError, SslOpts,
};
use pipewright_component::Cancel;
use pipewright_entity::{Text, Value};

use self::dialect::MysqlDialect;
use super::server::Server;
use super::session::{
    Class, Dialect, Field, Listed, Row, Rows, Session, SqlError, Table, TableName,
};
use crate::waiting::Waiting;

/// What every session begins with: times with a zone are told in UTC, and a
/// value that does not fit is refused rather than cut.
const BEGIN: &str = "SET SESSION time_zone = '+00:00', \
                     SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',STRICT_ALL_TABLES')";

/// A connection to a MySQL or MariaDB server.
pub(crate) struct MysqlSession {
    connection: Conn,
    waiting: Arc<Waiting>,
    cancel: Cancel,
}

impl MysqlSession {
    pub(crate) fn connect(
        server: &Server,
        waiting: &Arc<Waiting>,
        cancel: &Cancel,
    ) -> Result<MysqlSession, SqlError> {
        let connection = match server.sslmode.as_str() {
            "disabled" => connect(server, false, waiting, cancel)?,
            "required" => connect(server, true, waiting, cancel)?,
            "preferred" => match connect(server, true, waiting, cancel) {
                Err(Refusal { has_no_tls: true, .. }) => connect(server, false, waiting, cancel)?,
                done => done?,
            },
            other => {
                let message = format!(
                    "sslmode must be \"disabled\", \"preferred\" or \"required\", not \"{other}\""
                );
                return Err(SqlError::new(Class::Refused, message));
            }
        };
        Ok(MysqlSession { connection, waiting: waiting.clone(), cancel: cancel.clone() })
    }
}

/// Why there is no connection.
struct Refusal {
    /// The server does not encrypt.
    has_no_tls: bool,
    error: SqlError,
}

impl From<Refusal> for SqlError {
    fn from(refusal: Refusal) -> SqlError {
        refusal.error
    }
}

fn connect(
    server: &Server,
    encrypted: bool,
    waiting: &Waiting,
    cancel: &Cancel,
) -> Result<Conn, Refusal> {
    // As with the server's own clients, neither "preferred" nor "required"
    // looks at the certificate.
    let tls = encrypted.then(|| {
        SslOpts::default()
            .with_danger_accept_invalid_certs(true)
            .with_danger_skip_domain_validation(true)
    });
    let options = OptsBuilder::default()
        .ip_or_hostname(&server.host)
        .tcp_port(server.port)
        .db_name(Some(&server.database))
        .user(Some(&server.username))
        .pass(Some(&server.password))
        .prefer_socket(false)
        .tcp_keepalive(Some(super::KEEP_ALIVE))
        .client_found_rows(true)
        .ssl_opts(tls)
        .init(vec![BEGIN]);
    let connecting = async {
        match tokio::time::timeout(super::CONNECT_TIMEOUT, Conn::new(options)).await {
            Ok(connected) => connected,
            Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        }
    };
    let connected = waiting
        .wait(cancel, connecting)
        .map_err(|why| Refusal { has_no_tls: false, error: why.into() })?;
    connected.map_err(|error| {
        let has_no_tls = matches!(error, Error::Driver(DriverError::NoClientSslFlagFromServer));
        let mut error = SqlError::from(error);
        error.message = format!("{}:{}: {}", server.host, server.port, error.message);
        Refusal { has_no_tls, error }
    })
}

/// Waits for an answer.
fn wait<T>(
    waiting: &Waiting,
    cancel: &Cancel,
    what: impl Future<Output = Result<T, Error>>,
) -> Result<T, SqlError> {
    Ok(waiting.wait(cancel, what)??)
}

fn parameters(values: &[Value]) -> Result<Params, SqlError> {
    if values.is_empty() {
        return Ok(Params::Empty);
    }
    values.iter().map(values::encode).collect::<Result<_, _>>().map(Params::Positional)
}

impl Session for MysqlSession {
    fn dialect(&self) -> &'static dyn Dialect {
        &MysqlDialect
    }

    fn attach(&mut self, cancel: &Cancel) {
        self.cancel = cancel.clone();
    }

    fn reset(&mut self) -> bool {
        // A run that was stopped may have left half an answer behind; its
        // switch keeps this from succeeding.
        !self.connection.is_disconnected() && self.run("ROLLBACK").is_ok()
    }

    fn run(&mut self, sql: &str) -> Result<(), SqlError> {
        let running = async { self.connection.query_drop(sql).await };
        wait(&self.waiting, &self.cancel, running)
    }

    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, SqlError> {
        let parameters = parameters(values)?;
        let running = async {
            let result = self.connection.exec_iter(sql, parameters).await?;
            let matched = result.affected_rows();
            result.drop_result().await.map(|()| matched)
        };
        wait(&self.waiting, &self.cancel, running)
    }

    fn query<'a>(
        &'a mut self,
        sql: &str,
        values: &[Value],
        fetch: usize,
    ) -> Result<Box<dyn Rows + 'a>, SqlError> {
        let parameters = parameters(values)?;
        let MysqlSession { connection, waiting, cancel } = self;
        let result = wait(waiting, cancel, async { connection.exec_iter(sql, parameters).await })?;
        let columns = result.columns();
        let meanings: Vec<values::Meaning> =
            columns.iter().flat_map(|all| all.iter()).map(values::Meaning::of).collect();
        if let Some(at) = meanings.iter().position(|meaning| *meaning == values::Meaning::Unknown) {
            let name = columns.iter().flat_map(|all| all.iter()).nth(at).map(|c| c.name_str());
            let message = format!(
                "column \"{}\" has a type that cannot be read; leave it out (blacklist) or \
                 convert it in the query",
                name.unwrap_or_default()
            );
            return Err(SqlError::new(Class::Refused, message));
        }
        let fields = columns
            .iter()
            .flat_map(|all| all.iter())
            .zip(&meanings)
            .map(|(column, meaning)| Field {
                name: Text::new(column.name_str()),
                is_local: *meaning == values::Meaning::LocalTime,
            })
            .collect();
        Ok(Box::new(Streamed { result, waiting, cancel, fields, meanings, fetch }))
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
    result: QueryResult<'a, 'static, BinaryProtocol>,
    waiting: &'a Waiting,
    cancel: &'a Cancel,
    fields: Vec<Field>,
    meanings: Vec<values::Meaning>,
    fetch: usize,
}

impl Rows for Streamed<'_> {
    fn fields(&self) -> &[Field] {
        &self.fields
    }

    fn fetch(&mut self) -> Result<Vec<Row>, SqlError> {
        let Streamed { result, meanings, fetch, .. } = self;
        wait(self.waiting, self.cancel, async {
            let mut rows = Vec::new();
            while rows.len() < *fetch {
                let Some(row) = result.next().await? else { break };
                let raw = row.unwrap_raw().into_iter().zip(meanings.iter());
                rows.push(
                    raw.map(|(raw, meaning)| match raw {
                        Some(raw) => values::decode(raw, *meaning),
                        None => Ok(Value::Null),
                    })
                    .collect(),
                );
            }
            Ok(rows)
        })
    }
}

impl From<Error> for SqlError {
    fn from(error: Error) -> SqlError {
        let class = match &error {
            Error::Server(answer) => class(answer),
            Error::Io(IoError::Io(_)) | Error::Driver(DriverError::ConnectionClosed) => {
                Class::Passing
            }
            Error::Driver(DriverError::PacketTooLarge) => Class::Data,
            _ => Class::Refused,
        };
        let message = match &error {
            Error::Server(answer) => answer.message.to_string(),
            other => other.to_string(),
        };
        SqlError::new(class, message)
    }
}

/// By the number of the error, where its state says nothing, else by the class
/// of the state (the servers' error reference).
fn class(answer: &ServerError) -> Class {
    match answer.code {
        // Too many connections, shutting down, lost, locked, dead-locked.
        1040
        | 1053
        | 1077
        | 1079
        | 1152..=1161
        | 1203
        | 1205
        | 1213
        | 1226
        | 1927
        | 2006
        | 2013 => Class::Passing,
        // Null or no value where one is needed, cut, of another type, outside
        // its range, against a check.
        1048 | 1062 | 1264 | 1265 | 1292 | 1364 | 1366 | 1406 | 1451 | 1452 | 1690 | 3140
        | 3819 | 4025 => Class::Data,
        _ => match answer.state.get(..2).unwrap_or_default() {
            "08" | "40" => Class::Passing,
            "22" | "23" | "01" => Class::Data,
            _ => Class::Refused,
        },
    }
}
