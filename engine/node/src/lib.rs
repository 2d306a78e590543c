//! One running node: assembles the engine, owns its threads, serves its API.
//!
//! [`Node::open`] opens a project folder with its store; nothing runs until
//! [`Node::start_running`], and then only in folders their user trusts.
//! [`router`] is the node API: `serve` puts it on a socket, the desktop hands
//! it requests in process.
//!
//! Architecture invariant: the only room that owns threads. Everything below
//! is synchronous and is handed its clock, its randomness and its permissions.

mod access;
mod alerts;
mod api;
mod backup;
mod bases;
mod clusters;
mod condition;
mod conductor;
mod counters;
mod data_files;
mod env;
mod evaluate;
mod events;
mod export;
mod failed;
mod feed;
mod find;
pub mod folder;
mod full_text;
mod health;
mod impact;
mod layout;
mod lineage;
mod loaded;
mod models;
mod node;
mod permissions;
mod picture;
mod preview;
mod pump;
mod receive;
mod rescan;
mod run;
mod runner;
mod runs;
mod schema;
mod secrets;
mod serve;
mod settings;
pub mod specs;
mod spots;
mod status;
mod systems;
mod tasks;
mod template;
pub mod testing;
mod time;
mod trace;
mod upload;
mod watch;
mod webhooks;
mod wire;

pub use pipewright_component::{Cancel, Clock, FixedClock, Permission};
pub use pipewright_pump::{Counts, Ending, Observer, Phase, Progress, Report};
pub use pipewright_store::{Select, Store, StoreError};

pub use access::{Claims, Issued, KeyError, Refused, Tokens, UserError};
pub use api::router;
pub use backup::{back_up, restore};
pub use evaluate::Stage;
pub use loaded::Unrunnable;
pub use node::{Node, NodeError, OWN_FOLDER, Options, store_of};
pub use run::{SECRET_VARIABLE, Settled};
pub use secrets::{SECRETS_KEY_VARIABLE, Secrets, SecretsError};
pub use serve::{STUDIO_VARIABLE, listen, listen_at, serve, studio_folder, with_studio};
pub use settings::{HOME_VARIABLE, Settings, SettingsError};
pub use template::{TemplateError, create as create_project};
pub use trace::traced;
pub use watch::Watch;

/// The version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The licence of the program.
pub const LICENSE: &str = env!("CARGO_PKG_LICENSE");
