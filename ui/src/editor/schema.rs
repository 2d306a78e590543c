//! What the entities of a pipe look like, inferred from data.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::service::EntityType;
use pipewright_protocol::studio::encode;
use serde_json::Value;

use crate::{
    client::{Failure, use_client},
    components::{Column, Empty, Problem, Search, Sign, Split, Table, Waiting},
    state::use_live,
};

/// The Schema side of a pipe: in and out.
#[component]
pub(super) fn SchemaPane(pipe: Memo<String>) -> impl IntoView {
    let panes = vec![
        view! { <Side pipe title="In" stage="source" id="schema-in" hint="The source gives nothing, or cannot be read now." /> }
            .into_any(),
        view! { <Side pipe title="Out" stage="sink" id="schema-out" hint="Nothing has come out yet: run the pipe." /> }
            .into_any(),
    ];
    view! { <Split name="schema" shares=&[1.0, 1.0] panes labels=&["In", "Out"] /> }
}

#[component]
fn Side(
    pipe: Memo<String>,
    title: &'static str,
    stage: &'static str,
    id: &'static str,
    hint: &'static str,
) -> impl IntoView {
    let (client, live) = (use_client(), use_live());
    let read = RwSignal::new(None::<Result<Vec<Row>, Failure>>);
    let wanted = RwSignal::new(String::new());
    Effect::new(move || {
        let id = pipe.get();
        live.pipe(&id).with(|status| status.last_run);
        let client = client.clone();
        spawn_local(async move {
            let path = format!("/api/pipes/{}/entity-types/{stage}", encode(&id));
            let found = client.get::<EntityType>(&path).await.map(|found| rows(&found));
            if pipe.try_get_untracked() == Some(id) {
                read.try_set(Some(found));
            }
        });
    });
    let rows = Memo::new(move |_| {
        let wanted = wanted.get().to_lowercase();
        let all = read.with(|read| read.as_ref().and_then(|read| read.as_ref().ok().cloned()));
        let mut all = all.unwrap_or_default();
        all.retain(|row| row.name.to_lowercase().contains(&wanted));
        all
    });
    let state = Memo::new(move |_| {
        read.with(|read| {
            read.as_ref().map(|read| read.as_ref().map(Vec::is_empty).map_err(Clone::clone))
        })
    });
    let body = move || {
        match state.get() {
        None => view! { <Waiting /> }.into_any(),
        Some(Err(failure)) => view! { <Problem failure /> }.into_any(),
        Some(Ok(true)) => {
            view! { <Empty sign=Sign::Columns title="Nothing to look at" hint /> }.into_any()
        }
        Some(Ok(false)) => {
            view! { <Table label=title rows columns=columns() key=|row| row.name.clone() on_open=|_: &Row| {} id /> }
                .into_any()
        }
    }
    };
    view! {
        <div class="pane-head">
            <h2>{title}</h2>
            <span class="pane-note">"inferred from up to 1 000 entities"</span>
            <Search value=wanted label="Find a property" id=stage />
        </div>
        {body}
    }
}

#[derive(Clone, PartialEq)]
struct Row {
    /// The path of the property, dotted.
    name: String,
    kind: String,
    always: bool,
}

fn columns() -> Vec<Column<Row>> {
    vec![
        Column::text(
            "Property",
            "minmax(140px,2fr)",
            |row| {
                let depth = row.name.matches(" › ").count();
                let name = row.name.rsplit(" › ").next().unwrap_or_default().to_owned();
                let style = format!("padding-left:{}px", depth * 16);
                view! { <b style=style>{name}</b> }.into_any()
            },
            |a, b| a.name.cmp(&b.name),
        ),
        Column::text(
            "Type",
            "minmax(120px,2fr)",
            |row| view! { <code>{row.kind.clone()}</code> }.into_any(),
            |a, b| a.kind.cmp(&b.kind),
        ),
        Column::text(
            "In",
            "72px",
            |row| {
                match row.always {
                    true => "all",
                    false => "some",
                }
                .into_any()
            },
            |a, b| a.always.cmp(&b.always),
        ),
    ]
}

/// The properties, each with those below it.
fn rows(found: &EntityType) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, schema) in &found.properties {
        add(name, schema, found.required.contains(name), &mut rows);
    }
    rows
}

fn add(name: &str, schema: &Value, always: bool, to: &mut Vec<Row>) {
    to.push(Row { name: name.to_owned(), kind: kind(schema), always });
    for object in objects(schema) {
        let required = object["required"].as_array();
        for (below, schema) in object["properties"].as_object().into_iter().flatten() {
            let always = required.is_some_and(|all| all.iter().any(|name| name == below));
            add(&format!("{name} › {below}"), schema, always, to);
        }
    }
}

/// The objects that a value may be or hold in a list.
fn objects(schema: &Value) -> Vec<&Value> {
    if let Some(any) = schema["anyOf"].as_array() {
        return any.iter().flat_map(objects).collect();
    }
    match schema["type"].as_str() {
        Some("object") => vec![schema],
        Some("array") => objects(&schema["items"]),
        _ => Vec::new(),
    }
}

/// The words for what a value may be.
fn kind(schema: &Value) -> String {
    if let Some(any) = schema["anyOf"].as_array() {
        return any.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("array"), _) if schema["items"].is_object() => {
            format!("list of {}", kind(&schema["items"]))
        }
        (Some("array"), _) => "empty list".to_owned(),
        (_, Some(format)) => format.to_owned(),
        (Some(kind), None) => kind.to_owned(),
        (None, None) => "anything".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_inside_stands_below() {
        let found: EntityType = serde_json::from_str(
            r#"{"type": "object", "required": ["a"], "properties": {
                "a": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "b": {"type": "array", "items": {"type": "object", "required": ["c"],
                    "properties": {"c": {"type": "string", "format": "date-time"}}}}}}"#,
        )
        .unwrap();
        let told: Vec<String> = rows(&found)
            .iter()
            .map(|row| format!("{}: {}{}", row.name, row.kind, if row.always { "!" } else { "" }))
            .collect();
        assert_eq!(told, ["a: string or null!", "b: list of object", "b › c: date-time!"]);
    }
}
