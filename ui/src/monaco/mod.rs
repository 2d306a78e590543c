//! The text editor.
//!
//! [`bindings`] are the few calls of Monaco that are needed, [`Code`] and
//! [`Compare`] the components made of them; [`provide`] answers what the editor
//! asks about a text. Monaco is loaded when the first
//! text is shown.

mod bindings;
mod code;
mod compare;
mod provide;
mod theme;
mod watch;

pub use code::{Code, Goto, Models, use_models};
pub use compare::Compare;
pub use watch::{Note, Value, Watch, toggle};

use leptos::prelude::*;
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast, JsValue};

use bindings::Monaco;

thread_local! {
    static LOADED: std::cell::OnceCell<Monaco> = const { std::cell::OnceCell::new() };
}

/// The editor's code, loaded once; an error when it cannot be fetched.
async fn monaco() -> Result<SendWrapper<Monaco>, String> {
    if let Some(monaco) = LOADED.with(|loaded| loaded.get().cloned()) {
        return Ok(SendWrapper::new(monaco));
    }
    add_styles();
    let module = bindings::load("/monaco.js")
        .await
        .map_err(|error| format!("The editor cannot be loaded: {error:?}"))?;
    let monaco = js_sys::Reflect::get(&module, &JsValue::from_str("monaco"))
        .map_err(|_| "The editor's module is empty.".to_owned())?;
    let monaco: Monaco = monaco.unchecked_into();
    let monaco = LOADED.with(|loaded| {
        let first = loaded.get().is_none();
        let monaco = loaded.get_or_init(|| monaco).clone();
        if first {
            provide::register(&monaco);
        }
        monaco
    });
    Ok(SendWrapper::new(monaco))
}

fn add_styles() {
    const ID: &str = "monaco-styles";
    let document = document();
    if document.get_element_by_id(ID).is_some() {
        return;
    }
    let (Ok(link), Some(head)) = (document.create_element("link"), document.head()) else { return };
    for (name, value) in [("id", ID), ("rel", "stylesheet"), ("href", "/monaco.css")] {
        let _ = link.set_attribute(name, value);
    }
    // In front of our own styles, which win.
    let _ = head.insert_before(&link, head.first_child().as_ref());
}
