//! Entities as an Excel workbook, and workbooks that fetch a CSV address.

use std::collections::HashSet;
use std::io::{Cursor, Write};

use pipewright_component::Failure;
use pipewright_entity::{DateTime, Entity, Text, Value, number};
use rust_xlsxwriter::{Format as Style, Workbook, Worksheet, XlsxError};
use serde_json::{Map, Value as Json};
use zip::write::SimpleFileOptions;

use crate::csv::field_text;
use crate::properties::Properties;

/// The content type of a workbook.
pub const CONTENT_TYPE: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// Rows of a sheet, the header among them.
const MOST_ROWS: usize = 1_048_576;
/// Columns of a sheet.
const MOST_COLUMNS: usize = 16_384;
/// What a cell holds, in UTF-16 units.
const LONGEST: usize = 32_767;
/// Numbers keep this many digits; what has more is written as text.
const DIGITS: usize = 15;

/// How entities become rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Format {
    /// All properties there are when empty.
    columns: Vec<Text>,
    include_header: bool,
    skip_deleted: bool,
}

impl Format {
    /// The columns and the header of a CSV endpoint sink, where the sink is one;
    /// else a column for each property.
    ///
    /// # Errors
    /// [`Failure::Config`] at the property that is not understood.
    pub fn from_config(sink: &Map<String, Json>, path: &str) -> Result<Format, Failure> {
        let properties = Properties::new(sink, path);
        let columns = properties.texts("columns")?.unwrap_or_default();
        Ok(Format {
            columns: columns.into_iter().map(Text::new).collect(),
            include_header: properties.flag("include_header", true)?,
            skip_deleted: properties.flag("skip-deleted-entities", true)?,
        })
    }

    /// The workbook, with one sheet of this name.
    ///
    /// # Errors
    /// When the entities do not fit into a sheet.
    pub fn render(&self, name: &str, entities: &[Entity]) -> Result<Vec<u8>, String> {
        let entities = || entities.iter().filter(|one| !(self.skip_deleted && one.is_deleted()));
        let found;
        let columns = match self.columns.is_empty() {
            true => {
                found = columns(entities());
                &found
            }
            false => &self.columns,
        };
        let rows = entities().count() + usize::from(self.include_header);
        if rows > MOST_ROWS || columns.len() > MOST_COLUMNS {
            return Err(format!(
                "{rows} rows of {} columns do not fit into a sheet, which has {MOST_ROWS} of \
                 {MOST_COLUMNS}: read less with \"limit\" and \"since\", or read the CSV",
                columns.len()
            ));
        }
        write(self, &sheet_name(name), columns, entities()).map_err(|error| error.to_string())
    }
}

fn write<'e>(
    format: &Format,
    name: &str,
    columns: &[Text],
    entities: impl Iterator<Item = &'e Entity>,
) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let styles = Styles {
        head: Style::new().set_bold(),
        time: Style::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
        date: Style::new().set_num_format("yyyy-mm-dd"),
    };
    // Rows go to a file as they come, which must be possible.
    book.set_tempdir(std::env::temp_dir())?;
    let sheet = book.add_worksheet_with_constant_memory();
    sheet.set_name(name)?;
    let mut row = 0;
    if format.include_header {
        sheet.set_freeze_panes(1, 0)?;
        for (at, column) in (0_u16..).zip(columns) {
            sheet.write_string_with_format(0, at, cut(column), &styles.head)?;
        }
        row = 1;
    }
    for (row, entity) in (row..).zip(entities) {
        for (at, column) in (0_u16..).zip(columns) {
            if let Some(value) = entity.get(column) {
                cell(sheet, (row, at), value, &styles)?;
            }
        }
    }
    book.save_to_buffer()
}

struct Styles {
    head: Style,
    time: Style,
    date: Style,
}

/// Text is written as text, never as a formula.
fn cell(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    value: &Value,
    styles: &Styles,
) -> Result<(), XlsxError> {
    match value {
        Value::Null => return Ok(()),
        Value::Bool(is) => sheet.write_boolean(row, column, *is)?,
        Value::DateTime(time) => match serial(*time) {
            Some(serial) => {
                let style = if time.is_date_only() { &styles.date } else { &styles.time };
                sheet.write_number_with_format(row, column, serial, style)?
            }
            None => sheet.write_string(row, column, time.to_string())?,
        },
        other => match as_number(other) {
            Some(number) => sheet.write_number(row, column, number)?,
            None => sheet.write_string(row, column, cut(&field_text(other)))?,
        },
    };
    Ok(())
}

/// A number that a cell holds as it is.
fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => {
            (number.unsigned_abs() < 10_u64.pow(DIGITS as u32)).then_some(*number as f64)
        }
        Value::Float(number) => number.is_finite().then_some(*number),
        Value::Decimal(decimal) => {
            let text = number::decimal_text(decimal);
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            if digits <= DIGITS { text.parse().ok() } else { None }
        }
        _ => None,
    }
}

/// The days since the end of 1899, which sheets count times by. `None` before
/// March 1900, where their calendar has a day too many.
fn serial(time: DateTime) -> Option<f64> {
    const MILLISECONDS: f64 = 86_400_000.0;
    let days = (time.as_nanosecond() / 1_000_000) as f64 / MILLISECONDS + 25_569.0;
    (days >= 61.0).then_some(days)
}

/// `_id` and the properties that are not the node's, in the order in which they
/// come.
fn columns<'e>(entities: impl Iterator<Item = &'e Entity>) -> Vec<Text> {
    let mut columns = vec![Text::new_static("_id")];
    let mut known: HashSet<Text> = HashSet::from_iter(columns.iter().cloned());
    for entity in entities {
        for name in entity.dict().keys().filter(|name| !name.starts_with(['_', '$'])) {
            if !known.contains(name) {
                known.insert(name.clone());
                columns.push(name.clone());
            }
        }
    }
    columns
}

/// As much of a text as a cell holds.
fn cut(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let mut left = LONGEST - 1;
    let mut end = 0;
    for (at, character) in text.char_indices() {
        let Some(rest) = left.checked_sub(character.len_utf16()) else {
            return format!("{}…", &text[..end]);
        };
        left = rest;
        end = at + character.len_utf8();
    }
    text.to_owned()
}

/// A name as a sheet may have it.
fn sheet_name(name: &str) -> String {
    let allowed = |c: &char| !c.is_control() && !"[]:*?/\\'".contains(*c);
    let mut left = 31_usize;
    let fits = |c: &char| {
        let fits = left.checked_sub(c.len_utf16());
        left = fits.unwrap_or(0);
        fits.is_some()
    };
    let name: String = name.chars().filter(allowed).take_while(fits).collect();
    match name.trim() {
        "" => "entities".to_owned(),
        name => name.to_owned(),
    }
}

/// A workbook that fetches a CSV address when it is opened, and again whenever
/// its reader refreshes it. The library that writes workbooks knows nothing of
/// connections, so these few parts are written here.
///
/// # Errors
/// When the parts cannot be put together.
pub fn linked(address: &str, sink: &Map<String, Json>) -> Result<Vec<u8>, String> {
    let properties = Properties::new(sink, "$.sink");
    let text = |name: &str| properties.text(name).ok().flatten();
    let delimiter = match text("delimiter").unwrap_or(",") {
        "," => r#"tab="0" comma="1""#.to_owned(),
        ";" => r#"tab="0" semicolon="1""#.to_owned(),
        "\t" => r#"tab="1""#.to_owned(),
        " " => r#"tab="0" space="1""#.to_owned(),
        other => format!(r#"tab="0" delimiter="{}""#, escaped(other)),
    };
    let page = match text("encoding").unwrap_or("utf-8").to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" => 65_001,
        "utf-16" | "utf16" => 1_200,
        "windows-1252" | "cp1252" => 1_252,
        _ => 28_591,
    };
    let address = escaped(address);
    let connections = format!(
        r#"<connections xmlns="{MAIN}"><connection id="1" name="csv" type="6" refreshedVersion="6" background="1" refreshOnLoad="1" saveData="0"><textPr codePage="{page}" sourceFile="{address}" {delimiter}><textFields><textField/></textFields></textPr></connection></connections>"#
    );
    let table = format!(
        r#"<queryTable xmlns="{MAIN}" name="csv" headers="1" fillFormulas="0" connectionId="1" autoFormatId="16" applyNumberFormats="0" applyBorderFormats="0" applyFontFormats="1" applyPatternFormats="1" applyAlignmentFormats="0" applyWidthHeightFormats="0"/>"#
    );
    let types = format!(
        r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="{CONTENT_TYPE}.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="{SHEET}.worksheet+xml"/><Override PartName="/xl/connections.xml" ContentType="{SHEET}.connections+xml"/><Override PartName="/xl/queryTables/queryTable1.xml" ContentType="{SHEET}.queryTable+xml"/></Types>"#
    );
    let book = format!(
        r#"<workbook xmlns="{MAIN}" xmlns:r="{REL}"><sheets><sheet name="csv" sheetId="1" r:id="rId1"/></sheets><definedNames><definedName name="csv" localSheetId="0">csv!$A$1</definedName></definedNames></workbook>"#
    );
    let sheet = format!(r#"<worksheet xmlns="{MAIN}"><sheetData/></worksheet>"#);
    let relations = |parts: &[(&str, &str)]| {
        let parts = parts.iter().enumerate().map(|(at, (kind, target))| {
            let at = at + 1;
            format!(r#"<Relationship Id="rId{at}" Type="{REL}/{kind}" Target="{target}"/>"#)
        });
        let parts: String = parts.collect();
        format!(
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{parts}</Relationships>"#
        )
    };
    let parts = [
        ("[Content_Types].xml", types),
        ("_rels/.rels", relations(&[("officeDocument", "xl/workbook.xml")])),
        ("xl/workbook.xml", book),
        (
            "xl/_rels/workbook.xml.rels",
            relations(&[
                ("worksheet", "worksheets/sheet1.xml"),
                ("connections", "connections.xml"),
            ]),
        ),
        ("xl/worksheets/sheet1.xml", sheet),
        (
            "xl/worksheets/_rels/sheet1.xml.rels",
            relations(&[("queryTable", "../queryTables/queryTable1.xml")]),
        ),
        ("xl/queryTables/queryTable1.xml", table),
        ("xl/connections.xml", connections),
    ];
    let put = || -> zip::result::ZipResult<Vec<u8>> {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (path, text) in parts {
            archive.start_file(path, SimpleFileOptions::default())?;
            archive.write_all(DECLARATION.as_bytes())?;
            archive.write_all(text.as_bytes())?;
        }
        Ok(archive.finish()?.into_inner())
    };
    put().map_err(|error| error.to_string())
}

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const REL: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const SHEET: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml";

/// A text as it stands in an attribute.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars().filter(|c| !c.is_control() || *c == '\t') {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Read;

    use serde_json::json;

    use super::*;

    fn part(book: &[u8], path: &str) -> String {
        let mut archive = zip::ZipArchive::new(Cursor::new(book)).unwrap();
        let mut text = String::new();
        archive.by_name(path).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    fn rendered(sink: Json, entities: &[Entity]) -> String {
        let format = Format::from_config(sink.as_object().unwrap(), "$.sink").unwrap();
        part(&format.render("a/b", entities).unwrap(), "xl/worksheets/sheet1.xml")
    }

    #[test]
    fn numbers_are_numbers_and_text_is_never_a_formula() {
        let long = 12_345_678_901_234_567_i64;
        let one = Entity::new("1").with("n", 7).with("f", "=1+1").with("long", long);
        let at = "2024-01-01T12:00:00Z".parse::<DateTime>().unwrap();
        let two = Entity::new("2").with("yes", true).with("at", Value::DateTime(at));
        let gone = Entity::new("3").with("_deleted", true).with("n", 1);
        let sheet = rendered(json!({}), &[one, two, gone]);
        assert!(sheet.contains("<v>7</v>") && !sheet.contains("<f>"), "{sheet}");
        assert!(sheet.contains(&format!(">{long}<")), "{sheet}");
        assert!(!sheet.contains(&format!("<v>{long}</v>")), "{sheet}");
        assert!(sheet.contains("<v>45292.5</v>"), "{sheet}");
        assert!(sheet.contains("r=\"A3\"") && !sheet.contains("r=\"A4\""), "{sheet}");
        let order = ["_id", ">n<", ">f<", ">long<", ">yes<", ">at<"].map(|name| sheet.find(name));
        assert!(order.is_sorted() && order.iter().all(Option::is_some), "{order:?}");
    }

    #[test]
    fn columns_of_a_csv_endpoint_are_those_of_the_sheet() {
        let entity = Entity::new("1").with("a", 1).with("b", "x".repeat(40_000).as_str());
        let sheet = rendered(json!({"columns": ["b"], "include_header": false}), &[entity]);
        assert!(sheet.contains("r=\"A1\"") && !sheet.contains("r=\"B1\""));
        assert!(sheet.contains("x…<"));
    }

    #[test]
    fn what_does_not_fit_into_a_sheet_is_refused() {
        let format = Format::from_config(&Map::new(), "$.sink").unwrap();
        let wide =
            (0..MOST_COLUMNS).fold(Entity::new("1"), |e, at| e.with(format!("p{at}").as_str(), 1));
        assert!(format.render("a", &[wide]).unwrap_err().contains("do not fit"));
        for (name, sheet) in [("a:b", "ab"), ("'", "entities"), (&"æ".repeat(40), &"æ".repeat(31))]
        {
            assert_eq!(sheet_name(name), sheet);
        }
    }

    #[test]
    fn a_linked_workbook_names_the_address() {
        let address = "http://127.0.0.1:9042/api/publishers/a/csv?x=1&y=\"2\"";
        let sink = json!({"delimiter": ";"});
        let book = linked(address, sink.as_object().unwrap()).unwrap();
        let text = part(&book, "xl/connections.xml");
        assert!(text.contains("csv?x=1&amp;y=&quot;2&quot;\""), "{text}");
        assert!(text.contains("semicolon=\"1\"") && text.contains("refreshOnLoad=\"1\""), "{text}");
    }
}
