//! Entities as a file for other programs.

use std::collections::BTreeSet;
use std::io::{Error, Result, Write};

use pipewright_entity::{Text, Value, Version};
use pipewright_store::{Reader, Store};

use crate::find::Search;

/// What the file is.
pub(crate) enum ExportForm {
    /// One JSON array.
    Json,
    /// One JSON object a line.
    Lines,
    /// A table with a head.
    Csv {
        /// The properties; all there are when `None`.
        columns: Option<Vec<String>>,
        /// Whether texts that a spreadsheet would run stay as they are.
        formulas: bool,
    },
}

impl ExportForm {
    pub(crate) fn content_type(&self) -> &'static str {
        match self {
            ExportForm::Json => "application/json",
            ExportForm::Lines => "application/x-ndjson",
            ExportForm::Csv { .. } => "text/csv; charset=utf-8",
        }
    }

    pub(crate) fn ending(&self) -> &'static str {
        match self {
            ExportForm::Json => "json",
            ExportForm::Lines => "ndjson",
            ExportForm::Csv { .. } => "csv",
        }
    }
}

/// Writes what a search finds, as the dataset is now.
pub(crate) fn write(
    store: &Store,
    search: &Search,
    form: ExportForm,
    to: &mut dyn Write,
) -> Result<()> {
    let reader = store.reader().map_err(Error::other)?;
    match form {
        ExportForm::Json => {
            let mut separator: &[u8] = b"[";
            each(&reader, search, |version| {
                to.write_all(separator)?;
                separator = b",\n";
                Ok(serde_json::to_writer(&mut *to, &version.with_metadata())?)
            })?;
            to.write_all(if separator == b"[" { b"[]\n" } else { b"]\n" })?;
        }
        ExportForm::Lines => each(&reader, search, |version| {
            serde_json::to_writer(&mut *to, &version.with_metadata())?;
            to.write_all(b"\n")
        })?,
        ExportForm::Csv { columns, formulas } => {
            let columns: Vec<Text> = match columns {
                Some(columns) => columns.into_iter().map(Text::from).collect(),
                None => properties(&reader, search)?,
            };
            // The mark tells spreadsheets that it is UTF-8.
            to.write_all("\u{feff}".as_bytes())?;
            let head = columns.iter().map(|name| safe(name.to_string(), formulas));
            to.write_all(row(std::iter::once("_id".to_owned()).chain(head)).as_bytes())?;
            each(&reader, search, |version| {
                let entity = &version.entity;
                let cells = columns.iter().map(|name| cell(entity.get(name), formulas));
                let id = safe(entity.id().to_string(), formulas);
                to.write_all(row(std::iter::once(id).chain(cells)).as_bytes())
            })?;
        }
    }
    to.flush()
}

/// Everything that is found, in the order of the log.
fn each(
    reader: &Reader,
    search: &Search,
    mut take: impl FnMut(Version) -> Result<()>,
) -> Result<()> {
    let mut since = None;
    loop {
        // Whoever reads the file may be gone, which is no failure of the search.
        let mut broken = None;
        let step = search.step(reader, since, usize::MAX, |version| {
            if broken.is_none() {
                broken = take(version).err();
            }
            Ok(())
        });
        if let Some(error) = broken {
            return Err(error);
        }
        let step = step.map_err(|failed| Error::other(failed.message()))?;
        match step.next {
            Some(next) => since = Some(next),
            None => return Ok(()),
        }
    }
}

/// The properties that the entities have, in the order of their names.
fn properties(reader: &Reader, search: &Search) -> Result<Vec<Text>> {
    let mut names: BTreeSet<Text> = BTreeSet::new();
    each(reader, search, |version| {
        for name in version.entity.dict().keys() {
            if name != "_id" && !names.contains(name) {
                names.insert(name.clone());
            }
        }
        Ok(())
    })?;
    Ok(names.into_iter().collect())
}

fn cell(value: Option<&Value>, formulas: bool) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => safe(text.to_string(), formulas),
        Some(Value::Uri(text) | Value::Ni(text)) => safe(text.to_string(), formulas),
        Some(Value::List(_) | Value::Tuple(_) | Value::Dict(_)) => {
            value.map(|value| value.to_transit().to_string()).unwrap_or_default()
        }
        Some(other) => {
            let transit = other.to_transit().to_string();
            let shown = transit.trim_matches('"');
            shown.strip_prefix('~').and_then(|typed| typed.get(1..)).unwrap_or(shown).to_owned()
        }
    }
}

/// A text that a spreadsheet takes for a text: those it would run as a formula
/// get an apostrophe in front.
fn safe(text: String, formulas: bool) -> String {
    let runs = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    if runs && !formulas { format!("'{text}") } else { text }
}

fn row(cells: impl Iterator<Item = String>) -> String {
    let mut row = String::new();
    for (place, cell) in cells.enumerate() {
        if place > 0 {
            row.push(',');
        }
        if cell.contains([',', '"', '\n', '\r']) {
            row.push('"');
            row.push_str(&cell.replace('"', "\"\""));
            row.push('"');
        } else {
            row.push_str(&cell);
        }
    }
    row.push_str("\r\n");
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_back_as_it_was_and_runs_nothing() {
        let text = |text: &str| cell(Some(&Value::from(text)), false);
        let cells =
            [text("a,b"), text("say \"x\"\nand y"), text("=1+1"), text("-5"), text("+47 1")];
        assert_eq!(row(cells.into_iter()), "\"a,b\",\"say \"\"x\"\"\nand y\",'=1+1,-5,'+47 1\r\n");
        assert_eq!(cell(Some(&Value::Int(-5)), false), "-5");
        assert_eq!(cell(Some(&Value::from("=1")), true), "=1");
        assert_eq!(cell(Some(&Value::list([Value::Int(1), Value::from("x")])), false), "[1,\"x\"]");
        assert_eq!(cell(Some(&Value::Null), false), "");
    }
}
