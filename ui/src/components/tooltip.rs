//! Tooltips: one for the whole window, for everything with a `data-tip`.

use std::time::Duration;

use leptos::{ev, leptos_dom::helpers::TimeoutHandle, prelude::*};
use wasm_bindgen::JsCast;

const PAUSE: Duration = Duration::from_millis(450);

#[derive(Clone, PartialEq)]
struct Tip {
    text: String,
    x: f64,
    y: f64,
    below: bool,
}

/// Watches the window and shows the tip of what is pointed at or focused by
/// key.
#[component]
pub fn Tooltips() -> impl IntoView {
    let tip = RwSignal::new(None::<Tip>);
    let waiting = StoredValue::new(None::<TimeoutHandle>);
    let drop_it = move || {
        if let Some(handle) = waiting.try_update_value(Option::take).flatten() {
            handle.clear();
        }
        if tip.with_untracked(Option::is_some) {
            tip.set(None);
        }
    };
    let point = move |target: Option<web_sys::EventTarget>| {
        drop_it();
        let Some(element) = target.and_then(|target| target.dyn_into::<web_sys::Element>().ok())
        else {
            return;
        };
        let Ok(Some(owner)) = element.closest("[data-tip]") else { return };
        let Some(text) = owner.get_attribute("data-tip").filter(|text| !text.is_empty()) else {
            return;
        };
        let show = move || {
            let rect = owner.get_bounding_client_rect();
            if !owner.is_connected() || rect.width() == 0.0 {
                return;
            }
            let height =
                window().inner_height().ok().and_then(|height| height.as_f64()).unwrap_or(600.0);
            let width =
                window().inner_width().ok().and_then(|width| width.as_f64()).unwrap_or(800.0);
            let below = rect.bottom() + 40.0 < height;
            let y = if below { rect.bottom() + 6.0 } else { rect.top() - 6.0 };
            let x = (rect.left() + rect.width() / 2.0).clamp(80.0, (width - 80.0).max(80.0));
            tip.set(Some(Tip { text: text.clone(), x, y, below }));
        };
        waiting.set_value(set_timeout_with_handle(show, PAUSE).ok());
    };
    let handles = [
        window_event_listener(ev::pointerover, move |event| point(event.target())),
        window_event_listener(ev::pointerdown, move |_| drop_it()),
        window_event_listener(ev::keydown, move |_| drop_it()),
        window_event_listener(ev::focusin, move |event| {
            let target = event.target();
            let by_key = target
                .as_ref()
                .and_then(|target| target.dyn_ref::<web_sys::Element>())
                .is_some_and(|element| element.matches(":focus-visible").unwrap_or(false));
            if by_key {
                point(target);
            }
        }),
    ];
    on_cleanup(move || handles.into_iter().for_each(WindowListenerHandle::remove));
    view! {
        {move || {
            tip.get()
                .map(|tip| {
                    let style = format!("left:{}px;top:{}px", tip.x, tip.y);
                    view! {
                        <div class="tooltip" class:above=!tip.below role="tooltip" style=style>
                            {tip.text}
                        </div>
                    }
                })
        }}
    }
}
