//! Projects on disk.

use std::fs;
use std::path::{Path as FilePath, PathBuf};

use super::{FileKind, Project, SourceFile};

/// The folder cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {error}", path.display())]
pub struct OpenError {
    /// The folder.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub error: std::io::Error,
}

impl Project {
    /// Reads a project folder. Nothing is written; hidden folders, such as
    /// `.pipewright`, are left alone.
    pub fn open(folder: &FilePath, profile: Option<&str>) -> Result<Project, OpenError> {
        Ok(Project::load(read(folder)?, profile))
    }
}

/// The files of a project folder. Only those that matter have their text.
pub fn read(folder: &FilePath) -> Result<Vec<SourceFile>, OpenError> {
    let mut files = Vec::new();
    walk(folder, "", &mut files).map_err(|error| OpenError { path: folder.to_owned(), error })?;
    Ok(files)
}

/// Folders that hold parts of a project.
const FOLDERS: [&str; 4] = ["pipes", "systems", "expected", "testdata"];

fn walk(folder: &FilePath, below: &str, files: &mut Vec<SourceFile>) -> std::io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        let path = format!("{below}{name}");
        // Follows links, so that a folder may be put together from others;
        // a link that leads nowhere is as good as no file.
        let Ok(about) = fs::metadata(entry.path()) else { continue };
        if about.is_dir() {
            let known = !below.is_empty() || FOLDERS.contains(&name);
            // Links may lead in a circle.
            if known && path.matches('/').count() < 32 {
                let inside = walk(&entry.path(), &format!("{path}/"), files);
                if let Err(error) = inside {
                    files.push(SourceFile { path, text: Err(error.to_string()) });
                }
            }
        } else if FileKind::of(&path).is_read() {
            let text = match fs::read(entry.path()) {
                Ok(bytes) => String::from_utf8(bytes)
                    .map(Into::into)
                    .map_err(|_| "it is not UTF-8 text".to_owned()),
                Err(error) => Err(error.to_string()),
            };
            files.push(SourceFile { path, text });
        } else {
            files.push(SourceFile { path, text: Ok("".into()) });
        }
    }
    Ok(())
}
