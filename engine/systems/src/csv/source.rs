//! The CSV source
//! (`hub/documentation/service-configuration/pipes/configuration-sources-csv`).

use std::collections::HashSet;
use std::sync::Arc;

use pipewright_component::{
    Batch, Continuation, Coverage, EntityFailure, Failure, ReadRequest, Reading, Setting, Source,
};
use pipewright_entity::{Dict, Text, Value};

use super::dialect::Dialect;
use super::rows::{NoRow, Row, Rows};
use crate::charset::{Charset, NoText, TextReader};
use crate::http::Body;
use crate::properties::Properties;
use crate::url::UrlSystem;

/// Reads the rows of a CSV file or answer as entities.
///
/// Every value is a string, as it stands in the file. Two columns are special:
/// the `_id` is made of the primary key (the values of several columns are
/// joined by `:`), and in a column named `_deleted` the texts `true` and `1`
/// say that the entity is deleted.
///
/// A row with fewer fields than there are columns lacks the last properties,
/// as spreadsheet programs leave them out. A row with more is reported with
/// its line and left out, and so is one without a primary key.
pub(crate) struct CsvSource {
    system: UrlSystem,
    url: String,
    options: Options,
}

struct Options {
    has_header: bool,
    field_names: Option<Vec<Text>>,
    dialect: Dialect,
    sniff: bool,
    charset: Charset,
    strict: bool,
    primary_key: Vec<Text>,
    whitelist: Option<HashSet<Text>>,
    blacklist: HashSet<Text>,
    keep_empty: bool,
    escape_nulls: bool,
}

impl CsvSource {
    pub(crate) fn new(setting: &Setting<'_>, system: UrlSystem) -> Result<CsvSource, Failure> {
        let properties = Properties::new(setting.config, setting.path);
        let names = |name: &str| -> Result<Option<Vec<Text>>, Failure> {
            Ok(properties.texts(name)?.map(|all| all.into_iter().map(Text::new).collect()))
        };
        let primary_key = names("primary_key")?.filter(|columns| !columns.is_empty());
        let primary_key =
            primary_key.ok_or_else(|| properties.failure("primary_key", "is missing"))?;
        let has_header = properties.flag("has_header", true)?;
        let field_names = names("field_names")?.filter(|names| !names.is_empty());
        if !has_header && field_names.is_none() {
            let message = "is missing, and without a header (has_header) the columns need names";
            return Err(properties.failure("field_names", message));
        }
        let (dialect, sniff) = dialect(&properties)?;
        let encoding = properties.text("encoding")?.unwrap_or("utf-8");
        let charset = Charset::named(encoding).ok_or_else(|| {
            properties.failure("encoding", format!("\"{encoding}\" is not a known encoding"))
        })?;
        let strict = match properties.text("decode_error_strategy")? {
            None | Some("strict") => true,
            Some("replace") => false,
            Some(other) => {
                let message = format!("must be \"strict\" or \"replace\", not \"{other}\"");
                return Err(properties.failure("decode_error_strategy", message));
            }
        };
        let set = |names: Option<Vec<Text>>| names.map(|all| all.into_iter().collect());
        Ok(CsvSource {
            url: properties.required_text("url")?.to_owned(),
            options: Options {
                has_header,
                field_names,
                dialect,
                sniff,
                charset,
                strict,
                primary_key,
                whitelist: set(names("whitelist")?),
                blacklist: set(names("blacklist")?).unwrap_or_default(),
                keep_empty: properties.flag("preserve_empty_strings", false)?,
                escape_nulls: properties.flag("escape_null_bytes", false)?,
            },
            system,
        })
    }
}

/// The dialect to begin with, and whether to look for a better one. A
/// `dialect` or a `delimiter` other than the comma decides; otherwise
/// `auto_dialect` lets the file decide.
fn dialect(properties: &Properties<'_>) -> Result<(Dialect, bool), Failure> {
    let delimiter = properties.text("delimiter")?.filter(|text| !text.is_empty());
    if let Some(delimiter) = delimiter.filter(|text| *text != ",") {
        if delimiter.contains(['"', '\r', '\n']) {
            let message = "must not hold quotes or line ends";
            return Err(properties.failure("delimiter", message));
        }
        return Ok((Dialect::with_delimiter(delimiter), false));
    }
    match properties.text("dialect")? {
        Some(name) => match Dialect::named(name) {
            Some(dialect) => Ok((dialect, false)),
            None => {
                let message =
                    format!("must be \"excel\", \"excel_tab\" or \"unix_dialect\", not \"{name}\"");
                Err(properties.failure("dialect", message))
            }
        },
        None => Ok((Dialect::with_delimiter(","), properties.flag("auto_dialect", true)?)),
    }
}

impl Source for CsvSource {
    fn continuation(&self) -> Continuation {
        // A file is read as a whole: rows carry no marker.
        Continuation::None
    }

    fn reports_deletes(&self) -> bool {
        false
    }

    fn open(&mut self, request: &ReadRequest) -> Result<Reading<'_>, Failure> {
        let target = self.system.locate(&self.url)?;
        let opened = self.system.open(&target, &[], &[])?;
        let options = &self.options;
        let text = TextReader::new(opened.body, options.charset, options.strict);
        let entities = Entities {
            system: &self.system,
            options,
            shown: target.shown,
            rows: Rows::new(text, options.dialect.clone()),
            columns: None,
            left: request.limit.unwrap_or(usize::MAX),
            batch_size: request.batch_size.max(1),
            ended: false,
        };
        let coverage = if request.limit.is_none() { Coverage::Full } else { Coverage::Partial };
        Ok(Reading::new(coverage, Box::new(entities)))
    }
}

/// The batches of one reading.
struct Entities<'a> {
    system: &'a UrlSystem,
    options: &'a Options,
    shown: String,
    rows: Rows<Body>,
    /// `None` until the header was read.
    columns: Option<Columns>,
    left: usize,
    batch_size: usize,
    ended: bool,
}

/// What becomes of each field of a row.
struct Columns {
    /// The property, or `None` for a column that is left out.
    properties: Vec<Option<Text>>,
    /// Where the parts of the primary key stand.
    key: Vec<usize>,
    deleted: Option<usize>,
}

impl Columns {
    fn new(names: &[Text], options: &Options) -> Result<Columns, (&'static str, String)> {
        let key = options
            .primary_key
            .iter()
            .map(|wanted| {
                names.iter().rposition(|name| name == wanted).ok_or_else(|| {
                    let known = names.join(", ");
                    ("primary_key", format!("there is no column \"{wanted}\"; there are: {known}"))
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let wanted = |name: &Text| {
            !name.is_empty()
                && name != "_id"
                && name != "_deleted"
                && options.whitelist.as_ref().is_none_or(|list| list.contains(name))
                && !options.blacklist.contains(name)
        };
        Ok(Columns {
            properties: names.iter().map(|name| wanted(name).then(|| name.clone())).collect(),
            key,
            deleted: names.iter().rposition(|name| name == "_deleted"),
        })
    }

    fn entity(
        &self,
        mut row: Row,
        has_nulls: bool,
        options: &Options,
    ) -> Result<Dict, EntityFailure> {
        let refuse = |id: Option<Text>, what: String| {
            let line = row.line;
            EntityFailure::new(id, format!("line {line}: {what}"))
        };
        let columns = self.properties.len();
        if row.fields.iter().skip(columns).any(|field| !field.is_empty()) {
            let fields = row.fields.len();
            let what = format!("{fields} fields, but there are {columns} columns");
            return Err(refuse(self.id(&row), what));
        }
        if has_nulls && row.fields.iter().any(|field| field.contains('\0')) {
            if !options.escape_nulls {
                let what = "a null character; set escape_null_bytes to read it as \\0";
                return Err(refuse(self.id(&row), what.to_owned()));
            }
            for field in &mut row.fields {
                *field = Text::from(field.replace('\0', "\\0"));
            }
        }
        let id = self.id(&row).ok_or_else(|| {
            let columns = options.primary_key.join(", ");
            refuse(None, format!("the primary key ({columns}) is empty"))
        })?;
        let mut dict = Dict::with_capacity(columns + 1);
        dict.insert(Text::new_static("_id"), Value::String(id));
        for (at, (property, field)) in self.properties.iter().zip(row.fields).enumerate() {
            if Some(at) == self.deleted {
                if matches!(&*field.to_ascii_lowercase(), "true" | "1") {
                    dict.insert(Text::new_static("_deleted"), Value::Bool(true));
                }
            } else if let Some(property) = property
                && (options.keep_empty || !field.is_empty())
            {
                dict.insert(property.clone(), Value::String(field));
            }
        }
        Ok(dict)
    }

    /// The primary key; `None` when a part of it is empty.
    fn id(&self, row: &Row) -> Option<Text> {
        let part = |at: &usize| row.fields.get(*at).filter(|field| !field.is_empty());
        match self.key.as_slice() {
            [only] => part(only).cloned(),
            many => {
                let parts = many.iter().map(part).collect::<Option<Vec<_>>>()?;
                Some(Text::from(
                    parts.iter().map(|text| text.as_str()).collect::<Vec<_>>().join(":"),
                ))
            }
        }
    }
}

impl Entities<'_> {
    fn failure(&self, error: NoRow) -> Failure {
        let shown = &self.shown;
        match error {
            _ if self.system.surroundings().cancel.is_stopped() => Failure::Stopped,
            NoRow::Text(NoText::Io(error)) => match Body::failure_of(&error) {
                Some(call) => call.clone().into_failure(&self.system.path_of("url")),
                None => Failure::retryable(format!("{shown}: {error}")),
            },
            NoRow::Text(error @ NoText::Malformed { .. }) => Failure::config(
                self.system.path_of("encoding"),
                format!("{shown}, {error}; name the right one, or repair the file"),
            ),
            error @ (NoRow::Unclosed { .. } | NoRow::TooLong { .. }) => {
                Failure::config(self.system.path_of("url"), format!("{shown}, {error}"))
            }
        }
    }

    /// Reads the header, so that the columns are known.
    fn columns(&mut self) -> Result<Columns, Failure> {
        if self.options.sniff {
            self.rows.sniff().map_err(|error| self.failure(error))?;
        }
        let header = if self.options.has_header {
            self.rows.next().map_err(|error| self.failure(error))?
        } else {
            None
        };
        let names = match (&self.options.field_names, header) {
            (Some(names), _) => names.clone(),
            (None, Some(header)) => header.fields,
            (None, None) => {
                let message = format!("{} is empty; not even a header is there", self.shown);
                return Err(Failure::config(self.system.path_of("url"), message));
            }
        };
        Columns::new(&names, self.options).map_err(|(property, message)| {
            Failure::config(self.system.path_of(property), format!("{}: {message}", self.shown))
        })
    }

    fn batch(&mut self) -> Result<Batch, Failure> {
        self.system.surroundings().cancel.check()?;
        let columns = match self.columns.take() {
            Some(columns) => columns,
            None => self.columns()?,
        };
        let mut batch = Batch::with_capacity(self.batch_size.min(self.left));
        while batch.len() < self.batch_size && self.left > 0 {
            let Some(row) = self.rows.next().map_err(|error| self.failure(error))? else {
                self.ended = true;
                break;
            };
            match columns.entity(row, self.rows.has_nulls(), self.options) {
                Ok(dict) => {
                    batch.push(Arc::new(dict));
                    self.left -= 1;
                }
                Err(failure) => batch.unreadable.push(failure),
            }
        }
        self.ended |= self.left == 0;
        if self.ended && self.rows.has_replaced() {
            tracing::warn!(
                file = self.shown,
                "characters were replaced: not valid in the encoding"
            );
        }
        self.columns = Some(columns);
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
            Ok(batch) if batch.is_empty() => None,
            other => Some(other),
        }
    }
}
