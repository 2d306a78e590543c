//! One entity with all its versions.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{EntityVersion, versions_path};

use crate::{
    client::{Failure, use_client},
    components::{Empty, Problem, Sign, Waiting, clock},
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
    /// Number of lines that differ from the version before.
    changes: usize,
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
        changes: changed(index),
    };
    versions.iter().enumerate().map(version).collect()
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
    let against = RwSignal::new(false);
    Effect::new(move |before: Option<Option<String>>| {
        next_offset.get();
        let wanted = entity.get();
        if before.as_ref() != Some(&wanted) {
            versions.set(None);
            shown.set(None);
        }
        if let Some(id) = wanted.clone() {
            spawn_local(async move {
                let answer = client
                    .get_value()
                    .get::<Vec<EntityVersion>>(&versions_path(&name.get_value(), &id))
                    .await;
                if entity.try_get_untracked().flatten() == Some(id) {
                    versions.set(Some(answer.map(|versions| read(&versions))));
                }
            });
        }
        wanted
    });
    let body = move |all: &[Version]| {
        let at = shown
            .get()
            .and_then(|offset| all.iter().position(|version| version.offset == offset))
            .unwrap_or(0);
        let Some(version) = all.get(at) else { return ().into_any() };
        let lines = match all.get(at + 1) {
            Some(before) if against.get() => {
                compare(&before.entity.content(), &version.entity.content())
            }
            _ => print(&version.entity),
        };
        view! { <JsonView lines id="entity-json" /> }.into_any()
    };
    let timeline = move |all: &[Version]| {
        let at = shown.get().or(all.first().map(|version| version.offset));
        let items = all.iter().map(|version| {
            let offset = version.offset;
            let what = match (version.deleted, version.changes) {
                (true, _) => "deleted".to_owned(),
                (false, 0) => "first kept".to_owned(),
                (false, 1) => "1 line".to_owned(),
                (false, changes) => format!("{changes} lines"),
            };
            view! {
                <li>
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
                        <em>{what}</em>
                    </button>
                </li>
            }
        });
        view! { <ol class="versions" aria-label="Versions" data-testid="versions">{items.collect_view()}</ol> }
    };
    view! {
        <Show
            when=move || entity.with(Option::is_some)
            fallback=|| view! { <Empty sign=Sign::Dataset title="No entity selected" hint="Select a row to see the entity and all its versions." /> }
        >
            <div class="pane-head">
                <h2 class="mono">{move || entity.get()}</h2>
                <div class="segments" role="group" aria-label="Show">
                    <button type="button" aria-pressed=move || (!against.get()).to_string() on:click=move |_| against.set(false)>"Whole"</button>
                    <button type="button" aria-pressed=move || against.get().to_string() data-testid="entity-changes" data-tip="Against the version before" on:click=move |_| against.set(true)>"Changes"</button>
                </div>
            </div>
            {move || versions.with(|versions| match versions {
                None => view! { <Waiting /> }.into_any(),
                Some(Err(failure)) => view! { <Problem failure=failure.clone() /> }.into_any(),
                Some(Ok(all)) => view! { {timeline(all)} <div class="pane-body">{body(all)}</div> }.into_any(),
            })}
        </Show>
    }
}
