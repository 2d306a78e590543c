//! Who may do what to a pipe.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{Diagnostic, Permitted, Role, permissions_path};
use serde_json::{Value, json};

use super::text::{Opening, TextPane};
use crate::{
    client::{Failure, use_client},
    components::{Icon, Problem, Sign, Split, Waiting},
    forms::Target,
    monaco::Goto,
    state::{OpenFile, use_live},
};

const ROLES: [Role; 4] = [Role::Admin, Role::Developer, Role::Reader, Role::Anonymous];

/// What may be done, with the words for it.
const ACTS: [(&str, &str); 5] = [
    ("read_config", "Read config"),
    ("write_config", "Change config"),
    ("run_pump_operation", "Run"),
    ("read_data", "Read data"),
    ("write_data", "Write data"),
];

fn name(role: Role) -> &'static str {
    match role {
        Role::Admin => "Admin",
        Role::Developer => "Developer",
        Role::Reader => "Reader",
        Role::Anonymous => "Anonymous",
    }
}

/// The Permissions side of a pipe: what takes effect, beside the text that says
/// it.
#[component]
pub(super) fn PermissionsPane(
    pipe: Memo<String>,
    opening: RwSignal<Opening, LocalStorage>,
    file: Signal<Option<OpenFile>>,
    #[prop(into)] diagnostics: Signal<Vec<Diagnostic>>,
    goto: RwSignal<Option<Goto>>,
) -> impl IntoView {
    let (client, live) = (use_client(), use_live());
    let held = Signal::derive(move || !live.may_change());
    let target = Target::new(file, Signal::stored(None), held);
    let read = RwSignal::new(None::<Result<Vec<Permitted>, Failure>>);
    Effect::new(move || {
        let id = pipe.get();
        live.files.track();
        let client = client.clone();
        spawn_local(async move {
            let found = client.get::<Vec<Permitted>>(&permissions_path(&id)).await;
            if pipe.try_get_untracked() == Some(id) {
                read.try_set(Some(found));
            }
        });
    });
    // What the text says, with its place.
    let written = Memo::new(move |_| {
        let found = target.ask(|workspace, path| {
            let at = workspace.component_at(&pipe.get())?.key("permissions");
            let value = workspace.value_at(path, &at).unwrap_or_else(|| json!([]));
            Some((at, value))
        });
        found.flatten()
    });
    let dirty = Memo::new(move |_| file.with(|file| file.as_ref().is_some_and(OpenFile::dirty)));
    let set = move |role: Role, act: &'static str, allowed: Option<bool>| {
        let Some((at, value)) = written.get_untracked() else { return };
        let new = with(&value, name(role), act, allowed);
        let gone = new.as_array().is_some_and(Vec::is_empty);
        target.write(&at, (!gone).then_some(new));
    };
    let cell = move |all: &[Permitted], role: Role, (act, _): (&'static str, &'static str)| {
        let found = all.iter().find(|it| it.role == role && it.act == act);
        let (allowed, by) = found.map_or((false, None), |it| (it.allowed, it.by));
        let said =
            Memo::new(move |_| written.with(|written| says(&written.as_ref()?.1, name(role), act)));
        let admin = role == Role::Admin;
        let tip = match by {
            _ if admin => "An admin may everything".to_owned(),
            Some(by) => format!("Entry {} of the permissions says so", by + 1),
            None => "The role says so".to_owned(),
        };
        let next = move |_| {
            let next = match said.get_untracked() {
                None => Some(!allowed),
                Some(false) => Some(true),
                Some(true) => None,
            };
            set(role, act, next);
        };
        let word = move || match said.get() {
            None => "as the role",
            Some(true) => "allow",
            Some(false) => "deny",
        };
        view! {
            <td data-role=name(role) data-act=act>
                <span class="permitted" class:not=!allowed data-tip=tip>
                    <Icon sign={if allowed { Sign::Check } else { Sign::Close }} />
                    <span class="unseen">{if allowed { "may" } else { "may not" }}</span>
                </span>
                {(!admin).then(|| view! {
                    <button type="button" class="permitted-said" class:own=move || said.with(Option::is_some) disabled=move || held.get()
                        aria-label=move || format!("{}, {act}: the text says {}", name(role), word()) on:click=next>{word}</button>
                })}
            </td>
        }
    };
    let table = move || match read.get() {
        None => view! { <Waiting /> }.into_any(),
        Some(Err(failure)) => view! { <Problem failure /> }.into_any(),
        Some(Ok(all)) => {
            let head = ACTS.map(|(_, title)| view! { <th scope="col">{title}</th> });
            let rows = ROLES.map(|role| {
                let cells = ACTS.map(|act| cell(&all, role, act));
                view! { <tr><th scope="row">{name(role)}</th>{cells.into_iter().collect_view()}</tr> }
            });
            view! {
                <table class="permissions" data-testid="permissions">
                    <thead><tr><td></td>{head.into_iter().collect_view()}</tr></thead>
                    <tbody>{rows.into_iter().collect_view()}</tbody>
                </table>
            }
            .into_any()
        }
    };
    let forms = view! {
        <div class="pane-head"><h2>"What takes effect"</h2></div>
        <Show when=move || dirty.get()>
            <p class="notice warning">
                <Icon sign=Sign::Warning />
                <span>"What takes effect is what is saved. The words below the signs are the text as it stands."</span>
            </p>
        </Show>
        <div class="pane-body">
            {table}
            <p class="hint permissions-hint">"A sign shows whether it is allowed now. A click on the word below changes the text: allow, deny, or as the role has it. The first entry that names group and permission decides, and else the role."</p>
        </div>
    };
    let panes = vec![forms.into_any(), view! { <TextPane opening diagnostics goto /> }.into_any()];
    view! { <Split name="pipe-permissions" shares=&[1.0, 1.0] panes labels=&["Permissions", "Text"] /> }
}

fn names(list: &Value, wanted: &str) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|name| name == wanted))
}

/// What entries say of a role and an act, as the node reads them.
fn says(entries: &Value, role: &str, act: &str) -> Option<bool> {
    let group = format!("group:{role}");
    entries.as_array()?.iter().find_map(|entry| {
        let [kind, who, what] = entry.as_array()?.as_slice() else { return None };
        let of = names(who, &group) || names(who, "group:Everyone");
        (of && names(what, act))
            .then(|| kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("allow")))
    })
}

/// The entries such that they say this of a role and an act, and of everything
/// else what they said before; with `None` nothing of their own. Entries about
/// several keep what else they say.
fn with(entries: &Value, role: &str, act: &str, allowed: Option<bool>) -> Value {
    let group = format!("group:{role}");
    let alone = json!([[group.clone()], [act]]);
    let mut new: Vec<Value> = entries.as_array().cloned().unwrap_or_default();
    new.retain(|entry| {
        !matches!(entry.as_array().map(Vec::as_slice), Some([_, who, what]) if json!([who, what]) == alone)
    });
    if let Some(allowed) = allowed
        && says(&Value::from(new.clone()), role, act) != Some(allowed)
    {
        let kind = if allowed { "allow" } else { "deny" };
        new.insert(0, json!([kind, [group], [act]]));
    }
    Value::from(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cell_changes_and_the_others_stay() {
        let entries = json!([["deny", ["group:Everyone"], ["read_data", "write_data"]]]);
        assert_eq!(says(&entries, "Reader", "read_data"), Some(false));
        assert_eq!(says(&entries, "Reader", "read_config"), None);
        let may = with(&entries, "Reader", "read_data", Some(true));
        assert_eq!(says(&may, "Reader", "read_data"), Some(true));
        assert_eq!(says(&may, "Developer", "read_data"), Some(false));
        assert_eq!(with(&may, "Reader", "read_data", None), entries);
        // What holds already needs no entry.
        assert_eq!(with(&entries, "Reader", "write_data", Some(false)), entries);
    }
}
