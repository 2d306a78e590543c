//! What the shell answers itself: its connections and the folder dialog.

use pipewright_protocol::{
    shell::{CONNECTIONS, Open, PICK_FOLDER, Picked},
    studio::ApiError,
};
use serde::Serialize;
use tauri::AppHandle;
use tauri_plugin_dialog::DialogExt;

use crate::{
    command::decode,
    connections::{Connections, OpenError},
    way::Call,
};

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

    fn failed(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self::json(status, &ApiError::new(code, message))
    }
}

impl From<OpenError> for Reply {
    fn from(error: OpenError) -> Self {
        Self::failed(422, error.code(), error.to_string())
    }
}

/// Answers a request to the shell.
pub(crate) async fn answer(app: &AppHandle, connections: &Connections, call: &Call) -> Reply {
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
        ("POST", PICK_FOLDER, _) => Reply::json(200, &Picked { folder: pick_folder(app).await }),
        _ => Reply::failed(
            404,
            "not-found",
            format!("The desktop has no {} {}.", call.method, call.path),
        ),
    }
}

async fn pick_folder(app: &AppHandle) -> Option<String> {
    let (send, receive) = tokio::sync::oneshot::channel();
    app.dialog().file().set_title("Open a project folder").pick_folder(move |folder| {
        // Nobody waits any more when the window is gone.
        let _ = send.send(folder);
    });
    let folder = receive.await.ok().flatten()?;
    folder.into_path().ok().map(|path| path.display().to_string())
}
