//! One entity: its versions and what is between them, where it came from, and
//! what can be done with it.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{EdgeKind, EntityVersion, Json, encode, versions_path};

use super::lineage::LineagePane;
use crate::{
    client::{Failure, use_client},
    components::{Empty, Icon, Menu, MenuItem, Problem, Sign, Waiting, clock, use_toasts},
    json::{JsonView, Mark, Tree, compare, print},
    state::use_live,
};

/// A version, read.
#[derive(Clone, PartialEq)]
struct Version {
    offset: u64,
    ts: i64,
    deleted: bool,
    entity: Tree,
    text: String,
    /// Number of lines that differ from the version before.
    changes: usize,
    /// Who wrote it, where no run did.
    by: Option<String>,
    compacted: bool,
}

fn read(versions: &[EntityVersion]) -> Vec<Version> {
    let trees: Vec<Tree> = versions
        .iter()
        .map(|version| Tree::parse(version.entity.text()).unwrap_or(Tree::Null))
        .collect();
    let changed = |index: usize| {
        let Some(before) = trees.get(index + 1) else { return 0 };
        compare(&before.content(), &trees[index].content())
            .iter()
            .filter(|line| line.mark != Mark::Same)
            .count()
    };
    let version = |(index, version): (usize, &EntityVersion)| Version {
        offset: version.offset,
        ts: version.ts,
        deleted: version.deleted,
        entity: trees[index].clone(),
        text: version.entity.text().to_owned(),
        changes: changed(index),
        // Runs have names that say nothing.
        by: version.run.clone().filter(|run| run.contains(' ')),
        compacted: version.compacted,
    };
    versions.iter().enumerate().map(version).collect()
}

/// What is shown of an entity.
#[derive(Clone, Copy, PartialEq)]
enum Shown {
    Whole,
    Changes,
    Lineage,
}

/// The selected entity; read again when its dataset changes.
#[component]
pub(super) fn EntityPane(dataset: String, entity: Memo<Option<String>>) -> impl IntoView {
    let live = use_live();
    let client = StoredValue::new(use_client());
    let status = live.dataset(&dataset);
    let next_offset = Memo::new(move |_| status.with(|status| status.next_offset));
    let name = StoredValue::new(dataset);
    let versions = RwSignal::new(None::<Result<Vec<Version>, Failure>>);
    // Offset of the version that is shown; the newest if `None`.
    let shown = RwSignal::new(None::<u64>);
    // The version it is compared with; the one before it if `None`.
    let base = RwSignal::new(None::<u64>);
    let side = RwSignal::new(Shown::Whole);
    Effect::new(move |before: Option<Option<String>>| {
        next_offset.get();
        let wanted = entity.get();
        if before.as_ref() != Some(&wanted) {
            versions.set(None);
            shown.set(None);
            base.set(None);
        }
        if let Some(id) = wanted.clone() {
            let (client, path) = (client.get_value(), versions_path(&name.get_value(), &id));
            spawn_local(async move {
                let answer = client.get::<Vec<EntityVersion>>(&path).await;
                if entity.try_get_untracked().flatten() == Some(id) {
                    versions.set(Some(answer.map(|versions| read(&versions))));
                }
            });
        }
        wanted
    });
    let body = move |all: &[Version]| {
        let place = |offset: u64| all.iter().position(|version| version.offset == offset);
        let at = shown.get().and_then(place).unwrap_or(0);
        let Some(version) = all.get(at) else { return ().into_any() };
        let before = base.get().and_then(place).unwrap_or(at + 1);
        match side.get() {
            Shown::Lineage => {
                let offset = (at > 0).then_some(version.offset);
                let id = entity.get_untracked().unwrap_or_default();
                view! { <LineagePane dataset=name.get_value() id offset /> }.into_any()
            }
            Shown::Changes => {
                let lines = match all.get(before) {
                    Some(before) => compare(&before.entity.content(), &version.entity.content()),
                    None => print(&version.entity),
                };
                view! { <div class="pane-body"><JsonView lines id="entity-json" /></div> }
                    .into_any()
            }
            Shown::Whole => {
                let lines = print(&version.entity);
                view! { <div class="pane-body"><JsonView lines id="entity-json" /></div> }
                    .into_any()
            }
        }
    };
    let timeline = move |all: &[Version]| {
        let at = shown.get().or(all.first().map(|version| version.offset));
        let place = |offset| all.iter().position(|version| Some(version.offset) == offset);
        let before = all.get(place(at).unwrap_or(0) + 1).map(|version| version.offset);
        let against = base.get().or(before);
        let comparing = side.get() == Shown::Changes;
        let items = all.iter().map(|version| {
            let offset = version.offset;
            let what = match (version.deleted, version.changes) {
                (true, _) => "deleted".to_owned(),
                (false, 0) => "first kept".to_owned(),
                (false, 1) => "1 line".to_owned(),
                (false, changes) => format!("{changes} lines"),
            };
            let is_base = comparing && against == Some(offset) && at != Some(offset);
            view! {
                <li class="version-line">
                    <button
                        type="button"
                        class="version"
                        class:deleted=version.deleted
                        aria-pressed=(at == Some(offset)).to_string()
                        data-testid="version"
                        on:click=move |_| shown.set(Some(offset))
                    >
                        <i></i>
                        <b>{offset}</b>
                        <span>{clock(version.ts)}</span>
                        {version.by.clone().map(|by| view! { <span class="faint" data-tip=by.clone()>{by.clone()}</span> })}
                        <em>{what}</em>
                    </button>
                    {comparing.then(|| view! {
                        <button
                            type="button"
                            class="toggle"
                            aria-pressed=is_base.to_string()
                            aria-label=format!("Compare with version {offset}")
                            data-testid="version-base"
                            on:click=move |_| base.set(Some(offset))
                        >
                            "base"
                        </button>
                    })}
                </li>
            }
        });
        let cut = all.last().is_some_and(|version| version.compacted);
        view! {
            <ol class="versions" aria-label="Versions" data-testid="versions">
                {items.collect_view()}
                {cut.then(|| view! { <li class="lineage-note">"Compaction has removed the versions before."</li> })}
            </ol>
        }
    };
    let segment = move |of: Shown, label: &'static str, id: &'static str, tip: &'static str| {
        view! {
            <button type="button" aria-pressed=move || (side.get() == of).to_string() data-testid=id data-tip=tip on:click=move |_| side.set(of)>{label}</button>
        }
    };
    view! {
        <Show
            when=move || entity.with(Option::is_some)
            fallback=|| view! { <Empty sign=Sign::Dataset title="No entity selected" hint="Select a row to see the entity, all its versions, and where it came from." /> }
        >
            <div class="pane-head">
                <h2 class="mono">{move || entity.get()}</h2>
                <div class="segments" role="group" aria-label="Show">
                    {segment(Shown::Whole, "Whole", "entity-whole", "")}
                    {segment(Shown::Changes, "Changes", "entity-changes", "Against the version before, or any other")}
                    {segment(Shown::Lineage, "Lineage", "entity-lineage", "Where it came from, what was made of it, and where it waits")}
                </div>
                <Actions dataset=name.get_value() entity versions shown />
            </div>
            {move || versions.with(|versions| match versions {
                None => view! { <Waiting /> }.into_any(),
                Some(Err(failure)) => view! { <Problem failure=failure.clone() /> }.into_any(),
                Some(Ok(all)) => view! { {timeline(all)} {body(all)} }.into_any(),
            })}
        </Show>
    }
}

/// What can be done with the version that is shown.
#[component]
fn Actions(
    dataset: String,
    entity: Memo<Option<String>>,
    versions: RwSignal<Option<Result<Vec<Version>, Failure>>>,
    shown: RwSignal<Option<u64>>,
) -> impl IntoView {
    let (live, toasts) = (use_live(), use_toasts());
    let client = StoredValue::new(use_client());
    let name = StoredValue::new(dataset);
    let version = move || {
        versions.with_untracked(|versions| match versions {
            Some(Ok(all)) => {
                let wanted = shown.get_untracked();
                let found = all.iter().find(|version| Some(version.offset) == wanted);
                found.or(all.first()).cloned()
            }
            _ => None,
        })
    };
    let copy = move || {
        let Some(version) = version() else { return };
        spawn_local(async move {
            let Some(clipboard) = web_sys::window().map(|window| window.navigator().clipboard())
            else {
                return;
            };
            match wasm_bindgen_futures::JsFuture::from(clipboard.write_text(&version.text)).await {
                Ok(_) => toasts.done("Copied: paste it as the sample of a pipe's preview"),
                Err(_) => toasts.failed("This window may not copy."),
            }
        });
    };
    // Written again as it is, so that everything that reads it runs on it.
    let repost = move || {
        let (Some(version), Some(entity_id)) = (version(), entity.get_untracked()) else {
            return;
        };
        let path = format!("/api/datasets/{}/entities?force=true", encode(&name.get_value()));
        let client = client.get_value();
        spawn_local(async move {
            // Byte for byte: numbers may be larger than this page can count.
            let Ok(entity) = Json::from_text(version.text) else { return };
            match client.tell(&path, &[entity]).await {
                Ok(()) => toasts.done(format!("{entity_id} is posted again")),
                Err(failure) => toasts.failed(failure.to_string()),
            }
        });
    };
    // A pipe reads on behind the offset that it is set to.
    let reset = move |pipe: String| {
        let Some(version) = version() else { return };
        let before = version.offset.checked_sub(1).map(|before| before.to_string());
        let path = format!("/api/pipes/{}/pump", encode(&pipe));
        let client = client.get_value();
        spawn_local(async move {
            let offset = before.unwrap_or_default();
            let fields = [("operation", "update-last-seen"), ("last-seen", offset.as_str())];
            match client.form(&path, &fields).await {
                Ok(()) => toasts.done(format!(
                    "{pipe} goes on from version {}: it reads it again when it runs",
                    version.offset
                )),
                Err(failure) => toasts.failed(failure.to_string()),
            }
        });
    };
    // The pipes for which this dataset is the only source: of others one number
    // says nothing.
    let readers = Memo::new(move |_| {
        let dataset = name.get_value();
        let mut readers = Vec::<String>::new();
        live.graph.with(|graph| {
            for edge in graph.iter().flat_map(|graph| &graph.edges) {
                if edge.kind == EdgeKind::Read && edge.dataset.as_ref() == Some(&dataset) {
                    readers.extend(edge.to.strip_prefix("pipe:").map(str::to_owned));
                }
            }
            readers.retain(|pipe| {
                let to = format!("pipe:{pipe}");
                let edges = graph.iter().flat_map(|graph| &graph.edges);
                let reads = edges.filter(|edge| edge.to == to && edge.kind == EdgeKind::Read);
                reads.count() == 1
            });
        });
        readers
    });
    let items = Signal::derive(move || {
        let held = (!live.may_change()).then(|| "You may not change anything here".to_owned());
        let newest = versions.with(|versions| match versions {
            Some(Ok(all)) => all.first().map(|version| version.offset),
            _ => None,
        });
        let is_old = shown.get().is_some_and(|shown| Some(shown) != newest);
        let old = is_old.then(|| "Select the newest version".to_owned());
        let mut items = vec![
            MenuItem::new("Copy as sample", copy).sign(Sign::Copy),
            MenuItem::new("Post again", repost).sign(Sign::Refresh).held(held.clone().or(old)),
        ];
        for pipe in readers.get() {
            let label = format!("Set {pipe} back to here");
            items.push(
                MenuItem::new(label, move || reset(pipe.clone()))
                    .sign(Sign::History)
                    .held(held.clone()),
            );
        }
        items
    });
    let none = move || entity.with(Option::is_none);
    view! {
        <Show when=move || !none()>
            <Menu label="What can be done with it" items id="entity-actions">
                <Icon sign=Sign::More />
            </Menu>
        </Show>
    }
}
