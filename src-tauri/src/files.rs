//! What the shell does with files that the user names: new projects, and
//! answers of a node that are kept.

use std::path::{Path, PathBuf};

use pipewright_protocol::shell::{Download, NewProject};
use tauri::{AppHandle, Manager, async_runtime::spawn_blocking};
use tauri_plugin_dialog::DialogExt;
use tokio::io::AsyncWriteExt;

use crate::{
    connections::Connections,
    way::{Call, Lost},
};

/// Why a file or folder is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// It names more than one folder.
    #[error("{0:?} is no name of a folder.")]
    Name(String),
    /// The project cannot be made.
    #[error(transparent)]
    Template(#[from] pipewright_node::TemplateError),
    /// The connection is not open.
    #[error("This connection is not open.")]
    NotOpen,
    /// The node does not answer, or the answer breaks off.
    #[error("It could not be downloaded: {0}")]
    Lost(String),
    /// The node refuses.
    #[error("It could not be downloaded: the node answers {status}: {said}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it says.
        said: String,
    },
    /// The file cannot be written.
    #[error("{file} cannot be written: {cause}")]
    Io {
        /// The file.
        file: String,
        /// What the system says.
        cause: String,
    },
}

impl FileError {
    /// Stable name of the failure.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            FileError::Name(_) => "name",
            FileError::Template(_) => "not-made",
            FileError::NotOpen => "not-open",
            FileError::Lost(_) | FileError::Refused { .. } => "not-downloaded",
            FileError::Io { .. } => "not-written",
        }
    }
}

/// Makes a new project and gives its folder.
pub(crate) async fn create(app: &AppHandle, new: NewProject) -> Result<PathBuf, FileError> {
    let plain = Path::new(&new.name).components().count() == 1
        && !new.name.starts_with('.')
        && !new.name.contains(['/', '\\']);
    if !plain {
        return Err(FileError::Name(new.name));
    }
    let parent = match new.parent.trim() {
        "" => {
            app.path().document_dir().or_else(|_| app.path().home_dir()).map_err(|error| {
                FileError::Io { file: new.name.clone(), cause: error.to_string() }
            })?
        }
        parent => PathBuf::from(parent),
    };
    let folder = parent.join(&new.name);
    let made = folder.clone();
    let done = spawn_blocking(move || pipewright_node::create_project(new.template, &made)).await;
    match done {
        Ok(done) => done?,
        Err(error) => {
            return Err(FileError::Io {
                file: folder.display().to_string(),
                cause: error.to_string(),
            });
        }
    }
    Ok(folder)
}

/// Lets the user name a file and writes an answer of a node into it as it
/// arrives; `None` when the user thinks better of it.
pub(crate) async fn download(
    app: &AppHandle,
    connections: &Connections,
    download: Download,
) -> Result<Option<PathBuf>, FileError> {
    let way = connections.way(&download.connection).ok_or(FileError::NotOpen)?;
    let (send, receive) = tokio::sync::oneshot::channel();
    app.dialog().file().set_file_name(&download.name).save_file(move |file| {
        // Nobody waits any more when the window is gone.
        let _ = send.send(file);
    });
    let chosen = receive.await.ok().flatten().and_then(|file| file.into_path().ok());
    let Some(file) = chosen else { return Ok(None) };
    let call = Call { method: "GET".into(), path: download.path, ..Call::default() };
    let lost = |Lost(why)| FileError::Lost(why);
    let mut answer = way.send(call).await.map_err(lost)?;
    if !(200..300).contains(&answer.status) {
        let status = answer.status;
        let said = answer.whole().await.map_err(lost)?;
        let said = String::from_utf8_lossy(&said).chars().take(300).collect();
        return Err(FileError::Refused { status, said });
    }
    // Whole or not at all: what is half there carries another name.
    let partial = file.with_file_name(match file.file_name() {
        Some(name) => format!("{}.partial", name.to_string_lossy()),
        None => "download.partial".into(),
    });
    let failed = |cause: std::io::Error| FileError::Io {
        file: file.display().to_string(),
        cause: cause.to_string(),
    };
    let mut writing = tokio::fs::File::create(&partial).await.map_err(failed)?;
    let written = async {
        while let Some(chunk) = answer.next().await {
            writing.write_all(&chunk.map_err(lost)?).await.map_err(failed)?;
        }
        writing.sync_all().await.map_err(failed)?;
        tokio::fs::rename(&partial, &file).await.map_err(failed)
    };
    if let Err(error) = written.await {
        // The first error counts.
        let _ = tokio::fs::remove_file(&partial).await;
        return Err(error);
    }
    Ok(Some(file))
}
