//! Who may do what: what the roles allow, and what components say besides.

use leptos::{prelude::*, task::spawn_local};
use serde_json::Value;

use crate::{
    client::{Failure, use_client},
    components::{Empty, Link, Problem, Sign, Waiting},
    place::{PipeTab, Place},
    state::use_live,
};

/// What a role allows.
const ROLES: [(&str, &str); 4] = [
    ("Admin", "everything, also tokens, users, backup and restart"),
    ("Developer", "read and change config, run pipes, write data"),
    ("Reader", "read config and data, try rules that are saved"),
    ("Anonymous", "nothing, unless a component allows it"),
];

/// A component that says something about permissions.
#[derive(Clone, PartialEq)]
struct Stated {
    id: String,
    is_pipe: bool,
    entries: Vec<String>,
}

/// The components of a config that state permissions.
fn stated(config: &[Value]) -> Vec<Stated> {
    let one = |component: &Value| {
        let entries = component.get("permissions")?.as_array()?;
        let words = |list: &Value| {
            let words = list.as_array().into_iter().flatten().filter_map(Value::as_str);
            words.map(|word| word.trim_start_matches("group:")).collect::<Vec<_>>().join(", ")
        };
        let entry = |entry: &Value| {
            let verb = entry.get(0)?.as_str()?;
            Some(format!("{verb} {}: {}", words(entry.get(1)?), words(entry.get(2)?)))
        };
        let kind = component.get("type").and_then(Value::as_str).unwrap_or_default();
        Some(Stated {
            id: component.get("_id")?.as_str()?.to_owned(),
            is_pipe: !kind.starts_with("system:"),
            entries: entries.iter().filter_map(entry).collect(),
        })
    };
    config.iter().filter_map(one).collect()
}

/// Who may do what here.
#[component]
pub(super) fn Permissions() -> impl IntoView {
    let live = use_live();
    let client = StoredValue::new(use_client());
    let read = RwSignal::new(None::<Result<Vec<Stated>, Failure>>);
    Effect::new(move || {
        live.changed.track();
        let client = client.get_value();
        spawn_local(async move {
            let config = client.get::<Vec<Value>>("/api/config-all").await;
            read.try_set(Some(config.map(|config| stated(&config))));
        });
    });
    let roles = ROLES.map(|(role, may)| view! { <tr><td><b>{role}</b></td><td>{may}</td></tr> });
    let list = move || {
        match read.get() {
        None => view! { <Waiting /> }.into_any(),
        Some(Err(failure)) => view! { <Problem failure /> }.into_any(),
        Some(Ok(all)) if all.is_empty() => view! { <Empty sign=Sign::Lock title="No component states permissions" hint="Set permissions in the settings of a pipe or in the config of a system: what it allows or denies besides what the role does." /> }.into_any(),
        Some(Ok(all)) => {
            let rows = all.into_iter().map(|each| {
                let to = if each.is_pipe {
                    Place::Pipe { id: each.id.clone(), tab: PipeTab::Settings }
                } else {
                    Place::system(&each.id)
                };
                let entries = each.entries.into_iter().map(|entry| view! { <div>{entry}</div> });
                view! {
                    <tr>
                        <td><Link to class="link">{each.id}</Link></td>
                        <td>{entries.collect_view()}</td>
                    </tr>
                }
            });
            view! { <table class="plain-table"><tbody>{rows.collect_view()}</tbody></table> }.into_any()
        }
    }
    };
    view! {
        <header class="page-head"><h1>"Permissions"</h1></header>
        <div class="settings-form wide">
            <h2>"What a role allows"</h2>
            <table class="plain-table"><tbody>{roles}</tbody></table>
            <h2>"What components say besides"</h2>
            <p class="hint">"The first entry that names the caller's group and the permission decides. A dataset has the permissions of the pipes that write it. An admin may everything."</p>
            {list}
        </div>
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_are_told_in_words() {
        let config = [
            json!({"_id": "a", "type": "pipe", "permissions":
                [["deny", ["group:Reader", "group:Anonymous"], ["read_data"]], "odd"]}),
            json!({"_id": "b", "type": "system:url"}),
        ];
        let found = stated(&config);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].entries, ["deny Reader, Anonymous: read_data"]);
        assert!(found[0].is_pipe);
    }
}
