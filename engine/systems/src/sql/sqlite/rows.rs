//! Reading a query on a thread of its own.
//!
//! A result of SQLite lives inside its statement, and that inside its
//! connection, so that it cannot be handed about; what can is a channel.

use std::sync::Arc;

use pipewright_component::Cancel;
use pipewright_entity::Text;
use rusqlite::Connection;
use rusqlite::types::Value as Sqlite;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::File;
use super::values::{self, Meaning};
use crate::sql::session::{Field, Row, Rows, SqlError};
use crate::waiting::Waiting;

/// What is to be read.
pub(super) struct Job {
    pub(super) file: File,
    pub(super) sql: String,
    pub(super) parameters: Vec<Sqlite>,
    pub(super) fetch: usize,
}

enum Message {
    Fields(Vec<Field>),
    Rows(Vec<Row>),
}

type Outcome = Result<Message, SqlError>;

/// What was read so far.
pub(super) struct Fetched {
    fields: Vec<Field>,
    receive: Receiver<Outcome>,
    waiting: Arc<Waiting>,
    cancel: Cancel,
}

impl Fetched {
    pub(super) fn start(
        job: Job,
        waiting: Arc<Waiting>,
        cancel: &Cancel,
    ) -> Result<Fetched, SqlError> {
        let (send, receive) = channel(1);
        let stop = cancel.clone();
        waiting.work(move || {
            if let Err(error) = job.read(&send, &stop) {
                // Nobody may be listening any more.
                let _ = send.blocking_send(Err(error));
            }
        })?;
        let mut fetched = Fetched { fields: Vec::new(), receive, waiting, cancel: cancel.clone() };
        if let Some(Message::Fields(fields)) = fetched.next()? {
            fetched.fields = fields;
        }
        Ok(fetched)
    }

    fn next(&mut self) -> Result<Option<Message>, SqlError> {
        self.waiting.wait(&self.cancel, self.receive.recv())?.transpose()
    }
}

impl Rows for Fetched {
    fn fields(&self) -> &[Field] {
        &self.fields
    }

    fn fetch(&mut self) -> Result<Vec<Row>, SqlError> {
        match self.next()? {
            Some(Message::Rows(rows)) => Ok(rows),
            Some(Message::Fields(_)) | None => Ok(Vec::new()),
        }
    }
}

impl Job {
    fn read(self, send: &Sender<Outcome>, cancel: &Cancel) -> Result<(), SqlError> {
        let mut connection = self.file.open()?;
        let (listener, stop) = (send.clone(), cancel.clone());
        connection
            .progress_handler(10_000, Some(move || stop.is_stopped() || listener.is_closed()))?;
        self.rows(&connection, send)
    }

    fn rows(self, connection: &Connection, send: &Sender<Outcome>) -> Result<(), SqlError> {
        let mut statement = connection.prepare(&self.sql)?;
        let meanings: Vec<(Field, Meaning)> = statement
            .columns()
            .map(|column| {
                let meaning = Meaning::of(column.decl_type().unwrap_or_default());
                let is_local = meaning == Meaning::DateTime;
                (Field { name: Text::new(column.name()), is_local }, meaning)
            })
            .collect();
        let fields = meanings.iter().map(|(field, _)| field.clone()).collect();
        if send.blocking_send(Ok(Message::Fields(fields))).is_err() {
            return Ok(());
        }
        let mut rows = statement.query(rusqlite::params_from_iter(self.parameters))?;
        let mut chunk = Vec::new();
        while let Some(row) = rows.next()? {
            let read = meanings
                .iter()
                .enumerate()
                .map(|(at, (_, meaning))| match row.get_ref(at) {
                    Ok(value) => values::decode(value, *meaning),
                    Err(error) => Err(error.to_string()),
                })
                .collect();
            chunk.push(read);
            if chunk.len() >= self.fetch {
                let full = std::mem::take(&mut chunk);
                if send.blocking_send(Ok(Message::Rows(full))).is_err() {
                    return Ok(());
                }
            }
        }
        if !chunk.is_empty() {
            let _ = send.blocking_send(Ok(Message::Rows(chunk)));
        }
        Ok(())
    }
}
