//! The entities of a dataset as a table.

use std::ops::Range;

use leptos::{ev, prelude::*, task::spawn_local};
use pipewright_protocol::studio::{Json, encode};

use super::{
    columns::{Columns, ColumnsMenu},
    entity::EntityPane,
    finding::Finding,
    pages::{PAGE, PagePlace, Pages, Row, Want},
    tools::{Export, FullText},
};
use crate::{
    client::{Failure, use_client},
    components::{
        Empty, Icon, IconButton, Problem, Search, Sign, Split, Switch, VirtualList, Waiting, clock,
        count, use_toasts,
    },
    json::short,
    place::{Place, use_nav},
    state::use_live,
};

/// The table of one dataset with the entity that is selected in it.
#[component]
pub fn Browser(
    /// The dataset.
    dataset: String,
) -> impl IntoView {
    let nav = use_nav();
    let own = dataset.clone();
    // On a pipe's output the selection is not part of the address.
    let picked = RwSignal::new(None::<String>);
    let entity = Memo::new(move |_| match nav.place() {
        Place::Dataset { id, entity } if id == own => entity,
        _ => picked.get(),
    });
    let id = StoredValue::new(dataset.clone());
    let pick = move |wanted: Option<String>| match nav.now() {
        Place::Dataset { .. } => nav.replace(Place::Dataset { id: id.get_value(), entity: wanted }),
        _ => picked.set(wanted),
    };
    let panes = vec![
        view! { <Entities dataset=dataset.clone() entity on_pick=move |id| pick(Some(id)) /> }
            .into_any(),
        view! { <EntityPane dataset entity /> }.into_any(),
    ];
    view! { <Split name="dataset" shares=&[5.0, 3.0] panes labels=&["Entities", "Entity"] /> }
}

#[component]
fn Entities(
    dataset: String,
    entity: Memo<Option<String>>,
    on_pick: impl Fn(String) + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let (live, toasts) = (use_live(), use_toasts());
    let client = StoredValue::new(use_client());
    let status = live.dataset(&dataset);
    let status = Memo::new(move |_| status.get());
    let (history, deleted) = (RwSignal::new(false), RwSignal::new(false));
    let shown = Signal::derive(move || (history.get(), deleted.get()));
    let finding = Finding::start(client.get_value(), dataset.clone(), shown);
    let name = StoredValue::new(dataset);
    let pages = RwSignal::new(Pages::default());
    let failure = RwSignal::new(None::<Failure>);
    let view_range = RwSignal::new(0..0_usize);
    let busy = StoredValue::new(false);
    // Counts changes of what is asked for, so that late answers are dropped.
    let epoch = StoredValue::new(0_u32);
    let counted = Memo::new(move |_| {
        status.with(|status| match (history.get(), deleted.get()) {
            (true, _) => status.versions,
            (false, true) => status.entities + status.deleted,
            (false, false) => status.entities,
        } as usize)
    });
    let find = RwSignal::new(String::new());
    let follow = RwSignal::new(None::<usize>);
    // Whether the end of the log stays in view.
    let tail = RwSignal::new(false);
    // Whether each column is filtered.
    let filtering = RwSignal::new(false);

    // Whether the dataset changed while something was being read.
    let stale = StoredValue::new(false);
    let path = move |want: Want| {
        let since = want.since.map(|since| format!("&since={since}")).unwrap_or_default();
        let (history, deleted) = (history.get_untracked(), deleted.get_untracked());
        format!(
            "/api/datasets/{}/entities?limit={PAGE}&history={history}&deleted={}{since}",
            encode(&name.get_value()),
            deleted || history
        )
    };
    let last_page = move || Want {
        since: status.with_untracked(|status| status.next_offset).checked_sub(PAGE as u64 / 2 + 1),
        place: PagePlace::Fresh(counted.get_untracked().saturating_sub(PAGE / 2)),
    };
    let again = move || match tail.get_untracked() {
        true => last_page(),
        false => pages.with_untracked(|pages| pages.refresh(&view_range.get_untracked())),
    };
    let read = move |want: Want| {
        if busy.get_value() {
            return;
        }
        busy.set_value(true);
        let asked = epoch.get_value();
        spawn_local(async move {
            let mut next = Some(want);
            while let Some(want) = next.take() {
                let Some(client) = client.try_get_value() else { return };
                let answer = client.get::<Vec<Json>>(&path(want)).await;
                // The table is gone, or what it shows was chosen anew.
                if epoch.try_get_value() != Some(asked) {
                    break;
                }
                match answer {
                    Err(why) => failure.set(Some(why)),
                    Ok(entities) => {
                        failure.set(None);
                        let rows: Vec<Row> =
                            entities.iter().filter_map(|entity| Row::read(entity.text())).collect();
                        let mut moved = 0;
                        pages.update(|pages| (moved, next) = pages.take(want, rows));
                        if moved != 0 {
                            follow
                                .set(Some(view_range.with_untracked(|view| {
                                    view.start.saturating_add_signed(moved)
                                })));
                        }
                    }
                }
                if stale.try_update_value(std::mem::take) == Some(true) {
                    next = Some(again());
                }
            }
            if busy.try_update_value(|busy| *busy = false).is_some() && epoch.get_value() != asked {
                pages.set(Pages::default());
            }
        });
    };
    let start_over = move || {
        epoch.update_value(|epoch| *epoch += 1);
        pages.set(Pages::default());
    };
    // Before its first version there is nothing to ask for.
    let written = Memo::new(move |_| status.with(|status| status.next_offset > 0));
    // Fills the view. What is read runs it again.
    Effect::new(move || {
        if !written.get() {
            return;
        }
        let next_offset = status.with_untracked(|status| status.next_offset);
        let want = pages
            .with(|pages| pages.wanted(&view_range.get(), counted.get_untracked(), next_offset));
        if let (Some(want), true) = (want, failure.with_untracked(Option::is_none)) {
            read(want);
        }
    });
    // What was written meanwhile: the view is read again where it is, or at
    // the end.
    Effect::new(move |before: Option<u64>| {
        let now = status.with(|status| status.next_offset);
        if before.is_some_and(|before| before != now) {
            failure.set(None);
            if tail.get_untracked() && finding.is_on() {
                finding.start_over();
            }
            if busy.get_value() {
                stale.set_value(true);
            } else if pages.with_untracked(Pages::is_loaded) {
                read(again());
            }
        }
        now
    });
    Effect::new(move || {
        let rows = match finding.is_on() {
            true => finding.count(),
            false => pages.with(|pages| pages.count(counted.get_untracked())),
        };
        if tail.get() && rows > 0 {
            // The list must be that long first.
            request_animation_frame(move || follow.set(Some(rows - 1)));
        }
    });

    let known = Memo::new(move |last: Option<&Vec<String>>| {
        let mut names = last.cloned().unwrap_or_default();
        let found = (0..finding.count().min(PAGE)).filter_map(|index| finding.row(index));
        pages.with(|pages| {
            for row in pages.rows().iter().take(PAGE).cloned().chain(found) {
                for (name, _) in row.entity.members() {
                    if !name.starts_with('_') && !names.contains(name) {
                        names.push(name.clone());
                    }
                }
            }
        });
        names
    });
    let chosen = Columns::start(client.get_value(), name.get_value(), known);
    let columns = chosen.shown;
    let tracks = Memo::new(move |_| {
        columns.with(|columns| {
            format!("grid-template-columns:64px 200px{}", " 168px".repeat(columns.len()))
        })
    });
    let width =
        Signal::derive(move || Some(columns.with(|columns| 264.0 + 168.0 * columns.len() as f64)));
    let go = move || {
        let wanted = find.get_untracked().trim().to_owned();
        if wanted.is_empty() {
            return;
        }
        // A number is an offset of the log, anything else an `_id`.
        let path = format!(
            "/api/datasets/{}/entity?entity_id={}",
            encode(&name.get_value()),
            encode(&wanted)
        );
        let client = client.get_value();
        spawn_local(async move {
            let found = client.get::<Json>(&path).await;
            // The table is gone.
            if follow.is_disposed() {
                return;
            }
            match (found, wanted.parse::<u64>()) {
                (Ok(found), _) => {
                    if let Some(row) = Row::read(found.text()) {
                        on_pick(row.id);
                    }
                }
                (Err(_), Ok(offset)) => {
                    let (next, counted) = (
                        status.with_untracked(|status| status.next_offset),
                        counted.get_untracked(),
                    );
                    let at =
                        (u128::from(offset) * counted as u128 / u128::from(next.max(1))) as usize;
                    follow.set(Some(at.min(counted.saturating_sub(1))));
                }
                (Err(Failure::Refused { status: 404, .. }), Err(_)) => {
                    toasts.failed(format!("There is no entity {wanted} here."))
                }
                (Err(failure), Err(_)) => toasts.failed(failure.to_string()),
            }
        });
    };
    // The selected entity comes into view when it is among what is held.
    let at = Memo::new(move |_| {
        let wanted = entity.get()?;
        if finding.is_on() {
            return finding.position(&wanted);
        }
        pages.with(|pages| {
            pages
                .rows()
                .iter()
                .rev()
                .find(|row| row.id == wanted)
                .and_then(|row| pages.position(row.offset))
        })
    });
    Effect::new(move || {
        if let Some(at) = at.get() {
            follow.set(Some(at));
        }
    });
    let count_rows = Signal::derive(move || match finding.is_on() {
        true => finding.count(),
        false => pages.with(|pages| pages.count(counted.get())),
    });
    let row_at = move |index: usize| match finding.is_on() {
        true => finding.row(index),
        false => pages.with(|pages| pages.row(index).cloned()),
    };
    let keys = move |event: ev::KeyboardEvent| {
        let last = count_rows.get_untracked().saturating_sub(1);
        let next = match (event.key().as_str(), at.get_untracked()) {
            ("ArrowDown", at) => at.map_or(0, |at| (at + 1).min(last)),
            ("ArrowUp", at) => at.map_or(0, |at| at.saturating_sub(1)),
            _ => return,
        };
        event.prevent_default();
        if let Some(row) = untrack(|| row_at(next)) {
            on_pick(row.id);
        }
    };

    let filter_of = move |name: String| {
        let own = name.clone();
        let value =
            move || finding.properties.with(|all| all.get(&own).cloned().unwrap_or_default());
        let label = format!("Filter {name}");
        view! {
            <span class="column-filter" role="columnheader">
                <input
                    type="search"
                    placeholder="contains, = < >"
                    aria-label=label
                    spellcheck="false"
                    autocomplete="off"
                    data-column=name.clone()
                    prop:value=value
                    on:input=move |event| {
                        let typed = event_target_value(&event);
                        finding.properties.update(|all| {
                            all.remove(&name);
                            if !typed.is_empty() {
                                all.insert(name.clone(), typed);
                            }
                        });
                    }
                    on:keydown=|event: ev::KeyboardEvent| event.stop_propagation()
                />
            </span>
        }
    };
    let head = view! {
        <div class="table-head" role="row" style=move || tracks.get()>
            <span class="table-title number" role="columnheader">"Offset"</span>
            <span class="table-title" role="columnheader">"_id"</span>
            {move || columns.get().into_iter().map(|name| view! { <span class="table-title property" role="columnheader" data-tip=name.clone()>{property(&name)}</span> }).collect_view()}
        </div>
        <Show when=move || filtering.get()>
            <div class="table-head filters" role="row" style=move || tracks.get()>
                <span role="columnheader" aria-label="Offset"></span>
                {filter_of("_id".to_owned())}
                {move || columns.get().into_iter().map(filter_of).collect_view()}
            </div>
        </Show>
    }
    .into_any();
    let row = move |index: usize| {
        let row = Memo::new(move |_| row_at(index));
        let selected = move || {
            row.with(|row| {
                row.as_ref()
                    .is_some_and(|row| entity.with(|entity| entity.as_ref() == Some(&row.id)))
            })
        };
        view! {
            <div
                class="table-row"
                role="row"
                style=move || tracks.get()
                aria-selected=move || selected().to_string()
                class:deleted=move || row.with(|row| row.as_ref().is_some_and(|row| row.deleted))
                data-key=move || row.with(|row| row.as_ref().map(|row| row.id.clone()))
                on:click=move |_| {
                    if let Some(row) = row.get_untracked() {
                        on_pick(row.id);
                    }
                }
            >
                {move || match row.get() {
                    None => view! { <div class="cell faint">"…"</div> }.into_any(),
                    Some(row) => {
                        let cells = columns.get().into_iter().map(|name| view! { <div class="cell" role="gridcell">{row.entity.get(&name).map(short)}</div> });
                        let tip = row.ts.map(clock).unwrap_or_default();
                        view! {
                            <div class="cell number faint" role="gridcell" data-tip=tip>{row.offset}</div>
                            <div class="cell mono" role="gridcell">{row.id.clone()}</div>
                            {cells.collect_view()}
                        }
                            .into_any()
                    }
                }}
            </div>
        }
        .into_any()
    };
    let empty = Memo::new(move |_| {
        !finding.is_on()
            && live.known()
            && (!written.get() || pages.with(|pages| pages.is_loaded() && pages.rows().is_empty()))
    });
    let loading = Memo::new(move |_| {
        if finding.is_on() {
            return !finding.is_done();
        }
        !empty.get() && pages.with(|pages| !pages.is_loaded()) && failure.with(Option::is_none)
    });
    let nothing_found = Memo::new(move |_| {
        let none = finding.count() == 0 && finding.failure.with(Option::is_none);
        finding.is_on() && finding.is_done() && none
    });
    let seen = move |range: Range<usize>| match finding.is_on() {
        true => finding.view(&range),
        false => view_range.set(range),
    };
    view! {
        <div class="pane-head browse-head">
            <form
                class="search-form"
                on:submit=move |event| {
                    event.prevent_default();
                    go();
                }
            >
                <label class="search">
                    <Icon sign=Sign::Search />
                    <input type="search" placeholder="Go to _id or offset" aria-label="Go to _id or offset" spellcheck="false" autocomplete="off" data-search="" data-testid="dataset-goto" bind:value=find />
                </label>
            </form>
            <Search value=finding.typed label="Find: words, age > 30, or DTL" id="dataset-filter" />
            <FullText dataset=name.get_value() />
            <span class="pane-note" data-testid="dataset-count">
                {move || match finding.is_on() {
                    true => finding.note(counted.get()),
                    false => format!("{} shown", count(counted.get() as u64)),
                }}
            </span>
            <Switch
                label="Deleted"
                on=deleted
                disabled=history
                id="show-deleted"
                on_change=move |on| {
                    deleted.set(on);
                    start_over();
                }
            />
            <Switch
                label="All versions"
                on=history
                id="show-history"
                on_change=move |on| {
                    history.set(on);
                    start_over();
                }
            />
            <Switch
                label="Follow"
                on=tail
                id="follow"
                on_change=move |on| {
                    tail.set(on);
                    if on && !busy.get_value() && pages.with_untracked(Pages::is_loaded) {
                        read(last_page());
                    }
                }
            />
            <IconButton
                sign=Sign::Filter
                label="Filter columns"
                pressed=Signal::derive(move || filtering.get())
                id="filter-columns"
                on_click=move || {
                    if filtering.get_untracked() {
                        finding.properties.set(Default::default());
                    }
                    filtering.update(|on| *on = !*on);
                }
            />
            <ColumnsMenu columns=chosen />
            <Export dataset=name.get_value() finding columns=chosen />
        </div>
        <div class="table entities" on:keydown=keys data-testid="entities">
            <VirtualList count=count_rows row head follow width on_view=Callback::new(seen) label="Entities" />
            {move || {
                let failure = if finding.is_on() { finding.failure.get() } else { failure.get() };
                failure.map(|failure| view! { <Problem failure /> })
            }}
            <Show when=move || nothing_found.get()>
                <Empty sign=Sign::Search title="Nothing found" hint="Words are whole: joh* finds those that begin so, joh~1 those that are like it, \"john doe\" both in a row; + is and, - is not. A property is compared with =, !=, <, > and the like; DTL names the entity _S." />
            </Show>
            <Show when=move || empty.get()>
                <Empty sign=Sign::Dataset title="Nothing in this dataset" hint="It fills when the pipe that writes it has run." />
            </Show>
            <Show when=move || loading.get()>
                <Waiting />
            </Show>
        </div>
    }
}

/// A property's name, its namespace after it and held back: what tells columns
/// apart comes first.
fn property(name: &str) -> AnyView {
    match name.rsplit_once(':') {
        Some((namespace, local)) => {
            view! { <span>{local.to_owned()}<i class="namespace">{namespace.to_owned()}</i></span> }
                .into_any()
        }
        None => view! { <span>{name.to_owned()}</span> }.into_any(),
    }
}
