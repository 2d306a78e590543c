//! Copies of the example project, and what a store holds after running it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use pipewright_entity::{Entity, Value};
use pipewright_node::{Store, StoreError};

/// The example project of the repository. Tests run copies of it.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/crm-erp")
}

/// Copies the config and the data of a project, not what the program keeps
/// below it.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to.join(name))?;
        } else {
            std::fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}

/// What the datasets of a store hold now: by dataset and entity, the content
/// without what the store itself adds. Two stores that went different ways to
/// the same state give equal dumps.
pub type Dump = BTreeMap<String, BTreeMap<String, String>>;

/// Dumps every dataset that is not the program's own.
pub fn dump(store: &Store) -> Result<Dump, StoreError> {
    let reader = store.reader()?;
    let mut dump = Dump::new();
    for dataset in reader.datasets()?.iter().filter(|dataset| !dataset.is_internal()) {
        let mut entities = BTreeMap::new();
        for version in reader.current(&dataset.id)? {
            let entity = version?.entity;
            entities.insert(entity.id().to_string(), content(&entity));
        }
        dump.insert(dataset.id.to_string(), entities);
    }
    Ok(dump)
}

/// The properties of an entity in the order of their names.
fn content(entity: &Entity) -> String {
    let properties: BTreeMap<&str, String> = entity
        .dict()
        .iter()
        .map(|(name, value)| (name.as_str(), Value::to_transit(value)))
        .collect();
    format!("{properties:?}")
}

/// Where two dumps differ, for people; empty when they are equal.
pub fn differences(expected: &Dump, found: &Dump) -> Vec<String> {
    let mut lines = Vec::new();
    let empty = BTreeMap::new();
    let mut datasets: Vec<&String> = expected.keys().chain(found.keys()).collect();
    datasets.sort();
    datasets.dedup();
    for dataset in datasets {
        let (left, right) =
            (expected.get(dataset).unwrap_or(&empty), found.get(dataset).unwrap_or(&empty));
        let mut ids: Vec<&String> = left.keys().chain(right.keys()).collect();
        ids.sort();
        ids.dedup();
        for id in ids {
            match (left.get(id), right.get(id)) {
                (a, b) if a == b => {}
                (Some(a), Some(b)) => lines.push(format!("{dataset} {id}:\n  {a}\n  {b}")),
                (Some(_), None) => lines.push(format!("{dataset} {id}: missing")),
                (None, _) => lines.push(format!("{dataset} {id}: too many")),
            }
        }
    }
    lines
}
