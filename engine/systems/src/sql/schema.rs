//! `schema_definition`: which property goes into which column, and what a
//! table is created of.

use pipewright_component::Failure;
use pipewright_entity::{Text, Value};
use serde_json::Value as Json;

use super::session::{Dialect, TableName};
use crate::properties::Properties;

/// A column as the config defines it.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    /// The property its values come from.
    pub(crate) property: Text,
    pub(crate) name: Text,
    pub(crate) kind: DefinedKind,
    /// The longest text or the most bytes.
    pub(crate) max_size: Option<u64>,
    pub(crate) min_value: Option<i64>,
    pub(crate) max_value: Option<i64>,
    pub(crate) precision: Option<u64>,
    pub(crate) scale: Option<u64>,
    pub(crate) allow_null: bool,
    pub(crate) is_key: bool,
    pub(crate) is_indexed: bool,
    /// For entities that lack the property.
    pub(crate) default: Option<Value>,
}

/// The types of a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DefinedKind {
    String,
    Integer,
    Decimal,
    Float,
    Binary,
    DateTime,
    Date,
    Time,
    Uuid,
    Boolean,
}

/// The definitions in the config of a sink; none when there is no
/// `schema_definition`, or an empty one.
pub(crate) fn definitions(
    properties: &Properties<'_>,
    path: &str,
) -> Result<Vec<Definition>, Failure> {
    let items = match properties.get("schema_definition") {
        None => return Ok(Vec::new()),
        Some(Json::Array(items)) => items,
        Some(_) => return Err(properties.failure("schema_definition", "must be a list")),
    };
    items
        .iter()
        .enumerate()
        .map(|(at, item)| {
            let path = format!("{path}.schema_definition[{at}]");
            let Json::Object(item) = item else {
                return Err(Failure::config(path, "must be a dict"));
            };
            definition(&Properties::new(item, &path))
        })
        .collect()
}

fn definition(item: &Properties<'_>) -> Result<Definition, Failure> {
    let name = item.required_text("name")?;
    let kind = match item.required_text("type")? {
        "string" => DefinedKind::String,
        "integer" => DefinedKind::Integer,
        "decimal" => DefinedKind::Decimal,
        "float" => DefinedKind::Float,
        "binary" => DefinedKind::Binary,
        "datetime" => DefinedKind::DateTime,
        "date" => DefinedKind::Date,
        "time" => DefinedKind::Time,
        "uuid" => DefinedKind::Uuid,
        "boolean" => DefinedKind::Boolean,
        other => return Err(item.failure("type", format!("\"{other}\" is not a known type"))),
    };
    let bound = |name: &str| item.get(name).and_then(Json::as_i64);
    let is_key = item.flag("primary_key", false)?;
    Ok(Definition {
        property: Text::new(item.text("source_property")?.unwrap_or(name)),
        name: Text::new(name),
        kind,
        max_size: item.number("max_size")?.filter(|size| *size > 0),
        min_value: bound("min_value"),
        max_value: bound("max_value"),
        precision: item.number("precision")?,
        scale: item.number("scale")?,
        allow_null: item.flag("allow_null", !is_key)?,
        is_key,
        is_indexed: item.flag("index", false)?,
        default: item.get("default").map(Value::from_json),
    })
}

impl Definition {
    /// How many bits a whole number in the given bounds needs: 16, 32 or 64.
    pub(crate) fn bits(&self) -> u8 {
        let (Some(min), Some(max)) = (self.min_value.or(Some(0)), self.max_value) else {
            return 64;
        };
        if i16::try_from(min).is_ok() && i16::try_from(max).is_ok() {
            16
        } else if i32::try_from(min).is_ok() && i32::try_from(max).is_ok() {
            32
        } else {
            64
        }
    }

    /// `(precision,scale)`, or nothing when they are not given.
    pub(crate) fn digits(&self) -> Option<String> {
        self.precision.map(|precision| format!("({precision},{})", self.scale.unwrap_or(0)))
    }
}

/// The statements that create a table.
pub(crate) fn create(
    dialect: &dyn Dialect,
    table: &TableName,
    definitions: &[Definition],
) -> Vec<String> {
    let mut parts: Vec<String> = definitions
        .iter()
        .map(|definition| {
            let null = if definition.allow_null { "" } else { " NOT NULL" };
            format!("{} {}{null}", dialect.quote(&definition.name), dialect.type_of(definition))
        })
        .collect();
    let key: Vec<String> = definitions
        .iter()
        .filter(|definition| definition.is_key)
        .map(|definition| dialect.quote(&definition.name))
        .collect();
    parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
    let full = dialect.table(table);
    let mut statements =
        vec![format!("CREATE TABLE {full} ({}){}", parts.join(", "), dialect.table_options())];
    for definition in definitions.iter().filter(|definition| definition.is_indexed) {
        let index = format!("{}_{}", table.name, definition.name);
        statements.push(dialect.create_index(table, &index, &definition.name));
    }
    statements
}
