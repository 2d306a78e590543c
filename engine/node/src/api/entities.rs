//! Entities as the studio looks at them: found, exported, with their versions
//! and where they came from.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::Response;
use pipewright_protocol::studio::{EntityVersion, Found, FullTextSwitch, Lineage};
use pipewright_store::Select;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::datasets::{Pieces, Received};
use super::query::{Asked, Json, Path, flag, number};
use super::{Failed, blocking};
use crate::export::{self, ExportForm};
use crate::{Claims, Node, find};

type Result<T> = std::result::Result<T, Failed>;

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new()
        .routes(routes!(versions))
        .routes(routes!(lineage))
        .routes(routes!(search))
        .routes(routes!(download))
        .routes(routes!(full_text))
}

/// Which entity is meant.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfEntity {
    /// Its `_id`.
    entity_id: String,
}

/// Every version of an entity, the newest first.
#[utoipa::path(get, path = "/versions/{dataset}", tag = "Studio", params(OfEntity), responses((status = 200, description = "Done.", body = Vec<EntityVersion>)))]
async fn versions(
    State(node): State<Arc<Node>>,
    Path(dataset): Path<String>,
    Asked(OfEntity { entity_id: id }): Asked<OfEntity>,
) -> Result<Json<Vec<EntityVersion>>> {
    blocking(node, move |node| {
        let reader = node.store().reader()?;
        let history = reader.history(&dataset, &id, 1000)?;
        let last = history.len().saturating_sub(1);
        let shown = history.iter().enumerate().map(|(at, version)| {
            let from = reader.provenance(&dataset, version.updated)?.unwrap_or_default();
            Ok(EntityVersion {
                offset: version.updated,
                ts: version.ts,
                deleted: version.entity.is_deleted(),
                entity: crate::wire::json(&version.with_metadata())?,
                run: from.run.map(|run| run.to_string()),
                compacted: at == last && at < 999 && version.previous.is_some(),
            })
        });
        shown.collect::<Result<Vec<_>>>().map(Json)
    })
    .await
}

/// Which version of which entity is meant.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfVersion {
    /// Its `_id`.
    entity_id: String,
    /// Where the version stands in the log; the current one when missing.
    #[serde(default, deserialize_with = "number")]
    offset: Option<u64>,
}

/// Where an entity came from, what was made of it, and where it waits. Of other
/// datasets only what the caller may read.
#[utoipa::path(get, path = "/lineage/{dataset}", tag = "Studio", params(OfVersion), responses((status = 200, description = "Done.", body = Lineage)))]
async fn lineage(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(dataset): Path<String>,
    Asked(asked): Asked<OfVersion>,
) -> Result<Json<Lineage>> {
    blocking(node, move |node| {
        let OfVersion { entity_id, offset } = asked;
        Ok(Json(crate::lineage::of(node, &claims, &dataset, &entity_id, offset)?))
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Words, a property with what it is compared to (`age > 30`), or a DTL
    /// expression over `_S`.
    filter: Option<String>,
    /// What to look for in single properties, as a JSON object: a text that is
    /// in it, or a sign with what it is compared to.
    properties: Option<String>,
    /// Whether superseded versions are looked at, too.
    #[serde(default, deserialize_with = "flag")]
    history: Option<bool>,
    /// Whether deleted entities are.
    #[serde(default, deserialize_with = "flag")]
    deleted: Option<bool>,
}

impl Filter {
    fn read(self) -> Result<find::Asked> {
        let properties: BTreeMap<String, String> = match self.properties.as_deref() {
            None | Some("") => BTreeMap::new(),
            Some(json) => serde_json::from_str(json).map_err(|error| {
                Failed::bad_request(format!("\"properties\" is a JSON object of texts: {error}"))
            })?,
        };
        let history = self.history.unwrap_or(false);
        let deleted = history || self.deleted.unwrap_or(false);
        Ok(find::Asked {
            typed: self.filter,
            properties: properties.into_iter().collect(),
            select: Select { history, deleted, ..Select::default() },
        })
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Go {
    /// Where to go on: `next` of the answer before.
    #[serde(default, deserialize_with = "number")]
    since: Option<u64>,
    /// How many at most.
    #[serde(default, deserialize_with = "number")]
    limit: Option<u64>,
}

/// The entities of a dataset that are what is looked for. An answer is what a
/// part of the log holds, and says where to go on.
#[utoipa::path(get, path = "/find/{dataset}", tag = "Studio", params(Filter, Go), responses((status = 200, description = "Done.", body = Found)))]
async fn search(
    State(node): State<Arc<Node>>,
    Path(dataset): Path<String>,
    Asked(filter): Asked<Filter>,
    Asked(go): Asked<Go>,
) -> Result<Json<Found>> {
    let asked = filter.read()?;
    let limit = go.limit.map_or(Found::MOST, |limit| (limit as usize).clamp(1, Found::MOST));
    blocking(node, move |node| find::find(node, &dataset, asked, go.since, limit).map(Json)).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// `json` (when missing), `ndjson` or `csv`.
    form: Option<String>,
    /// The columns of a CSV file, as a JSON list of properties; all there are
    /// when missing.
    columns: Option<String>,
    /// Whether texts of a CSV file that a spreadsheet would run as formulas
    /// stay as they are; else they get an apostrophe in front.
    #[serde(default, deserialize_with = "flag")]
    formulas: Option<bool>,
}

/// The entities of a dataset that are what is looked for, as a file.
#[utoipa::path(get, path = "/export/{dataset}", tag = "Studio", params(Filter, Wanted), responses((status = 200, description = "Done.", content((Vec<Value> = "application/json"), (String = "application/x-ndjson"), (String = "text/csv")))))]
async fn download(
    State(node): State<Arc<Node>>,
    Path(dataset): Path<String>,
    Asked(filter): Asked<Filter>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response> {
    let asked = filter.read()?;
    let columns: Option<Vec<String>> = match wanted.columns.as_deref() {
        None | Some("") => None,
        Some(json) => Some(serde_json::from_str(json).map_err(|error| {
            Failed::bad_request(format!("\"columns\" is a JSON list of texts: {error}"))
        })?),
    };
    let form = match wanted.form.as_deref() {
        None | Some("" | "json") => ExportForm::Json,
        Some("ndjson") => ExportForm::Lines,
        Some("csv") => ExportForm::Csv { columns, formulas: wanted.formulas == Some(true) },
        Some(other) => {
            return Err(Failed::bad_request(format!(
                "{other:?} is no form of a file: json, ndjson, csv"
            )));
        }
    };
    let (kind, ending) = (form.content_type(), form.ending());
    // Before the status is sent.
    let id = dataset.clone();
    let search = blocking(node.clone(), move |node| find::Search::new(node, &id, asked)).await?;
    let (send, receive) = tokio::sync::mpsc::channel(4);
    let span = tracing::Span::current();
    let name = dataset.clone();
    tokio::task::spawn_blocking(move || {
        let _request = span.entered();
        let mut to = Pieces::new(send);
        if let Err(error) = export::write(node.store(), &search, form, &mut to)
            && error.kind() != std::io::ErrorKind::BrokenPipe
        {
            tracing::error!(%dataset, %error, "exporting a dataset failed");
            to.fail(error);
        }
    });
    let file: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    Response::builder()
        .header(header::CONTENT_TYPE, kind)
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{file}.{ending}\""))
        .body(Body::from_stream(Received(receive)))
        .map_err(|error| Failed::internal(error.to_string()))
}

/// Keeps an index of the words of a dataset, or no longer. It is built in the
/// background.
#[utoipa::path(put, path = "/full-text/{dataset}", tag = "Studio", responses((status = 200, description = "Done.", body = FullTextSwitch)))]
async fn full_text(
    State(node): State<Arc<Node>>,
    Path(dataset): Path<String>,
    Json(switch): Json<FullTextSwitch>,
) -> Result<Json<FullTextSwitch>> {
    blocking(node, move |node| {
        node.switch_full_text(&dataset, switch.on)?;
        Ok(Json(switch))
    })
    .await
}
