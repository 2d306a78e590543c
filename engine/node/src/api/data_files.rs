//! Files of data that the user brings into the project.

use std::sync::Arc;

use axum::extract::State;
use pipewright_protocol::studio::DataFile;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::query::{Asked, Bytes, Json, Path, flag};
use super::{Failed, blocking};
use crate::Node;

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new().routes(routes!(put))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct How {
    /// Whether a file of this name may be replaced.
    #[serde(default, deserialize_with = "flag")]
    replace: Option<bool>,
}

/// Puts a CSV or JSON file into the folder `data` of the project.
#[utoipa::path(put, path = "/data-files/{name}", tag = "Studio", params(("name" = String, Path, description = "Its name, without folders"), How), request_body(content = Bytes, content_type = "application/octet-stream"), responses((status = 200, description = "Done.", body = DataFile), (status = 409, description = "Another file of this name is there.", body = pipewright_protocol::studio::ApiError)))]
async fn put(
    State(node): State<Arc<Node>>,
    Path(name): Path<String>,
    Asked(how): Asked<How>,
    Bytes(bytes): Bytes,
) -> Result<Json<DataFile>, Failed> {
    let replace = how.replace.unwrap_or_default();
    blocking(node, move |node| Ok(Json(node.put_data_file(&name, &bytes, replace)?))).await
}
