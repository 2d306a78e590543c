//! Links to publishers, for those who have no token. Whoever may change the
//! config of a pipe, and with it who reads it, may hand them out.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use pipewright_protocol::service::{Gone, NewShareableLink, ShareableLink};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::address::{Asker, LINK, part};
use super::publishers::publisher;
use super::query::{Json, Path};
use super::{Failed, blocking};
use crate::access::{Link, LinkError};
use crate::{Claims, Node};

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(remove))
}

impl From<LinkError> for Failed {
    fn from(error: LinkError) -> Failed {
        match error {
            LinkError::File(error) => Failed::internal(error.to_string()),
            other => Failed::bad_request(other.to_string()),
        }
    }
}

/// The forms in which a publisher is read, of those that it has.
fn forms(node: &Node, pipe: &str) -> &'static [&'static str] {
    let sink = node.sink_config(pipe);
    match sink.get("type").and_then(|kind| kind.as_str()) {
        Some("csv_endpoint") => &["csv", "excel"],
        Some("xml_endpoint") => &["xml"],
        _ => &["entities", "excel", "sdshare-collection", "sdshare-fragments"],
    }
}

fn show(node: &Node, asker: &Asker, pipe: &str, link: Link) -> ShareableLink {
    let (base, id) = (asker.base(node), part(pipe));
    let url = |form: &&str| format!("{base}/api/publishers/{id}/{form}?{LINK}={}", link.secret);
    ShareableLink {
        urls: forms(node, pipe).iter().map(url).collect(),
        exp: link.exp,
        created_ts: format!("{}000", link.made),
        description: link.description,
        id: link.id,
    }
}

/// The links to a publisher that count.
#[utoipa::path(get, path = "/publishers/{id}/shareable-links", tag = "Publishers", responses((status = 200, description = "Done.", body = Vec<ShareableLink>)))]
async fn list(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    asker: Asker,
) -> Result<Json<Vec<ShareableLink>>, Failed> {
    blocking(node, move |node| {
        publisher(&node.loaded(), &id)?;
        let links = node.tokens().links(&id, crate::time::now()).map_err(LinkError::from)?;
        Ok(Json(links.into_iter().map(|link| show(node, &asker, &id, link)).collect()))
    })
    .await
}

/// Makes a link to a publisher: who has it can read what the pipe publishes,
/// without a token, until it ends or is deleted.
#[utoipa::path(post, path = "/publishers/{id}/shareable-links", tag = "Publishers", responses((status = 200, description = "Done.", body = ShareableLink)))]
async fn add(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(id): Path<String>,
    asker: Asker,
    Json(new): Json<NewShareableLink>,
) -> Result<Json<ShareableLink>, Failed> {
    let exp = match new.exp {
        None => None,
        Some(exp) if (0.0..9e15).contains(&exp) => Some(exp as u64),
        Some(_) => return Err(LinkError::End.into()),
    };
    blocking(node, move |node| {
        publisher(&node.loaded(), &id)?;
        let description = new.description.as_deref().unwrap_or_default();
        let link =
            node.tokens().add_link(&id, exp, description, &claims.sub, crate::time::now())?;
        Ok(Json(show(node, &asker, &id, link)))
    })
    .await
}

/// Makes a link count no more, at once.
#[utoipa::path(delete, path = "/publishers/{id}/shareable-links/{link}", tag = "Publishers", responses((status = 200, description = "Done.", body = Gone)))]
async fn remove(
    State(node): State<Arc<Node>>,
    Path((pipe, link)): Path<(String, String)>,
) -> Result<Json<Gone>, Failed> {
    blocking(node, move |node| {
        match node.tokens().remove_link(&pipe, &link).map_err(LinkError::from)? {
            true => Ok(Json(Gone { id: link })),
            false => Err(Failed::not_found(format!("{pipe:?} has no link {link:?}"))),
        }
    })
    .await
}
