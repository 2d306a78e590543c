//! What the config had in common with that of other nodes, beside the store.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use pipewright_config::difference::Base;

use crate::Node;
use crate::api::Failed;

const FILE: &str = "bases.json";
/// So many other nodes are remembered.
const MOST: usize = 64;

fn file(node: &Node) -> PathBuf {
    node.store_folder().join(FILE)
}

/// Without the file, or with one that cannot be read, nothing is known: then
/// only less can be said of a difference.
fn all(node: &Node) -> BTreeMap<String, Base> {
    let text = fs::read(file(node)).ok();
    text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// What is in common with another node, by the address it is known by.
pub(crate) fn read(node: &Node, other: &str) -> Base {
    all(node).remove(other).unwrap_or_default()
}

/// Remembers it.
pub(crate) fn write(node: &Node, other: &str, base: Base) -> Result<(), Failed> {
    let mut all = all(node);
    all.insert(other.to_owned(), base);
    while all.len() > MOST {
        let first = all.keys().find(|known| *known != other).cloned();
        first.map(|first| all.remove(&first));
    }
    let write = || -> io::Result<()> {
        let partial = file(node).with_extension("partial");
        fs::write(&partial, serde_json::to_vec(&all)?)?;
        fs::rename(&partial, file(node))
    };
    write().map_err(|error| Failed::internal(format!("{FILE} cannot be written: {error}")))
}
