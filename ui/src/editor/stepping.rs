//! The way through a trace, one transform after the other.

use std::collections::BTreeSet;
use std::sync::Arc;

use leptos::prelude::*;

use super::trace::{Halt, Step, Traced};
use crate::{
    commands::{Command, use_commands},
    components::{IconButton, Sign, count},
    monaco::toggle,
};

/// Where one is on the way through the steps. Copies are the same one.
#[derive(Clone, Copy)]
pub(super) struct Stepping {
    /// Whether anything is told.
    tracing: RwSignal<bool>,
    traced: RwSignal<Option<Arc<Traced>>>,
    /// All steps.
    steps: Memo<Arc<Vec<Step>>>,
    /// Which of them one is at; `None` while one does not go by steps.
    at: RwSignal<Option<usize>>,
    /// Lines to stop at, counted from 1.
    pub(super) stops: RwSignal<BTreeSet<usize>>,
    /// What else to stop at, as it was entered.
    condition: RwSignal<String>,
    /// Whether to go to the first stop once there are steps.
    wanted: StoredValue<bool>,
}

impl Stepping {
    pub(super) fn start(
        tracing: RwSignal<bool>,
        traced: RwSignal<Option<Arc<Traced>>>,
    ) -> Stepping {
        let steps = Memo::new(move |_| {
            let steps = traced.with(|traced| traced.as_ref().map(|traced| traced.steps()));
            Arc::new(steps.unwrap_or_default())
        });
        let stepping = Stepping {
            tracing,
            traced,
            steps,
            at: RwSignal::new(None),
            stops: RwSignal::default(),
            condition: RwSignal::default(),
            wanted: StoredValue::new(false),
        };
        Effect::new(move || {
            let there = steps.with(|steps| !steps.is_empty());
            if there && stepping.wanted.get_value() {
                stepping.wanted.set_value(false);
                stepping.skip(false);
            }
        });
        // What is typed may leave fewer steps.
        Effect::new(move || {
            let last = steps.with(|steps| steps.len().checked_sub(1));
            if let (Some(last), Some(at)) = (last, stepping.at.get_untracked())
                && at > last
            {
                stepping.at.set(Some(last));
            }
        });
        Effect::new(move || {
            if !tracing.get() {
                stepping.at.set(None);
            }
        });
        stepping
    }

    /// Of another pipe nothing is kept.
    pub(super) fn forget(self) {
        self.at.set(None);
        self.stops.update(BTreeSet::clear);
        self.condition.set(String::new());
    }

    /// The step one is at. Tracked.
    pub(super) fn step(self) -> Option<Step> {
        let at = self.at.get()?;
        self.steps.with(|steps| steps.get(at).cloned())
    }

    fn halt(self) -> Halt {
        self.condition.with(|condition| Halt::new(self.stops.get(), condition))
    }

    /// Goes one step on or back; the first time to the first step.
    fn go(self, back: bool) {
        self.tracing.set(true);
        let last = self.steps.with_untracked(|steps| steps.len().saturating_sub(1));
        self.at.update(|at| {
            *at = Some(match *at {
                None => 0,
                Some(at) if back => at.saturating_sub(1),
                Some(at) => (at + 1).min(last),
            });
        });
    }

    /// Goes on or back to the next place to stop.
    fn skip(self, back: bool) {
        if self.steps.with_untracked(|steps| steps.is_empty()) {
            self.tracing.set(true);
            self.wanted.set_value(true);
            return;
        }
        let halt = untrack(|| self.halt());
        let next = self.steps.with_untracked(|steps| {
            let at = self.at.get_untracked();
            match at {
                // The first step may be one to stop at.
                None if !back => halt.first(steps),
                at => halt.next(steps, at.unwrap_or(steps.len()), back),
            }
        });
        self.at.set(Some(next));
    }

    /// Offers the keys while the pipe is open; `line` tells where the cursor
    /// is.
    pub(super) fn offer(self, line: impl Fn() -> Option<usize> + Copy + Send + Sync + 'static) {
        use_commands().offer(move || {
            let mut commands = vec![
                Command::new("trace-step", "Step to the next rule", Sign::Step, move || {
                    self.go(false)
                })
                .keys("F10"),
                Command::new("trace-back", "Step back", Sign::StepBack, move || self.go(true))
                    .keys("Shift+F10"),
                Command::new("trace-stop", "Stop at this line, or not", Sign::Stop, move || {
                    if let Some(line) = line() {
                        toggle(self.stops, line);
                    }
                })
                .keys("F9"),
            ];
            // These keys are the editor's while there is nowhere to stop.
            if self.at.with(Option::is_some) || !self.halt().is_none() {
                commands.extend([
                    Command::new("trace-skip", "On to the next stop", Sign::Skip, move || {
                        self.skip(false)
                    })
                    .keys("F8"),
                    Command::new(
                        "trace-skip-back",
                        "Back to the last stop",
                        Sign::SkipBack,
                        move || self.skip(true),
                    )
                    .keys("Shift+F8"),
                ]);
            }
            commands
        });
    }
}

/// The buttons of the way, and where one is on it.
#[component]
pub(super) fn StepBar(stepping: Stepping) -> impl IntoView {
    let number = move || stepping.steps.with(|steps| steps.len());
    let where_at = move || match stepping.at.get() {
        None => format!("{} steps", count(number() as u64)),
        Some(at) => format!("{} of {}", count(at as u64 + 1), count(number() as u64)),
    };
    let none = Signal::derive(move || number() == 0);
    let first = Signal::derive(move || none.get() || stepping.at.get().is_none_or(|at| at == 0));
    let last = Signal::derive(move || {
        none.get() || stepping.at.get().is_some_and(|at| at + 1 >= number())
    });
    view! {
        <div class="step-bar" role="toolbar" aria-label="Steps">
            <IconButton sign=Sign::SkipBack label="Back to the last stop (Shift+F8)" id="step-skip-back" disabled=first on_click=move || stepping.skip(true) />
            <IconButton sign=Sign::StepBack label="Step back (Shift+F10)" id="step-back" disabled=first on_click=move || stepping.go(true) />
            <IconButton sign=Sign::Step label="Step to the next rule (F10)" id="step" disabled=last on_click=move || stepping.go(false) />
            <IconButton sign=Sign::Skip label="On to the next stop (F8)" id="step-skip" disabled=last on_click=move || stepping.skip(false) />
            <span class="step-count" data-testid="step-count">{where_at}</span>
            <input
                type="text"
                class="step-condition"
                placeholder="Stop where set: name = value"
                aria-label="Stop where a property is set, such as name or name = value"
                data-tip="A property, or a property and its value. A click beside a line, or F9, stops there."
                spellcheck="false"
                autocomplete="off"
                data-testid="step-condition"
                bind:value=stepping.condition
                on:keydown=move |event| {
                    if event.key() == "Enter" {
                        event.prevent_default();
                        stepping.skip(event.shift_key());
                    }
                }
            />
            <Show when=move || stepping.at.with(Option::is_some)>
                <IconButton sign=Sign::Close label="Leave the steps" id="step-end" on_click=move || stepping.at.set(None) />
            </Show>
        </div>
    }
}

/// What the step at hand did, and what is made so far.
#[component]
pub(super) fn StepPane(stepping: Stepping, step: Step) -> impl IntoView {
    let shown = stepping.traced.with(|traced| {
        let traced = traced.as_ref()?;
        Some((traced.so_far(&step), traced.inside(&step), traced.ending(&step)))
    });
    let (so_far, (inside, more), ending) = shown.unwrap_or_default();
    let is_last = stepping.steps.with(|steps| steps.last() == Some(&step));
    let ending = ending.filter(|_| is_last).map(|ending| {
        view! { <p class="trace-value failed" data-testid="step-ending">"The sample is "{ending}"."</p> }
    });
    let inside = inside.into_iter().map(|(code, came)| {
        view! {
            <dt>{code}</dt>
            <dd>{super::trace_pane::came(came)}</dd>
        }
    });
    let so_far = so_far.into_iter().map(|kept| {
        view! {
            <dt class:new=kept.is_new>{kept.name}</dt>
            <dd class:new=kept.is_new>{kept.value}</dd>
        }
    });
    view! {
        <div data-testid="step-values">
            <p class="trace-where"><span>{step.rule}</span></p>
            <code class="trace-code" data-testid="step-code">{step.code}</code>
            {super::trace_pane::came(step.came)}
            {ending}
            <h3>"Values in it"</h3>
            <dl class="trace-list">{inside.collect_view()}</dl>
            {(more > 0).then(|| view! { <p class="hint">{format!("and {} more before", count(more as u64))}</p> })}
            <h3>"Made so far"</h3>
            <dl class="trace-list" data-testid="step-so-far">{so_far.collect_view()}</dl>
        </div>
    }
}
