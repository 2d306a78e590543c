//! The variables of the environment, as rows and as text.

use leptos::prelude::*;
use pipewright_language::Path;
use pipewright_protocol::studio::{Change, Edits, FileEdit};
use serde_json::{Map, Value};

use crate::{
    components::{Button, Empty, Icon, IconButton, Kind, Sign, Split},
    draft::Maker,
    editor::{SaveButton, TextPane, found, offer_save, open_file, opened},
    forms::Target,
    state::{OpenFile, use_live},
};

/// How a value is entered: text as it is, everything else as JSON.
fn shown(value: &Value) -> (bool, String) {
    match value {
        Value::String(text) => (false, text.clone()),
        other => (true, other.to_string()),
    }
}

/// What was entered, or why it is no value.
fn entered(as_json: bool, text: &str) -> Result<Value, String> {
    if !as_json {
        return Ok(Value::String(text.to_owned()));
    }
    serde_json::from_str(text).map_err(|_| "This is not JSON.".to_owned())
}

/// The variables of the profile in use.
#[component]
pub(super) fn Variables() -> impl IntoView {
    let (live, maker) = (use_live(), Maker::start());
    let profile = Memo::new(move |_| {
        live.project.with(|project| project.as_ref().and_then(|project| project.profile.clone()))
    });
    let path = Memo::new(move |_| {
        let profile = profile.get()?;
        live.files.with(|files| {
            let mut files = files.iter().flat_map(|files| files.iter());
            files.find(|file| file.path == profile).map(|file| file.path.clone())
        })
    });
    let missing =
        Memo::new(move |_| live.files.with(Option::is_some) && path.with(Option::is_none));
    let opening = open_file(path);
    let file = opened(opening);
    offer_save(file);
    let diagnostics = found(file);
    let goto = RwSignal::new(None);
    let held = Signal::derive(move || !live.may_change());
    let target = Target::new(file, Signal::stored(None), held);
    let dirty = Memo::new(move |_| file.with(|file| file.as_ref().is_some_and(OpenFile::dirty)));
    // `None` while the text is broken; the rows then stay as they were.
    let values = Memo::new(move |last: Option<&Map<String, Value>>| {
        let text = file.get().map(|file| file.text.get()).unwrap_or_default();
        let read = serde_json::from_str::<Map<String, Value>>(&text).ok();
        read.or_else(|| last.cloned()).unwrap_or_default()
    });
    let names =
        Memo::new(move |_| values.with(|values| values.keys().cloned().collect::<Vec<_>>()));
    let make = move || {
        let path = profile.get_untracked().unwrap_or_else(|| "test-env.json".into());
        let files = vec![FileEdit { path, change: Change::Create { text: "{}\n".into() } }];
        maker.make(Edits { label: "Add an environment".into(), files }, None, || ());
    };
    let new = RwSignal::new(String::new());
    let add = move || {
        let name = new.get_untracked().trim().to_owned();
        if !name.is_empty() && values.with_untracked(|values| !values.contains_key(&name)) {
            target.write(&Path::root().key(name.as_str()), Some(Value::String(String::new())));
            new.set(String::new());
        }
    };
    let rows = move || {
        view! {
            <div class="pane-body">
                <div class="variables-rows" data-testid="variables">
                    <For each=move || names.get() key=|name| name.clone() children=move |name| view! { <Row name values target held /> } />
                    <form class="variable" on:submit=move |event| { event.prevent_default(); add(); }>
                        <input aria-label="Name of a new variable" placeholder="New variable" spellcheck="false" autocomplete="off" data-testid="variable-new" disabled=move || held.get() bind:value=new />
                        <Button label="Add" sign=Sign::Plus id="variable-add" disabled=Signal::derive(move || held.get() || new.with(|new| new.trim().is_empty())) on_click=add />
                    </form>
                    <p class="hint">"Config names a variable as " <code>"$ENV(name)"</code> ". What must not be read belongs into a secret."</p>
                </div>
            </div>
        }
    };
    let body = move || {
        let panes =
            vec![rows().into_any(), view! { <TextPane opening diagnostics goto /> }.into_any()];
        view! { <Split name="variables" shares=&[1.0, 1.0] panes labels=&["Variables", "Text"] /> }
    };
    view! {
        <header class="page-head">
            <h1 class:dirty=move || dirty.get()>"Variables"</h1>
            <span class="page-note">{move || profile.get()}</span>
            <div class="page-actions"><SaveButton file /></div>
        </header>
        <Show
            when=move || !missing.get()
            fallback=move || view! {
                <Empty sign=Sign::Columns title="This project has no environment" hint="Its variables stand for what differs between one place and another: addresses, names, switches.">
                    <Button label="Make test-env.json" kind=Kind::Primary sign=Sign::Plus id="variables-make" disabled=held on_click=make />
                </Empty>
            }
        >
            {body}
        </Show>
    }
}

#[component]
fn Row(
    name: String,
    values: Memo<Map<String, Value>>,
    target: Target,
    held: Signal<bool>,
) -> impl IntoView {
    let at = Path::root().key(name.as_str());
    let key = name.clone();
    let value = Memo::new(move |_| values.with(|values| values.get(&key).cloned()));
    let as_json = RwSignal::new(
        value.with_untracked(|value| value.as_ref().is_some_and(|value| shown(value).0)),
    );
    let problem = RwSignal::new(None::<String>);
    let text = Memo::new(move |_| {
        value.with(|value| value.as_ref().map(|value| shown(value).1)).unwrap_or_default()
    });
    let (place, gone) = (at.clone(), at);
    let enter = move |typed: String| match entered(as_json.get_untracked(), &typed) {
        Ok(new) => {
            problem.set(None);
            if value.get_untracked().as_ref() != Some(&new) {
                target.write(&place, Some(new));
            }
        }
        Err(why) => problem.set(Some(why)),
    };
    let label = name.clone();
    view! {
        <div class="variable" data-variable=name.clone()>
            <code>{name.clone()}</code>
            <input
                aria-label=format!("Value of {name}")
                aria-invalid=move || problem.with(Option::is_some).to_string()
                spellcheck="false"
                autocomplete="off"
                disabled=move || held.get()
                prop:value=move || text.get()
                on:change=move |event| enter(event_target_value(&event))
            />
            <select aria-label=format!("How {name} is entered") disabled=move || held.get() on:change=move |event| as_json.set(event_target_value(&event) == "json")>
                <option value="text" selected=!as_json.get_untracked()>"text"</option>
                <option value="json" selected=as_json.get_untracked()>"JSON"</option>
            </select>
            <IconButton sign=Sign::Close label=format!("Remove {label}") disabled=held on_click=move || target.write(&gone, None) />
            {move || problem.get().map(|why| view! { <em class="field-problem"><Icon sign=Sign::Error />{why}</em> })}
        </div>
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_is_entered_as_it_is_and_the_rest_as_json() {
        for value in [json!("a \"b\""), json!(1), json!(true), json!(["x"]), json!("1")] {
            let (as_json, text) = shown(&value);
            assert_eq!(entered(as_json, &text), Ok(value));
        }
        assert!(entered(true, "{").is_err());
    }
}
