//! Microsoft SQL Server
//! (`hub/documentation/service-configuration/systems/configuration-systems-mssql`).
//!
//! No server of the kind runs where this is developed: the dialect and the
//! values are tested, the conversation is not.

mod catalogue;
mod dialect;
mod values;

use std::future::Future;
use std::sync::Arc;

use futures_util::TryStreamExt;
use pipewright_component::Cancel;
use pipewright_entity::{Text, Value};
use tiberius::error::{Error, TokenError};
use tiberius::{AuthMethod, Client, EncryptionLevel, Query, QueryItem, QueryStream};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use self::dialect::MssqlDialect;
use super::server::Server;
use super::session::{
    Class, Dialect, Field, Listed, Row, Rows, Session, SqlError, Table, TableName,
};
use crate::waiting::Waiting;

/// What every session begins with: an error ends the whole transaction, and a
/// value that does not fit is refused rather than cut.
const BEGIN: &str = "SET XACT_ABORT, ANSI_WARNINGS, ARITHABORT, QUOTED_IDENTIFIER ON";

type Connection = Client<Compat<TcpStream>>;

/// A connection to a Microsoft SQL Server.
pub(crate) struct MssqlSession {
    client: Connection,
    waiting: Arc<Waiting>,
    cancel: Cancel,
    /// An answer was left before its end.
    is_torn: bool,
}

impl MssqlSession {
    pub(crate) fn connect(
        server: &Server,
        waiting: &Arc<Waiting>,
        cancel: &Cancel,
    ) -> Result<MssqlSession, SqlError> {
        let mut config = tiberius::Config::new();
        config.host(&server.host);
        config.port(server.port);
        config.database(&server.database);
        config.application_name("Pipewright");
        config.authentication(AuthMethod::sql_server(&server.username, &server.password));
        config.handshake_timeout(Some(super::CONNECT_TIMEOUT));
        // As with the other servers, the certificate is not looked at.
        config.encryption(EncryptionLevel::On);
        config.trust_cert();
        let place = (server.host.clone(), server.port);
        let connecting = async {
            let connected = tokio::time::timeout(super::CONNECT_TIMEOUT, async {
                let stream = TcpStream::connect(place).await?;
                stream.set_nodelay(true)?;
                Client::connect(config, stream.compat_write()).await
            });
            match connected.await {
                Ok(connected) => connected,
                Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
            }
        };
        let client = waiting.wait(cancel, connecting)?.map_err(|error| {
            let error = SqlError::from(error);
            let message = format!("{}:{}: {}", server.host, server.port, error.message);
            SqlError { message, ..error }
        })?;
        let (waiting, cancel) = (waiting.clone(), cancel.clone());
        let mut session = MssqlSession { client, waiting, cancel, is_torn: false };
        session.run(BEGIN)?;
        Ok(session)
    }

    /// Waits for an answer. One that was not waited for to its end leaves the
    /// connection in the middle of it.
    fn wait<'s, T, F>(
        &'s mut self,
        what: impl FnOnce(&'s mut Connection) -> F,
    ) -> Result<T, SqlError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let MssqlSession { client, waiting, cancel, is_torn } = self;
        *is_torn = true;
        let done = waiting.wait(cancel, what(client))?;
        *is_torn = matches!(done, Err(Error::Io { .. } | Error::Protocol(_) | Error::Tls(_)));
        Ok(done?)
    }
}

/// A statement with its parameters.
fn statement(sql: &str, values: &[Value]) -> Result<Query<'static>, SqlError> {
    let parameters: Vec<_> = values.iter().map(values::encode).collect::<Result<_, _>>()?;
    let is_null = |number: usize| parameters.get(number - 1).is_some_and(values::is_null);
    let sql = match parameters.iter().any(values::is_null) {
        true => dialect::with_nulls(sql, is_null),
        false => sql.to_owned(),
    };
    let mut query = Query::new(sql);
    parameters.into_iter().for_each(|parameter| query.bind(parameter));
    Ok(query)
}

impl Session for MssqlSession {
    fn dialect(&self) -> &'static dyn Dialect {
        &MssqlDialect
    }

    fn attach(&mut self, cancel: &Cancel) {
        self.cancel = cancel.clone();
    }

    fn reset(&mut self) -> bool {
        !self.is_torn && self.run(MssqlDialect.rollback()).is_ok()
    }

    fn run(&mut self, sql: &str) -> Result<(), SqlError> {
        self.wait(
            |client| async move { client.simple_query(sql).await?.into_results().await.map(drop) },
        )
    }

    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, SqlError> {
        let statement = statement(sql, values)?;
        self.wait(|client| async move { Ok(statement.execute(client).await?.total()) })
    }

    fn query<'a>(
        &'a mut self,
        sql: &str,
        values: &[Value],
        fetch: usize,
    ) -> Result<Box<dyn Rows + 'a>, SqlError> {
        let statement = statement(sql, values)?;
        let MssqlSession { client, waiting, cancel, is_torn } = self;
        *is_torn = true;
        let asking = async move {
            let mut stream = statement.query(client).await?;
            let columns = stream.columns().await?.unwrap_or_default().to_vec();
            Ok::<_, Error>((stream, columns))
        };
        let (stream, columns) = waiting.wait(cancel, asking)??;
        if let Some(unknown) = columns.iter().find(|it| !values::is_known(it.column_type())) {
            let message = format!(
                "column \"{}\" has a type that cannot be read; leave it out (blacklist) or \
                 convert it in the query",
                unknown.name()
            );
            return Err(SqlError::new(Class::Refused, message));
        }
        let field = |column: &tiberius::Column| Field {
            name: Text::new(column.name()),
            is_local: values::is_local(column.column_type()),
        };
        let fields = columns.iter().map(field).collect();
        Ok(Box::new(Streamed { stream: Some(stream), waiting, cancel, is_torn, fields, fetch }))
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
    /// `None` at its end.
    stream: Option<QueryStream<'a>>,
    waiting: &'a Waiting,
    cancel: &'a Cancel,
    is_torn: &'a mut bool,
    fields: Vec<Field>,
    fetch: usize,
}

impl Rows for Streamed<'_> {
    fn fields(&self) -> &[Field] {
        &self.fields
    }

    fn fetch(&mut self) -> Result<Vec<Row>, SqlError> {
        let Some(stream) = &mut self.stream else { return Ok(Vec::new()) };
        let fetch = self.fetch;
        let (rows, is_over) = self.waiting.wait(self.cancel, async {
            let mut rows: Vec<Row> = Vec::new();
            while rows.len() < fetch {
                let Some(item) = stream.try_next().await? else { return Ok((rows, true)) };
                if let QueryItem::Row(row) = item {
                    rows.push(row.cells().map(|(_, data)| values::decode(data)).collect());
                }
            }
            Ok::<_, Error>((rows, false))
        })??;
        if is_over {
            self.stream = None;
            *self.is_torn = false;
        }
        Ok(rows)
    }
}

impl From<Error> for SqlError {
    fn from(error: Error) -> SqlError {
        match error {
            Error::Server(answer) => SqlError::new(class(&answer), answer.message()),
            Error::Io { .. } | Error::Protocol(_) => {
                SqlError::new(Class::Passing, error.to_string())
            }
            Error::Routing { ref host, port } => SqlError::new(
                Class::Refused,
                format!("the server is reached by {host}:{port}; set `host` and `port` to that"),
            ),
            other => SqlError::new(Class::Refused, other.to_string()),
        }
    }
}

/// By the number of the error (the server's catalogue of messages).
fn class(answer: &TokenError) -> Class {
    match answer.code() {
        // Deadlock, lock timeout, too busy, shutting down, moving elsewhere.
        1204
        | 1205
        | 1222
        | 701
        | 802
        | 8645
        | 8651
        | 6005
        | 9001
        | 3960
        | 10928
        | 10929
        | 40197
        | 40501
        | 40613
        | 49918..=49920 => Class::Passing,
        // Null, too long, twice, a check or reference, of another type, too
        // large for its type.
        515 | 8152 | 2628 | 2627 | 2601 | 547 | 245 | 241 | 242 | 8114 | 8115 | 220 | 232 | 248
        | 257 | 206 | 8169 | 9809 => Class::Data,
        _ => Class::Refused,
    }
}
