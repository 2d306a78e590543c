//! The node's data as one file, while it runs. Of admins.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::datasets::Received;
use super::query::Bytes;
use super::{Failed, blocking};
use crate::{Node, backup};

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new().routes(routes!(download))
}

/// So much is sent at once.
const CHUNK: usize = 256 << 10;

/// A file that goes when it was sent, or when nobody wants it any more.
struct Passing(PathBuf);

impl Drop for Passing {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!("{} cannot be removed: {error}", self.0.display());
        }
    }
}

/// A copy of the data as one file, which `pipewright restore` takes. Of admins.
#[utoipa::path(get, path = "/backup", tag = "Node", responses((status = 200, description = "Done.", body = Bytes, content_type = "application/octet-stream")))]
async fn download(State(node): State<Arc<Node>>) -> Result<Response, Failed> {
    let name = node.name();
    let (file, passing, size) = blocking(node, |node| {
        // Beside the store, where there is room for it if anywhere.
        let path = node.store_folder().join(format!("backup.{}", uuid::Uuid::new_v4().simple()));
        backup::back_up_store(&node.store_folder(), &path)?;
        let passing = Passing(path);
        let opened = File::open(&passing.0).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (size, file) = opened.map_err(|error| Failed::internal(error.to_string()))?;
        Ok((file, passing, size))
    })
    .await?;
    let (send, receive) = tokio::sync::mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        let (_passing, mut file) = (passing, file);
        loop {
            let mut chunk = Vec::with_capacity(CHUNK);
            let read = file.by_ref().take(CHUNK as u64).read_to_end(&mut chunk);
            let last = !matches!(read, Ok(1..));
            let chunk = read.map(|_| chunk);
            if matches!(&chunk, Ok(chunk) if chunk.is_empty())
                || send.blocking_send(chunk).is_err()
                || last
            {
                return;
            }
        }
    });
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, size.to_string()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{plain}.backup\"")),
    ];
    Ok((headers, Body::from_stream(Received(receive))).into_response())
}
