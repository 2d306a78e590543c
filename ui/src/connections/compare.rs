//! The config of the open connection beside that of another one: what differs,
//! and what of it is copied.

use std::{collections::BTreeSet, sync::Arc};

use leptos::{prelude::*, task::spawn_local};
use pipewright_language::difference::{Changed, Difference, PartId, PartKind};
use pipewright_protocol::shell::{Open, Target};

use super::{
    desk::use_desk,
    open::ConnectForm,
    sides::{Sides, Way, kind_name, told},
    transfer::Transfer,
};
use crate::{
    client::{Client, Failure, use_client},
    components::{
        Button, Column, Dialog, Empty, Icon, Kind, Link, Problem, Search, Sign, Split, Table,
        Waiting,
    },
    monaco::Compare,
    place::{Place, use_nav},
    state::use_live,
};

/// What is chosen. Copies are the same.
type Chosen = RwSignal<BTreeSet<PartId>>;

/// The screen: with which connection, and then the comparison.
#[component]
pub fn CompareScreen() -> impl IntoView {
    let nav = use_nav();
    let with = nav.says(|place| match place {
        Place::Compare { with } => Some(with),
        _ => None,
    });
    view! {
        {move || match with.get() {
            Some(id) => view! { <Reached id /> }.into_any(),
            None => view! { <With /> }.into_any(),
        }}
    }
}

/// Asks with which connection.
#[component]
fn With() -> impl IntoView {
    let (desk, nav) = (use_desk(), use_nav());
    let others = Memo::new(move |_| {
        let own = desk.current_id();
        desk.known.with(|known| {
            let others = known.iter().filter(|it| Some(&it.id) != own.as_ref());
            others.cloned().collect::<Vec<_>>()
        })
    });
    let choice = move |connection: pipewright_protocol::shell::Connection| {
        let (sign, place) = match &connection.target {
            Target::Folder(folder) => (Sign::Folder, folder.clone()),
            Target::Node(url) => (Sign::Connection, url.clone()),
        };
        let to = Place::Compare { with: Some(connection.id) };
        view! {
            <li>
                <Link to class="recent-open">
                    <Icon sign />
                    <b>{connection.name}</b>
                    <span>{place}</span>
                </Link>
            </li>
        }
    };
    view! {
        <div class="page scroll" data-testid="compare-with">
            <header class="page-head">
                <Link to=Place::Connections class="crumb">"Connections"</Link>
                <h1>"Compare"</h1>
            </header>
            <div class="settings narrow">
                <section aria-label="Known connections">
                    <h2>"With which connection?"</h2>
                    <p class="hint">"The config of this project is put beside that of another one: what was added, changed and removed, and by whom. Then you choose what to copy."</p>
                    <ul class="recent">
                        <For each=move || others.get() key=|connection| connection.id.clone() children=choice />
                    </ul>
                </section>
                <section aria-label="Another node">
                    <h2>"Another node"</h2>
                    <ConnectForm
                        label="Compare with it"
                        on_connected=move |connection| nav.go(Place::Compare { with: Some(connection) })
                    />
                </section>
            </div>
        </div>
    }
}

/// Opens the other connection where that has to be done first.
#[component]
fn Reached(id: String) -> impl IntoView {
    let desk = use_desk();
    let nav = use_nav();
    let there = RwSignal::new(None::<Result<Client, Failure>>);
    let wanted = id.clone();
    spawn_local(async move {
        let reached = match desk.connect(Open::Known(wanted.clone())).await {
            Ok(_) => desk.client_of(&wanted).ok_or_else(|| {
                Failure::Unreachable("the access token is not known any more".into())
            }),
            Err(failure) => Err(failure),
        };
        there.try_set(Some(reached));
    });
    let url = id.strip_prefix("node:").unwrap_or_default().to_owned();
    let id = StoredValue::new(id);
    view! {
        {move || match there.get() {
            None => view! { <Waiting /> }.into_any(),
            Some(Ok(client)) => view! { <Comparison id=id.get_value() there=client /> }.into_any(),
            Some(Err(failure)) => {
                let again = (!url.is_empty()).then(|| {
                    view! {
                        <section aria-label="Connect again">
                            <h2>"Connect again"</h2>
                            <ConnectForm
                                label="Connect"
                                url=url.clone()
                                on_connected=move |connection: String| {
                                    // The same address again: the screen has to be made anew.
                                    nav.replace(Place::Compare { with: None });
                                    nav.replace(Place::Compare { with: Some(connection) });
                                }
                            />
                        </section>
                    }
                });
                view! {
                    <div class="page scroll">
                        <header class="page-head">
                            <Link to=Place::Connections class="crumb">"Connections"</Link>
                            <h1>"Compare"</h1>
                        </header>
                        <Problem failure />
                        <div class="settings narrow">{again}</div>
                    </div>
                }.into_any()
            }
        }}
    }
}

#[derive(Clone)]
struct Row {
    difference: Arc<Difference>,
    chosen: Chosen,
}

impl PartialEq for Row {
    fn eq(&self, other: &Row) -> bool {
        self.difference == other.difference
    }
}

fn toggle(chosen: Chosen, id: &PartId) {
    chosen.update(|chosen| {
        if !chosen.remove(id) {
            chosen.insert(id.clone());
        }
    });
}

fn key(id: &PartId) -> String {
    format!("{}:{}", kind_name(id.kind), id.name)
}

fn sign_of(kind: PartKind) -> Sign {
    match kind {
        PartKind::Metadata => Sign::File,
        PartKind::System => Sign::System,
        PartKind::Pipe => Sign::Pipe,
        PartKind::Variable => Sign::Columns,
        PartKind::Secret => Sign::Lock,
    }
}

fn columns() -> Vec<Column<Row>> {
    vec![
        Column::text(
            "Chosen",
            "36px",
            |row: &Row| {
                let (chosen, id) = (row.chosen, row.difference.id.clone());
                let mine = id.clone();
                // Values of secrets are never read, so they cannot be copied.
                if id.kind == PartKind::Secret {
                    return ().into_any();
                }
                view! {
                    <input
                        type="checkbox"
                        class="check"
                        aria-label=format!("Choose {}", id.name)
                        prop:checked=move || chosen.with(|chosen| chosen.contains(&mine))
                        on:click=move |event| {
                            event.stop_propagation();
                            toggle(chosen, &id);
                        }
                    />
                }
                .into_any()
            },
            |a, b| {
                let is =
                    |row: &Row| row.chosen.with_untracked(|all| all.contains(&row.difference.id));
                is(b).cmp(&is(a))
            },
        )
        .untitled(),
        Column::text(
            "Name",
            "minmax(140px,1fr)",
            |row| {
                let id = row.difference.id.clone();
                view! { <Icon sign=sign_of(id.kind) /> <b>{id.name}</b> }.into_any()
            },
            |a, b| a.difference.id.name.cmp(&b.difference.id.name),
        ),
        Column::text(
            "What",
            "84px",
            |row| kind_name(row.difference.id.kind).into_any(),
            |a, b| a.difference.id.kind.cmp(&b.difference.id.kind),
        ),
        Column::text(
            "Difference",
            "minmax(110px,auto)",
            |row| {
                let (text, class) = told(&row.difference);
                view! { <span class=class>{text}</span> }.into_any()
            },
            |a, b| told(&a.difference).0.cmp(told(&b.difference).0),
        ),
    ]
}

/// What is shown of the differences.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    All,
    By(Changed),
}

#[component]
fn Comparison(id: String, there: Client) -> impl IntoView {
    let (desk, live) = (use_desk(), use_live());
    let here = StoredValue::new(use_client());
    let there = StoredValue::new(there);
    let is_production = {
        let id = id.clone();
        Memo::new(move |_| desk.is_production(&id))
    };
    let target = desk.known.with_untracked(|known| {
        known.iter().find(|known| known.id == id).map(|known| known.target.clone())
    });
    let other = match target {
        Some(Target::Node(url)) => url,
        Some(Target::Folder(folder)) => folder,
        None => id.clone(),
    };
    let other = StoredValue::new(other);
    let sides = RwSignal::new(None::<Result<Sides, Failure>>);
    let chosen: Chosen = RwSignal::default();
    let at = RwSignal::new(None::<String>);
    let find = RwSignal::new(String::new());
    let shown = RwSignal::new(Shown::All);
    let way = RwSignal::new(None::<Way>);
    let read = move || {
        // Asked again when something was copied, by when this may be gone.
        let (Some(here), Some(there), Some(other)) =
            (here.try_get_value(), there.try_get_value(), other.try_get_value())
        else {
            return;
        };
        spawn_local(async move {
            let answer = Sides::read(&here, &there, &other).await;
            if let Ok(sides) = &answer {
                let still: BTreeSet<PartId> =
                    sides.differences.iter().map(|each| each.id.clone()).collect();
                chosen.try_update(|chosen| chosen.retain(|id| still.contains(id)));
            }
            sides.try_set(Some(answer));
        });
    };
    // The open project is seen to change; of the other one only asking tells.
    Effect::new(move || {
        live.changed.track();
        read();
    });
    let name_there = Memo::new(move |_| {
        sides.with(|sides| match sides {
            Some(Ok(sides)) => sides.project.name.clone(),
            _ => String::new(),
        })
    });
    let name_here = Memo::new(move |_| {
        live.project.with(|project| project.as_ref().map(|it| it.name.clone()).unwrap_or_default())
    });
    let rows = Memo::new(move |_| {
        let find = find.get().trim().to_lowercase();
        let shown = shown.get();
        sides.with(|sides| {
            let all = sides.iter().flatten().flat_map(|sides| sides.differences.iter());
            let wanted = all.filter(|each| {
                (shown == Shown::All || shown == Shown::By(each.changed))
                    && (find.is_empty() || each.id.name.to_lowercase().contains(&find))
            });
            wanted
                .map(|each| Row { difference: Arc::new(each.clone()), chosen })
                .collect::<Vec<_>>()
        })
    });
    let all = move || {
        let ids = rows.with_untracked(|rows| {
            let whole = rows.iter().map(|row| row.difference.id.clone());
            whole.filter(|id| id.kind != PartKind::Secret).collect::<Vec<_>>()
        });
        chosen.update(|chosen| {
            if ids.iter().all(|id| chosen.contains(id)) {
                chosen.retain(|id| !ids.contains(id));
            } else {
                chosen.extend(ids);
            }
        });
    };
    let count = Memo::new(move |_| chosen.with(BTreeSet::len));
    let has_base =
        move || sides.with(|sides| matches!(sides, Some(Ok(sides)) if !sides.base.is_empty()));
    let cannot_upload = Memo::new(move |_| {
        if is_production.get() {
            Some("It is marked as production: nothing can be changed there.")
        } else if sides
            .with(|sides| matches!(sides, Some(Ok(sides)) if !sides.project.role.may_change()))
        {
            Some("Your access token there is for reading only.")
        } else {
            None
        }
    });
    let detail = move || {
        let found = rows.with(|rows| {
            let at = at.get()?;
            rows.iter().find(|row| key(&row.difference.id) == at).map(|row| row.difference.clone())
        });
        match found {
            Some(difference) => {
                let texts = (
                    difference.there.clone().unwrap_or_default(),
                    difference.here.clone().unwrap_or_default(),
                );
                view! {
                    <div class="compare-heads">
                        <span>{move || format!("{} (there)", name_there.get())}</span>
                        <span>{move || format!("{} (here)", name_here.get())}</span>
                    </div>
                    <Compare before=texts.0 after=texts.1 />
                }
                .into_any()
            }
            None => view! { <Empty sign=Sign::Columns title="Nothing selected" hint="Select a line to see both texts side by side. Tick lines to copy them." /> }.into_any(),
        }
    };
    let list = move || {
        let state = sides.with(|sides| {
            sides
                .as_ref()
                .map(|it| it.as_ref().map(|it| it.differences.len()).map_err(Clone::clone))
        });
        match state {
            None => view! { <Waiting /> }.into_any(),
            Some(Err(failure)) => view! { <Problem failure /> }.into_any(),
            Some(Ok(0)) => view! { <Empty sign=Sign::Check title="Both have the same config" hint="Components, variables and the names of secrets are the same here and there." /> }.into_any(),
            Some(Ok(_)) => {
                let table = view! {
                    <Table
                        label="Differences"
                        rows
                        columns=columns()
                        key=|row: &Row| key(&row.difference.id)
                        selected=at
                        on_open=move |row: &Row| at.set(Some(key(&row.difference.id)))
                        id="differences"
                    />
                };
                let panes = vec![
                    table.into_any(),
                    view! { <div class="pane-body" data-testid="difference">{detail}</div> }.into_any(),
                ];
                view! { <Split name="compare" shares=&[2.0, 3.0] panes labels=&["Differences", "Texts"] /> }.into_any()
            }
        }
    };
    let segments = move || {
        [
        (Shown::All, "All"),
        (Shown::By(Changed::Here), "Changed here"),
        (Shown::By(Changed::There), "Changed there"),
        (Shown::By(Changed::Both), "Both"),
    ]
    .map(|(which, name)| {
        view! {
            <button type="button" aria-pressed=move || (shown.get() == which).to_string() on:click=move |_| shown.set(which)>
                {name}
            </button>
        }
    })
    };
    let transferring = RwSignal::new(false);
    Effect::new(move || transferring.set(way.with(Option::is_some)));
    Effect::new(move || {
        if !transferring.get() && way.with_untracked(Option::is_some) {
            way.set(None);
        }
    });
    let title = Signal::derive(move || match way.get() {
        Some(Way::Up) => format!("Upload to {}", name_there.get()),
        Some(Way::Down) => format!("Download from {}", name_there.get()),
        None => String::new(),
    });
    let id = StoredValue::new(id);
    view! {
        <div class="page" data-testid="compare-screen">
            <header class="page-head">
                <Link to=Place::Connections class="crumb">"Connections"</Link>
                <Link to=Place::Compare { with: None } class="crumb">"Compare"</Link>
                <h1 data-testid="compare-name">{move || name_there.get()}</h1>
                <span class="page-note">{move || other.get_value()}</span>
                <Show when=move || is_production.get()>
                    <span class="flag production">"production, read-only"</span>
                </Show>
                <div class="page-actions">
                    <Button label="Read again" sign=Sign::Refresh id="compare-refresh" on_click=read />
                    <Button
                        label=Signal::derive(move || if count.get() == 0 { "Download".into() } else { format!("Download {}", count.get()) })
                        sign=Sign::Down
                        id="compare-download"
                        tip=Signal::derive(move || if live.may_change() { "Makes what is chosen here be as it is there; can be undone" } else { "Nothing can be changed here" }.to_owned())
                        disabled=Signal::derive(move || count.get() == 0 || !live.may_change())
                        on_click=move || way.set(Some(Way::Down))
                    />
                    <Button
                        label=Signal::derive(move || if count.get() == 0 { "Upload".into() } else { format!("Upload {}", count.get()) })
                        kind=Kind::Primary
                        sign=Sign::Up
                        id="compare-upload"
                        tip=Signal::derive(move || cannot_upload.get().unwrap_or("Makes what is chosen there be as it is here").to_owned())
                        disabled=Signal::derive(move || count.get() == 0 || cannot_upload.with(Option::is_some))
                        on_click=move || way.set(Some(Way::Up))
                    />
                </div>
            </header>
            <div class="pane-head">
                <Search value=find label="Filter by name" />
                <Show when=has_base fallback=|| view! { <span class="pane-note">"Never copied to each other from here, so it is not known who changed what."</span> }>
                    <div class="segments" role="group" aria-label="Which differences">{segments()}</div>
                </Show>
                <span class="pane-note">{move || rows.with(|rows| format!("{} differences", rows.len()))}</span>
                <Button label="All" id="compare-all" tip="Chooses all that are shown, or none" disabled=Signal::derive(move || rows.with(Vec::is_empty)) on_click=all />
            </div>
            {list}
            <Dialog open=transferring title id="transfer">
                {move || {
                    let (Some(way), Some(Ok(sides))) = (way.get(), sides.get_untracked()) else { return ().into_any() };
                    let chosen = chosen.get_untracked();
                    view! { <Transfer way sides chosen there=there.get_value() other=other.get_value() connection=id.get_value() on_done=read on_close=move || transferring.set(false) /> }.into_any()
                }}
            </Dialog>
        </div>
    }
}
