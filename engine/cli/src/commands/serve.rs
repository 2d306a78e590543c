//! `pipewright serve`

use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use pipewright_node::{Node, Permission, listen_at};
use pipewright_protocol::studio::Role;
use serde_json::json;
use tokio::net::TcpListener;

use crate::ProjectArguments;
use crate::output::Output;

/// Where it is served when nothing else is asked for.
const USUAL_PORT: u16 = 9042;

#[derive(Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    project: ProjectArguments,
    /// The port on this machine, 0 for any free one [default: 9042, or a free
    /// one when that is taken]
    #[arg(long)]
    port: Option<u16>,
    /// The address to serve at. Others can reach every one but those of this
    /// machine alone, such as the default: see --without-tls.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    address: IpAddr,
    /// Serve at an address that others can reach although nothing is encrypted
    /// here: for nodes behind a proxy that adds TLS.
    #[arg(long)]
    without_tls: bool,
    /// Trust the folder: let its pipes run. Remembered.
    #[arg(long)]
    trust: bool,
    /// Let writes to outside systems through from the start.
    #[arg(long, requires = "trust")]
    live: bool,
    /// Let systems start programs of this machine (system:microservice).
    /// Whoever may change the config of this node can then start any.
    #[arg(long)]
    processes: bool,
    /// Call webhooks of other nodes that subscribe to datasets of this one.
    #[arg(long)]
    webhooks: bool,
    /// The address under which others reach this node, such as
    /// https://node.example.org: links are made with it, and pipes that read
    /// datasets of other nodes subscribe there, so that they run at once.
    #[arg(long, value_name = "URL", value_parser = public_url)]
    public_url: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// An address that others can call.
fn public_url(text: &str) -> Result<String, String> {
    let uri: axum::http::Uri = text.parse().map_err(|error| format!("{error}"))?;
    match (uri.scheme_str(), uri.authority(), uri.query()) {
        (Some("http" | "https"), Some(at), None) if !at.as_str().contains('@') => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("an address begins with http:// or https:// and has no ? in it".to_owned()),
    }
}

impl Serve {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        if !self.address.is_loopback() && !self.without_tls {
            bail!(
                "others can reach {}, and tokens and data would go there unencrypted: put a proxy \
                 that adds TLS before the node and add --without-tls",
                self.address
            );
        }
        // An empty folder is a new project.
        std::fs::create_dir_all(&self.project.folder)
            .with_context(|| self.project.folder.display().to_string())?;
        let mut options = self.project.options()?;
        options.read_outside = Permission::Live;
        if self.processes {
            options.processes = Permission::Live;
        }
        if self.webhooks {
            options.webhooks = Permission::Live;
        }
        options.public_url = self.public_url.clone();
        if self.live {
            options.write_outside = Permission::Live;
        }
        let node = Node::open(options)?;
        if self.trust {
            node.set_trusted(true)?;
        }
        node.start_running()?;
        let _watch = node.watch()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            let listener = self.listen().await?;
            let address = format!("http://{}", listener.local_addr()?);
            node.store().publish_address(&address)?;
            let studio = pipewright_node::studio_folder();
            let token =
                node.tokens().issue("access link", Role::Admin, super::now(), Some(30 * 86_400));
            let link = format!("{address}/#token={token}");
            let name = node.name();
            let mut words = format!("{name} is served at {address}\naccess link: {link}");
            if studio.is_none() {
                words.push_str("\nthe studio has not been built; run: cargo xtask ui");
            }
            let told = json!({ "name": name, "address": address, "link": link, "token": token });
            self.output.tell(told, Some(words));
            let router = pipewright_node::with_studio(node.clone(), studio.as_deref());
            let stop = async {
                // If signals cannot be had, the process is ended from outside.
                if tokio::signal::ctrl_c().await.is_err() {
                    std::future::pending::<()>().await;
                }
                // Open streams would keep the server from ending.
                tokio::spawn(async {
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                    std::process::exit(0);
                });
            };
            pipewright_node::serve(listener, router, stop).await?;
            anyhow::Ok(())
        })?;
        Ok(ExitCode::SUCCESS)
    }

    async fn listen(&self) -> Result<TcpListener> {
        let Some(port) = self.port else {
            return match listen_at(self.address, USUAL_PORT).await {
                Ok(listener) => Ok(listener),
                Err(_) => listen_at(self.address, 0).await.context("no port can be used"),
            };
        };
        let listener = listen_at(self.address, port).await;
        listener.with_context(|| format!("port {port} cannot be used"))
    }
}
