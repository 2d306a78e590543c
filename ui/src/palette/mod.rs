//! The command palette: everything by its name.

mod rank;

use leptos::{ev, html, prelude::*};
use pipewright_protocol::studio::{FileKind, NodeKind};

use crate::{
    commands::{named, use_commands},
    components::{Icon, Sign},
    connections::use_desk,
    place::{Place, use_nav},
    settings::{section_title, sections},
    state::use_live,
};

/// Entries shown at most: nobody reads on.
const SHOWN: usize = 50;

#[derive(Clone)]
struct Entry {
    title: String,
    /// What it is, on the right.
    kind: &'static str,
    sign: Sign,
    keys: Option<String>,
    /// How lately one was there; the highest is the latest.
    recent: Option<usize>,
    act: Act,
}

#[derive(Clone)]
enum Act {
    Run(Callback<()>),
    Go(Place),
}

/// The palette, shown while `open`.
#[component]
pub fn Palette(
    /// Whether it is shown.
    open: RwSignal<bool>,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move || {
        let Some(dialog) = dialog.get() else { return };
        match (open.get(), dialog.open()) {
            // Fails only for a dialog that is open or not in the page.
            (true, false) => drop(dialog.show_modal()),
            (false, true) => dialog.close(),
            _ => {}
        }
    });
    view! {
        <dialog
            class="palette"
            node_ref=dialog
            aria-label="Command palette"
            data-testid="palette"
            on:close=move |_| open.set(false)
            on:click=move |event| {
                // A click beside the box lands on the dialog itself.
                if event.target() == event.current_target() {
                    open.set(false);
                }
            }
        >
            <Show when=move || open.get()>
                <Box open />
            </Show>
        </dialog>
    }
}

fn entries() -> Vec<Entry> {
    let (live, commands, nav) = (use_live(), use_commands(), use_nav());
    let visited = nav.visited();
    let mut entries: Vec<Entry> = commands
        .all()
        .into_iter()
        .map(|command| Entry {
            keys: commands.keys_now(&command).map(|keys| named(&keys)),
            title: command.title,
            kind: "command",
            sign: command.sign,
            recent: None,
            act: Act::Run(command.run),
        })
        .collect();
    let mut go = |title: String, kind: &'static str, sign: Sign, place: Place| {
        // A place counts as one whatever was looked at in it.
        let recent = visited.iter().position(|visited| visited.same_thing(&place));
        entries.push(Entry { title, kind, sign, keys: None, recent, act: Act::Go(place) })
    };
    for section in sections(use_desk()) {
        let title = format!("Settings: {}", section_title(section));
        go(title, "settings", Sign::Settings, Place::Settings { section });
    }
    live.graph.with(|graph| {
        for node in graph.iter().flat_map(|graph| &graph.nodes) {
            match (node.kind, &node.file) {
                (NodeKind::Pipe, _) => {
                    go(
                        node.name.clone(),
                        "pipe",
                        if node.flavour == "merge" { Sign::Merge } else { Sign::Pipe },
                        Place::pipe(&node.name),
                    );
                    if node.flavour == "merge" {
                        go(
                            node.name.clone(),
                            "clusters",
                            Sign::Merge,
                            Place::Duplicates { pipe: Some(node.name.clone()), cluster: None },
                        );
                    }
                }
                (NodeKind::System, Some(_)) => {
                    go(node.name.clone(), "system", Sign::System, Place::system(&node.name))
                }
                _ => {}
            }
        }
    });
    live.datasets.with(|datasets| {
        datasets.keys().for_each(|id| go(id.clone(), "dataset", Sign::Dataset, Place::dataset(id)))
    });
    live.files.with(|files| {
        let files = files.iter().flat_map(|files| files.iter());
        for file in files.filter(|file| !matches!(file.kind, FileKind::Pipe | FileKind::System)) {
            go(file.path.clone(), "file", Sign::File, Place::File { path: file.path.clone() });
        }
    });
    entries
}

#[component]
fn Box(open: RwSignal<bool>) -> impl IntoView {
    let nav = use_nav();
    let input = NodeRef::<html::Input>::new();
    input.on_load(|input| drop(input.focus()));
    let text = RwSignal::new(String::new());
    let at = RwSignal::new(0_usize);
    // What there is to find does not change under the user's hands.
    let all = StoredValue::new(untrack(entries));
    let found = Memo::new_with_compare(
        move |_| {
            let wanted = text.get();
            all.with_value(|all| {
                // Where one was lately comes first while nothing is typed, and
                // among what fits as well afterwards.
                let mut ranked: Vec<(i32, Option<usize>, usize)> = all
                    .iter()
                    .enumerate()
                    .filter_map(|(index, entry)| {
                        Some((rank::score(wanted.trim(), &entry.title)?, entry.recent, index))
                    })
                    .collect();
                ranked.sort_by_key(|(score, recent, index)| {
                    (std::cmp::Reverse(*score), std::cmp::Reverse(*recent), *index)
                });
                ranked
                    .into_iter()
                    .take(SHOWN)
                    .map(|(_, _, index)| all[index].clone())
                    .collect::<Vec<Entry>>()
            })
        },
        |_, _| true,
    );
    let choose = move |entry: &Entry| {
        open.set(false);
        match &entry.act {
            Act::Run(run) => run.run(()),
            Act::Go(place) => nav.go(place.clone()),
        }
    };
    let list = NodeRef::<html::Ul>::new();
    Effect::new(move || {
        text.track();
        at.set(0);
    });
    Effect::new(move || {
        let (at, Some(list)) = (at.get(), list.get()) else { return };
        if let Some(item) = list.children().item(at as u32) {
            item.scroll_into_view_with_scroll_into_view_options(&nearest());
        }
    });
    let keys = move |event: ev::KeyboardEvent| {
        let last = found.with_untracked(|found| found.len().saturating_sub(1));
        match event.key().as_str() {
            "ArrowDown" => at.update(|at| *at = if *at >= last { 0 } else { *at + 1 }),
            "ArrowUp" => at.update(|at| *at = if *at == 0 { last } else { *at - 1 }),
            "Enter" => {
                if let Some(entry) =
                    found.with_untracked(|found| found.get(at.get_untracked()).cloned())
                {
                    choose(&entry);
                }
            }
            _ => return,
        }
        event.prevent_default();
    };
    view! {
        <div class="palette-box" on:keydown=keys>
            <label class="palette-input">
                <Icon sign=Sign::Search />
                <input
                    node_ref=input
                    type="text"
                    placeholder="Search pipes, datasets, systems and commands"
                    aria-label="Search"
                    role="combobox"
                    aria-expanded="true"
                    aria-controls="palette-list"
                    autocomplete="off"
                    spellcheck="false"
                    data-testid="palette-input"
                    bind:value=text
                />
            </label>
            <ul id="palette-list" class="palette-list" role="listbox" node_ref=list>
                {move || {
                    found
                        .get()
                        .into_iter()
                        .enumerate()
                        .map(|(index, entry)| {
                            let own = entry.clone();
                            view! {
                                <li
                                    role="option"
                                    class="palette-entry"
                                    aria-selected=move || (at.get() == index).to_string()
                                    data-testid="palette-entry"
                                    on:pointermove=move |_| at.set(index)
                                    on:click=move |_| choose(&own)
                                >
                                    <Icon sign=entry.sign />
                                    <span>{entry.title}</span>
                                    {entry.keys.map(|keys| view! { <kbd>{keys}</kbd> })}
                                    {entry.recent.map(|_| view! { <span class="palette-recent">"recent"</span> })}
                                    <em>{entry.kind}</em>
                                </li>
                            }
                        })
                        .collect_view()
                }}
            </ul>
            <Show when=move || found.with(Vec::is_empty)>
                <p class="palette-none">"Nothing is called that."</p>
            </Show>
        </div>
    }
}

fn nearest() -> web_sys::ScrollIntoViewOptions {
    let options = web_sys::ScrollIntoViewOptions::new();
    options.set_block(web_sys::ScrollLogicalPosition::Nearest);
    options
}
