//! Where a command works: a project folder, or a node somewhere. Both are asked
//! through the node API, the folder's in this process.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use clap::Args;
use pipewright_node::{Node, Options, Permission};
use pipewright_protocol::client::Client;
use pipewright_protocol::studio::{ApiError, Role};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::ProjectArguments;
use crate::commands::{Reached, now, reach};

/// Names the token for a node that is called by its address.
pub(crate) const TOKEN_VARIABLE: &str = "PIPEWRIGHT_TOKEN";

/// A project folder or a node.
#[derive(Args, Clone)]
pub(crate) struct Place {
    /// The project folder, or the address of a node such as
    /// http://127.0.0.1:9042. A node asks for a token, which the environment
    /// variable PIPEWRIGHT_TOKEN holds.
    #[arg(value_name = "DIR|URL")]
    place: String,
    /// The environment of a folder: NAME-env.json [default: test, if it is there].
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The folder of the store [default: DIR/.pipewright/store].
    #[arg(long, value_name = "PATH")]
    store: Option<std::path::PathBuf>,
}

/// A node that answers.
pub(crate) enum Api {
    /// Opened here for this command.
    Here {
        router: Router,
        token: String,
        runtime: Runtime,
        /// Kept while it is asked.
        _node: Arc<Node>,
    },
    /// One that runs.
    There(Client),
}

impl Place {
    /// A folder.
    pub(crate) fn folder(project: &ProjectArguments) -> Place {
        Place {
            place: project.folder.display().to_string(),
            profile: project.profile.clone(),
            store: project.store.clone(),
        }
    }

    /// The address of a node.
    pub(crate) fn node(url: &str) -> Place {
        Place { place: url.to_owned(), profile: None, store: None }
    }

    fn is_url(&self) -> bool {
        self.place.starts_with("http://") || self.place.starts_with("https://")
    }

    fn options(&self) -> Result<Options> {
        let project = ProjectArguments {
            folder: self.place.clone().into(),
            profile: self.profile.clone(),
            store: self.store.clone(),
        };
        let mut options = project.options()?;
        options.read_outside = Permission::Live;
        options.processes = Permission::Live;
        Ok(options)
    }

    /// Reaches it.
    pub(crate) fn open(&self) -> Result<Api> {
        if self.is_url() {
            if self.profile.is_some() || self.store.is_some() {
                bail!("--profile and --store are of folders: the node has its own");
            }
            let token = std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty());
            let token = token.with_context(|| {
                format!("{} asks for a token: set {TOKEN_VARIABLE}", self.place)
            })?;
            let base = self.place.trim_end_matches('/').trim_end_matches("/api");
            return Ok(Api::There(Client::new(base, &token)?));
        }
        Ok(match reach(self.options()?)? {
            Reached::There(client) => Api::There(client),
            Reached::Here(node) => Api::Here {
                token: node.tokens().issue("command line", Role::Admin, now(), Some(86_400)),
                router: pipewright_node::router(node.clone()),
                runtime: tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(2)
                    .enable_all()
                    .build()?,
                _node: node,
            },
        })
    }
}

impl Api {
    /// Whether the node was opened for this command only.
    pub(crate) fn is_here(&self) -> bool {
        matches!(self, Api::Here { .. })
    }

    /// Makes a call; `body` is what it is and its content type.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<Vec<u8>> {
        match self {
            Api::There(client) => Ok(client.call(method, path, body)?),
            Api::Here { router, token, runtime, .. } => {
                let mut request = Request::builder()
                    .method(method)
                    .uri(path)
                    .header(header::AUTHORIZATION, format!("Bearer {token}"));
                let mut sent = Vec::new();
                if let Some((kind, bytes)) = body {
                    request = request.header(header::CONTENT_TYPE, kind);
                    sent = bytes;
                }
                let request = request.body(Body::from(sent))?;
                runtime.block_on(async {
                    let response = match router.clone().oneshot(request).await {
                        Ok(response) => response,
                        Err(never) => match never {},
                    };
                    let status = response.status();
                    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await?;
                    match status.is_success() {
                        true => Ok(body.to_vec()),
                        false => bail!(said(status.as_u16(), &body)),
                    }
                })
            }
        }
    }

    /// `GET`, with the answer as a type.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let body = self.call("GET", path, None)?;
        serde_json::from_slice(&body)
            .with_context(|| format!("the answer to {path} is not understood"))
    }

    /// A call with JSON, with the answer as a type.
    pub(crate) fn send<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        let body = ("application/json", serde_json::to_vec(body)?);
        let body = self.call(method, path, Some(body))?;
        serde_json::from_slice(&body)
            .with_context(|| format!("the answer to {path} is not understood"))
    }

    /// `POST` of a form, with the answer as a type.
    pub(crate) fn operate<T: DeserializeOwned>(
        &self,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<T> {
        use pipewright_protocol::studio::encode;
        let form: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let body = ("application/x-www-form-urlencoded", form.join("&").into_bytes());
        let body = self.call("POST", path, Some(body))?;
        serde_json::from_slice(&body)
            .with_context(|| format!("the answer to {path} is not understood"))
    }
}

/// What a failed call says.
fn said(status: u16, body: &[u8]) -> String {
    match serde_json::from_slice::<ApiError>(body) {
        Ok(error) => error.message,
        Err(_) => format!("the node answers {status}: {}", String::from_utf8_lossy(body)),
    }
}
