//! The one place that decides who may make a call, and writes down who did.
//!
//! A call that names a pipe, a system or a dataset in its path is decided by
//! [`crate::permissions`]; every other by the role alone. What a body names is
//! asked of the same permissions by the handler, and lists leave out what the
//! caller may not see.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::{OriginalUri, Request, State};
use axum::http::{Method, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use percent_encoding::percent_decode_str;
use pipewright_entity::Entity;
use pipewright_protocol::studio::{Role, only_asks};
use pipewright_store::{Durability, names};

use super::Failed;
use super::address::LINK;
use super::requests::RequestId;
use crate::permissions::{Act, Resource};
use crate::{Claims, Node, Refused};

/// Lets a call through to its handler, or not.
pub(super) async fn authorize(
    State(node): State<Arc<Node>>,
    OriginalUri(address): OriginalUri,
    mut request: Request,
    next: Next,
) -> Result<Response, Failed> {
    let token = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty());
    let method = request.method().clone();
    let link = if token.is_none() { link_of(&method, &address) } else { None };
    let claims = match (token, &link) {
        (Some(token), _) => node.tokens().check(token)?,
        (None, Some(link)) => node.tokens().check_link(link.secret, &link.pipe)?,
        (None, None) => Claims::anonymous(),
    };
    let allowed = match &link {
        // It opens this one publisher, whatever its role; unless the config
        // says that nobody without a token may.
        Some(link) => node.require_links(&link.pipe),
        None => decide(&node, &claims, &method, address.path()),
    };
    let id = request.extensions().get::<RequestId>().map_or("", RequestId::as_str);
    let line = Audited::of(&claims, &method, address.path(), id);
    if let Err(refused) = allowed {
        // Who has no token at all is nobody to remember.
        if let Some(line) = line.filter(|_| token.is_some()) {
            line.write(&node, 403);
        }
        return Err(refused.into());
    }
    request.extensions_mut().insert(claims);
    let response = next.run(request).await;
    if let Some(mut line) = line {
        if let Some(Caller(name)) = response.extensions().get() {
            line.who.clone_from(name);
        }
        line.write(&node, response.status().as_u16());
    }
    Ok(response)
}

/// A link to a publisher that a call comes by.
struct Link<'a> {
    pipe: String,
    secret: &'a str,
}

/// The link that a call comes by, if it only reads what a publisher gives.
fn link_of<'a>(method: &Method, address: &'a Uri) -> Option<Link<'a>> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let parts = parts(address.path());
    let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
    let (&["publishers", pipe, form], _) = parts.split_first_chunk()? else { return None };
    let forms = ["entities", "csv", "excel", "xml", "sdshare-collection", "sdshare-fragments"];
    let named = |pair: &'a str| pair.strip_prefix(LINK)?.strip_prefix('=');
    let secret = address.query()?.split('&').find_map(named).filter(|_| forms.contains(&form))?;
    Some(Link { pipe: pipe.to_owned(), secret })
}

/// The parts of a path below `/api`.
fn parts(path: &str) -> Vec<Cow<'_, str>> {
    let parts = path.trim_start_matches("/api").split('/').filter(|part| !part.is_empty());
    parts.map(|part| percent_decode_str(part).decode_utf8_lossy()).collect()
}

fn decide(node: &Node, claims: &Claims, method: &Method, path: &str) -> Result<(), Refused> {
    let parts = parts(path);
    let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
    let asks = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let allowed = match needs(&parts, asks) {
        Some((resource, act)) => node.may(claims, resource, act),
        None => match parts.as_slice() {
            // They end what others do, or take all there is.
            ["admin"] | [] if !asks => claims.role == Role::Admin,
            ["studio", "users" | "tokens" | "backup", ..] => claims.role == Role::Admin,
            // Whoever has an invitation has no token yet.
            ["studio", "invitations"] => true,
            // Its body says who calls.
            ["pipes", _, "webhook"] => true,
            _ => match claims.role {
                Role::Admin | Role::Developer => true,
                Role::Reader => only_asks(method.as_str(), path),
                Role::Anonymous => false,
            },
        },
    };
    match (allowed, claims.role) {
        (true, _) => Ok(()),
        (false, Role::Anonymous) => Err(Refused::Missing),
        (false, role) => Err(Refused::NotAllowed { role }),
    }
}

/// What a call needs that names what it is about in its path.
fn needs<'p>(parts: &[&'p str], asks: bool) -> Option<(Resource<'p>, Act)> {
    let data = if asks { Act::ReadData } else { Act::WriteData };
    let config = if asks { Act::ReadConfig } else { Act::WriteConfig };
    Some(match parts {
        [
            "pipes",
            "run-all-pipes"
            | "stop-run-all-pipes"
            | "get-pipe-runner-status"
            | "get-run-all-pipes-log"
            | "delete-all-sink-datasets",
        ] => return None,
        ["pipes", _, "webhook"] => return None,
        ["pipes", id, "pump"] if !asks => (Resource::Pipe(id), Act::RunPump),
        ["pipes", id] | ["pipes", id, "config" | "pump" | "log"] => (Resource::Pipe(id), config),
        // Who hands one out says who may read; who sees one can use it.
        ["publishers", id, "shareable-links", ..] => (Resource::Pipe(id), Act::WriteConfig),
        ["pipes" | "publishers", id, ..] => (Resource::Pipe(id), Act::ReadData),
        ["receivers", id, ..] => (Resource::Pipe(id), Act::WriteData),
        ["systems", id, "proxy", ..] => {
            (Resource::System(id), if asks { Act::ReadProxy } else { Act::WriteProxy })
        }
        ["systems", id, ..] => (Resource::System(id), config),
        ["datasets", id, ..] => (Resource::Dataset(id), data),
        ["studio", "clusters" | "failed", pipe, ..] => (Resource::Pipe(pipe), Act::ReadData),
        ["studio", "versions" | "find" | "export" | "lineage", dataset] => {
            (Resource::Dataset(dataset), Act::ReadData)
        }
        ["studio", "full-text", dataset] => (Resource::Dataset(dataset), data),
        ["studio", "permissions", pipe] => (Resource::Pipe(pipe), Act::ReadConfig),
        ["studio", "systems", id, ..] => (Resource::System(id), Act::ReadConfig),
        _ => return None,
    })
}

/// A call that changes something, to be written down.
struct Audited {
    who: String,
    role: String,
    method: String,
    path: String,
    request: String,
}

/// Who a call turned out to be of, where no token says it.
#[derive(Clone)]
pub(super) struct Caller(pub(super) String);

impl Audited {
    /// Calls that only ask, or that bring data in, are not written down.
    fn of(claims: &Claims, method: &Method, path: &str, request: &str) -> Option<Audited> {
        let asks = only_asks(method.as_str(), path);
        let parts = parts(path);
        let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        // By place, not by name: a pipe may be called `entities`, too.
        let data = matches!(
            parts.as_slice(),
            ["datasets" | "receivers", _, "entities"]
                | ["receivers", _, "sdshare-push-receiver"]
                | ["pipes", _, "webhook"]
        );
        (!asks && !data).then(|| Audited {
            who: claims.sub.clone(),
            role: format!("{:?}", claims.role),
            method: method.to_string(),
            path: path.to_owned(),
            request: request.to_owned(),
        })
    }

    /// Appends it to the node's own dataset, off the way of the answer.
    fn write(self, node: &Arc<Node>, status: u16) {
        let node = node.clone();
        tokio::task::spawn_blocking(move || {
            let entity = Entity::new(uuid::Uuid::new_v4().to_string())
                .with("who", self.who.as_str())
                .with("role", self.role.as_str())
                .with("method", self.method.as_str())
                .with("path", self.path.as_str())
                .with("request", self.request.as_str())
                .with("status", i64::from(status));
            let mut batch = node.store().batch(node.now());
            batch.set_durability(Durability::Normal);
            batch.append(names::AUDIT, entity);
            if let Err(error) = node.store().commit(batch) {
                tracing::error!(%error, "who did what cannot be written down");
            }
        });
    }
}
