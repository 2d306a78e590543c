//! Panes side by side with borders that can be dragged.

use leptos::{ev, html, prelude::*};

use crate::state::{remember, remembered};

/// Smallest share of a pane.
const LEAST: f64 = 0.12;

/// Panes in a row. Their shares are remembered under `name`.
#[component]
pub fn Split(
    /// What to remember the shares under.
    name: &'static str,
    /// Shares to begin with; as many as there are panes.
    shares: &'static [f64],
    /// The panes, left to right.
    panes: Vec<AnyView>,
    /// What each pane is called.
    labels: &'static [&'static str],
) -> impl IntoView {
    let kept: Option<Vec<f64>> = remembered(&format!("split.{name}"))
        .map(|text| text.split(' ').filter_map(|share| share.parse().ok()).collect());
    let kept = kept.filter(|kept| {
        kept.len() == shares.len() && kept.iter().all(|share| *share >= LEAST / 2.0)
    });
    let shares = RwSignal::new(kept.unwrap_or_else(|| shares.to_vec()));
    let root = NodeRef::<html::Div>::new();
    let dragged = RwSignal::new(None::<usize>);
    let keep = move || {
        let text: Vec<String> =
            shares.get_untracked().iter().map(|share| format!("{share:.4}")).collect();
        remember(&format!("split.{name}"), &text.join(" "));
    };
    let drag = move |event: ev::PointerEvent| {
        let (Some(index), Some(root)) = (dragged.get_untracked(), root.get_untracked()) else {
            return;
        };
        let rect = root.get_bounding_client_rect();
        let at = (f64::from(event.client_x()) - rect.left()) / rect.width().max(1.0);
        shares.update(|shares| move_border(shares, index, at));
    };
    let count = panes.len();
    let panes: Vec<AnyView> = panes
        .into_iter()
        .enumerate()
        .map(|(index, pane)| {
            let style = move || format!("flex: {} 1 0", shares.with(|shares| shares[index]));
            let border = (index + 1 < count).then(|| {
                view! {
                    <div
                        class="split-border"
                        role="separator"
                        aria-orientation="vertical"
                        tabindex="0"
                        aria-label=format!("Resize {}", labels[index])
                        aria-valuenow=move || (shares.with(|shares| border_at(shares, index)) * 100.0).round().to_string()
                        class:dragged=move || dragged.get() == Some(index)
                        on:pointerdown=move |event| {
                            event.prevent_default();
                            dragged.set(Some(index));
                        }
                        on:keydown=move |event| {
                            let step = match event.key().as_str() {
                                "ArrowLeft" => -0.02,
                                "ArrowRight" => 0.02,
                                _ => return,
                            };
                            event.prevent_default();
                            shares.update(|shares| {
                                let at: f64 = border_at(shares, index) + step;
                                move_border(shares, index, at);
                            });
                            keep();
                        }
                    ></div>
                }
            });
            view! {
                <section class="split-pane" style=style aria-label=labels[index]>
                    {pane}
                </section>
                {border}
            }
            .into_any()
        })
        .collect();
    let moving = window_event_listener(ev::pointermove, drag);
    let ending = window_event_listener(ev::pointerup, move |_| {
        if dragged.get_untracked().is_some() {
            dragged.set(None);
            keep();
        }
    });
    on_cleanup(move || {
        moving.remove();
        ending.remove();
    });
    view! {
        <div class="split" class:dragging=move || dragged.get().is_some() node_ref=root>
            {panes}
        </div>
    }
}

/// Where the border after pane `index` stands, 0 to 1.
fn border_at(shares: &[f64], index: usize) -> f64 {
    let all: f64 = shares.iter().sum();
    shares[..=index].iter().sum::<f64>() / all
}

/// Puts the border after pane `index` at `at`; the other borders stay.
fn move_border(shares: &mut [f64], index: usize, at: f64) {
    let all: f64 = shares.iter().sum();
    let before: f64 = shares[..index].iter().sum();
    let both = shares[index] + shares[index + 1];
    let least = (LEAST * all).min(both / 2.0);
    let first = (at * all - before).clamp(least, both - least);
    shares[index] = first;
    shares[index + 1] = both - first;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_border_moves_between_its_neighbours_only() {
        let mut shares = [1.0, 1.0, 2.0];
        move_border(&mut shares, 0, 0.4);
        assert!((shares[0] - 1.6).abs() < 1e-9 || shares[0] <= 2.0);
        assert!((shares.iter().sum::<f64>() - 4.0).abs() < 1e-9);
        assert!((shares[2] - 2.0).abs() < 1e-9);
        move_border(&mut shares, 1, 2.0);
        assert!(shares[2] >= LEAST * 4.0 - 1e-9, "no pane can vanish: {shares:?}");
    }
}
