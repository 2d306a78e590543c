//! Which properties the table shows: chosen from what the entities have,
//! remembered for each dataset.

use std::collections::{BTreeMap, BTreeSet};

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::encode;

use crate::{
    client::Client,
    components::{Icon, Menu, MenuItem, Sign},
    state::{remember, remembered},
};

/// Properties shown until the user chooses others.
const SHOWN: usize = 7;

/// The columns of one table.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    /// What is shown, in order.
    pub(super) shown: Memo<Vec<String>>,
    known: Memo<Vec<String>>,
    chosen: RwSignal<Option<Vec<String>>>,
    /// Namespaces whose properties the menu lists.
    open: RwSignal<BTreeSet<String>>,
    dataset: StoredValue<String>,
}

/// The namespace of a property; empty if it has none.
fn namespace(name: &str) -> &str {
    name.rsplit_once(':').map_or("", |(namespace, _)| namespace)
}

impl Columns {
    /// The columns remembered for a dataset. `seen` are the properties of the
    /// entities at hand; what others have is asked of the node.
    pub(super) fn start(client: Client, dataset: String, seen: Memo<Vec<String>>) -> Self {
        let schema = RwSignal::new(Vec::<String>::new());
        let path =
            format!("/api/datasets/{}/generate-schema-definition?keys_only=true", encode(&dataset));
        spawn_local(async move {
            // Without it the menu has what the entities at hand have.
            if let Ok(names) = client.get::<Vec<String>>(&path).await {
                schema.try_set(names);
            }
        });
        let known = Memo::new(move |_| {
            let mut names = seen.get();
            schema.with(|schema| {
                for name in schema {
                    if !name.starts_with('_') && !names.contains(name) {
                        names.push(name.clone());
                    }
                }
            });
            names
        });
        let kept = remembered(&format!("columns.{dataset}"));
        let chosen =
            RwSignal::new(kept.and_then(|kept| serde_json::from_str::<Vec<String>>(&kept).ok()));
        let shown = Memo::new(move |_| {
            chosen.get().unwrap_or_else(|| {
                seen.with(|seen| seen.iter().take(SHOWN).cloned().collect::<Vec<_>>())
            })
        });
        let dataset = StoredValue::new(dataset);
        Columns { shown, known, chosen, open: RwSignal::default(), dataset }
    }

    fn choose(self, columns: Option<Vec<String>>) {
        let name = format!("columns.{}", self.dataset.get_value());
        let text = columns.as_ref().and_then(|columns| serde_json::to_string(columns).ok());
        remember(&name, &text.unwrap_or_default());
        self.chosen.set(columns);
    }

    fn turn(self, name: &str) {
        let mut next = self.shown.get_untracked();
        match next.iter().position(|shown| shown == name) {
            Some(at) => drop(next.remove(at)),
            None => next.push(name.to_owned()),
        }
        self.choose(Some(next));
    }

    /// Shows all of a namespace, or none of it.
    fn turn_all(self, names: &[String]) {
        let mut next = self.shown.get_untracked();
        let all = names.iter().all(|name| next.contains(name));
        next.retain(|shown| !names.contains(shown));
        if !all {
            next.extend(names.iter().cloned());
        }
        self.choose(Some(next));
    }

    fn items(self) -> Vec<MenuItem> {
        let shown = self.shown.get();
        let mut spaces: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in self.known.get() {
            spaces.entry(namespace(&name).to_owned()).or_default().push(name);
        }
        let single = spaces.len() == 1;
        let mut items = Vec::new();
        for (space, names) in spaces {
            let open = single || space.is_empty() || self.open.with(|open| open.contains(&space));
            if !single && !space.is_empty() {
                let count = names.iter().filter(|name| shown.contains(name)).count();
                let label = format!("{space}  ({count} of {})", names.len());
                let own = space.clone();
                let turn = move || {
                    self.open.update(|open| {
                        if !open.remove(&own) {
                            open.insert(own.clone());
                        }
                    });
                };
                let sign = if open { Sign::Minus } else { Sign::Plus };
                items.push(MenuItem::new(label, turn).sign(sign));
                if open {
                    let all = names.clone();
                    let is_all = count == names.len();
                    let label = if is_all { "None of these" } else { "All of these" };
                    items.push(MenuItem::new(label, move || self.turn_all(&all)));
                }
            }
            if open {
                for name in names {
                    let checked = shown.contains(&name);
                    let label = name.rsplit_once(':').map_or(name.as_str(), |(_, local)| local);
                    let item = MenuItem::new(label.to_owned(), {
                        let name = name.clone();
                        move || self.turn(&name)
                    });
                    items.push(item.checked(checked));
                }
            }
        }
        if self.chosen.with(Option::is_some) {
            let back = MenuItem::new("As to begin with", move || self.choose(None));
            items.push(back.sign(Sign::Undo));
        }
        items
    }
}

/// The menu that chooses them.
#[component]
pub(super) fn ColumnsMenu(columns: Columns) -> impl IntoView {
    let items = Signal::derive(move || columns.items());
    view! {
        <Menu label="Columns" items stays=true id="columns">
            <Icon sign=Sign::Columns />
        </Menu>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_colon_ends_the_namespace() {
        assert_eq!(namespace("crm:name"), "crm");
        assert_eq!(namespace("a:b:c"), "a:b");
        assert_eq!(namespace("name"), "");
    }
}
