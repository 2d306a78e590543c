//! The SQL source: the rows of a table or a query
//! (`hub/documentation/service-configuration/pipes/configuration-sources-sql`).

use std::collections::HashSet;

use jiff::tz::TimeZone;
use pipewright_component::{
    Batch, Continuation, Coverage, EntityFailure, Failure, ReadRequest, Reading, Setting, Source,
};
use pipewright_entity::{DateTime, Dict, Text, Value};

use super::session::{Column, Field, Row, Rows, SqlError, Table, TableName};
use super::{Connected, Purpose, SqlSystem};
use crate::plain::plain;
use crate::properties::Properties;

/// Reads the rows of a table or a query as entities, inside a transaction that
/// only reads.
///
/// The `_id` is made of the primary key (the values of several columns are
/// joined by `:`), and `_updated` of the column that tells when a row changed.
/// Times without a zone are those of the system's zone; in `_updated` they
/// stay as they are.
pub(crate) struct SqlSource {
    plan: Plan,
    connected: Option<Connected>,
}

/// What the config says.
struct Plan {
    system: SqlSystem,
    what: What,
    primary_key: Option<Vec<String>>,
    updated_column: Option<String>,
    whitelist: Option<HashSet<String>>,
    blacklist: HashSet<String>,
    keep_nulls: bool,
    fetch: usize,
    continuation: Continuation,
    /// Whether a full read comes in the order of `_updated` too.
    is_ordered_in_full: bool,
    initial_since: Option<Value>,
    timezone: TimeZone,
}

/// What is read.
enum What {
    Table(TableName),
    Query { all: String, changed: Option<String> },
}

/// A statement to be made.
struct Request {
    sql: String,
    parameters: Vec<Value>,
    primary_key: Vec<String>,
}

/// The table and the schema in the config of a component.
pub(super) fn table_name(properties: &Properties<'_>) -> Result<Option<TableName>, Failure> {
    let schema = properties.text("schema")?.filter(|schema| !schema.is_empty());
    Ok(properties
        .text("table")?
        .map(|name| TableName { schema: schema.map(str::to_owned), name: name.to_owned() }))
}

/// Names in the config of a component.
pub(super) fn names(
    properties: &Properties<'_>,
    property: &str,
) -> Result<Option<Vec<String>>, Failure> {
    let names = properties.texts(property)?.filter(|names| !names.is_empty());
    Ok(names.map(|names| names.into_iter().map(str::to_owned).collect()))
}

impl SqlSource {
    pub(crate) fn new(setting: &Setting<'_>, system: SqlSystem) -> Result<SqlSource, Failure> {
        let properties = Properties::new(setting.config, setting.path);
        let query = |name: &str| -> Result<Option<String>, Failure> {
            Ok(properties.texts(name)?.map(|lines| lines.join("\n")))
        };
        let primary_key = names(&properties, "primary_key")?;
        let updated_column = properties.text("updated_column")?.map(str::to_owned);
        let what = match (table_name(&properties)?, query("query")?) {
            (Some(table), _) => What::Table(table),
            (None, Some(all)) => {
                if primary_key.is_none() {
                    let message = "is missing, and a query does not say what makes a row's id";
                    return Err(properties.failure("primary_key", message));
                }
                What::Query { all, changed: query("updated_query")? }
            }
            (None, None) => {
                return Err(properties.failure("table", "is missing, and there is no query either"));
            }
        };
        let is_table = matches!(what, What::Table(_));
        let can_continue =
            updated_column.is_some() && !matches!(what, What::Query { changed: None, .. });
        let supports_since = properties.flag("supports_since", true)? && can_continue;
        let is_chronological = properties.flag("is_chronological", is_table)?;
        let is_comparable = properties.flag("is_since_comparable", true)?;
        let fetch = properties.number("fetch_size")?.unwrap_or(1000).max(1);
        let plan = Plan {
            what,
            primary_key,
            updated_column,
            whitelist: names(&properties, "whitelist")?.map(|names| names.into_iter().collect()),
            blacklist: names(&properties, "blacklist")?.unwrap_or_default().into_iter().collect(),
            keep_nulls: properties.flag("preserve_null_values", false)?,
            fetch: usize::try_from(fetch).unwrap_or(usize::MAX),
            continuation: Continuation::choose(supports_since, is_chronological, is_comparable),
            is_ordered_in_full: properties.flag("is_chronological_full", true)?,
            initial_since: properties.get("initial_since_value").map(Value::from_json),
            timezone: system.timezone()?,
            system,
        };
        Ok(SqlSource { plan, connected: None })
    }
}

impl Plan {
    /// Whether a column becomes a property.
    fn is_wanted(&self, name: &str) -> bool {
        self.whitelist.as_ref().is_none_or(|names| names.contains(name))
            && !self.blacklist.contains(name)
    }

    /// The statement for what changed since a marker, or for everything.
    fn request(
        &self,
        connected: &mut Connected,
        since: Option<&Value>,
    ) -> Result<Request, Failure> {
        let parameters: Vec<Value> = since.cloned().into_iter().collect();
        match &self.what {
            What::Query { all, changed } => {
                let primary_key = self.primary_key.clone().unwrap_or_default();
                let (Some(changed), Some(since)) = (changed, since) else {
                    return Ok(Request { sql: all.clone(), parameters: Vec::new(), primary_key });
                };
                let mut parameters = Vec::new();
                let dialect = connected.dialect();
                let sql = with_since(changed, &mut || {
                    parameters.push(since.clone());
                    dialect.parameter(parameters.len())
                });
                Ok(Request { sql, parameters, primary_key })
            }
            What::Table(name) => {
                let table =
                    connected.table(name).map_err(|error| self.system.failed(error))?.ok_or_else(
                        || self.failure("table", format!("there is no table or view {name}")),
                    )?;
                self.select(connected, name, &table, parameters)
            }
        }
    }

    fn select(
        &self,
        connected: &Connected,
        name: &TableName,
        table: &Table,
        parameters: Vec<Value>,
    ) -> Result<Request, Failure> {
        let dialect = connected.dialect();
        let find = |property: &str, column: &str| -> Result<&Column, Failure> {
            table.column(column).map(|at| &table.columns[at]).ok_or_else(|| {
                self.failure(property, format!("table {name} has no column \"{column}\""))
            })
        };
        let key: Vec<&Column> = match &self.primary_key {
            Some(names) => names
                .iter()
                .map(|column| find("primary_key", column))
                .collect::<Result<_, Failure>>()?,
            None => table
                .primary_key()
                .ok_or_else(|| {
                    let message =
                        format!("is missing, and table {name} does not declare one itself");
                    self.failure("primary_key", message)
                })?
                .iter()
                .map(|column| find("primary_key", column))
                .collect::<Result<_, Failure>>()?,
        };
        let updated = self
            .updated_column
            .as_deref()
            .map(|column| find("updated_column", column))
            .transpose()?;
        let selected: Vec<String> = table
            .columns
            .iter()
            .filter(|column| {
                self.is_wanted(&column.name)
                    || key.iter().any(|key| key.name == column.name)
                    || updated.is_some_and(|updated| updated.name == column.name)
            })
            .map(|column| dialect.selected(column))
            .collect();
        let mut sql = format!("SELECT {} FROM {}", selected.join(", "), dialect.table(name));
        if let Some(updated) = updated.filter(|_| self.continuation != Continuation::None) {
            let column = dialect.quote(&updated.name);
            if !parameters.is_empty() {
                sql += &format!(" WHERE {column} >= {}", dialect.parameter(1));
            }
            if self.is_ordered(!parameters.is_empty()) {
                sql += &format!(" ORDER BY {column}");
            }
        }
        let primary_key = key.iter().map(|column| column.name.to_string()).collect();
        Ok(Request { sql, parameters, primary_key })
    }

    /// Whether rows come in the order of their markers.
    fn is_ordered(&self, continues: bool) -> bool {
        self.continuation == Continuation::Chronological && (continues || self.is_ordered_in_full)
    }

    fn failure(&self, property: &str, message: impl Into<String>) -> Failure {
        Failure::config(format!("{}.{property}", self.system.path), message)
    }

    fn connect(&self) -> Result<Connected, Failure> {
        let mut connected = self.system.connect(Purpose::Read)?;
        let begin = connected.dialect().begin_read();
        connected.run(begin).map_err(|error| self.system.failed(error))?;
        Ok(connected)
    }

    /// Where the parts of an entity are among the fields of a result.
    fn shape(&self, fields: &[Field], primary_key: &[String]) -> Result<Shape, Failure> {
        let find = |property: &str, column: &str| -> Result<usize, Failure> {
            let exactly = fields.iter().position(|field| field.name == column);
            exactly
                .or_else(|| fields.iter().position(|field| field.name.eq_ignore_ascii_case(column)))
                .ok_or_else(|| {
                    self.failure(property, format!("the result has no column \"{column}\""))
                })
        };
        Ok(Shape {
            key: primary_key
                .iter()
                .map(|column| find("primary_key", column))
                .collect::<Result<_, Failure>>()?,
            updated: self
                .updated_column
                .as_deref()
                .map(|column| find("updated_column", column))
                .transpose()?,
            wanted: fields.iter().map(|field| self.is_wanted(&field.name)).collect(),
            fields: fields.to_vec(),
        })
    }

    /// A time of the system's zone, in UTC. One that the zone skips or has
    /// twice is taken as the clocks there would be read.
    fn utc(&self, time: DateTime) -> Value {
        let zoned = self.timezone.to_ambiguous_timestamp(time.utc()).compatible();
        Value::DateTime(zoned.map_or(time, DateTime::new))
    }
}

/// A query with each `:since` replaced. What is in quotes or a comment stays,
/// and so does the cast `::since`.
fn with_since(sql: &str, parameter: &mut dyn FnMut() -> String) -> String {
    const NAME: &str = ":since";
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let closing = match first {
            '\'' | '"' | '`' => rest[1..].find(first).map(|at| at + 2),
            '-' if rest.starts_with("--") => rest.find('\n'),
            '/' if rest.starts_with("/*") => rest.find("*/").map(|at| at + 2),
            ':' if rest.starts_with("::") => Some(2),
            ':' if rest.starts_with(NAME)
                && !rest[NAME.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_') =>
            {
                out += &parameter();
                rest = &rest[NAME.len()..];
                continue;
            }
            _ => Some(first.len_utf8()),
        };
        let taken = closing.unwrap_or(rest.len());
        out += &rest[..taken];
        rest = &rest[taken..];
    }
    out
}

impl Source for SqlSource {
    fn continuation(&self) -> Continuation {
        self.plan.continuation
    }

    fn reports_deletes(&self) -> bool {
        // A row that is gone has no time at which it changed.
        false
    }

    fn open(&mut self, request: &ReadRequest) -> Result<Reading<'_>, Failure> {
        let plan = &self.plan;
        let since = match plan.continuation {
            Continuation::None => None,
            _ => request.since.clone().or_else(|| plan.initial_since.clone()),
        };
        let coverage = match (&since, request.limit) {
            (None, None) => Coverage::Full,
            _ => Coverage::Partial,
        };
        let connected = self.connected.insert(plan.connect()?);
        let statement = plan.request(connected, since.as_ref())?;
        let rows = connected
            .query(&statement.sql, &statement.parameters, plan.fetch)
            .map_err(|error| plan.system.failed(error))?;
        let entities = Entities {
            shape: plan.shape(rows.fields(), &statement.primary_key)?,
            is_ordered: plan.is_ordered(since.is_some()),
            plan,
            rows,
            fetched: Vec::new().into_iter(),
            left: request.limit,
            batch_size: request.batch_size.max(1),
            largest: since,
            ended: false,
        };
        Ok(Reading::new(coverage, Box::new(entities)))
    }
}

/// Where the parts of an entity are in a row.
struct Shape {
    key: Vec<usize>,
    updated: Option<usize>,
    fields: Vec<Field>,
    /// Whether each field becomes a property.
    wanted: Vec<bool>,
}

/// The batches of one reading.
struct Entities<'a> {
    plan: &'a Plan,
    shape: Shape,
    rows: Box<dyn Rows + 'a>,
    fetched: std::vec::IntoIter<Row>,
    /// Whether rows come in the order of their markers.
    is_ordered: bool,
    /// How many entities are still wanted.
    left: Option<usize>,
    batch_size: usize,
    /// The marker to go on after.
    largest: Option<Value>,
    ended: bool,
}

impl Entities<'_> {
    fn row(&mut self) -> Result<Option<Row>, SqlError> {
        if self.left == Some(0) {
            return Ok(None);
        }
        if self.fetched.len() == 0 {
            self.fetched = self.rows.fetch()?.into_iter();
        }
        self.left = self.left.map(|left| left - 1);
        Ok(self.fetched.next())
    }

    fn entity(&mut self, row: Row) -> Result<Dict, EntityFailure> {
        let mut id = String::new();
        for (part, at) in self.shape.key.iter().enumerate() {
            let name = &self.shape.fields[*at].name;
            let text = match &row[*at] {
                Ok(value) => plain(value).ok_or_else(|| {
                    let kind = value.described();
                    format!("the column \"{name}\" of the primary key is {kind}")
                }),
                Err(why) => Err(format!("the column \"{name}\" of the primary key {why}")),
            };
            if part > 0 {
                id.push(':');
            }
            id += &text.map_err(|message| EntityFailure::new(None, message))?;
        }
        if let Some(at) = self.shape.updated
            && let Ok(marker) = &row[at]
        {
            self.see(marker.clone());
        }
        let mut dict = Dict::with_capacity(row.len() + 2);
        dict.insert(Text::new("_id"), Value::from(id.as_str()));
        for (at, value) in row.into_iter().enumerate() {
            let field = &self.shape.fields[at];
            let value = value.map_err(|why| {
                let message = format!("the value of the column \"{}\" {why}", field.name);
                EntityFailure::new(Some(Text::new(&id)), message)
            })?;
            if self.shape.updated == Some(at) && !value.is_null() {
                dict.insert(Text::new("_updated"), value.clone());
            }
            if !self.shape.wanted[at] || (value.is_null() && !self.plan.keep_nulls) {
                continue;
            }
            let value = match value {
                Value::DateTime(time) if field.is_local => self.plan.utc(time),
                value => value,
            };
            if field.name != "_id" {
                dict.insert(field.name.clone(), value);
            }
        }
        Ok(dict)
    }

    fn see(&mut self, marker: Value) {
        let is_later = match self.plan.continuation {
            Continuation::None => false,
            Continuation::Chronological if self.is_ordered => true,
            _ => self.largest.as_ref().is_none_or(|largest| marker.compare(largest).is_gt()),
        };
        if is_later && !marker.is_null() {
            self.largest = Some(marker);
        }
    }

    fn batch(&mut self) -> Result<Batch, Failure> {
        let mut batch = Batch::with_capacity(self.batch_size.min(1024));
        while batch.len() < self.batch_size {
            let row = self.row().map_err(|error| self.plan.system.failed(error))?;
            let Some(row) = row else {
                self.ended = true;
                break;
            };
            match self.entity(row) {
                Ok(dict) => batch.push(dict),
                Err(failure) => batch.unreadable.push(failure),
            }
        }
        // Where rows come in any order, only the end tells the largest marker.
        if self.plan.continuation != Continuation::None
            && (self.is_ordered || self.ended || self.plan.continuation == Continuation::Max)
        {
            batch.offset = self.largest.clone();
        }
        Ok(batch)
    }
}

impl Iterator for Entities<'_> {
    type Item = Result<Batch, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let batch = self.batch();
        self.ended |= batch.is_err();
        match batch {
            Ok(batch) if batch.is_empty() && batch.offset.is_none() => None,
            other => Some(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_replaced_where_it_is_a_parameter() {
        let mut number = 0;
        let sql = with_since(
            "select ':since' as a, x::since, :sincere -- :since\n /* :since */ \
             from t where u >= :since or v>:since",
            &mut || {
                number += 1;
                format!("${number}")
            },
        );
        assert_eq!(
            sql,
            "select ':since' as a, x::since, :sincere -- :since\n /* :since */ \
             from t where u >= $1 or v>$2"
        );
        assert_eq!(with_since("where 'open :since", &mut String::new), "where 'open :since");
    }
}
