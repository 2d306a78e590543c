//! The desktop studio.
//!
//! A window with the screens of `ui`, and one command that carries their
//! requests: to the node in this process, to nodes elsewhere, or to the shell
//! itself ([`desk`]). Nothing here knows what a pipe is.

mod command;
mod connections;
mod desk;
mod graphics;
mod keychain;
mod streams;
mod way;

use std::path::PathBuf;

use anyhow::Context as _;
use pipewright_protocol::shell::Open;
use tauri::{Context, Manager, WebviewUrl, WebviewWindowBuilder, webview::PageLoadEvent};
use tracing_subscriber::EnvFilter;

use crate::{connections::Connections, streams::Streams};

/// Shows the window and runs until it is closed.
///
/// # Errors
/// When there is no display, or the project named on the command line cannot be
/// opened.
pub fn open(context: Context) -> anyhow::Result<()> {
    graphics::prepare();
    let filter = EnvFilter::try_from_env("PIPEWRIGHT_LOG")
        .unwrap_or_else(|_| EnvFilter::new("warn,pipewright=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    // The only argument is a project folder.
    let folder = std::env::args_os().nth(1).map(PathBuf::from);

    tauri::Builder::default()
        .plugin(tauri_plugin_dialog::init())
        .invoke_handler(tauri::generate_handler![command::api])
        .setup(move |app| {
            let connections =
                Connections::read(app.path().app_config_dir()?.join("connections.json"));
            app.manage(connections);
            app.manage(Streams::default());
            if let Some(folder) = folder {
                let folder = folder
                    .canonicalize()
                    .with_context(|| format!("cannot open {}", folder.display()))?;
                let open = Open::Folder(folder.display().to_string());
                let connections = app.state::<Connections>();
                tauri::async_runtime::block_on(connections.open(open))
                    .context("cannot open the project")?;
            }
            WebviewWindowBuilder::new(app, "main", WebviewUrl::App("index.html".into()))
                .title("Pipewright")
                .inner_size(1280.0, 800.0)
                .min_inner_size(820.0, 520.0)
                // A page that is loaded anew knows nothing of its old streams.
                .on_page_load(|window, load| {
                    if load.event() == PageLoadEvent::Started {
                        window.state::<Streams>().stop_all(window.label());
                    }
                })
                .build()?;
            Ok(())
        })
        .run(context)
        .context("cannot open a window")
}
