//! What the shell answers itself: its connections, the folder dialog, the
//! window's menu and its end, and newer versions of the program.

use std::time::Duration;

use pipewright_protocol::{
    shell::{
        CLOSE, CONNECTIONS, DOWNLOADS, Download, Downloaded, LEAVE, MENU, Mark, Menu, NewProject,
        Open, PICK_FILE, PICK_FOLDER, PROJECTS, Picked, UPDATES, UPDATES_CHECK, UPDATES_INSTALL,
        UpdateChoice, WINDOWS,
    },
    studio::ApiError,
};
use serde::Serialize;
use tauri::{AppHandle, Manager, Webview, async_runtime::spawn_blocking};
use tauri_plugin_dialog::DialogExt;

use crate::{
    command::decode,
    connections::{Connections, OpenError},
    files::{self, FileError},
    menu::Menus,
    updates::Updates,
    way::Call,
};

/// How long a pipe may take to stop before the window closes over it: a run
/// that is cut goes on where its last batch ended.
const PATIENCE: Duration = Duration::from_secs(2);

/// An answer of the shell.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    fn json(status: u16, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self { status, body },
            Err(error) => Self { status: 500, body: error.to_string().into_bytes() },
        }
    }

    fn unknown(call: &Call) -> Self {
        let message = format!("The desktop has no {} {}.", call.method, call.path);
        Self::failed(404, "not-found", message)
    }

    fn failed(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self::json(status, &ApiError::new(code, message))
    }
}

/// What is not let through to a connection that is marked as production.
pub(crate) fn read_only() -> Reply {
    Reply::failed(
        403,
        "read-only-connection",
        "This connection is marked as production: nothing can be changed through it. Take the \
         mark off in Connections first.",
    )
}

impl From<FileError> for Reply {
    fn from(error: FileError) -> Self {
        Self::failed(422, error.code(), error.to_string())
    }
}

impl From<OpenError> for Reply {
    fn from(error: OpenError) -> Self {
        Self::failed(422, error.code(), error.to_string())
    }
}

/// Answers a request to the shell.
pub(crate) async fn answer(
    app: &AppHandle,
    webview: &Webview,
    connections: &Connections,
    call: &Call,
) -> Reply {
    let below = call.path.strip_prefix(CONNECTIONS);
    match (call.method.as_str(), call.path.as_str(), below) {
        ("GET", CONNECTIONS, _) => Reply::json(200, &connections.list()),
        ("POST", CONNECTIONS, _) => match serde_json::from_slice::<Open>(&call.body) {
            Ok(open) => match connections.open(open).await {
                Ok(connection) => Reply::json(200, &connection),
                Err(error) => error.into(),
            },
            Err(error) => Reply::failed(400, "malformed", error.to_string()),
        },
        ("DELETE", _, Some(id)) => {
            connections.forget(&decode(id.trim_start_matches('/')));
            Reply::json(200, &())
        }
        ("PUT", _, Some(id)) => {
            let id = decode(id.trim_start_matches('/'));
            match serde_json::from_slice::<Mark>(&call.body) {
                Ok(mark) => match connections.mark(&id, mark.production) {
                    Ok(connection) => Reply::json(200, &connection),
                    Err(error) => error.into(),
                },
                Err(error) => Reply::failed(400, "malformed", error.to_string()),
            }
        }
        ("POST", PICK_FOLDER, _) => Reply::json(200, &Picked { folder: pick(app, true).await }),
        ("POST", PICK_FILE, _) => Reply::json(200, &Picked { folder: pick(app, false).await }),
        ("POST", PROJECTS, _) => match serde_json::from_slice::<NewProject>(&call.body) {
            Ok(new) => match files::create(app, new).await {
                Ok(folder) => {
                    Reply::json(200, &Picked { folder: Some(folder.display().to_string()) })
                }
                Err(error) => error.into(),
            },
            Err(error) => Reply::failed(400, "malformed", error.to_string()),
        },
        ("POST", DOWNLOADS, _) => match serde_json::from_slice::<Download>(&call.body) {
            Ok(download) => match files::download(app, connections, download).await {
                Ok(file) => {
                    let file = file.map(|file| file.display().to_string());
                    Reply::json(200, &Downloaded { file })
                }
                Err(error) => error.into(),
            },
            Err(error) => Reply::failed(400, "malformed", error.to_string()),
        },
        ("POST", WINDOWS, _) => match serde_json::from_slice::<String>(&call.body) {
            Ok(id) => match connections.open(Open::Known(id)).await {
                Ok(connection) => match crate::open_window(app, Some(&connection.id)) {
                    Ok(()) => Reply::json(200, &()),
                    Err(error) => Reply::failed(500, "desktop", error.to_string()),
                },
                Err(error) => error.into(),
            },
            Err(error) => Reply::failed(400, "malformed", error.to_string()),
        },
        ("PUT", MENU, _) => match serde_json::from_slice::<Vec<Menu>>(&call.body) {
            Ok(menus) => done(app.state::<Menus>().show(app, menus)),
            Err(error) => Reply::failed(400, "malformed", error.to_string()),
        },
        ("POST", CLOSE, _) => done(webview.window().close()),
        ("POST", LEAVE, _) => done(leave(app, webview).await),
        (_, path, _) if path.starts_with(UPDATES) => updates(app, call).await,
        _ => Reply::unknown(call),
    }
}

fn done(done: tauri::Result<()>) -> Reply {
    match done {
        Ok(()) => Reply::json(200, &()),
        Err(error) => Reply::failed(500, "desktop", error.to_string()),
    }
}

/// Answers what is about newer versions of the program.
async fn updates(app: &AppHandle, call: &Call) -> Reply {
    let updates = app.state::<Updates>();
    let tried = match (call.method.as_str(), call.path.as_str()) {
        ("GET", UPDATES) => Ok(()),
        ("PUT", UPDATES) => match serde_json::from_slice::<UpdateChoice>(&call.body) {
            Ok(choice) => {
                updates.choose(choice);
                Ok(())
            }
            Err(error) => return Reply::failed(400, "malformed", error.to_string()),
        },
        ("POST", UPDATES_CHECK) => updates.check(app).await,
        ("POST", UPDATES_INSTALL) => updates.install().await,
        _ => return Reply::unknown(call),
    };
    match tried {
        Ok(()) => Reply::json(200, &updates.told(app)),
        Err(error) => Reply::failed(422, error.code(), error.to_string()),
    }
}

/// Stops what runs and closes the window, without asking again.
async fn leave(app: &AppHandle, webview: &Webview) -> tauri::Result<()> {
    let stopping = app.clone();
    spawn_blocking(move || stopping.state::<Connections>().stop_running(PATIENCE)).await?;
    webview.window().destroy()
}

/// Lets the user choose a folder or a file.
async fn pick(app: &AppHandle, folder: bool) -> Option<String> {
    let (send, receive) = tokio::sync::oneshot::channel();
    // Nobody waits any more when the window is gone.
    let chosen = move |chosen| drop(send.send(chosen));
    let dialog = app.dialog().file();
    match folder {
        true => dialog.set_title("Choose a folder").pick_folder(chosen),
        false => dialog.set_title("Choose a file").pick_file(chosen),
    }
    let chosen = receive.await.ok().flatten()?;
    chosen.into_path().ok().map(|path| path.display().to_string())
}
