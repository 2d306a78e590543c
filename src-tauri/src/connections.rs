//! The projects and nodes the user knows, and those that are open.

use std::{
    future::pending,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use pipewright_node::{Node, NodeError, Options, Permission, StoreError, Tokens};
use pipewright_protocol::{
    shell::{Connection, Open, Target, TokenPlace},
    studio::{PROJECT, Project, Role},
};
use serde::{Deserialize, Serialize};
use tauri::async_runtime::{spawn, spawn_blocking};

use crate::{
    keychain,
    way::{Call, Way},
};

/// How long a node may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a connection cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The project's node does not start.
    #[error("{folder} cannot be opened: {cause}")]
    Folder {
        /// The folder.
        folder: String,
        /// Why.
        cause: String,
    },
    /// The address is none.
    #[error("{0} is not the address of a node: it starts with http:// or https://.")]
    Address(String),
    /// The node does not answer, or not as a node does.
    #[error("{url} cannot be reached: {cause}")]
    Unreachable {
        /// The address.
        url: String,
        /// Why.
        cause: String,
    },
    /// The certificates that it is to be believed by cannot be read.
    #[error("{file} holds no certificates (PEM): {cause}")]
    Authority {
        /// The file.
        file: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The node does not accept the token.
    #[error("{0} does not accept this access token.")]
    Token(String),
    /// No keychain, so the token was not kept.
    #[error("The access token of {0} was not kept. Connect with address and token again.")]
    NoToken(String),
    /// Not on the list any more.
    #[error("This connection is not known any more.")]
    Unknown,
}

impl OpenError {
    /// Stable name of the failure.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            OpenError::Folder { .. } => "folder-not-opened",
            OpenError::Address(_) => "not-an-address",
            OpenError::Unreachable { .. } => "node-unreachable",
            OpenError::Authority { .. } => "no-certificates",
            OpenError::Token(_) => "token-refused",
            OpenError::NoToken(_) => "token-not-kept",
            OpenError::Unknown => "unknown-connection",
        }
    }
}

/// One line of the list.
#[derive(Clone, Serialize, Deserialize)]
struct Known {
    id: String,
    name: String,
    target: Target,
    /// Seconds since 1970.
    used: u64,
    /// Whether it is marked as production: nothing is changed through it.
    #[serde(default)]
    production: bool,
    /// The file with the certificates it is believed by.
    #[serde(default)]
    authority: Option<String>,
    #[serde(skip)]
    token: Option<TokenPlace>,
    #[serde(skip)]
    way: Option<Way>,
}

/// All connections; kept in a file, tokens apart.
pub(crate) struct Connections {
    file: PathBuf,
    known: Mutex<Vec<Known>>,
    /// The nodes that run in this process: until it ends, whether or not they
    /// are on the list.
    nodes: Mutex<Vec<Arc<Node>>>,
    /// One opening after the other: the same folder asked for twice is opened
    /// once.
    opening: tokio::sync::Mutex<()>,
}

impl Connections {
    /// Reads the list. A file that cannot be read is an empty list: it holds
    /// nothing that cannot be opened again.
    pub(crate) fn read(file: PathBuf) -> Self {
        let known = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self {
            file,
            known: Mutex::new(known.unwrap_or_default()),
            nodes: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Vec<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The list, the most recently used first.
    pub(crate) fn list(&self) -> Vec<Connection> {
        let mut known = self.known().clone();
        known.sort_by_key(|known| std::cmp::Reverse(known.used));
        known.iter().map(Known::connection).collect()
    }

    /// The way to an open connection.
    pub(crate) fn way(&self, id: &str) -> Option<Way> {
        self.known().iter().find(|known| known.id == id)?.way.clone()
    }

    /// The pipes that run in this process now.
    pub(crate) fn running(&self) -> Vec<String> {
        self.nodes().iter().filter_map(|node| node.running()).collect()
    }

    /// Stops what runs in this process; each node gets so long to do so.
    pub(crate) fn stop_running(&self, patience: Duration) {
        for node in self.nodes() {
            node.stop_running(patience);
        }
    }

    fn nodes(&self) -> Vec<Arc<Node>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether nothing may be changed through a connection.
    pub(crate) fn is_production(&self, id: &str) -> bool {
        self.known().iter().any(|known| known.id == id && known.production)
    }

    /// Marks a connection as production, or takes the mark off.
    pub(crate) fn mark(&self, id: &str, production: bool) -> Result<Connection, OpenError> {
        let marked = {
            let mut known = self.known();
            let known = known.iter_mut().find(|known| known.id == id).ok_or(OpenError::Unknown)?;
            known.production = production;
            known.connection()
        };
        self.write();
        Ok(marked)
    }

    /// Opens a connection and puts it on the list.
    pub(crate) async fn open(&self, open: Open) -> Result<Connection, OpenError> {
        let _one_at_a_time = self.opening.lock().await;
        let known_as = |id: &str| self.known().iter().find(|known| known.id == id).cloned();
        let (id, target, token, given) = match open {
            Open::Folder(folder) => {
                (format!("folder:{folder}"), Target::Folder(folder), None, None)
            }
            Open::Node { url, token, authority } => {
                let url = address(&url)?;
                (format!("node:{url}"), Target::Node(url), Some(token), authority)
            }
            Open::Known(id) => {
                let known = known_as(&id).ok_or(OpenError::Unknown)?;
                (known.id, known.target, None, known.authority)
            }
        };
        let before = known_as(&id);
        let production = before.as_ref().is_some_and(|known| known.production);
        let given = given.or_else(|| before.and_then(|known| known.authority));
        let open_already = self
            .known()
            .iter()
            .find(|known| known.id == id && known.way.is_some() && token.is_none())
            .map(Known::connection);
        if let Some(connection) = open_already {
            self.put(Known {
                used: now(),
                way: self.way(&id),
                token: connection.token,
                authority: connection.authority.clone(),
                production,
                id,
                name: connection.name.clone(),
                target,
            });
            return Ok(connection);
        }
        let (name, way, token) = match &target {
            Target::Folder(folder) => {
                let (name, way, node) = embed(folder).await?;
                self.nodes.lock().unwrap_or_else(PoisonError::into_inner).extend(node);
                (name, way, None)
            }
            Target::Node(url) => {
                let (name, way, place) = reach(url, &id, token, given.as_deref()).await?;
                (name, way, Some(place))
            }
        };
        let known = Known {
            id,
            name,
            target,
            used: now(),
            production,
            authority: given,
            token,
            way: Some(way),
        };
        let connection = known.connection();
        self.put(known);
        Ok(connection)
    }

    /// Takes a connection off the list, with its token. What is open stays
    /// open until the program ends.
    pub(crate) fn forget(&self, id: &str) {
        self.known().retain(|known| known.id != id);
        keychain::forget(id);
        self.write();
    }

    fn put(&self, entry: Known) {
        let mut known = self.known();
        known.retain(|known| known.id != entry.id);
        known.push(entry);
        drop(known);
        self.write();
    }

    fn write(&self) {
        let list = self.known().clone();
        let written =
            serde_json::to_vec_pretty(&list).map_err(std::io::Error::other).and_then(|bytes| {
                if let Some(folder) = self.file.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                std::fs::write(&self.file, bytes)
            });
        if let Err(error) = written {
            tracing::warn!("cannot write {}: {error}", self.file.display());
        }
    }
}

impl Known {
    fn connection(&self) -> Connection {
        Connection {
            id: self.id.clone(),
            name: self.name.clone(),
            target: self.target.clone(),
            open: self.way.is_some(),
            production: self.production,
            token: self.token,
            authority: self.authority.clone(),
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// The base address as typed, if it is one.
fn address(text: &str) -> Result<String, OpenError> {
    let text = text.trim().trim_end_matches('/');
    let parsed = reqwest::Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    match parsed {
        Some(_) => Ok(text.trim_end_matches("/api").to_owned()),
        None => Err(OpenError::Address(text.to_owned())),
    }
}

/// Starts the node of a folder in this process, or joins the one that another
/// process runs on it.
async fn embed(folder: &str) -> Result<(String, Way, Option<Arc<Node>>), OpenError> {
    let failed = |cause: String| OpenError::Folder { folder: folder.to_owned(), cause };
    let options = Options {
        read_outside: Permission::Live,
        // Only the window reaches this node.
        processes: Permission::Live,
        ..Options::new(folder)
    };
    let store = options.store_folder();
    let opened = spawn_blocking(move || {
        let node = Node::open(options)?;
        let start = |what: &str, cause| NodeError::Io { what: what.into(), cause };
        node.start_running().map_err(|cause| start("threads", cause))?;
        let watch = node.watch().map_err(|cause| NodeError::Refused(cause.to_string()))?;
        Ok((node, watch))
    });
    let token = |tokens: &Tokens| tokens.issue("desktop", Role::Admin, now(), None);
    let (node, watch) = match opened.await {
        Ok(Ok(opened)) => opened,
        Ok(Err(NodeError::Store(StoreError::Locked { address: Some(base), .. }))) => {
            let tokens = Tokens::open(&store).map_err(|error| failed(error.to_string()))?;
            let client = client(None)?;
            return Ok((name(folder), Way::Remote { client, base, token: token(&tokens) }, None));
        }
        Ok(Err(error)) => return Err(failed(error.to_string())),
        Err(error) => return Err(failed(error.to_string())),
    };
    let router = pipewright_node::router(node.clone());
    // The command line on this machine finds the node by the address in its
    // store; the page never goes this way.
    let listener = pipewright_node::listen(0).await.map_err(|error| failed(error.to_string()))?;
    let address = listener.local_addr().map_err(|error| failed(error.to_string()))?;
    node.store()
        .publish_address(&format!("http://{address}"))
        .map_err(|error| failed(error.to_string()))?;
    let served = router.clone();
    spawn(async move {
        // The folder is watched as long as it is served: until the end.
        let _watch = watch;
        if let Err(error) = pipewright_node::serve(listener, served, pending()).await {
            tracing::error!("the node cannot be reached from the command line: {error}");
        }
    });
    let way = Way::Embedded { router, token: token(node.tokens()) };
    Ok((name(folder), way, Some(node)))
}

/// What a folder is called.
fn name(folder: &str) -> String {
    let name = Path::new(folder).file_name();
    name.map_or_else(|| folder.to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Calls nodes over HTTP, which it believes by the usual certificates and those
/// in a file.
fn client(authority: Option<&str>) -> Result<reqwest::Client, OpenError> {
    let mut builder = reqwest::Client::builder().connect_timeout(PATIENCE);
    if let Some(file) = authority {
        let failed = |cause: String| OpenError::Authority { file: file.to_owned(), cause };
        let text = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&text)
            .map_err(|error| failed(error.to_string()))?;
        if certificates.is_empty() {
            return Err(failed("there is none in it".into()));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|error| OpenError::Unreachable {
        url: "the node".into(),
        cause: error.to_string(),
    })
}

/// Asks a node elsewhere who it is.
async fn reach(
    url: &str,
    id: &str,
    token: Option<String>,
    authority: Option<&str>,
) -> Result<(String, Way, TokenPlace), OpenError> {
    let unreachable = |cause: String| OpenError::Unreachable { url: url.to_owned(), cause };
    let given = token.is_some();
    let token =
        token.or_else(|| keychain::kept(id)).ok_or_else(|| OpenError::NoToken(url.to_owned()))?;
    let client = client(authority)?;
    let way = Way::Remote { client, base: url.to_owned(), token: token.clone() };
    let call = Call { method: "GET".into(), path: PROJECT.into(), ..Call::default() };
    let asked = tokio::time::timeout(PATIENCE, async {
        let answer = way.send(call).await?;
        let status = answer.status;
        Ok((status, answer.whole().await?))
    });
    let (status, body) = match asked.await {
        Ok(Ok(answer)) => answer,
        Ok(Err(crate::way::Lost(why))) => return Err(unreachable(why)),
        Err(_) => return Err(unreachable("it does not answer".into())),
    };
    if status == 401 {
        return Err(OpenError::Token(url.to_owned()));
    }
    let project: Project = serde_json::from_slice(&body).map_err(|_| {
        unreachable(format!("it answers {status}, but not as a Pipewright node does"))
    })?;
    let place = if given { keychain::keep(id, &token) } else { TokenPlace::Keychain };
    Ok((project.name, way, place))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_are_told_from_other_text() {
        assert_eq!(address(" https://node.example.org/api/ ").unwrap(), "https://node.example.org");
        for bad in ["", "node.example.org", "file:///etc", "http://"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_connection_that_was_forgotten_cannot_be_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config/connections.json");
        let connections = Connections::read(file.clone());
        connections.put(Known {
            id: "node:x".into(),
            name: "x".into(),
            target: Target::Node("http://x".into()),
            used: 1,
            production: false,
            authority: None,
            token: None,
            way: None,
        });
        assert!(!connections.is_production("node:x"));
        assert!(connections.mark("node:x", true).unwrap().production);
        assert!(Connections::read(file.clone()).is_production("node:x"), "the mark is kept");
        assert_eq!(Connections::read(file.clone()).list().len(), 1);
        connections.forget("node:x");
        assert!(Connections::read(file).list().is_empty());
        assert!(matches!(
            connections.open(Open::Known("node:x".into())).await,
            Err(OpenError::Unknown)
        ));
    }
}
