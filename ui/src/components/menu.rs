//! Menus that drop down from a button.

use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;

use super::{Icon, Sign};

/// One thing to choose.
#[derive(Clone)]
pub struct MenuItem {
    /// What it is called.
    pub label: String,
    /// Its icon.
    pub sign: Option<Sign>,
    /// Whether it is the present choice, shown with a check mark.
    pub checked: bool,
    /// Why it cannot be chosen now.
    pub held: Option<String>,
    /// What it does.
    pub run: Callback<()>,
}

impl MenuItem {
    /// An item that can be chosen.
    pub fn new(label: impl Into<String>, run: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            label: label.into(),
            sign: None,
            checked: false,
            held: None,
            run: Callback::new(move |()| run()),
        }
    }

    /// With an icon.
    pub fn sign(mut self, sign: Sign) -> Self {
        self.sign = Some(sign);
        self
    }

    /// Shown as the present choice when `checked`.
    pub fn checked(mut self, checked: bool) -> Self {
        self.checked = checked;
        self
    }

    /// Not to be chosen while there is a reason.
    pub fn held(mut self, reason: Option<String>) -> Self {
        self.held = reason;
        self
    }
}

/// A button that opens a menu.
#[component]
pub fn Menu(
    /// Name of the button.
    #[prop(into)]
    label: Signal<String>,
    /// Looks of the button.
    #[prop(default = "icon-button")]
    class: &'static str,
    /// Name for tests and scripts.
    #[prop(optional)]
    id: &'static str,
    /// Whether it stays open when something was chosen.
    #[prop(optional)]
    stays: bool,
    /// What can be chosen; asked for when it opens.
    #[prop(into)]
    items: Signal<Vec<MenuItem>>,
    /// What the button shows.
    children: Children,
) -> impl IntoView {
    let open = RwSignal::new(false);
    let root = NodeRef::<html::Div>::new();
    let list = NodeRef::<html::Div>::new();
    let away = window_event_listener(ev::pointerdown, move |event| {
        let Some(root) = root.get_untracked() else { return };
        let inside = event
            .target()
            .and_then(|target| target.dyn_into::<web_sys::Node>().ok())
            .is_some_and(|node| root.contains(Some(&node)));
        if !inside {
            open.set(false);
        }
    });
    on_cleanup(move || away.remove());
    // Focus goes into the menu so that the keys work at once.
    Effect::new(move || {
        if open.get()
            && let Some(list) = list.get()
        {
            focus_item(&list, 0);
        }
    });
    let keys = move |event: ev::KeyboardEvent| {
        let Some(list) = list.get_untracked() else { return };
        let step = match event.key().as_str() {
            "ArrowDown" => 1,
            "ArrowUp" => -1,
            "Escape" => {
                open.set(false);
                event.stop_propagation();
                return;
            }
            _ => return,
        };
        event.prevent_default();
        focus_item(&list, step);
    };
    view! {
        <div class="menu-root" node_ref=root on:keydown=keys>
            <button
                type="button"
                class=class
                data-testid=id
                aria-label=move || label.get()
                data-tip=move || label.get()
                aria-haspopup="menu"
                aria-expanded=move || open.get().to_string()
                on:click=move |_| open.update(|open| *open = !*open)
            >
                {children()}
            </button>
            <Show when=move || open.get()>
                <div class="menu" role="menu" node_ref=list>
                    {move || {
                        items
                            .get()
                            .into_iter()
                            .map(|item| {
                                let held = item.held.is_some();
                                let sign = if item.checked { Some(Sign::Check) } else { item.sign };
                                view! {
                                    <button
                                        type="button"
                                        role="menuitem"
                                        class="menu-item"
                                        class:checked=item.checked
                                        disabled=held
                                        data-tip=item.held.clone().unwrap_or_default()
                                        on:click=move |_| {
                                            open.set(stays);
                                            item.run.run(());
                                        }
                                    >
                                        <span class="menu-sign">{sign.map(|sign| view! { <Icon sign /> })}</span>
                                        {item.label}
                                    </button>
                                }
                            })
                            .collect_view()
                    }}
                </div>
            </Show>
        </div>
    }
}

/// Moves focus by `step` among the items that can be chosen; 0 is the first.
fn focus_item(list: &web_sys::HtmlElement, step: i32) {
    let Ok(items) = list.query_selector_all("[role=menuitem]:not(:disabled)") else { return };
    let items: Vec<web_sys::HtmlElement> =
        (0..items.length()).filter_map(|index| items.item(index)?.dyn_into().ok()).collect();
    if items.is_empty() {
        return;
    }
    let focused = document().active_element();
    let at =
        items.iter().position(|item| focused.as_ref().is_some_and(|focused| **focused == ***item));
    let count = items.len() as i32;
    let next = match at {
        Some(at) if step != 0 => (at as i32 + step).rem_euclid(count),
        _ if step < 0 => count - 1,
        _ => 0,
    };
    // The item is in the page; focusing it cannot fail.
    let _ = items[next as usize].focus();
}
