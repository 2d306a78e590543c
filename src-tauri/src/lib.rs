//! The desktop studio.
//!
//! A window with the screens of `ui`, and one command that carries their
//! requests: to the node in this process, to nodes elsewhere, or to the shell
//! itself ([`desk`]). Nothing here knows what a pipe is.

mod command;
mod connections;
mod desk;
mod files;
mod graphics;
mod happenings;
mod keychain;
mod menu;
mod opening;
mod streams;
mod tls;
mod updates;
mod way;

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use pipewright_protocol::shell::{Happening, Open};
use tauri::{
    AppHandle, Context, Manager, WebviewUrl, WebviewWindowBuilder, Window, WindowEvent,
    webview::PageLoadEvent,
};
use tauri_plugin_window_state::StateFlags;
use tracing_subscriber::EnvFilter;

use crate::{
    connections::Connections, happenings::Happenings, menu::Menus, streams::Streams,
    updates::Updates,
};

/// The feed of updates is asked when the user is at work already.
const BEFORE_UPDATES: Duration = Duration::from_secs(20);

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
    // The only argument is a project folder, or a file in one.
    let asked = std::env::args_os().nth(1).map(PathBuf::from);
    // Where the window was and how large; never that it was hidden.
    let placed = StateFlags::SIZE | StateFlags::POSITION | StateFlags::MAXIMIZED;

    tauri::Builder::default()
        // First of all: a second start ends here and leaves the rest to the first.
        .plugin(tauri_plugin_single_instance::init(|app, arguments, folder| {
            opening::started_again(app, &arguments, &folder);
        }))
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_updater::Builder::new().build())
        .plugin(tauri_plugin_window_state::Builder::new().with_state_flags(placed).build())
        .on_menu_event(|app, event| menu::chosen(app, &event))
        .on_window_event(|window, event| {
            if let WindowEvent::CloseRequested { api, .. } = event
                && must_ask(window)
            {
                api.prevent_close();
            }
        })
        .invoke_handler(tauri::generate_handler![command::api])
        .setup(move |app| {
            let own = app.path().app_config_dir()?;
            std::fs::create_dir_all(&own)
                .with_context(|| format!("cannot make {}", own.display()))?;
            app.manage(Connections::read(own.join("connections.json")));
            app.manage(Updates::read(own.join("updates.json")));
            app.manage(Streams::default());
            app.manage(Happenings::default());
            app.manage(Menus::default());
            if let Some(asked) = asked {
                let path = asked
                    .canonicalize()
                    .with_context(|| format!("cannot open {}", asked.display()))?;
                let (folder, file) = opening::project_of(&path);
                let open = Open::Folder(folder.display().to_string());
                let connections = app.state::<Connections>();
                let connection = tauri::async_runtime::block_on(connections.open(open))
                    .context("cannot open the project")?;
                if file.is_some() {
                    let happening = Happening::Open { connection, file };
                    app.state::<Happenings>().tell_user(app.handle(), &happening);
                }
            }
            tauri::async_runtime::spawn(look_for_updates(app.handle().clone()));
            open_window(app.handle(), None)?;
            Ok(())
        })
        .run(context)
        .context("cannot open a window")
}

/// Asks for a newer version once, if the user wants that, and says so when
/// there is one.
async fn look_for_updates(app: AppHandle) {
    tokio::time::sleep(BEFORE_UPDATES).await;
    let updates = app.state::<Updates>();
    if !updates.is_automatic() {
        return;
    }
    match updates.check(&app).await {
        Ok(()) => {
            if let Some(newer) = updates.told(&app).offered {
                app.state::<Happenings>().tell_user(&app, &Happening::Newer(newer));
            }
        }
        // Without a network it is asked the next time.
        Err(error) => tracing::info!("no updates: {error}"),
    }
}

/// Whether the window stays open until its user has been asked: pipes run, and
/// it is the last one. A page that does not answer any more is not asked.
fn must_ask(window: &Window) -> bool {
    let running = window.state::<Connections>().running();
    let is_last = window.app_handle().webview_windows().len() == 1;
    !running.is_empty()
        && is_last
        && window.state::<Happenings>().tell(window.label(), &Happening::Leaving(running))
}

/// Opens a window: the first one shows what is open, another one a connection.
pub(crate) fn open_window(app: &AppHandle, connection: Option<&str>) -> tauri::Result<()> {
    let windows = app.webview_windows();
    let label = (2..).map(|number| format!("window-{number}"));
    let label = std::iter::once("main".to_owned())
        .chain(label)
        .find(|label| !windows.contains_key(label))
        .unwrap_or_default();
    let mut window = WebviewWindowBuilder::new(app, label, WebviewUrl::App("index.html".into()))
        .title("Pipewright")
        .inner_size(1280.0, 800.0)
        .min_inner_size(820.0, 520.0)
        // Files are dropped on the page, as in a browser.
        .disable_drag_drop_handler()
        // A page that is loaded anew knows nothing of its old streams.
        .on_page_load(|window, load| {
            if load.event() == PageLoadEvent::Started {
                window.state::<Streams>().stop_all(window.label());
            }
        });
    if let Some(connection) = connection {
        // What the page showed last comes first, as after loading it anew.
        let id = serde_json::to_string(connection)?;
        window = window.initialization_script(format!(
            "sessionStorage.getItem('pipewright.connection') ?? \
             sessionStorage.setItem('pipewright.connection', {id});"
        ));
    }
    window.build()?;
    Ok(())
}
