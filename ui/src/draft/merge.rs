//! A pipe that merges datasets: which records are one is said by a property of
//! each.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{Edits, Json, Spot, encode};
use serde_json::{Value, json};

use super::{Maker, create, name_problem, placed, text};
use crate::{
    client::use_client,
    components::{Button, Field, Form, IconButton, Sign},
    json::Tree,
    place::Place,
    state::use_live,
};

/// How many entities are looked at for their properties.
const LOOKED_AT: u32 = 100;

/// One dataset to merge, with the property that says who is who.
#[derive(Clone, Copy, PartialEq)]
struct Part {
    key: usize,
    dataset: RwSignal<String>,
    property: RwSignal<String>,
    known: RwSignal<Vec<String>>,
}

impl Part {
    fn new(key: usize, dataset: String) -> Self {
        Part {
            key,
            dataset: RwSignal::new(dataset),
            property: RwSignal::default(),
            known: RwSignal::default(),
        }
    }
}

/// The config of a pipe that merges datasets; each comes with its property.
fn config(id: &str, parts: &[(String, String)]) -> Value {
    let alias = |index: usize| format!("d{}", index + 1);
    let datasets: Vec<String> = parts
        .iter()
        .enumerate()
        .map(|(at, (dataset, _))| format!("{dataset} {}", alias(at)))
        .collect();
    let same: Vec<String> = parts
        .iter()
        .enumerate()
        .map(|(at, (_, property))| format!("{}.{property}", alias(at)))
        .collect();
    json!({
        "_id": id,
        "type": "pipe",
        "source": {
            "type": "merge",
            "datasets": datasets,
            "equality_sets": [same],
            "identity": "first",
            "version": 2,
        },
        "metadata": { "global": true },
    })
}

/// Asks which datasets, shows the file, and makes it.
#[component]
pub fn NewMerge(
    /// The dataset to begin with, if any.
    #[prop(into)]
    first: Option<String>,
    /// Where its card is put, unless the layout finds a place.
    #[prop(optional_no_strip)]
    spot: Option<Spot>,
    /// Called when it is made or given up.
    on_close: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let (live, maker, client) = (use_live(), Maker::start(), StoredValue::new(use_client()));
    let next = StoredValue::new(2);
    let parts =
        RwSignal::new(vec![Part::new(0, first.unwrap_or_default()), Part::new(1, String::new())]);
    let name = RwSignal::new(String::from("global-"));
    let wrong = Memo::new(move |_| {
        name_problem(name.with(|name| name.trim().to_owned()).trim_end_matches('-'), "pipe", |id| {
            live.name_taken(id)
        })
    });
    let datasets = Memo::new(move |_| {
        let all = live.datasets.with(|datasets| datasets.keys().cloned().collect::<Vec<_>>());
        all.into_iter().filter(|id| !id.starts_with("system:")).collect::<Vec<_>>()
    });
    let whole = Memo::new(move |_| {
        let parts = parts.get();
        let given: Vec<(String, String)> = parts
            .iter()
            .map(|part| (part.dataset.get(), part.property.get().trim().to_owned()))
            .filter(|(dataset, property)| !dataset.is_empty() && !property.is_empty())
            .collect();
        (given.len() == parts.len() && given.len() > 1).then_some(given)
    });
    let drafted = Memo::new(move |_| {
        let id = name.with(|name| name.trim().to_owned());
        whole.with(|whole| whole.as_ref().map(|parts| config(&id, parts)))
    });
    let make = move || {
        let (Some(config), None) = (drafted.get_untracked(), wrong.get_untracked()) else { return };
        let id = name.get_untracked().trim().to_owned();
        let mut files = vec![create("pipes", &id, &config)];
        files.extend(placed(format!("pipe:{id}"), spot));
        let step = Edits { label: format!("Add pipe {id}"), files };
        maker.make(step, Some(Place::Flow { select: Some(format!("pipe:{id}")) }), on_close);
    };
    let row = move |part: Part| {
        Effect::new(move || {
            let dataset = part.dataset.get();
            part.known.set(Vec::new());
            if dataset.is_empty() {
                return;
            }
            let path = format!(
                "/api/datasets/{}/entities?limit={LOOKED_AT}&history=false&deleted=false",
                encode(&dataset)
            );
            let client = client.get_value();
            spawn_local(async move {
                let Ok(entities) = client.get::<Vec<Json>>(&path).await else { return };
                if part.dataset.try_get_untracked() == Some(dataset) {
                    part.known.try_set(properties(&entities));
                }
            });
        });
        let list = format!("merge-properties-{}", part.key);
        let many = move || parts.with(|parts| parts.len() > 2);
        view! {
            <div class="merge-part">
                <label class="field">
                    <span>"Dataset"</span>
                    <select data-testid="merge-dataset" on:change=move |event| part.dataset.set(event_target_value(&event)) prop:value=move || part.dataset.get()>
                        <option value="">"Choose"</option>
                        {move || datasets.get().into_iter().map(|id| { let chosen = part.dataset.get_untracked() == id; view! { <option value=id.clone() selected=chosen>{id.clone()}</option> } }).collect_view()}
                    </select>
                </label>
                <label class="field">
                    <span>"Same record when equal"</span>
                    <input data-testid="merge-property" list=list.clone() placeholder="email" spellcheck="false" autocomplete="off" bind:value=part.property />
                    <datalist id=list>
                        {move || part.known.get().into_iter().map(|name| view! { <option value=name></option> }).collect_view()}
                    </datalist>
                </label>
                <Show when=many>
                    <IconButton sign=Sign::Close label="Leave this dataset out" on_click=move || parts.update(|parts| parts.retain(|each| each.key != part.key)) />
                </Show>
            </div>
        }
    };
    let more = move || {
        let key = next.get_value();
        next.set_value(key + 1);
        parts.update(|parts| parts.push(Part::new(key, String::new())));
    };
    let shown =
        Signal::derive(move || wrong.get().filter(|_| name.with(|name| !name.ends_with('-'))));
    view! {
        <Form
            label="Add pipe"
            sign=Sign::Merge
            id="merge-add"
            disabled=Signal::derive(move || maker.busy.get() || wrong.with(Option::is_some) || whole.with(Option::is_none))
            on_submit=make
            on_close
        >
            <p>"Records of several datasets that are the same thing become one. They are the same when these properties are equal."</p>
            <For each=move || parts.get() key=|part| part.key children=row />
            <div><Button label="One more dataset" sign=Sign::Plus id="merge-more" on_click=more /></div>
            <Field label="Name of the pipe" value=name problem=shown placeholder="global-person" id="merge-name" />
            {move || drafted.get().map(|config| view! { <details><summary>"The file it makes"</summary><pre class="code-block">{text(&config)}</pre></details> })}
        </Form>
    }
}

/// The names of the properties that entities have.
fn properties(entities: &[Json]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for entity in entities {
        let Ok(Tree::Object(members)) = Tree::parse(entity.text()) else { continue };
        let own = members.into_iter().map(|(name, _)| name.to_string());
        names.extend(own.filter(|name| !name.starts_with('_') && *name != "rdf:type"));
    }
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_one_where_the_properties_are_equal() {
        let part = |dataset: &str, property: &str| (dataset.to_owned(), property.to_owned());
        let config = config("all", &[part("crm-person", "crm-person:email"), part("shop", "mail")]);
        let source = &config["source"];
        assert_eq!(source["datasets"], json!(["crm-person d1", "shop d2"]));
        assert_eq!(source["equality_sets"], json!([["d1.crm-person:email", "d2.mail"]]));
    }
}
