//! What a system offers: tables with their columns, files, operations. A
//! selection becomes pipes.

use std::collections::BTreeSet;

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{SystemOffer, system_offers_path};

use super::new_pipes::NewPipes;
use crate::{
    client::{Failure, use_client},
    components::{
        Button, Column, Dialog, Empty, Kind, Problem, Search, Sign, Split, Table, Waiting,
    },
    state::use_live,
};

/// The names of the chosen offers.
type Chosen = RwSignal<BTreeSet<String>>;

#[derive(Clone, PartialEq)]
struct Row {
    offer: SystemOffer,
    chosen: Chosen,
}

fn columns() -> Vec<Column<Row>> {
    vec![
        Column::text(
            "Chosen",
            "40px",
            |row: &Row| {
                let (chosen, name) = (row.chosen, row.offer.name.clone());
                let mine = name.clone();
                let can = row.offer.source.is_some();
                view! {
                    <input
                        type="checkbox"
                        class="check"
                        aria-label=format!("Choose {name}")
                        disabled=!can
                        prop:checked=move || chosen.with(|chosen| chosen.contains(&mine))
                        on:click=move |event| {
                            event.stop_propagation();
                            toggle(chosen, &name);
                        }
                    />
                }
                .into_any()
            },
            |a, b| {
                let is = |row: &Row| row.chosen.with_untracked(|all| all.contains(&row.offer.name));
                is(b).cmp(&is(a))
            },
        )
        .untitled(),
        Column::text(
            "Name",
            "minmax(180px,2fr)",
            |row| view! { <b>{row.offer.name.clone()}</b> }.into_any(),
            |a, b| a.offer.name.cmp(&b.offer.name),
        ),
        Column::text(
            "Kind",
            "90px",
            |row| row.offer.kind.clone().into_any(),
            |a, b| a.offer.kind.cmp(&b.offer.kind),
        ),
        Column::number(
            "Columns",
            "80px",
            |row| {
                let count = row.offer.columns.len();
                if count == 0 { String::new() } else { count.to_string() }.into_any()
            },
            |a, b| a.offer.columns.len().cmp(&b.offer.columns.len()),
        ),
        Column::text(
            "Key",
            "minmax(120px,1fr)",
            |row| keys(&row.offer).into_any(),
            |a, b| keys(&a.offer).cmp(&keys(&b.offer)),
        ),
        Column::text(
            "About",
            "minmax(140px,2fr)",
            |row| row.offer.about.clone().unwrap_or_default().into_any(),
            |a, b| a.offer.about.cmp(&b.offer.about),
        ),
    ]
}

fn keys(offer: &SystemOffer) -> String {
    let keys = offer.columns.iter().filter(|column| column.key);
    keys.map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn toggle(chosen: Chosen, name: &str) {
    chosen.update(|chosen| {
        if !chosen.remove(name) {
            chosen.insert(name.to_owned());
        }
    });
}

/// The Contents side of a system.
#[component]
pub(super) fn Contents(
    system: Memo<String>,
    /// Why it cannot be asked now.
    held: Memo<Option<&'static str>>,
) -> impl IntoView {
    let live = use_live();
    let client = StoredValue::new(use_client());
    let offers = RwSignal::new(None::<Result<Vec<SystemOffer>, Failure>>);
    let chosen: Chosen = RwSignal::default();
    let at = RwSignal::new(None::<String>);
    let find = RwSignal::new(String::new());
    let making = RwSignal::new(false);
    let ask = move || {
        let asked = system.get_untracked();
        offers.set(None);
        let client = client.get_value();
        spawn_local(async move {
            let answer = client.get::<Vec<SystemOffer>>(&system_offers_path(&asked)).await;
            if system.try_get_untracked() == Some(asked) {
                offers.try_set(Some(answer));
            }
        });
    };
    Effect::new(move || {
        system.track();
        chosen.set(BTreeSet::new());
        at.set(None);
        if held.with(Option::is_none) {
            ask();
        }
    });
    let rows = Memo::new(move |_| {
        let find = find.get().trim().to_lowercase();
        offers.with(|offers| {
            let offers = offers.iter().flatten().flatten();
            let shown = offers.filter(|offer| {
                find.is_empty()
                    || offer.name.to_lowercase().contains(&find)
                    || offer.columns.iter().any(|it| it.name.to_lowercase().contains(&find))
            });
            shown.map(|offer| Row { offer: offer.clone(), chosen }).collect::<Vec<_>>()
        })
    });
    let picked = Memo::new(move |_| {
        offers.with(|offers| {
            let offers = offers.iter().flatten().flatten();
            let picked = offers.filter(|offer| chosen.with(|all| all.contains(&offer.name)));
            picked.cloned().collect::<Vec<_>>()
        })
    });
    let all = move || {
        let names = rows.with_untracked(|rows| {
            let whole = rows.iter().filter(|row| row.offer.source.is_some());
            whole.map(|row| row.offer.name.clone()).collect::<Vec<_>>()
        });
        chosen.update(|chosen| {
            if names.iter().all(|name| chosen.contains(name)) {
                chosen.retain(|name| !names.contains(name));
            } else {
                chosen.extend(names);
            }
        });
    };
    let detail = move || {
        let offer = rows.with(|rows| {
            let name = at.get()?;
            rows.iter().find(|row| row.offer.name == name).map(|row| row.offer.clone())
        });
        match offer {
            Some(offer) => view! { <Detail offer /> }.into_any(),
            None => view! { <Empty sign=Sign::Columns title="Nothing selected" hint="Select a line to see its columns. Tick lines to make pipes that read them." /> }.into_any(),
        }
    };
    let table = move || {
        view! {
            <Table
                label="What the system offers"
                rows
                columns=columns()
                key=|row| row.offer.name.clone()
                selected=at
                on_open=move |row: &Row| at.set(Some(row.offer.name.clone()))
                id="offers"
            />
        }
    };
    let list = move || {
        match (held.get(), offers.with(|offers| offers.as_ref().map(|it| it.as_ref().map(Vec::len).map_err(Clone::clone)))) {
        (Some(why), _) => view! { <Empty sign=Sign::Lock title="It cannot be asked now" hint=why /> }.into_any(),
        (_, None) => view! { <Waiting /> }.into_any(),
        (_, Some(Err(failure))) => view! { <Problem failure /> }.into_any(),
        (_, Some(Ok(0))) => view! { <Empty sign=Sign::System title="It does not say what it has" hint="An address cannot list what lies behind it. Make a pipe and name the path in its source." /> }.into_any(),
        (_, Some(Ok(_))) => {
            let panes = vec![
                view! { {table} }.into_any(),
                view! { <div class="pane-body">{detail}</div> }.into_any(),
            ];
            view! { <Split name="offers" shares=&[3.0, 2.0] panes labels=&["Offers", "Columns"] /> }.into_any()
        }
    }
    };
    view! {
        <div class="pane-head">
            <Search value=find label="Filter by name or column" />
            <Button label="All" id="offers-all" tip="Chooses all that are shown, or none" disabled=Signal::derive(move || rows.with(Vec::is_empty)) on_click=all />
            <span class="pane-note">
                {move || match picked.with(Vec::len) {
                    0 => String::new(),
                    count => format!("{count} chosen"),
                }}
            </span>
            <Button
                label="Read again"
                sign=Sign::Refresh
                disabled=Signal::derive(move || held.with(Option::is_some))
                on_click=ask
            />
            <Button
                label=Signal::derive(move || match picked.with(Vec::len) {
                    0 | 1 => "Make pipe".to_owned(),
                    count => format!("Make {count} pipes"),
                })
                kind=Kind::Primary
                sign=Sign::Plus
                id="make-pipes"
                tip="Pipes that read what is chosen, each into a dataset of its own name"
                disabled=Signal::derive(move || picked.with(Vec::is_empty) || !live.may_change())
                on_click=move || making.set(true)
            />
        </div>
        {list}
        <Dialog open=making title="New pipes" id="new-pipes">
            <NewPipes system=system.get_untracked() offers=picked.get_untracked() on_close=move || making.set(false) />
        </Dialog>
    }
}

/// The columns of one offer.
#[component]
fn Detail(offer: SystemOffer) -> impl IntoView {
    let columns = offer.columns.into_iter().map(|column| {
        view! {
            <tr>
                <td><b>{column.name}</b></td>
                <td>{column.type_name}</td>
                <td>{if column.key { "key" } else if column.nullable { "may be empty" } else { "" }}</td>
            </tr>
        }
    });
    view! {
        <div class="offer" data-testid="offer">
            <h2>{offer.name}</h2>
            {offer.about.map(|about| view! { <p class="hint">{about}</p> })}
            <table class="plain-table">
                <tbody>{columns.collect_view()}</tbody>
            </table>
        </div>
    }
}
