//! Databases that speak SQL: what a system of theirs is, its connections, and
//! the source and the sink that are the same for all.
//!
//! Each kind of database is a folder of its own that implements
//! [`session::Session`] and [`session::Dialect`]; nothing else knows kinds.

mod mssql;
mod mysql;
mod postgresql;
mod schema;
mod server;
mod session;
mod sink;
mod source;
mod sqlite;

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::tz::TimeZone;
use pipewright_component::{Failure, Offer, OfferKind, OfferedColumn, Surroundings, System};
use serde_json::json;

use self::server::Server;
use self::session::{Listed, Session, SqlError, Table};
use self::sqlite::File;
use crate::files;
use crate::properties::{Config, Properties};
use crate::secrets;
use crate::waiting::Waiting;
pub(crate) use sink::SqlSink;
pub(crate) use source::SqlSource;

/// How long a server may take to answer at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// After how much silence to ask whether the other machine is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// Connections that wait for their next use, of all systems of a node.
#[derive(Default)]
pub(crate) struct Connections {
    waiting: Arc<Waiting>,
    known: Mutex<HashMap<Place, Known>>,
}

/// The connections to one database.
#[derive(Default)]
struct Known {
    in_use: usize,
    /// With the time (microseconds since 1970) they were opened.
    idle: Vec<(Box<dyn Session>, i64)>,
}

/// Where a database is.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Place {
    Sqlite(File),
    Postgresql(Server),
    Mysql(Server),
    Mssql(Server),
}

/// What a component wants of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Read,
    Write,
    /// Write, and make the database if it is a file that is not there.
    Create,
}

impl Connections {
    pub(crate) fn new(waiting: Arc<Waiting>) -> Connections {
        Connections { waiting, ..Connections::default() }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<Place, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A SQL system as one component uses it in one run.
pub(crate) struct SqlSystem {
    connections: Arc<Connections>,
    pub(crate) id: String,
    kind: Dialects,
    config: Config,
    surroundings: Surroundings,
    /// The JSON path of the component.
    path: String,
}

/// The kinds of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialects {
    Sqlite,
    Postgresql,
    Mysql,
    Mssql,
}

impl SqlSystem {
    /// `None`: the config is that of another kind of system.
    pub(crate) fn new(
        connections: &Arc<Connections>,
        id: &str,
        config: &Config,
        surroundings: &Surroundings,
        path: &str,
    ) -> Option<SqlSystem> {
        let kind = config.get("type").and_then(|kind| kind.as_str()).unwrap_or_default();
        Dialects::of(kind).map(|kind| SqlSystem {
            connections: connections.clone(),
            id: id.to_owned(),
            kind,
            config: config.clone(),
            surroundings: surroundings.clone(),
            path: path.to_owned(),
        })
    }

    /// The zone of times that have none.
    fn timezone(&self) -> Result<TimeZone, Failure> {
        let name = self.properties().text("timezone")?.unwrap_or("UTC");
        TimeZone::get(name)
            .map_err(|_| self.failure("timezone", format!("\"{name}\" is not a known time zone")))
    }

    fn properties(&self) -> Properties<'_> {
        Properties::new(&self.config, "$")
    }

    /// A failure of this system's own config.
    fn failure(&self, property: &str, message: impl std::fmt::Display) -> Failure {
        Failure::config(format!("$.{property}"), format!("system \"{}\": {message}", self.id))
    }

    /// A failure of the component's statement or connection.
    fn failed(&self, error: SqlError) -> Failure {
        error.into_failure(&self.id, &self.path)
    }

    fn text(&self, property: &str) -> Result<String, Failure> {
        let text = self
            .properties()
            .text(property)?
            .ok_or_else(|| self.failure(property, "is missing"))?;
        secrets::resolve(text, Some(&self.id), &*self.surroundings.variables).map_err(|name| {
            let message = format!("the secret \"{name}\" is not set; add it to the system");
            self.failure(property, message)
        })
    }

    fn place(&self, purpose: Purpose) -> Result<Place, Failure> {
        if purpose != Purpose::Read {
            self.surroundings.may_write_outside(&self.path)?;
        }
        let (port, sslmode) = match self.kind {
            Dialects::Sqlite => return self.file(purpose),
            Dialects::Postgresql => (5432, "prefer"),
            Dialects::Mysql => (3306, "preferred"),
            // It has no such property: encrypted wherever that can be.
            Dialects::Mssql => (1433, ""),
        };
        self.surroundings.may_read_outside(&self.path)?;
        let port = self.properties().number("port")?.unwrap_or(port);
        let server = Server {
            host: self.text("host")?,
            port: u16::try_from(port).map_err(|_| self.failure("port", "must be below 65536"))?,
            database: self.text("database")?,
            username: self.text("username")?,
            password: self.text("password")?,
            sslmode: self.properties().text("sslmode")?.unwrap_or(sslmode).to_owned(),
        };
        Ok(match self.kind {
            Dialects::Mysql => Place::Mysql(server),
            Dialects::Mssql => Place::Mssql(server),
            _ => Place::Postgresql(server),
        })
    }

    fn file(&self, purpose: Purpose) -> Result<Place, Failure> {
        let name = self.text("database")?;
        let found = files::place(
            self.surroundings.folder.as_deref(),
            name.as_ref(),
            purpose == Purpose::Create,
        );
        let (path, is_inside) =
            found.map_err(|error| self.failure("database", files::said(&name, &error)))?;
        if !is_inside {
            self.surroundings.may_read_outside(&self.path)?;
        }
        Ok(Place::Sqlite(File {
            path,
            is_writable: purpose != Purpose::Read,
            is_created: purpose == Purpose::Create,
        }))
    }

    /// A connection, for as long as it is held.
    fn connect(&self, purpose: Purpose) -> Result<Connected, Failure> {
        let place = self.place(purpose)?;
        let number = |name: &str, default: u64| {
            self.properties().number(name).map(|set| set.unwrap_or(default))
        };
        let most = number("pool_size", 10)?.saturating_add(number("pool_max_overflow", 10)?).max(1);
        let keep = number("pool_recycle", 1800)?.saturating_mul(1_000_000);
        let mut patience = number("pool_timeout", 30)?.saturating_mul(1000);
        let connected = |session, opened| Connected {
            session: Some(session),
            opened,
            place: place.clone(),
            connections: self.connections.clone(),
        };
        const STEP: u64 = 50;
        loop {
            let now = self.surroundings.clock.now();
            let mut all = self.connections.known();
            let known = all.entry(place.clone()).or_default();
            if (known.in_use as u64) < most {
                known.in_use += 1;
                let idle = std::mem::take(&mut known.idle);
                drop(all);
                let mut idle = idle.into_iter().filter(|(_, opened)| {
                    u64::try_from(now.saturating_sub(*opened)).is_ok_and(|age| age < keep)
                });
                let mut found = None;
                for (mut session, opened) in idle.by_ref() {
                    session.attach(&self.surroundings.cancel);
                    if session.reset() {
                        found = Some((session, opened));
                        break;
                    }
                }
                let rest: Vec<_> = idle.collect();
                self.connections.known().entry(place.clone()).or_default().idle.extend(rest);
                if let Some((session, opened)) = found {
                    return Ok(connected(session, opened));
                }
                return match self.open(&place) {
                    Ok(session) => Ok(connected(session, now)),
                    Err(error) => {
                        self.connections.leave(&place, None);
                        Err(self.failed(error))
                    }
                };
            }
            drop(all);
            if patience < STEP {
                let message = format!(
                    "system \"{}\": no connection became free in time (pool_timeout)",
                    self.id
                );
                return Err(Failure::retryable(message));
            }
            patience -= STEP;
            self.surroundings.clock.wait(Duration::from_millis(STEP), &self.surroundings.cancel)?;
        }
    }

    fn open(&self, place: &Place) -> Result<Box<dyn Session>, SqlError> {
        let (waiting, cancel) = (&self.connections.waiting, &self.surroundings.cancel);
        Ok(match place {
            Place::Sqlite(file) => Box::new(sqlite::SqliteSession::open(file, waiting, cancel)?),
            Place::Postgresql(server) => {
                Box::new(postgresql::PostgresqlSession::connect(server, waiting, cancel)?)
            }
            Place::Mysql(server) => {
                Box::new(mysql::MysqlSession::connect(server, waiting, cancel)?)
            }
            Place::Mssql(server) => {
                Box::new(mssql::MssqlSession::connect(server, waiting, cancel)?)
            }
        })
    }
}

impl System for SqlSystem {
    fn test(&mut self) -> Result<String, Failure> {
        let mut connected = self.connect(Purpose::Read)?;
        let tables = connected.tables().map_err(|error| self.failed(error))?;
        let count = match tables.len() {
            1 => "one table or view".to_owned(),
            count => format!("{count} tables and views"),
        };
        Ok(format!("the database answers; it has {count}"))
    }

    fn offers(&mut self) -> Result<Vec<Offer>, Failure> {
        let mut connected = self.connect(Purpose::Read)?;
        let tables = connected.tables().map_err(|error| self.failed(error))?;
        tables
            .into_iter()
            .map(|listed| {
                let table = connected.table(&listed.name).map_err(|error| self.failed(error))?;
                Ok(self.offer(listed, table))
            })
            .collect()
    }
}

impl SqlSystem {
    fn offer(&self, listed: Listed, table: Option<Table>) -> Offer {
        let Listed { name, is_view } = listed;
        let mut source = Config::new();
        source.insert("type".into(), json!("sql"));
        source.insert("system".into(), json!(self.id));
        source.insert("table".into(), json!(name.name));
        if let Some(schema) = &name.schema {
            source.insert("schema".into(), json!(schema));
        }
        let key: Vec<_> = table.as_ref().and_then(Table::primary_key).unwrap_or_default().to_vec();
        let columns = table.map(|table| table.columns).unwrap_or_default();
        Offer {
            kind: if is_view { OfferKind::View } else { OfferKind::Table },
            name: match &name.schema {
                Some(schema) => format!("{schema}.{}", name.name),
                None => name.name,
            },
            // Without a key somebody has to say which columns make the ids.
            about: key.is_empty().then(|| "has no primary key of its own".to_owned()),
            columns: columns
                .into_iter()
                .map(|column| OfferedColumn {
                    is_key: key.contains(&column.name),
                    name: column.name.to_string(),
                    type_name: column.type_name,
                    is_nullable: column.is_nullable,
                })
                .collect(),
            source: Some(source),
        }
    }
}

impl Dialects {
    fn of(kind: &str) -> Option<Dialects> {
        match kind {
            "system:sqlite" => Some(Dialects::Sqlite),
            "system:postgresql" => Some(Dialects::Postgresql),
            "system:mysql" => Some(Dialects::Mysql),
            "system:sqlserver" | "system:mssql" | "system:mssql-azure-dw" => Some(Dialects::Mssql),
            _ => None,
        }
    }
}

impl Connections {
    /// A connection is no longer used; it is kept for the next, if there is
    /// still one.
    fn leave(&self, place: &Place, session: Option<(Box<dyn Session>, i64)>) {
        let mut all = self.known();
        if let Some(known) = all.get_mut(place) {
            known.in_use = known.in_use.saturating_sub(1);
            known.idle.extend(session);
        }
    }
}

/// A connection in use. Dropping it hands it back.
struct Connected {
    session: Option<Box<dyn Session>>,
    opened: i64,
    place: Place,
    connections: Arc<Connections>,
}

impl Deref for Connected {
    type Target = Box<dyn Session>;

    fn deref(&self) -> &Self::Target {
        // It is taken only when it is dropped.
        #[allow(clippy::expect_used)]
        self.session.as_ref().expect("a connection is there until it is dropped")
    }
}

impl DerefMut for Connected {
    fn deref_mut(&mut self) -> &mut Self::Target {
        #[allow(clippy::expect_used)]
        self.session.as_mut().expect("a connection is there until it is dropped")
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        // A file is opened in no time, and another program may want it alone.
        let is_kept = !matches!(self.place, Place::Sqlite(_));
        let session = self.session.take().filter(|_| is_kept);
        let session = session.and_then(|mut session| session.reset().then_some(session));
        self.connections.leave(&self.place, session.map(|session| (session, self.opened)));
    }
}
