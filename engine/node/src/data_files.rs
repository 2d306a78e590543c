//! Files of data that the user brings into the project.

use std::fs;
use std::io;
use std::path::Path;

use axum::http::StatusCode;
use pipewright_protocol::studio::DataFile;
use pipewright_systems::file_offer;
use serde_json::json;

use crate::Node;
use crate::api::Failed;
use crate::folder::write_whole;
use crate::systems::shown;

/// The folder of the project that they lie in.
const FOLDER: &str = "data";
/// How the system of that folder finds them.
const PATTERN: &str = "file:data/%s";
/// What the system is called, if the name is free.
const SYSTEM: &str = "files";
/// The longest name that every file system takes.
const LONGEST: usize = 200;

impl Node {
    /// Puts a file into the project's folder of data, whole or not at all, and
    /// says how a pipe reads it.
    pub(crate) fn put_data_file(
        &self,
        name: &str,
        bytes: &[u8],
        replace: bool,
    ) -> Result<DataFile, Failed> {
        let path = format!("{FOLDER}/{name}");
        if !is_plain(name) {
            return Err(Failed::bad_request(format!("{name:?} is no plain name of a data file")));
        }
        let refused = |cause: io::Error| Failed::internal(format!("{path}: {cause}"));
        let folder = self.root().join(FOLDER);
        fs::create_dir_all(&folder).map_err(refused)?;
        // A link could lead out of the project.
        let (whole, root) = (folder.canonicalize(), self.root().canonicalize());
        if !whole.map_err(refused)?.starts_with(root.map_err(refused)?) {
            return Err(Failed::bad_request(format!("{FOLDER} lies outside the project")));
        }
        let file = folder.join(name);
        match fs::read(&file) {
            Ok(there) if there == bytes => {}
            Ok(_) if !replace => {
                let message = format!("{path} is there already, with other contents");
                return Err(Failed::new(StatusCode::CONFLICT, "exists", message));
            }
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(refused(cause)),
            Ok(_) | Err(_) => write_whole(&file, bytes).map_err(refused)?,
        }
        let (system, new_system) = self.system_of_data_files();
        let offer = file_offer(&folder, name.to_owned(), &system).ok_or_else(|| {
            Failed::bad_request(format!("{name}: only CSV and JSON files can be read"))
        })?;
        Ok(DataFile { path, system, new_system, offer: shown(offer) })
    }

    /// The system that reads the folder, and its config if it is yet to be
    /// made.
    fn system_of_data_files(&self) -> (String, Option<serde_json::Value>) {
        let loaded = self.loaded();
        let reads =
            |config: &serde_json::Map<_, _>| config.get("url_pattern") == Some(&json!(PATTERN));
        let project = &loaded.project;
        if let Some(there) = project.systems().find(|system| reads(&system.config)) {
            return (there.id.to_string(), None);
        }
        let is_free = |id: &String| project.system(id).is_none() && project.pipe(id).is_none();
        let numbered = (2_u32..).map(|number| format!("{SYSTEM}-{number}"));
        let id = std::iter::once(SYSTEM.to_owned()).chain(numbered).find(is_free);
        // There are more numbers than systems.
        let id = id.unwrap_or_default();
        let config = json!({
            "_id": id, "type": "system:url", "name": "Files of the project", "url_pattern": PATTERN,
        });
        (id, Some(config))
    }
}

/// Whether a name is one of a file of data right in a folder, on every system.
fn is_plain(name: &str) -> bool {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str());
    let ending = ending.map(str::to_ascii_lowercase);
    name.len() <= LONGEST
        && !name.starts_with('.')
        && !name.contains(|c: char| c.is_control() || "/\\:*?\"<>|%".contains(c))
        && !name.ends_with(".conf.json")
        && matches!(ending.as_deref(), Some("csv" | "tsv" | "tab" | "json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_data_are_taken() {
        for good in ["people.csv", "Åpne ordrer 2026.TSV", "a.b.json"] {
            assert!(is_plain(good), "{good}");
        }
        for bad in
            ["../a.csv", "a/b.csv", ".csv", ".a.csv", "x.conf.json", "a.exe", "a", "c:\\a.csv"]
        {
            assert!(!is_plain(bad), "{bad}");
        }
    }
}
