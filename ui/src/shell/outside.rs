//! What comes to the page from the desktop around it: the window's menu, files
//! and folders to open, and the question before the window closes.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::shell::{self, Happening, Menu, MenuLine};

use crate::{
    client::{Part, Stream},
    commands::{Command, Commands},
    components::{Button, Dialog, Kind, Sign, ToastBoard},
    connections::Desk,
    place::{Nav, Place},
};

/// The desktop around the page; in a browser nothing ever comes from it.
#[derive(Clone, Copy)]
pub struct Outside {
    desk: Desk,
    /// The command that was chosen from the menu and is not done yet.
    chosen: RwSignal<Option<String>>,
    /// The pipes that would be stopped if the window were closed.
    running: RwSignal<Vec<String>>,
    _listening: StoredValue<Option<send_wrapper::SendWrapper<Stream>>>,
}

/// The menus, each with the ids of its commands; an empty one parts them.
const MENUS: [(&str, &[&str]); 4] = [
    (
        "File",
        &[
            "open-folder",
            "go-connections",
            "",
            "new-pipe",
            "merge",
            "new-system",
            "add-files",
            "",
            "save",
            "",
            "close-window",
        ],
    ),
    ("Edit", &["undo", "redo", "", "palette"]),
    (
        "View",
        &[
            "go-flow",
            "go-pipes",
            "go-systems",
            "go-datasets",
            "go-duplicates",
            "go-monitor",
            "go-settings",
            "",
            "flow-fit",
            "",
            "theme-light",
            "theme-dark",
            "theme-system",
        ],
    ),
    ("Help", &["tour", "keys"]),
];

/// Whose keys stay with the page: fields have an undo of their own.
const PAGE_KEYS: [&str; 2] = ["undo", "redo"];

impl Outside {
    /// Begins to listen.
    pub fn start(desk: Desk, nav: Nav, toasts: ToastBoard) -> Self {
        let (chosen, running) = (RwSignal::new(None), RwSignal::default());
        let hear = move |happening| match happening {
            Happening::Command(id) => chosen.set(Some(id)),
            Happening::Leaving(pipes) => running.set(pipes),
            Happening::Failed(why) => toasts.failed(why),
            Happening::Newer(newer) => {
                toasts.done(format!("Pipewright {} is there. Settings has it.", newer.version))
            }
            Happening::Open { connection, file } => {
                desk.switch(connection);
                if let Some(path) = file {
                    nav.go(Place::File { path });
                }
                spawn_local(desk.read());
            }
        };
        let listening = desk.shell().ok().map(|shell| {
            let stream = shell.stream(shell::HAPPENINGS, move |part| match part {
                Part::Line(line) => {
                    // A newer shell may tell of what this page does not know.
                    if let Ok(happening) = serde_json::from_slice(&line) {
                        hear(happening);
                    }
                }
                Part::Open | Part::Closed(_) => {}
            });
            send_wrapper::SendWrapper::new(stream)
        });
        Outside { desk, chosen, running, _listening: StoredValue::new(listening) }
    }

    /// Shows the commands of a session as the window's menu, and does what is
    /// chosen there.
    pub fn follow(self, commands: Commands) {
        if !self.desk.is_desktop() {
            return;
        }
        // What was chosen while there was no session is of none.
        self.chosen.set(None);
        Effect::new(move || {
            let Some(id) = self.chosen.get() else { return };
            self.chosen.set(None);
            let command = untrack(|| commands.all()).into_iter().find(|command| command.id == id);
            if let Some(command) = command {
                command.run.run(());
            }
        });
        commands.offer(move || {
            vec![Command::new("close-window", "Close the window", Sign::Close, move || {
                self.tell(shell::CLOSE);
            })]
        });
        let wanted = Memo::new(move |_| menus(&commands.all(), |one| commands.keys_now(one)));
        Effect::new(move || self.show(wanted.get()));
        on_cleanup(move || self.show(menus(&[], |_| None)));
    }

    fn tell(self, what: &'static str) {
        let shell = self.desk.shell();
        spawn_local(async move {
            if let Ok(shell) = shell {
                // The window may be gone before the answer comes.
                let _ = shell.tell(what, &()).await;
            }
        });
    }

    fn show(self, menus: Vec<Menu>) {
        let shell = self.desk.shell();
        spawn_local(async move {
            if let Ok(shell) = shell {
                // Without a menu everything is in the palette still.
                let _ = shell.put(shell::MENU, &menus).await;
            }
        });
    }
}

/// The menus that these commands make, with the keys that run them now.
fn menus(commands: &[Command], keys: impl Fn(&Command) -> Option<String>) -> Vec<Menu> {
    let line = |id: &&str| {
        let command = commands.iter().find(|command| command.id == *id)?;
        Some(Some(MenuLine {
            id: command.id.into(),
            title: command.title.clone(),
            keys: keys(command).filter(|_| !PAGE_KEYS.contains(id)),
            enabled: true,
        }))
    };
    let menu = |(title, ids): &(&str, &[&str])| {
        let mut lines: Vec<Option<MenuLine>> = Vec::new();
        for part in ids.split(|id| id.is_empty()) {
            let part: Vec<_> = part.iter().filter_map(line).collect();
            if !lines.is_empty() && !part.is_empty() {
                lines.push(None);
            }
            lines.extend(part);
        }
        Menu { title: (*title).to_owned(), lines }
    };
    MENUS
        .iter()
        .map(menu)
        .filter(|menu| menu.title == MENUS[0].0 || !menu.lines.is_empty())
        .collect()
}

/// Asks before the window closes over pipes that run.
#[component]
pub fn Leaving(outside: Outside) -> impl IntoView {
    let open = RwSignal::new(false);
    Effect::new(move || {
        if !outside.running.with(Vec::is_empty) {
            open.set(true);
        }
    });
    Effect::new(move || {
        // Only what is there is taken away: each of the two wakes the other.
        if !open.get() && !outside.running.with_untracked(Vec::is_empty) {
            outside.running.set(Vec::new());
        }
    });
    let title = Signal::derive(move || match outside.running.with(Vec::len) {
        1 => "A pipe is running".to_owned(),
        many => format!("{many} pipes are running"),
    });
    view! {
        <Dialog open title id="leaving">
            <p>
                {move || outside.running.get().join(", ")}
                " will stop. What is done until then is kept, and the next run goes on from there."
            </p>
            <div class="form-actions">
                <Button label="Keep open" id="leaving-stay" on_click=move || open.set(false) />
                <Button label="Stop and close" kind=Kind::Primary sign=Sign::Stop id="leaving-leave" on_click=move || outside.tell(shell::LEAVE) />
            </div>
        </Dialog>
    }
}
