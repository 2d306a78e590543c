//! Where the properties of a pipe come from, and what is made of them.

use leptos::prelude::*;
use pipewright_language::{Lineage, MadeBy, Property, PropertyLineage, ReadFor, UsedBy};

use crate::{
    components::{Column, Empty, Icon, Link, Search, Sign, Split, Table, count},
    monaco::{Models, use_models},
    place::{Nav, PipeTab, Place, use_nav},
    state::{Language, Live, OpenFile, use_language, use_live},
};

/// The Lineage side of a pipe, from the text as it stands.
#[component]
pub(super) fn LineagePane(pipe: Memo<String>, file: Signal<Option<OpenFile>>) -> impl IntoView {
    let language = use_language();
    let found = Memo::new(move |_| {
        language.ready();
        let file = file.get()?;
        let text = file.text.get();
        let asked = pipe.get();
        language.ask(&file.path, &text, |workspace| workspace.lineage(&asked)).flatten()
    });
    let wanted = RwSignal::new(String::new());
    let selected = RwSignal::new(None::<String>);
    Effect::new(move || {
        pipe.track();
        selected.set(None);
    });
    let rows = Memo::new(move |_| {
        let wanted = wanted.get().to_lowercase();
        let mut rows = found.get().map(|found| found.properties).unwrap_or_default();
        rows.retain(|row| row.name.to_lowercase().contains(&wanted));
        rows.into_iter().map(Row).collect::<Vec<_>>()
    });
    let one = Memo::new(move |_| {
        let wanted = selected.get();
        rows.with(|rows| {
            let found = rows.iter().find(|row| Some(&row.0.name) == wanted.as_ref());
            found.map(|row| row.0.clone())
        })
    });
    let more =
        move || found.with(|found| matches!(found, Some(Lineage { may_make_more: true, .. })));
    let list = view! {
        <div class="pane-head">
            <h2>"Properties"</h2>
            <Search value=wanted label="Find a property" id="lineage-find" />
        </div>
        <Show when=more>
            <p class="notice">
                <Icon sign=Sign::Warning />
                <span>"It may make more: some transforms make properties that only running them tells."</span>
            </p>
        </Show>
        <Show
            when=move || found.with(|found| found.as_ref().is_some_and(|found| !found.properties.is_empty()))
            fallback=|| view! { <Empty sign=Sign::Merge title="No properties are known" hint="Neither the rules nor the data seen so far name any. Run the pipes once." /> }
        >
            <Table label="Properties" rows columns=columns() key=|row: &Row| row.0.name.clone() selected on_open=move |row: &Row| selected.set(Some(row.0.name.clone())) id="lineage-table" />
        </Show>
    };
    let detail = view! {
        <div class="pane-body origins" data-testid="lineage">
            {move || match one.get() {
                None => view! { <Empty sign=Sign::Merge title="No property selected" hint="Select one to see what makes it and who reads it." /> }.into_any(),
                Some(property) => view! { <Ways property pipe /> }.into_any(),
            }}
        </div>
    };
    let panes = vec![list.into_any(), detail.into_any()];
    view! { <Split name="lineage" shares=&[1.0, 1.0] panes labels=&["Properties", "Lineage"] /> }
}

#[derive(Clone, PartialEq)]
struct Row(PropertyLineage);

fn columns() -> Vec<Column<Row>> {
    vec![
        Column::text(
            "Property",
            "minmax(120px,2fr)",
            |row| view! { <b>{row.0.name.clone()}</b> }.into_any(),
            |a, b| a.0.name.cmp(&b.0.name),
        ),
        Column::text(
            "Made of",
            "minmax(140px,3fr)",
            |row| made_of(&row.0).into_any(),
            |a, b| made_of(&a.0).cmp(&made_of(&b.0)),
        ),
        Column::number(
            "Readers",
            "88px",
            |row| count(readers(&row.0) as u64).into_any(),
            |a, b| readers(&a.0).cmp(&readers(&b.0)),
        ),
    ]
}

/// What a property is made of, in a line.
fn made_of(property: &PropertyLineage) -> String {
    let mut names: Vec<String> = Vec::new();
    for from in property.made.iter().flat_map(|made| &made.from) {
        let name = match from.datasets.as_slice() {
            [] => from.name.clone(),
            [one] => format!("{one}.{}", from.name),
            several => format!("{} datasets.{}", several.len(), from.name),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    match (names.is_empty(), property.made.is_empty()) {
        (true, true) => "seen in the data".into(),
        (true, false) => "nothing but constants".into(),
        _ => names.join(", "),
    }
}

/// How many pipes read it.
fn readers(property: &PropertyLineage) -> usize {
    let mut pipes: Vec<&str> = property.used.iter().map(|used| used.pipe.as_str()).collect();
    pipes.sort_unstable();
    pipes.dedup();
    pipes.len()
}

/// Up and down from one property.
#[component]
fn Ways(property: PropertyLineage, pipe: Memo<String>) -> impl IntoView {
    let PropertyLineage { name, made, used } = property;
    let (none_made, none_used) = (made.is_empty(), used.is_empty());
    let made = made.into_iter().map(|made| view! { <Made made pipe /> });
    let used = used.into_iter().map(|used| view! { <Used used /> });
    view! {
        <h2 class="origin-name">{name}</h2>
        <h3 class="section-head">"Where it comes from"</h3>
        {none_made.then(|| view! { <p class="hint">"No rule names it. It is seen in the data, so something that copies or merges has brought it along."</p> })}
        <ol class="origin-way" data-testid="lineage-up">{made.collect_view()}</ol>
        <h3 class="section-head">"Who reads it"</h3>
        {none_used.then(|| view! { <p class="hint">"No pipe of this project reads it."</p> })}
        <ol class="origin-way" data-testid="lineage-down">{used.collect_view()}</ol>
    }
}

/// Leads to places in the files of pipes.
#[derive(Clone, Copy)]
struct Way {
    models: Models,
    language: Language,
    nav: Nav,
    live: Live,
}

impl Way {
    fn here() -> Way {
        let (models, language, nav, live) = (use_models(), use_language(), use_nav(), use_live());
        Way { models, language, nav, live }
    }

    fn lead(self, file: &str, start: usize) {
        let range = self.language.look_at(|workspace| workspace.range(file, start..start));
        if let Some(range) = range.flatten() {
            self.models.lead_to(file, range.start);
        }
        self.nav.go(self.live.place_of_file(file));
    }
}

#[component]
fn Made(made: MadeBy, pipe: Memo<String>) -> impl IntoView {
    let way = Way::here();
    let MadeBy { what, span, from } = made;
    let word = if what.is_empty() { "comes as the source gives it".to_owned() } else { what };
    let go = move |_| {
        let file = untrack(|| way.live.pipe_node(&pipe.get())).and_then(|node| node.file);
        if let Some(file) = file {
            way.lead(&file, span.start);
        }
    };
    let from = from.into_iter().map(|from| view! { <MadeFrom from /> });
    view! {
        <li>
            <button type="button" class="origin-step" data-testid="lineage-rule" data-tip="To the rule" on:click=go>
                <code>{word}</code>
            </button>
            <ul>{from.collect_view()}</ul>
        </li>
    }
}

#[component]
fn MadeFrom(from: Property) -> impl IntoView {
    let Property { datasets, pipes, name } = from;
    if datasets.is_empty() {
        return view! { <li><b>{name}</b> " " <span class="faint">"of the same entity, made before"</span></li> }
            .into_any();
    }
    let of = datasets.into_iter().map(|dataset| {
        view! { <Link to=Place::dataset(dataset.clone()) class="origin-dataset"><Icon sign=Sign::Dataset />{dataset}</Link> }
    });
    let by = pipes.into_iter().map(|pipe| {
        let to = Place::Pipe { id: pipe.clone(), tab: PipeTab::Lineage };
        view! { <Link to class="origin-pipe" tip="On to its lineage"><Icon sign=Sign::Pipe />{pipe}</Link> }
    });
    view! {
        <li>
            <b>{name}</b>
            " of "
            {of.collect_view()}
            <span class="faint">" written by "</span>
            {by.collect_view()}
        </li>
    }
    .into_any()
}

#[component]
fn Used(used: UsedBy) -> impl IntoView {
    let way = Way::here();
    let UsedBy { pipe, file, span, what, makes } = used;
    let word = match what {
        ReadFor::Source => "reads it",
        ReadFor::Lookup => "looks it up",
        ReadFor::Copy => "copies it",
        ReadFor::Merge => "merges by it",
    };
    let go = move |_| way.lead(&file, span.start);
    let on = Place::Pipe { id: pipe.clone(), tab: PipeTab::Lineage };
    let makes = (!makes.is_empty()).then(|| {
        view! { <span>" and makes " <b>{makes.join(", ")}</b></span> }
    });
    view! {
        <li>
            <Link to=on class="origin-pipe" tip="On to its lineage"><Icon sign=Sign::Pipe />{pipe}</Link>
            " "
            <button type="button" class="origin-step" data-tip="To the rule" on:click=go>{word}</button>
            {makes}
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_a_property_is_made_of() {
        let from = |datasets: &[&str], name: &str| Property {
            datasets: datasets.iter().map(|it| (*it).to_owned()).collect(),
            pipes: Vec::new(),
            name: name.into(),
        };
        let made = |from| MadeBy { what: "add".into(), span: 0..1, from };
        let mut property = PropertyLineage::default();
        assert_eq!(made_of(&property), "seen in the data");
        property.made = vec![made(Vec::new())];
        assert_eq!(made_of(&property), "nothing but constants");
        property.made.push(made(vec![from(&[], "x"), from(&["d"], "y"), from(&["d", "e"], "z")]));
        assert_eq!(made_of(&property), "x, d.y, 2 datasets.z");
    }
}
