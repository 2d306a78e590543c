//! What the program is asked to open: by its command line, by another start of
//! it, or by the desktop.

use std::path::{Path, PathBuf};

use pipewright_protocol::shell::{Happening, Open};
use tauri::{AppHandle, Manager};

use crate::{connections::Connections, happenings::Happenings};

/// Where a project keeps its config, next to its metadata.
const PARTS: [&str; 2] = ["pipes", "systems"];
const METADATA: &str = "node-metadata.conf.json";

/// The project folder that a path is of or in, and the file to show, relative
/// to it.
pub(crate) fn project_of(path: &Path) -> (PathBuf, Option<String>) {
    if path.is_dir() {
        return (path.to_owned(), None);
    }
    let is_project = |folder: &&Path| {
        folder.join(METADATA).is_file() || PARTS.iter().any(|part| folder.join(part).is_dir())
    };
    let parent = path.parent().unwrap_or(path);
    let folder = parent.ancestors().find(is_project).unwrap_or(parent);
    let parts = path.strip_prefix(folder).ok();
    let parts = parts.map(|rest| {
        let names = rest.components().map(|part| part.as_os_str().to_string_lossy());
        names.collect::<Vec<_>>().join("/")
    });
    (folder.to_owned(), parts)
}

/// Opens a folder, or the project that a file is in, and shows it.
pub(crate) fn open(app: &AppHandle, path: PathBuf) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let (folder, file) = project_of(&path);
        let open = Open::Folder(folder.display().to_string());
        let happening = match app.state::<Connections>().open(open).await {
            Ok(connection) => Happening::Open { connection, file },
            Err(error) => Happening::Failed(error.to_string()),
        };
        app.state::<Happenings>().tell_user(&app, &happening);
    });
}

/// The program was started again: the window comes forward and opens what that
/// start was to open.
pub(crate) fn started_again(app: &AppHandle, arguments: &[String], folder: &str) {
    if let Some(window) = app.webview_windows().values().next() {
        // A desktop may keep windows from coming forward; it then marks them.
        let _ = window.unminimize().and_then(|()| window.set_focus());
    }
    if let Some(path) = arguments.get(1) {
        let path = Path::new(folder).join(path);
        match path.canonicalize() {
            Ok(path) => open(app, path),
            Err(error) => {
                let why = format!("{} cannot be opened: {error}", path.display());
                app.state::<Happenings>().tell_user(app, &Happening::Failed(why));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_leads_to_its_project() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("pipes/in")).unwrap();
        std::fs::write(root.join("pipes/in/a.conf.json"), "{}").unwrap();
        let found = project_of(&root.join("pipes/in/a.conf.json"));
        assert_eq!(found, (root.to_owned(), Some("pipes/in/a.conf.json".into())));
        assert_eq!(project_of(root), (root.to_owned(), None));
        let lone = tempfile::tempdir().unwrap();
        std::fs::write(lone.path().join("b.conf.json"), "{}").unwrap();
        let found = project_of(&lone.path().join("b.conf.json"));
        assert_eq!(found, (lone.path().to_owned(), Some("b.conf.json".into())));
    }
}
