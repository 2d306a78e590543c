//! The SQL sink: entities as rows of a table
//! (`hub/documentation/service-configuration/pipes/configuration-sinks-sql`).

use std::collections::{HashMap, HashSet};

use jiff::tz::TimeZone;
use pipewright_component::{EntityFailure, Failure, Sequence, Setting, Sink, Written};
use pipewright_entity::{DateTime, Entity, Text, Value};

use super::schema::{self, Definition};
use super::session::{Class, Column, Kind, SqlError, Table, TableName};
use super::source::{names, table_name};
use super::{Connected, Purpose, SqlSystem};
use crate::plain::plain;
use crate::properties::Properties;

/// Writes entities as rows: a row of the same key is updated, a deleted entity
/// deletes its row.
///
/// An entity's properties go into the columns of the same names; a column that
/// an entity has no property for keeps what it holds, and a property without a
/// column is left out. Each call is one transaction. When a value is refused
/// the call is taken back whole, and the pump tries the entities one by one.
pub(crate) struct SqlSink {
    system: SqlSystem,
    table: TableName,
    primary_key: Option<Vec<String>>,
    timestamp: String,
    batch_size: usize,
    first_run: FirstRun,
    definitions: Vec<Definition>,
    skips_identity: bool,
    trims_keys: bool,
    whitelist: Option<HashSet<String>>,
    blacklist: HashSet<String>,
    timezone: TimeZone,
    /// From the beginning of the run on.
    open: Option<Open>,
}

/// What a run from the start does to the table first.
struct FirstRun {
    creates: bool,
    recreates: bool,
    truncates: bool,
}

/// A table that is being written.
struct Open {
    connected: Connected,
    /// Its name, quoted.
    name: String,
    columns: Vec<Column>,
    /// Where the columns of the key are.
    key: Vec<usize>,
    /// Columns by property.
    by_property: HashMap<Text, usize>,
    /// For entities that lack the property.
    defaults: Vec<(usize, Value)>,
    /// Where the time of writing goes.
    timestamp: Option<usize>,
    can_upsert: bool,
    /// Properties without a column that were told of.
    told: HashSet<Text>,
}

/// Columns by their places, in that order, with their values.
type Cells<'a> = &'a [(usize, Value)];

/// What becomes of a row.
struct Change {
    key: Vec<Value>,
    /// Columns and their values, the key among them; `None` deletes.
    row: Option<Vec<(usize, Value)>>,
}

impl SqlSink {
    pub(crate) fn new(setting: &Setting<'_>, system: SqlSystem) -> Result<SqlSink, Failure> {
        let properties = Properties::new(setting.config, setting.path);
        let table =
            table_name(&properties)?.ok_or_else(|| properties.failure("table", "is missing"))?;
        let definitions = schema::definitions(&properties, setting.path)?;
        let creates = properties.flag("create_table_if_missing", false)?;
        if creates && !definitions.iter().any(|definition| definition.is_key) {
            let message = "must define the columns of the table, and at least one with \
                           primary_key, for create_table_if_missing";
            return Err(properties.failure("schema_definition", message));
        }
        let default = if properties.flag("use_bulk_operations", false)? { 1000 } else { 100 };
        let batch_size = properties.number("batch_size")?.unwrap_or(default).max(1);
        Ok(SqlSink {
            table,
            primary_key: names(&properties, "primary_key")?,
            timestamp: properties.text("timestamp")?.unwrap_or("sesam-timestamp").to_owned(),
            batch_size: usize::try_from(batch_size).unwrap_or(usize::MAX),
            first_run: FirstRun {
                creates,
                recreates: properties.flag("recreate_table_on_first_run", false)?,
                truncates: properties.flag("truncate_table_on_first_run", false)?,
            },
            definitions,
            skips_identity: properties.flag("skip_identity_columns", false)?,
            trims_keys: properties.flag("remove_pk_char_trailing_spaces", true)?,
            whitelist: names(&properties, "whitelist")?.map(|names| names.into_iter().collect()),
            blacklist: names(&properties, "blacklist")?.unwrap_or_default().into_iter().collect(),
            timezone: system.timezone()?,
            system,
            open: None,
        })
    }

    fn failure(&self, property: &str, message: impl Into<String>) -> Failure {
        Failure::config(format!("{}.{property}", self.system.path), message)
    }

    /// Does what a run from the start does first; gives the table.
    fn prepare(&self, connected: &mut Connected, is_first: bool) -> Result<Table, Failure> {
        let failed = |error: SqlError| self.system.failed(error);
        let dialect = connected.dialect();
        let name = dialect.table(&self.table);
        let found = connected.table(&self.table).map_err(failed)?;
        let FirstRun { creates, recreates, truncates } = self.first_run;
        if is_first && creates && (found.is_none() || recreates) {
            if found.is_some() {
                connected.run(&format!("DROP TABLE {name}")).map_err(failed)?;
            }
            for statement in schema::create(dialect, &self.table, &self.definitions) {
                connected.run(&statement).map_err(failed)?;
            }
        } else if is_first && truncates && found.is_some() {
            connected.run(&dialect.truncate(&name)).map_err(failed)?;
        }
        match connected.table(&self.table).map_err(failed)? {
            Some(table) => Ok(table),
            None if creates => {
                let message = format!(
                    "table {} is gone; reset the pipe, so that it is made and filled again",
                    self.table
                );
                Err(self.failure("table", message))
            }
            None => Err(self.failure("table", format!("there is no table {}", self.table))),
        }
    }

    fn opened(&self, connected: Connected, table: Table) -> Result<Open, Failure> {
        let column = |property: &str, name: &str| {
            table.column(name).ok_or_else(|| {
                let message = format!("table {} has no column \"{name}\"", self.table);
                self.failure(property, message)
            })
        };
        let key: Vec<usize> = if let Some(names) = &self.primary_key {
            names.iter().map(|name| column("primary_key", name)).collect::<Result<_, _>>()?
        } else if self.definitions.iter().any(|definition| definition.is_key) {
            self.definitions
                .iter()
                .filter(|definition| definition.is_key)
                .map(|definition| column("schema_definition", &definition.name))
                .collect::<Result<_, _>>()?
        } else {
            let names = table.primary_key().ok_or_else(|| {
                let message =
                    format!("is missing, and table {} does not declare one itself", self.table);
                self.failure("primary_key", message)
            })?;
            names.iter().map(|name| column("primary_key", name)).collect::<Result<_, _>>()?
        };
        let is_skipped = |at: usize| {
            let column = &table.columns[at];
            self.skips_identity && column.is_identity && !key.contains(&at)
        };
        let mut by_property: HashMap<Text, usize> = HashMap::new();
        for (at, column) in table.columns.iter().enumerate().filter(|(at, _)| !is_skipped(*at)) {
            by_property.insert(column.name.clone(), at);
        }
        let mut defaults = Vec::new();
        for definition in &self.definitions {
            let at = column("schema_definition", &definition.name)?;
            if definition.property != definition.name {
                by_property.remove(&table.columns[at].name);
            }
            if is_skipped(at) {
                continue;
            }
            by_property.insert(definition.property.clone(), at);
            defaults.push((at, definition.default.clone().unwrap_or(Value::Null)));
        }
        by_property.retain(|property, _| {
            self.whitelist.as_ref().is_none_or(|names| names.contains(property.as_str()))
                && !self.blacklist.contains(property.as_str())
        });
        for at in &key {
            if !by_property.values().any(|column| column == at) {
                let name = table.columns[*at].name.clone();
                by_property.insert(name, *at);
            }
        }
        let key_names: Vec<&str> = key.iter().map(|at| table.columns[*at].name.as_str()).collect();
        let dialect = connected.dialect();
        Ok(Open {
            name: dialect.table(&self.table),
            can_upsert: dialect.can_upsert(&table, &key_names),
            timestamp: table.column(&self.timestamp),
            columns: table.columns,
            key,
            by_property,
            defaults,
            told: HashSet::new(),
            connected,
        })
    }

    /// The row of an entity.
    fn change(&self, open: &mut Open, entity: &Entity) -> Result<Change, String> {
        let mut row: Vec<(usize, Value)> = Vec::with_capacity(entity.dict().len());
        for (property, value) in entity.dict().iter() {
            let at = match open.by_property.get(property) {
                Some(at) => *at,
                None if property.starts_with('_') => continue,
                None => match self.lookup(open, property) {
                    Some(at) => at,
                    None => continue,
                },
            };
            let is_key = open.key.contains(&at);
            if entity.is_deleted() && !is_key {
                continue;
            }
            let column = &open.columns[at];
            let value = self
                .fit(value, column, is_key)
                .map_err(|why| format!("the property \"{property}\" {why}"))?;
            row.push((at, value));
        }
        let key = open
            .key
            .iter()
            .map(|at| {
                let found = row.iter().find(|(column, _)| column == at);
                match found.map(|(_, value)| value).filter(|value| !value.is_null()) {
                    Some(value) => Ok(value.clone()),
                    None => Err(format!(
                        "there is no value for the column \"{}\" of the primary key",
                        open.columns[*at].name
                    )),
                }
            })
            .collect::<Result<Vec<_>, _>>()?;
        if entity.is_deleted() {
            return Ok(Change { key, row: None });
        }
        for (at, default) in &open.defaults {
            if !row.iter().any(|(column, _)| column == at) {
                row.push((*at, default.clone()));
            }
        }
        if let Some(at) = open.timestamp
            && !row.iter().any(|(column, _)| *column == at)
        {
            let now = i128::from(self.system.surroundings.clock.now()) * 1000;
            if let Some(now) = DateTime::from_nanosecond(now) {
                // Documented as UTC whatever the zone of the system.
                row.push((at, Value::DateTime(now)));
            }
        }
        row.sort_by_key(|(at, _)| *at);
        Ok(Change { key, row: Some(row) })
    }

    /// The column of a property whose name differs in upper and lower case.
    fn lookup(&self, open: &mut Open, property: &Text) -> Option<usize> {
        let found = open
            .by_property
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(property))
            .map(|(_, at)| *at);
        let is_excluded = self.blacklist.contains(property.as_str())
            || self.whitelist.as_ref().is_some_and(|names| !names.contains(property.as_str()));
        match found.filter(|_| !is_excluded) {
            Some(at) => {
                open.by_property.insert(property.clone(), at);
                Some(at)
            }
            None => {
                if !is_excluded && open.told.insert(property.clone()) {
                    tracing::warn!(
                        system = %self.system.id, table = %self.table, %property,
                        "there is no column for this property; it is not written"
                    );
                }
                None
            }
        }
    }

    /// A value as the column takes it.
    fn fit(&self, value: &Value, column: &Column, is_key: bool) -> Result<Value, String> {
        Ok(match (value, column.kind) {
            (Value::Null, _) => Value::Null,
            (_, Kind::Json) => Value::from(value.to_json().to_string()),
            (Value::List(_) | Value::Tuple(_) | Value::Dict(_), _) => {
                return Err(format!(
                    "is a {}, and the column \"{}\" takes one value",
                    value.type_name(),
                    column.name
                ));
            }
            (Value::DateTime(time), Kind::Date) => Value::from(time.utc().date().to_string()),
            (Value::DateTime(time), Kind::Time) => Value::from(time.utc().time().to_string()),
            (Value::DateTime(time), Kind::LocalTime) => self.local(*time),
            (Value::String(text), Kind::Char) if is_key && self.trims_keys => {
                Value::from(text.trim_end_matches(' '))
            }
            _ => value.clone(),
        })
    }

    /// A time as clocks in the system's zone show it.
    fn local(&self, time: DateTime) -> Value {
        let clock = time.timestamp().map(|at| self.timezone.to_datetime(at));
        Value::DateTime(clock.and_then(DateTime::from_utc).unwrap_or(time))
    }

    fn open(&mut self) -> Result<(), Failure> {
        if self.open.is_none() {
            return Err(self.failure("type", "the run has not begun"));
        }
        Ok(())
    }
}

impl Sink for SqlSink {
    fn is_outside(&self) -> bool {
        true
    }

    fn batch_size(&self) -> usize {
        self.batch_size
    }

    fn begin(&mut self, sequence: &Sequence) -> Result<(), Failure> {
        let purpose = if self.first_run.creates { Purpose::Create } else { Purpose::Write };
        let mut connected = self.system.connect(purpose)?;
        let table = self.prepare(&mut connected, sequence.is_full)?;
        self.open = Some(self.opened(connected, table)?);
        Ok(())
    }

    fn write(&mut self, entities: &[Entity]) -> Result<Written, Failure> {
        self.open()?;
        let Some(mut open) = self.open.take() else { return Ok(Written::default()) };
        let written = self.write_to(&mut open, entities);
        self.open = Some(open);
        written
    }

    fn finish(&mut self) -> Result<Written, Failure> {
        self.open = None;
        Ok(Written::default())
    }
}

impl SqlSink {
    fn write_to(&self, open: &mut Open, entities: &[Entity]) -> Result<Written, Failure> {
        self.system.surroundings.may_write_outside(&self.system.path)?;
        let mut written = Written::default();
        // The last version of a key counts; a statement takes each only once.
        let mut changes: Vec<Change> = Vec::with_capacity(entities.len());
        let mut places: HashMap<Vec<String>, usize> = HashMap::new();
        for entity in entities {
            if entity.get("_filtered") == Some(&Value::Bool(true)) {
                written.ignored += 1;
                continue;
            }
            match self.change(open, entity) {
                Ok(change) => {
                    let name: Vec<String> =
                        change.key.iter().map(|part| plain(part).unwrap_or_default()).collect();
                    match places.get(&name) {
                        Some(place) => changes[*place] = change,
                        None => {
                            places.insert(name, changes.len());
                            changes.push(change);
                        }
                    }
                    written.written += 1;
                }
                Err(why) => {
                    let id = Some(entity.id().clone());
                    written.rejected.push(EntityFailure::new(id, why));
                }
            }
        }
        if changes.is_empty() {
            return Ok(written);
        }
        match open.apply(&changes) {
            Ok(()) => Ok(written),
            Err(error) if error.class == Class::Data => {
                let id = match entities {
                    [only] => Some(only.id().clone()),
                    _ => None,
                };
                let message = format!("table {}: {}", self.table, error.message);
                Err(Failure::entity(id, message))
            }
            Err(error) => Err(self.system.failed(error)),
        }
    }
}

impl Open {
    /// Makes all changes, or none.
    fn apply(&mut self, changes: &[Change]) -> Result<(), SqlError> {
        let dialect = self.connected.dialect();
        self.connected.run(dialect.begin())?;
        let done = self.all(changes).and_then(|()| self.connected.run("COMMIT"));
        if done.is_err() {
            // The error that came first is the one to tell.
            let _ = self.connected.run(dialect.rollback());
        }
        done
    }

    fn all(&mut self, changes: &[Change]) -> Result<(), SqlError> {
        let gone: Vec<&Change> = changes.iter().filter(|change| change.row.is_none()).collect();
        let most = self.connected.dialect().most_parameters();
        for some in gone.chunks((most / self.key.len().max(1)).clamp(1, 500)) {
            self.delete(some)?;
        }
        // Rows with the same columns go into one statement.
        let mut groups: Vec<(Vec<usize>, Vec<Cells<'_>>)> = Vec::new();
        let mut by_columns: HashMap<Vec<usize>, usize> = HashMap::new();
        for row in changes.iter().filter_map(|change| change.row.as_deref()) {
            let columns: Vec<usize> = row.iter().map(|(at, _)| *at).collect();
            let group = *by_columns.entry(columns).or_insert_with_key(|columns| {
                groups.push((columns.clone(), Vec::new()));
                groups.len() - 1
            });
            groups[group].1.push(row);
        }
        for (columns, rows) in groups {
            if self.can_upsert {
                for some in rows.chunks((most / columns.len().max(1)).max(1)) {
                    self.upsert(&columns, some)?;
                }
            } else {
                for row in rows {
                    if self.update(&columns, row)? == 0 {
                        self.insert(&columns, &[row], "")?;
                    }
                }
            }
        }
        Ok(())
    }

    fn quoted(&self, at: usize) -> String {
        self.connected.dialect().quote(&self.columns[at].name)
    }

    /// `a = $n AND b = $m`, from a number on.
    fn is_key(&self, from: usize) -> String {
        let dialect = self.connected.dialect();
        let parts: Vec<String> = self
            .key
            .iter()
            .enumerate()
            .map(|(part, at)| format!("{} = {}", self.quoted(*at), dialect.parameter(from + part)))
            .collect();
        parts.join(" AND ")
    }

    fn delete(&mut self, gone: &[&Change]) -> Result<(), SqlError> {
        let width = self.key.len();
        let conditions: Vec<String> =
            (0..gone.len()).map(|row| format!("({})", self.is_key(row * width + 1))).collect();
        let sql = format!("DELETE FROM {} WHERE {}", self.name, conditions.join(" OR "));
        let parameters: Vec<Value> =
            gone.iter().flat_map(|change| change.key.iter().cloned()).collect();
        self.connected.execute(&sql, &parameters).map(drop)
    }

    fn upsert(&mut self, columns: &[usize], rows: &[Cells<'_>]) -> Result<(), SqlError> {
        let name = |at: &usize| self.columns[*at].name.as_str();
        let key: Vec<&str> = self.key.iter().map(name).collect();
        let others: Vec<&str> =
            columns.iter().filter(|at| !self.key.contains(at)).map(name).collect();
        let tail = self.connected.dialect().update_instead(&key, &others);
        self.insert(columns, rows, &tail)
    }

    fn insert(
        &mut self,
        columns: &[usize],
        rows: &[Cells<'_>],
        tail: &str,
    ) -> Result<(), SqlError> {
        let dialect = self.connected.dialect();
        let names: Vec<String> = columns.iter().map(|at| self.quoted(*at)).collect();
        let mut number = 0;
        let mut values = Vec::with_capacity(rows.len());
        for row in rows {
            let places: Vec<String> = row
                .iter()
                .map(|_| {
                    number += 1;
                    dialect.parameter(number)
                })
                .collect();
            values.push(format!("({})", places.join(", ")));
        }
        let sql = format!(
            "INSERT INTO {} ({}) VALUES {}{tail}",
            self.name,
            names.join(", "),
            values.join(", ")
        );
        let parameters: Vec<Value> =
            rows.iter().flat_map(|row| row.iter().map(|(_, value)| value.clone())).collect();
        self.connected.execute(&sql, &parameters).map(drop)
    }

    /// Updates the row of a key; says how many rows have it.
    fn update(&mut self, columns: &[usize], row: &[(usize, Value)]) -> Result<u64, SqlError> {
        let dialect = self.connected.dialect();
        // A row that is all key is set to itself, to see whether it is there.
        let mut set: Vec<usize> =
            columns.iter().copied().filter(|at| !self.key.contains(at)).collect();
        if set.is_empty() {
            set.clone_from(&self.key);
        }
        let assignments: Vec<String> = set
            .iter()
            .enumerate()
            .map(|(place, at)| format!("{} = {}", self.quoted(*at), dialect.parameter(place + 1)))
            .collect();
        let sql = format!(
            "UPDATE {} SET {} WHERE {}",
            self.name,
            assignments.join(", "),
            self.is_key(set.len() + 1)
        );
        let parameters: Vec<Value> = set
            .iter()
            .chain(&self.key)
            .filter_map(|at| row.iter().find(|(column, _)| column == at))
            .map(|(_, value)| value.clone())
            .collect();
        self.connected.execute(&sql, &parameters)
    }
}
