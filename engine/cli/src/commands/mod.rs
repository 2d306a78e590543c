//! One file per command.

pub(crate) mod about;
pub(crate) mod backup;
pub(crate) mod datasets;
pub(crate) mod entities;
pub(crate) mod env;
mod listing;
pub(crate) mod new;
pub(crate) mod notebook;
pub(crate) mod preview;
pub(crate) mod pump;
pub(crate) mod run;
pub(crate) mod secrets;
pub(crate) mod serve;
pub(crate) mod sync;
pub(crate) mod system;
pub(crate) mod test;
pub(crate) mod token;
pub(crate) mod transform;
pub(crate) mod user;
pub(crate) mod validate;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use pipewright_node::{Node, NodeError, Options, StoreError, Tokens};
use pipewright_protocol::client::Client;
use pipewright_protocol::studio::Role;

use crate::ProjectArguments;

impl ProjectArguments {
    pub(crate) fn options(&self) -> Result<Options> {
        if !self.folder.is_dir() {
            bail!("{}: no such folder", self.folder.display());
        }
        let mut options = Options::new(&self.folder);
        options.store.clone_from(&self.store);
        options.profile.clone_from(&self.profile);
        Ok(options)
    }
}

/// A project opened here, or the node that has it open already.
pub(crate) enum Reached {
    Here(Arc<Node>),
    There(Client),
}

/// Opens a project, or goes to the node that holds its store.
pub(crate) fn reach(options: Options) -> Result<Reached> {
    let store = options.store_folder();
    match Node::open(options) {
        Ok(node) => Ok(Reached::Here(node)),
        Err(NodeError::Store(StoreError::Locked { address: Some(address), .. })) => {
            // Who may read the key in the store's folder may do everything.
            let token =
                Tokens::open(&store)?.issue("command line", Role::Admin, now(), Some(86_400));
            let client = Client::new(&address, &token)
                .with_context(|| format!("the project is open at {address}"))?;
            Ok(Reached::There(client))
        }
        Err(error) => Err(error.into()),
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
