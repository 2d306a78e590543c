//! The tour as it is shown: a card beside what it is about, and a frame around
//! that.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::{Standing, steps::STEPS, use_tour};
use crate::components::{Button, IconButton, Kind, Sign};

/// Size of the card, to keep it inside the window.
const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 190.0;
/// Room between the card and what it is about.
const GAP: f64 = 12.0;

/// A place on screen: left, top, width, height.
type Frame = (f64, f64, f64, f64);

/// Where what the step is about is seen, if it is.
fn seen(anchor: &str) -> Option<Frame> {
    let all = document().query_selector_all(anchor).ok()?;
    // The last one lies over the others: a dialog.
    (0..all.length()).rev().find_map(|index| {
        let element: web_sys::Element = all.item(index)?.dyn_into().ok()?;
        let rect = element.get_bounding_client_rect();
        (rect.width() > 0.0 && rect.height() > 0.0)
            .then(|| (rect.left(), rect.top(), rect.width(), rect.height()))
    })
}

/// Where the card goes: below, above or beside, inside a window of this size.
fn beside((left, top, width, height): Frame, (wide, high): (f64, f64)) -> (f64, f64) {
    let inside = |at: f64, size: f64, room: f64| at.min(room - size - GAP).max(GAP);
    let below = top + height + GAP;
    if below + HEIGHT + GAP <= high {
        return (inside(left, WIDTH, wide), below);
    }
    if top - HEIGHT - GAP >= GAP {
        return (inside(left, WIDTH, wide), top - HEIGHT - GAP);
    }
    // As high as the window: in its corner, where least is hidden.
    (inside(left + width - WIDTH, WIDTH, wide), inside(high, HEIGHT, high - 32.0))
}

/// The card of the step that is shown, if the tour runs.
#[component]
pub fn TourCard() -> impl IntoView {
    let tour = use_tour();
    view! { {move || tour.step.get().map(|step| view! { <Card step /> })} }
}

#[component]
fn Card(step: usize) -> impl IntoView {
    let tour = use_tour();
    let frame = RwSignal::new(None::<Frame>);
    let look = move || {
        let now = seen(STEPS[step].anchor);
        if frame.try_get_untracked() != Some(now) {
            frame.try_set(now);
        }
    };
    look();
    // Screens change, panes are dragged, lists scroll: it is looked for again
    // while a step is shown, and never otherwise.
    let watch = set_interval_with_handle(look, std::time::Duration::from_millis(150));
    on_cleanup(move || {
        if let Ok(watch) = watch {
            watch.clear();
        }
    });
    let size = || {
        let side = |side: Result<wasm_bindgen::JsValue, _>| {
            side.ok().and_then(|side| side.as_f64()).unwrap_or(1280.0)
        };
        (side(window().inner_width()), side(window().inner_height()))
    };
    let ring = move || {
        frame.get().map(|(left, top, width, height)| {
            let style = format!(
                "left:{}px;top:{}px;width:{}px;height:{}px",
                left - 4.0,
                top - 4.0,
                width + 8.0,
                height + 8.0
            );
            view! { <div class="tour-ring" style=style aria-hidden="true"></div> }
        })
    };
    let place = move || {
        let (wide, high) = size();
        let (left, top) = match frame.get() {
            Some(frame) => beside(frame, (wide, high)),
            None => (wide - WIDTH - 24.0, high - HEIGHT - 60.0),
        };
        format!("left:{left}px;top:{top}px;width:{WIDTH}px")
    };
    let last = step + 1 == STEPS.len();
    let shown = &STEPS[step];
    view! {
        {ring}
        <aside class="tour" style=place aria-label="Tour" data-testid="tour" data-step=step.to_string()>
            <header>
                <h2>{shown.title}</h2>
                <span class="hint">{format!("{} of {}", step + 1, STEPS.len())}</span>
                <IconButton sign=Sign::Close label="Leave the tour; it can be taken up again" id="tour-leave" on_click=move || tour.leave() />
            </header>
            <p role="status" aria-live="polite">{shown.text}</p>
            <div class="form-actions">
                {(step > 0 && !last).then(|| view! { <Button label="Back" id="tour-back" on_click=move || tour.go(step - 1) /> })}
                {if last {
                    view! { <Button label="Done" kind=Kind::Primary sign=Sign::Check id="tour-done" on_click=move || tour.end() /> }.into_any()
                } else {
                    view! { <Button label="Skip this step" id="tour-skip" on_click=move || tour.go(step + 1) /> }.into_any()
                }}
            </div>
        </aside>
    }
}

/// Offers the tour in the status bar, until it was taken or refused.
#[component]
pub fn TourOffer() -> impl IntoView {
    let tour = use_tour();
    let words = move || {
        if tour.step.with(Option::is_some) {
            return None;
        }
        match tour.standing.get() {
            Standing::New => Some("New here? Take the tour: two minutes"),
            Standing::Left(_) => Some("Go on with the tour"),
            Standing::Over => None,
        }
    };
    view! {
        {move || words().map(|words| view! {
            <span class="tour-offer">
                <button type="button" class="status-part" data-testid="tour-begin" on:click=move |_| tour.begin()>{words}</button>
                <button type="button" class="status-part" aria-label="No tour" data-tip="No tour. It stays in the palette." data-testid="tour-no" on:click=move |_| tour.end()>"×"</button>
            </span>
        })}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_stays_inside_the_window() {
        let window = (1280.0, 800.0);
        let frames = [
            (600.0, 4.0, 100.0, 28.0),
            (1250.0, 4.0, 28.0, 28.0),
            (0.0, 770.0, 60.0, 28.0),
            (0.0, 40.0, 640.0, 760.0),
        ];
        for frame in frames {
            let (left, top) = beside(frame, window);
            assert!(left >= 0.0 && left + WIDTH <= window.0, "{frame:?}: {left}");
            assert!(top >= 0.0 && top + HEIGHT <= window.1, "{frame:?}: {top}");
        }
        // Below when there is room.
        assert_eq!(beside(frames[0], window).1, 4.0 + 28.0 + GAP);
    }
}
