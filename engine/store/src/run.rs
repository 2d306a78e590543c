//! The run that versions belong to, kept as a number.

use pipewright_entity::Text;
use rusqlite::{Connection, OptionalExtension};

use crate::error::Outcome;

/// The run of one batch; has a row only once something is stored for it.
pub(crate) struct Run {
    id: Option<Text>,
    number: Option<i64>,
    versions: i64,
}

impl Run {
    pub(crate) fn new(id: Option<Text>) -> Run {
        Run { id, number: None, versions: 0 }
    }

    /// The run's number, given out when it is first needed.
    pub(crate) fn number(&mut self, connection: &Connection) -> Outcome<Option<i64>> {
        let Some(id) = &self.id else { return Ok(None) };
        if self.number.is_none() {
            let known = connection
                .prepare_cached("SELECT number FROM run WHERE id = ?")?
                .query_row([id.as_str()], |row| row.get(0))
                .optional()?;
            self.number = match known {
                Some(number) => Some(number),
                None => {
                    connection
                        .prepare_cached("INSERT INTO run (id) VALUES (?)")?
                        .execute([id.as_str()])?;
                    Some(connection.last_insert_rowid())
                }
            };
        }
        Ok(self.number)
    }

    /// Counts a stored version.
    pub(crate) fn stored(&mut self) {
        self.versions += 1;
    }

    /// Writes back the count.
    pub(crate) fn finish(self, connection: &Connection) -> Outcome<()> {
        if let Some(number) = self.number {
            connection
                .prepare_cached("UPDATE run SET versions = versions + ? WHERE number = ?")?
                .execute([self.versions, number])?;
        }
        Ok(())
    }
}

/// Takes versions off a run's count; the run goes with the last of them.
pub(crate) fn release(connection: &Connection, number: i64, versions: i64) -> Outcome<()> {
    connection
        .prepare_cached("UPDATE run SET versions = versions - ? WHERE number = ?")?
        .execute([versions, number])?;
    connection
        .prepare_cached("DELETE FROM run WHERE number = ? AND versions <= 0")?
        .execute([number])?;
    Ok(())
}
