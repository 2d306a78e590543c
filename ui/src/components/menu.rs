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
    close_when_away(root, move || open.set(false));
    view! {
        <div class="menu-root" node_ref=root>
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
                <Items items on_done=move |chosen| open.set(stays && chosen) />
            </Show>
        </div>
    }
}

/// A menu that opens at a point: by the right button, or by key.
#[component]
pub fn MenuAt(
    /// What it is about.
    #[prop(into)]
    label: Signal<String>,
    /// Where it is open, in pixels of what it is in.
    at: RwSignal<Option<(f64, f64)>>,
    /// What can be chosen; asked for when it opens.
    #[prop(into)]
    items: Signal<Vec<MenuItem>>,
    /// Where the keys lead when it is closed.
    on_close: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let root = NodeRef::<html::Div>::new();
    let close = move || {
        if at.with_untracked(Option::is_some) {
            at.set(None);
            on_close();
        }
    };
    close_when_away(root, close);
    // What would lie outside is moved inside.
    let style = move || {
        let (x, y) = at.get().unwrap_or_default();
        let inside = root.get().and_then(|root| {
            let list = root.query_selector(".menu").ok().flatten()?.get_bounding_client_rect();
            let around = root.parent_element()?.get_bounding_client_rect();
            Some((
                (around.width() - list.width()).max(0.0),
                (around.height() - list.height()).max(0.0),
            ))
        });
        let (most_x, most_y) = inside.unwrap_or((f64::MAX, f64::MAX));
        format!("left:{}px;top:{}px", x.min(most_x), y.min(most_y))
    };
    view! {
        <Show when=move || at.with(Option::is_some)>
            <div class="menu-at" node_ref=root style=style aria-label=move || label.get() role="group" data-testid="menu-at">
                <Items items on_done=move |_| close() />
            </div>
        </Show>
    }
}

/// Closes what is open when the pointer goes down somewhere else.
fn close_when_away(root: NodeRef<html::Div>, close: impl Fn() + 'static) {
    let away = window_event_listener(ev::pointerdown, move |event| {
        let Some(root) = root.get_untracked() else { return };
        let inside = event
            .target()
            .and_then(|target| target.dyn_into::<web_sys::Node>().ok())
            .is_some_and(|node| root.contains(Some(&node)));
        if !inside {
            close();
        }
    });
    on_cleanup(move || away.remove());
}

/// What can be chosen. Told whether something was when it is done.
#[component]
fn Items(
    items: Signal<Vec<MenuItem>>,
    on_done: impl Fn(bool) + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let list = NodeRef::<html::Div>::new();
    // Focus goes into the menu so that the keys work at once.
    Effect::new(move || {
        if let Some(list) = list.get() {
            focus_item(&list, 0);
        }
    });
    let keys = move |event: ev::KeyboardEvent| {
        let Some(list) = list.get_untracked() else { return };
        let step = match event.key().as_str() {
            "ArrowDown" => 1,
            "ArrowUp" => -1,
            "Escape" => {
                on_done(false);
                event.stop_propagation();
                return;
            }
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        focus_item(&list, step);
    };
    let entry = move |item: MenuItem| {
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
                    on_done(true);
                    item.run.run(());
                }
            >
                <span class="menu-sign">{sign.map(|sign| view! { <Icon sign /> })}</span>
                {item.label}
            </button>
        }
    };
    view! {
        <div class="menu" role="menu" node_ref=list on:keydown=keys>
            {move || items.get().into_iter().map(entry).collect_view()}
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
