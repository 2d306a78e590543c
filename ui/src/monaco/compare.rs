//! Two texts side by side.

use leptos::{html, prelude::*, task::spawn_local};
use send_wrapper::SendWrapper;
use wasm_bindgen::JsValue;

use super::{
    bindings::object,
    code::{follow_theme, options},
    monaco,
};
use crate::components::Waiting;

/// Shows what differs between two texts; neither can be changed.
#[component]
pub fn Compare(
    /// The text before.
    before: String,
    /// The text after.
    after: String,
) -> impl IntoView {
    let element = NodeRef::<html::Div>::new();
    let ready = RwSignal::new(false);
    let failed = RwSignal::new(None::<String>);
    let made = StoredValue::new(None);
    let owner = Owner::current();
    element.on_load(move |element| {
        spawn_local(async move {
            match monaco().await {
                Err(why) => drop(failed.try_set(Some(why))),
                Ok(_) if ready.is_disposed() => {}
                Ok(monaco) => {
                    let monaco = monaco.take();
                    let api = monaco.editor();
                    let fields = [
                        ("readOnly", JsValue::TRUE),
                        ("renderSideBySide", JsValue::TRUE),
                        ("renderOverviewRuler", JsValue::FALSE),
                        ("originalAriaLabel", "Before".into()),
                        ("modifiedAriaLabel", "After".into()),
                        ("hideUnchangedRegions", object(&[("enabled", JsValue::TRUE)])),
                    ];
                    let editor = api.create_diff_editor(&element, &options(&fields));
                    let original = api.create_model(&before, "pipewright", &JsValue::UNDEFINED);
                    let modified = api.create_model(&after, "pipewright", &JsValue::UNDEFINED);
                    editor.set_models(&object(&[
                        ("original", original.clone().into()),
                        ("modified", modified.clone().into()),
                    ]));
                    if let Some(owner) = owner {
                        owner.with(|| follow_theme(monaco.clone()));
                    }
                    made.set_value(Some(SendWrapper::new((editor, original, modified))));
                    ready.set(true);
                }
            }
        });
    });
    on_cleanup(move || {
        if let Some(made) = made.try_update_value(Option::take).flatten() {
            let (editor, original, modified) = made.take();
            editor.dispose_diff();
            original.dispose_model();
            modified.dispose_model();
        }
    });
    view! {
        <div class="code" data-testid="compare">
            <div class="code-host" node_ref=element></div>
            <Show when=move || !ready.get() && failed.with(Option::is_none)>
                <Waiting />
            </Show>
            {move || failed.get().map(|why| view! { <p class="code-failed" role="alert">{why}</p> })}
        </div>
    }
}
