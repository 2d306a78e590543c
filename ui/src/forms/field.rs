//! One property: its name, how it is entered, what it means.

use leptos::{prelude::*, task::spawn_local};
use pipewright_language::{Control, FormField};
use pipewright_protocol::studio::encode;
use serde_json::{Map, Number, Value};

use super::Target;
use crate::{
    client::use_client,
    components::{Button, Field, IconButton, Sign, Switch, use_toasts},
};

/// One property of a form.
#[component]
pub(super) fn FieldRow(target: Target, field: Memo<Option<FormField>>) -> AnyView {
    let name =
        move || field.with(|field| field.as_ref().map(|it| it.name.clone()).unwrap_or_default());
    let about =
        move || field.with(|field| field.as_ref().map(|it| it.about.clone()).unwrap_or_default());
    let control = Memo::new(move |_| field.with(|field| field.as_ref().map(|it| it.control)));
    let clearable = move || {
        !target.held.get()
            && field
                .with(|field| field.as_ref().is_some_and(|it| it.value.is_some() && !it.required))
    };
    let clear = move || {
        if let Some(at) = field.with_untracked(|field| field.as_ref().map(|it| it.at.clone())) {
            target.write(&at, None);
        }
    };
    let missing = move || {
        field.with(|field| {
            field.as_ref().is_some_and(|it| {
                let empty = it.value.as_ref().is_none_or(|value| value.as_str() == Some(""));
                it.required && it.default.is_none() && empty
            })
        })
    };
    view! {
        <div class="form-row" class:missing=missing data-field=name>
            <div class="form-name">
                <span>{name}</span>
                <Show when=move || field.with(|field| field.as_ref().is_some_and(|it| it.deprecated))>
                    <em>"deprecated"</em>
                </Show>
            </div>
            <div class="form-value">
                <div class="form-entry">
                    {move || control.get().map(|control| entry(target, field, control))}
                    <Show when=clearable>
                        <IconButton sign=Sign::Close label=Signal::derive(move || format!("Leave {} out", name())) on_click=clear />
                    </Show>
                </div>
                <p class="form-about">{about}</p>
            </div>
        </div>
    }
    .into_any()
}

/// What a field shows as text.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join("\n"),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| format!("{name}: {}", shown(value)))
            .collect::<Vec<_>>()
            .join("\n"),
        other => other.to_string(),
    }
}

/// A number as it was typed; whole numbers of any size stay what they are.
fn number(text: &str) -> Option<Value> {
    serde_json::from_str::<Number>(text.trim()).ok().map(Value::Number)
}

/// Lines as a list of texts.
fn texts(text: &str) -> Value {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Value::Array(lines.map(Value::from).collect())
}

/// Lines such as `name: value` as an object; `None` when one has no name.
fn pairs(text: &str) -> Option<Value> {
    let mut members = Map::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (name, value) = line.split_once(':')?;
        members.insert(name.trim().to_owned(), value.trim().into());
    }
    Some(Value::Object(members))
}

fn entry(target: Target, field: Memo<Option<FormField>>, control: Control) -> AnyView {
    let get = move |read: fn(&FormField) -> String| {
        Memo::new(move |_| field.with(|field| field.as_ref().map(read).unwrap_or_default()))
    };
    let value = get(|field| field.value.as_ref().map(shown).unwrap_or_default());
    let default = get(|field| field.default.as_ref().map(shown).unwrap_or_default());
    let name = get(|field| field.name.clone());
    let write = move |value: Option<Value>| {
        let at = field.with_untracked(|field| field.as_ref().map(|it| it.at.clone()));
        if let Some(at) = at {
            target.write(&at, value);
        }
    };
    // An empty text that need not be there is left out, but not while it is
    // typed: it would come back in another place.
    let settle = move |text: String| {
        let required = field.with_untracked(|field| field.as_ref().is_some_and(|it| it.required));
        let set = field.with_untracked(|field| field.as_ref().is_some_and(|it| it.value.is_some()));
        if text.trim().is_empty() && !required && set {
            write(None);
        }
    };
    let held = target.held;
    match control {
        Control::Switch => {
            let on = Signal::derive(move || {
                field.with(|field| {
                    let field = field.as_ref();
                    field
                        .and_then(|it| it.value.as_ref().or(it.default.as_ref()))
                        .and_then(Value::as_bool)
                        .unwrap_or(false)
                })
            });
            let word = Signal::derive(move || {
                let set = field.with(|field| field.as_ref().is_some_and(|it| it.value.is_some()));
                let word = if on.get() { "On" } else { "Off" };
                if set { word.to_owned() } else { format!("{word}, unless it is set") }
            });
            view! { <Switch label=word on disabled=held on_change=move |on| write(Some(on.into())) /> }.into_any()
        }
        Control::Number => {
            let wrong = RwSignal::new(false);
            view! {
                <input
                    inputmode="decimal"
                    aria-label=name
                    aria-invalid=move || wrong.get().to_string()
                    readonly=move || held.get()
                    placeholder=default
                    prop:value=value
                    on:input=move |event| {
                        let text = event_target_value(&event);
                        let parsed = number(&text);
                        wrong.set(parsed.is_none() && !text.trim().is_empty() && !text.trim().starts_with('$'));
                        if let Some(parsed) = parsed {
                            write(Some(parsed));
                        }
                    }
                    on:change=move |event| {
                        let text = event_target_value(&event);
                        if text.trim().starts_with('$') {
                            write(Some(text.trim().into()));
                        }
                        settle(text);
                    }
                />
            }
            .into_any()
        }
        Control::Text => {
            let options = Memo::new(move |_| {
                field.with(|field| field.as_ref().map(|it| (it.options.clone(), it.free)))
            });
            if options.with_untracked(|it| it.as_ref().is_some_and(|(it, _)| !it.is_empty())) {
                return choices(target, field, options, value, default).into_any();
            }
            view! {
                <input
                    aria-label=name
                    spellcheck="false"
                    autocomplete="off"
                    readonly=move || held.get()
                    placeholder=default
                    prop:value=value
                    on:input=move |event| write(Some(like(field, event_target_value(&event))))
                    on:change=move |event| settle(event_target_value(&event))
                />
            }
            .into_any()
        }
        Control::Secret => view! { <SecretEntry target field value /> }.into_any(),
        Control::Texts | Control::Pairs => {
            let rows = move || value.with(|value| value.lines().count()).clamp(1, 8);
            let wrong = RwSignal::new(false);
            view! {
                <textarea
                    aria-label=name
                    aria-invalid=move || wrong.get().to_string()
                    spellcheck="false"
                    rows=rows
                    readonly=move || held.get()
                    placeholder=move || {
                        let default = default.get();
                        let form = if control == Control::Pairs { "name: value" } else { "one a line" };
                        if default.is_empty() { form.to_owned() } else { default }
                    }
                    prop:value=value
                    on:change=move |event| {
                        let text = event_target_value(&event);
                        let parsed = if control == Control::Pairs { pairs(&text) } else { Some(texts(&text)) };
                        wrong.set(parsed.is_none());
                        match parsed {
                            _ if text.trim().is_empty() => settle(text),
                            Some(parsed) => write(Some(single(field, parsed))),
                            None => {}
                        }
                    }
                ></textarea>
            }
            .into_any()
        }
        Control::Group => {
            let names = Memo::new(move |_| {
                field.with(|field| {
                    let fields = field.as_ref().map(|it| it.fields.as_slice()).unwrap_or_default();
                    fields.iter().map(|it| it.name.clone()).collect::<Vec<_>>()
                })
            });
            let row = move |name: String| {
                let inner = Memo::new(move |_| {
                    field.with(|field| {
                        field.as_ref()?.fields.iter().find(|it| it.name == name).cloned()
                    })
                });
                view! { <FieldRow target field=inner /> }
            };
            let set =
                field.with_untracked(|field| field.as_ref().is_some_and(|it| it.value.is_some()));
            view! {
                <details class="form-group" open=set>
                    <summary>{move || format!("{} settings", names.with(Vec::len))}</summary>
                    <For each=move || names.get() key=|name| name.clone() children=row />
                </details>
            }
            .into_any()
        }
        Control::Json => {
            let what = move || {
                if value.with(String::is_empty) {
                    "Not set; it is written in the text."
                } else {
                    "Written in the text."
                }
            };
            view! { <span class="hint">{what}</span> }.into_any()
        }
    }
}

/// What was typed: a number where one is allowed besides text and was there
/// before, else text.
fn like(field: Memo<Option<FormField>>, text: String) -> Value {
    let was_number = field.with_untracked(|field| {
        field.as_ref().is_some_and(|it| matches!(it.value, Some(Value::Number(_))))
    });
    match number(&text) {
        Some(number) if was_number => number,
        _ => text.into(),
    }
}

/// One text stays one text where that is how it was written.
fn single(field: Memo<Option<FormField>>, texts: Value) -> Value {
    let was_text = field.with_untracked(|field| {
        field.as_ref().is_some_and(|it| matches!(it.value, Some(Value::String(_))))
    });
    match texts {
        Value::Array(mut items) if was_text && items.len() == 1 => items.swap_remove(0),
        other => other,
    }
}

/// One of several values, or something else where that is allowed.
fn choices(
    target: Target,
    field: Memo<Option<FormField>>,
    options: Memo<Option<(Vec<String>, bool)>>,
    value: Memo<String>,
    default: Memo<String>,
) -> impl IntoView {
    let write = move |text: String| {
        let at = field.with_untracked(|field| field.as_ref().map(|it| it.at.clone()));
        if let Some(at) = at {
            target.write(&at, (!text.is_empty()).then(|| text.into()));
        }
    };
    let name = Memo::new(move |_| field.with(|field| field.as_ref().map(|it| it.name.clone())));
    view! {
        <select
            aria-label=move || name.get()
            disabled=move || target.held.get()
            prop:value=value
            on:change=move |event| write(event_target_value(&event))
        >
            <option value="" selected=move || value.with(String::is_empty)>
                {move || default.with(|default| if default.is_empty() { "Not set".to_owned() } else { format!("{default}, unless it is set") })}
            </option>
            {move || {
                let now = value.get();
                let mut all = options.get().map(|(all, _)| all).unwrap_or_default();
                if !now.is_empty() && !all.contains(&now) {
                    all.insert(0, now.clone());
                }
                all.into_iter().map(|each| view! { <option value=each.clone() selected=each == now>{each.clone()}</option> }).collect_view()
            }}
        </select>
    }
}

/// The name of a secret, and a way to give it a value. The value goes to the
/// node and into nothing else.
#[component]
fn SecretEntry(
    target: Target,
    field: Memo<Option<FormField>>,
    value: Memo<String>,
) -> impl IntoView {
    let (client, toasts) = (StoredValue::new(use_client()), use_toasts());
    let open = RwSignal::new(false);
    let typed = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let name = Memo::new(move |_| {
        field.with(|field| field.as_ref().map(|it| it.name.clone()).unwrap_or_default())
    });
    let secret =
        move || secret_name(&value.get_untracked()).unwrap_or_else(|| name.get_untracked());
    let write = move |text: String| {
        let at = field.with_untracked(|field| field.as_ref().map(|it| it.at.clone()));
        if let Some(at) = at {
            target.write(&at, Some(text.into()));
        }
    };
    let keep = move || {
        let secret = secret();
        let path = match target.system.get_untracked() {
            Some(system) => format!("/api/systems/{}/secrets", encode(&system)),
            None => "/api/secrets".to_owned(),
        };
        let body = Value::Object(Map::from_iter([(secret.clone(), typed.get_untracked().into())]));
        busy.set(true);
        let client = client.get_value();
        spawn_local(async move {
            let kept = client.tell(&path, &body).await;
            busy.try_set(false);
            match kept {
                Ok(()) => {
                    typed.try_set(String::new());
                    // With the form the config it would be written into may be gone.
                    if open.try_set(false).is_none() {
                        write(format!("$SECRET({secret})"));
                    }
                    toasts.done(format!("The secret {secret} is kept by the node."));
                }
                Err(failure) => toasts.failed(failure.to_string()),
            }
        });
    };
    let plain = move || {
        value.with(|value| {
            !value.is_empty() && !value.contains("$SECRET(") && !value.contains("$ENV(")
        })
    };
    view! {
        <div class="form-secret">
            <input
                aria-label=name
                spellcheck="false"
                autocomplete="off"
                type=move || if plain() { "password" } else { "text" }
                readonly=move || target.held.get()
                placeholder=move || format!("$SECRET({})", name.get())
                prop:value=value
                on:input=move |event| write(event_target_value(&event))
            />
            <Show when=move || !target.held.get()>
                <Button label="Set value" sign=Sign::Lock id="secret-set" tip="Gives the secret a value. It goes to the node only and cannot be read back." on_click=move || open.update(|open| *open = !*open) />
            </Show>
            <Show when=plain>
                <p class="field-problem">"This lies open in the file. Better set a value: the file then only names it."</p>
            </Show>
            <Show when=move || open.get()>
                <form
                    class="form-secret-value"
                    on:submit=move |event| {
                        event.prevent_default();
                        keep();
                    }
                >
                    <Field label=Signal::derive(move || format!("Value of the secret {}", secret_name(&value.get()).unwrap_or_else(|| name.get()))) value=typed secret=true focus=true id="secret-value" />
                    <Button label="Keep" id="secret-keep" disabled=Signal::derive(move || busy.get() || typed.with(String::is_empty)) on_click=keep />
                </form>
            </Show>
        </div>
    }
}

/// The name in `$SECRET(name)`.
fn secret_name(text: &str) -> Option<String> {
    let name = text.trim().strip_prefix("$SECRET(")?.strip_suffix(')')?;
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_typed_becomes_what_it_means() {
        assert_eq!(number(" 5432 "), Some(json!(5432)));
        assert_eq!(number("x"), None);
        assert_eq!(texts("a\n\n b "), json!(["a", "b"]));
        assert_eq!(
            pairs("Accept: text/html; q=1:2\n"),
            Some(json!({"Accept": "text/html; q=1:2"}))
        );
        assert_eq!(pairs("no name"), None);
    }

    #[test]
    fn what_is_shown_can_be_typed_again() {
        for value in [json!(["a", "b"]), json!([])] {
            assert_eq!(texts(&shown(&value)), value);
        }
        let value = json!({"a": "1", "b": "x y"});
        assert_eq!(pairs(&shown(&value)), Some(value));
    }

    #[test]
    fn a_secret_is_known_by_its_name() {
        assert_eq!(secret_name("$SECRET(password)").as_deref(), Some("password"));
        assert_eq!(secret_name("Bearer $SECRET(token)"), None);
        assert_eq!(secret_name("plain"), None);
    }
}
