//! What a folder of files offers: each file that a source can read, with the
//! config that reads it.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use pipewright_component::{Offer, OfferKind, OfferedColumn};
use serde_json::json;

use crate::charset::{Charset, TextReader};
use crate::csv::{Dialect, Rows};
use crate::properties::Config;

/// How many files are told of.
const MOST: usize = 1_000;
/// How much of a file is looked at.
const SAMPLE: u64 = 256 << 10;
/// How many rows are looked at for a column that could be the key.
const ROWS: usize = 500;

/// The CSV and JSON files right in a folder, by name. `system` is the id of the
/// system that the folder belongs to.
pub(super) fn offers(folder: &Path, system: &str) -> io::Result<Vec<Offer>> {
    let mut names: Vec<String> = fs::read_dir(folder)?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            entry.file_type().ok()?.is_file().then(|| entry.file_name().into_string().ok())?
        })
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    let known = names.into_iter().filter_map(|name| file_offer(folder, name, system));
    Ok(known.take(MOST).collect())
}

/// One file of a folder; `None` when no source reads files of its kind.
pub fn file_offer(folder: &Path, name: String, system: &str) -> Option<Offer> {
    let ending = Path::new(&name).extension()?.to_str()?.to_ascii_lowercase();
    let mut source = Config::new();
    match ending.as_str() {
        "csv" | "tsv" | "tab" => source.insert("type".into(), json!("csv")),
        "json" => source.insert("type".into(), json!("json")),
        _ => return None,
    };
    source.insert("system".into(), json!(system));
    source.insert("url".into(), json!(name));
    let is_table = ending != "json";
    let mut offer = Offer {
        kind: OfferKind::File,
        columns: Vec::new(),
        about: None,
        source: Some(source),
        name,
    };
    if is_table {
        describe(&folder.join(&offer.name), &mut offer);
    }
    Some(offer)
}

/// Adds what the beginning of a CSV file says: its columns, what separates
/// them, its character set, and a column that could be the key.
fn describe(path: &Path, offer: &mut Offer) {
    let mut sample = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(SAMPLE).read_to_end(&mut sample));
    if let Err(error) = read {
        offer.about = Some(format!("cannot be read: {error}"));
        offer.source = None;
        return;
    }
    // Half a character at the end of the sample says nothing.
    let is_utf8 = match std::str::from_utf8(&sample) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    let charset = if is_utf8 { Charset::Other(encoding_rs::UTF_8) } else { Charset::Latin1 };
    let text = TextReader::new(sample.as_slice(), charset, false);
    let mut rows = Rows::new(text, Dialect::with_delimiter(","));
    let header = match rows.sniff().and_then(|()| rows.next()) {
        Ok(Some(header)) => header.fields,
        Ok(None) => {
            offer.about = Some("is empty".to_owned());
            return;
        }
        Err(error) => {
            offer.about = Some(error.to_string());
            return;
        }
    };
    let mut seen: Vec<Option<HashSet<_>>> = header.iter().map(|_| Some(HashSet::new())).collect();
    let mut has_empty = vec![false; header.len()];
    for _ in 0..ROWS {
        // The last row may be cut off; it is no proof against a key.
        let Ok(Some(row)) = rows.next() else { break };
        for (column, values) in seen.iter_mut().enumerate() {
            let value = row.fields.get(column).filter(|value| !value.is_empty());
            has_empty[column] |= value.is_none();
            let is_new = match (&mut *values, value) {
                (Some(values), Some(value)) => values.insert(value.clone()),
                _ => false,
            };
            if !is_new {
                *values = None;
            }
        }
    }
    let could_be: Vec<usize> = (0..header.len()).filter(|column| seen[*column].is_some()).collect();
    let named = |column: &&usize| header[**column].to_lowercase().ends_with("id");
    let key = could_be.iter().find(named).or(could_be.first()).copied();
    if let Some(source) = &mut offer.source {
        if let Some(key) = key {
            source.insert("primary_key".into(), json!(header[key].as_str()));
        }
        let delimiter = &rows.dialect().delimiter;
        if delimiter != "," {
            source.insert("delimiter".into(), json!(delimiter));
        }
        if !is_utf8 {
            source.insert("encoding".into(), json!("iso-8859-1"));
        }
    }
    offer.about = key.is_none().then(|| "no column could be the key".to_owned());
    offer.columns = header
        .into_iter()
        .enumerate()
        .map(|(column, name)| OfferedColumn {
            name: name.to_string(),
            type_name: "text".to_owned(),
            is_nullable: has_empty[column],
            is_key: Some(column) == key,
        })
        .collect();
}
