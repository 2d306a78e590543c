//! The form of one component.

use std::collections::HashSet;

use leptos::prelude::*;
use pipewright_language::{Form, FormField, FormKind, Path};

use super::{Target, field::FieldRow};
use crate::components::{Icon, Sign};

/// A component's type and properties; nothing where there is no such
/// component.
#[component]
pub fn ComponentForm(
    /// The text it is in.
    target: Target,
    /// Where in it.
    #[prop(into)]
    at: Signal<Option<Path>>,
    /// Name for tests and scripts.
    #[prop(optional)]
    id: &'static str,
) -> impl IntoView {
    let form: Memo<Option<Form>> = Memo::new(move |last: Option<&Option<Form>>| {
        let at = at.get()?;
        let asked =
            target.ask(|workspace, path| (workspace.is_broken(path), workspace.form(path, &at)))?;
        match asked {
            // While the text is broken the form stays as it was.
            (true, None) => last.cloned().flatten(),
            (_, form) => form,
        }
    });
    let broken = Memo::new(move |_| target.ask(|workspace, path| workspace.is_broken(path)));
    let kind = Memo::new(move |_| form.with(|form| form.as_ref().map(|form| form.kind.clone())));
    // What is set or must be is in front, and stays there while it is edited.
    let front = Memo::new(move |_| {
        kind.track();
        form.with_untracked(|form| {
            let fields = form.as_ref().map(|form| form.fields.as_slice()).unwrap_or_default();
            let front = fields.iter().filter(|field| field.required || field.value.is_some());
            front.map(|field| field.name.clone()).collect::<HashSet<_>>()
        })
    });
    let names = move |in_front: bool| {
        Memo::new(move |_| {
            form.with(|form| {
                let fields = form.as_ref().map(|form| form.fields.as_slice()).unwrap_or_default();
                let wanted = |field: &&FormField| {
                    front.with(|front| front.contains(&field.name)) == in_front
                };
                fields.iter().filter(wanted).map(|field| field.name.clone()).collect::<Vec<_>>()
            })
        })
    };
    let (first, more) = (names(true), names(false));
    let row = move |name: String| {
        let field = Memo::new(move |last: Option<&Option<FormField>>| {
            let now = form.with(|form| {
                form.as_ref()?.fields.iter().find(|field| field.name == name).cloned()
            });
            now.or_else(|| last.cloned().flatten())
        });
        view! { <FieldRow target field /> }
    };
    view! {
        <div class="component-form" data-testid=id>
            <Show when=move || broken.get() == Some(true)>
                <p class="notice warning">
                    <Icon sign=Sign::Warning />
                    "The JSON is broken; the form goes on when it is mended."
                </p>
            </Show>
            <Type target form at />
            <For each=move || first.get() key=|name| name.clone() children=row />
            <Show when=move || more.with(|more| !more.is_empty())>
                <details class="form-more">
                    <summary>{move || format!("More settings ({})", more.with(Vec::len))}</summary>
                    <For each=move || more.get() key=|name| name.clone() children=row />
                </details>
            </Show>
        </div>
    }
}

/// What a component is, and what else it could be.
#[component]
fn Type(target: Target, form: Memo<Option<Form>>, at: Signal<Option<Path>>) -> impl IntoView {
    let kinds = Memo::new(move |_| {
        form.with(|form| form.as_ref().map(|form| form.kinds.clone()).unwrap_or_default())
    });
    let kind = Memo::new(move |_| {
        form.with(|form| form.as_ref().map(|form| form.kind.clone()).unwrap_or_default())
    });
    let about =
        move || form.with(|form| form.as_ref().map(|form| form.about.clone()).unwrap_or_default());
    let url = move || form.with(|form| form.as_ref().and_then(|form| form.url.clone()));
    let known = move || kinds.with(|kinds| kinds.iter().any(|each| each.name == kind.get()));
    let choices = move || {
        let now = kind.get();
        kinds.get().into_iter().map(|each| choice(each, &now)).collect_view()
    };
    view! {
        <Show when=move || kinds.with(|kinds| !kinds.is_empty())>
            <div class="form-row">
                <label class="form-name" for="form-type">"Type"</label>
                <div class="form-value">
                    <select
                        id="form-type"
                        data-testid="form-type"
                        disabled=move || target.held.get()
                        prop:value=move || kind.get()
                        on:change=move |event| {
                            if let Some(at) = at.get_untracked() {
                                target.write(&at.key("type"), Some(event_target_value(&event).into()));
                            }
                        }
                    >
                        <Show when=move || !known()>
                            <option value=move || kind.get() selected>{move || kind.get()}</option>
                        </Show>
                        {choices}
                    </select>
                    <p class="form-about">
                        {about} " "
                        {move || url().map(|url| view! { <a href=url target="_blank" rel="noreferrer">"Documentation"</a> })}
                    </p>
                </div>
            </div>
        </Show>
    }
}

fn choice(kind: FormKind, now: &str) -> impl IntoView + use<> {
    let name = if kind.supported {
        kind.name.clone()
    } else {
        format!("{} (does not run here yet)", kind.name)
    };
    let chosen = kind.name == now;
    view! { <option value=kind.name selected=chosen>{name}</option> }
}
