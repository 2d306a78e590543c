//! Entities as CSV text, as the CSV endpoint sink serves them
//! (`hub/documentation/service-configuration/pipes/configuration-sinks-csv`).

use pipewright_component::Failure;
use pipewright_entity::{Entity, Text, Value, number};
use serde_json::{Map, Value as Json};

use crate::charset::{Charset, Lacking};
use crate::properties::Properties;

/// How a CSV endpoint writes its entities.
#[derive(Clone, Debug, PartialEq)]
pub struct Format {
    columns: Vec<Text>,
    include_header: bool,
    quoting: Quoting,
    delimiter: Text,
    quote: char,
    /// Whether quotes in quoted fields are doubled.
    double_quotes: bool,
    escape: Option<char>,
    line_end: Text,
    mark: bool,
    charset: Charset,
    lacking: Lacking,
    skip_deleted: bool,
}

/// Which fields are put in quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quoting {
    /// All.
    All,
    /// Those that cannot be read back otherwise.
    #[default]
    Minimal,
    /// All but numbers.
    NonNumeric,
    /// None, even if the text cannot be read back then.
    None,
}

impl Format {
    /// The format that the config of a CSV endpoint sink describes; `path` is
    /// where the sink stands in the pipe's config, for messages.
    ///
    /// # Errors
    /// [`Failure::Config`] at the property that is missing or not understood.
    pub fn from_config(sink: &Map<String, Json>, path: &str) -> Result<Format, Failure> {
        let properties = Properties::new(sink, path);
        let columns = properties.texts("columns")?.filter(|columns| !columns.is_empty());
        let columns = columns.ok_or_else(|| properties.failure("columns", "is missing"))?;
        let character = |name: &str| -> Result<Option<char>, Failure> {
            let Some(text) = properties.text(name)? else { return Ok(None) };
            let mut characters = text.chars();
            match (characters.next(), characters.next()) {
                (Some(only), None) => Ok(Some(only)),
                _ => Err(properties.failure(name, "must be a single character")),
            }
        };
        let chosen = |name: &str, found: &str, allowed: &str| {
            properties.failure(name, format!("must be one of {allowed}, not \"{found}\""))
        };
        let quoting = match properties.text("quoting")? {
            None | Some("minimal") => Quoting::Minimal,
            Some("all") => Quoting::All,
            Some("non-numeric") => Quoting::NonNumeric,
            Some("none") => Quoting::None,
            Some(other) => {
                return Err(chosen("quoting", other, "all, minimal, non-numeric and none"));
            }
        };
        let lacking = match properties.text("encode_error_strategy")? {
            None | Some("backslashreplace") => Lacking::Backslash,
            Some("replace") => Lacking::QuestionMark,
            Some("xmlcharrefreplace") => Lacking::Xml,
            Some("ignore") => Lacking::Nothing,
            Some(other) => {
                let allowed = "ignore, replace, xmlcharrefreplace and backslashreplace";
                return Err(chosen("encode_error_strategy", other, allowed));
            }
        };
        let encoding = properties.text("encoding")?.unwrap_or("utf-8");
        let charset = Charset::named(encoding).ok_or_else(|| {
            properties.failure("encoding", format!("\"{encoding}\" is not a known encoding"))
        })?;
        let double_quotes = properties.flag("doublequote", true)?;
        let escape = character("escapechar")?.or((!double_quotes).then_some('\\'));
        let delimiter = properties.text("delimiter")?.filter(|text| !text.is_empty());
        Ok(Format {
            columns: columns.into_iter().map(Text::new).collect(),
            include_header: properties.flag("include_header", true)?,
            quoting,
            delimiter: Text::new(delimiter.unwrap_or(",")),
            quote: character("quotechar")?.unwrap_or('"'),
            double_quotes,
            escape,
            line_end: Text::new(properties.text("lineterminator")?.unwrap_or("\r\n")),
            // UTF-16 needs its mark to be read at all.
            mark: properties.flag("byte_order_mark", false)? || charset == Charset::Utf16,
            charset,
            lacking,
            skip_deleted: properties.flag("skip-deleted-entities", true)?,
        })
    }

    /// Appends what comes before the first row: the byte order mark and the
    /// header, where wanted.
    pub fn begin(&self, to: &mut Vec<u8>) {
        if self.mark {
            to.extend_from_slice(self.charset.byte_order_mark());
        }
        if self.include_header {
            self.line(self.columns.iter().map(|column| (column.to_string(), false)), to);
        }
    }

    /// Appends the row of one entity, or nothing if it is deleted and deleted
    /// ones are left out.
    pub fn row(&self, entity: &Entity, to: &mut Vec<u8>) {
        if self.skip_deleted && entity.is_deleted() {
            return;
        }
        let fields = self.columns.iter().map(|column| match entity.get(column) {
            None => (String::new(), false),
            Some(value) => (field_text(value), value.is_number()),
        });
        self.line(fields, to);
    }

    /// The whole text.
    pub fn render<'a>(&self, entities: impl IntoIterator<Item = &'a Entity>) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.begin(&mut bytes);
        for entity in entities {
            self.row(entity, &mut bytes);
        }
        bytes
    }

    fn line(&self, fields: impl Iterator<Item = (String, bool)>, to: &mut Vec<u8>) {
        let mut text = String::new();
        for (at, (field, is_number)) in fields.enumerate() {
            if at > 0 {
                text.push_str(&self.delimiter);
            }
            self.field(&field, is_number, &mut text);
        }
        text.push_str(&self.line_end);
        self.charset.encode(&text, self.lacking, to);
    }

    fn field(&self, field: &str, is_number: bool, to: &mut String) {
        let quoted = match self.quoting {
            Quoting::All => true,
            Quoting::NonNumeric => !is_number,
            Quoting::None => false,
            Quoting::Minimal => {
                field.contains(&*self.delimiter)
                    || field.contains([self.quote, '\r', '\n'])
                    || self.escape.is_some_and(|escape| field.contains(escape))
                    || field.contains(&*self.line_end)
                    // A row of one empty field would be no row.
                    || field.is_empty() && self.columns.len() == 1
            }
        };
        if quoted {
            to.push(self.quote);
            for character in field.chars() {
                if character == self.quote && self.double_quotes {
                    to.push(self.quote);
                } else if character == self.quote || Some(character) == self.escape {
                    to.extend(self.escape);
                }
                to.push(character);
            }
            to.push(self.quote);
            return;
        }
        let Some(escape) = self.escape.filter(|_| self.quoting == Quoting::None) else {
            to.push_str(field);
            return;
        };
        let delimiter = self.delimiter.chars().next();
        for character in field.chars() {
            if Some(character) == delimiter
                || character == escape
                || character == self.quote
                || matches!(character, '\r' | '\n')
            {
                to.push(escape);
            }
            to.push(character);
        }
    }
}

/// A value as a person would write it in a table: no transit marks; lists and
/// dicts as JSON.
pub(crate) fn field_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) | Value::Ni(text) | Value::Uri(text) => text.to_string(),
        Value::Decimal(number) => number::decimal_text(number),
        Value::DateTime(time) => time.to_string(),
        Value::Uuid(uuid) => uuid.to_string(),
        Value::List(_) | Value::Tuple(_) | Value::Dict(_) => plain_json(value).to_string(),
        Value::Bool(_) | Value::Int(_) | Value::BigInt(_) | Value::Float(_) => value.to_transit(),
        Value::Bytes(_) => {
            let marked = value.to_transit();
            marked.trim_matches('"').trim_start_matches("~b").to_owned()
        }
    }
}

fn plain_json(value: &Value) -> Json {
    match value {
        Value::List(items) | Value::Tuple(items) => items.iter().map(plain_json).collect(),
        Value::Dict(dict) => Json::Object(
            dict.iter().map(|(name, value)| (name.to_string(), plain_json(value))).collect(),
        ),
        Value::Null => Json::Null,
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => value.to_json(),
        Value::BigInt(_) | Value::Decimal(_) => {
            serde_json::from_str(&field_text(value)).unwrap_or(Json::Null)
        }
        other => Json::String(field_text(other)),
    }
}
