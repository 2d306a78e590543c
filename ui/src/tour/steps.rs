//! What is done in the tour.

use leptos::prelude::*;
use pipewright_protocol::studio::PipeState;

use super::Tour;
use crate::place::{PipeTab, Place};

/// One step.
pub(super) struct Step {
    /// What it is about.
    pub(super) title: &'static str,
    /// What to do.
    pub(super) text: &'static str,
    /// What to do it with, as a CSS selector.
    pub(super) anchor: &'static str,
    /// Where it is done, if that is not where one is.
    pub(super) place: fn(Tour) -> Option<Place>,
    /// Whether it is done. Tracked.
    pub(super) done: fn(Tour) -> bool,
}

fn here(_: Tour) -> Option<Place> {
    None
}

/// The steps.
pub(super) const STEPS: [Step; 9] = [
    Step {
        title: "Let it run",
        text: "A project is a folder of config. You can look and edit; nothing runs before you allow it. This is the example, and it stays on this machine: allow it to run.",
        anchor: "[data-testid=trust]",
        place: here,
        done: |tour| tour.live.trusted(),
    },
    Step {
        title: "Run everything",
        text: "Each pipe reads something, changes it and writes it on. Run all of them once: they collect rows from the files, give them keys, and merge what is the same.",
        anchor: "[data-testid=run-all], [data-testid=stop-all]",
        place: here,
        done: |tour| {
            tour.live.totals.with(|totals| totals.running == 0)
                && tour.live.datasets.with(|datasets| {
                    datasets.values().any(|set| !set.id.starts_with("system:") && set.entities > 0)
                })
        },
    },
    Step {
        title: "Begin a pipe of your own",
        text: "This card is a pipe with the dataset it writes. A new pipe shall read that dataset: choose New pipe, and then Add pipe.",
        anchor: "[data-testid=panel-new-pipe], [data-testid=new-pipe-add]",
        place: |tour| {
            Some(Place::Flow { select: tour.begins_with().map(|id| format!("pipe:{id}")) })
        },
        done: |tour| tour.has_made(),
    },
    Step {
        title: "Open it",
        text: "There it is, behind the dataset it reads. It is a small text file in the folder, and Undo would take it away again. Open it.",
        anchor: "[data-testid=panel-open]",
        place: |tour| {
            let made = tour.made.get_untracked()?;
            Some(Place::Flow { select: Some(format!("pipe:{made}")) })
        },
        done: |tour| tour.shows_made(),
    },
    Step {
        title: "Add a rule",
        text: "On the left what it does, in the middle a sample, on the right what becomes of it. Put the cursor behind [\"copy\", \"*\"] and type: , [\"add\", \"greeting\", \"hello\"] and see the right side follow.",
        anchor: "[data-testid=pipe] .text-pane",
        place: |tour| Some(Place::pipe(tour.made.get_untracked()?)),
        done: |tour| tour.has_changes(),
    },
    Step {
        title: "Save it",
        text: "Go on typing until the right side shows the greeting, then save.",
        anchor: "[data-testid=save]",
        place: here,
        done: |tour| tour.shows_made() && !tour.has_changes(),
    },
    Step {
        title: "Run it",
        text: "From now on it runs whenever what it reads has changed. Run it the first time.",
        anchor: "[data-testid=pipe-run]",
        place: here,
        done: |tour| {
            let made = tour.made.get().unwrap_or_default();
            let pipe = tour.live.pipes.with(|pipes| pipes.get(&made).cloned());
            pipe.is_some_and(|it| it.state == PipeState::Finished && it.last_run.is_some())
        },
    },
    Step {
        title: "Look at what it wrote",
        text: "Every pipe says what it wrote, when it ran and what failed. Open Output.",
        anchor: "[data-testid=tab-output]",
        place: here,
        done: |tour| {
            let made = tour.made.get();
            match tour.nav.place() {
                Place::Pipe { id, tab: PipeTab::Output } => Some(id) == made,
                Place::Dataset { id, .. } => Some(id) == made,
                _ => false,
            }
        },
    },
    Step {
        title: "That is a pipe you made",
        text: "Change a row in data/crm/companies.csv and it follows by itself. Ctrl+K finds everything, ? shows what the keys do, and Flow shows it all.",
        anchor: "[data-testid=open-palette]",
        place: here,
        done: |_| false,
    },
];
