//! A tour of two minutes that ends with a pipe the user made: each step is done
//! on the real screens, and the next one comes when it was.
//!
//! It is offered once, can be left and taken up again, and says nothing any
//! more afterwards.

mod card;
mod steps;

use std::collections::BTreeSet;

use leptos::prelude::*;
use pipewright_protocol::studio::NodeKind;

use crate::{
    place::{Nav, Place, use_nav},
    state::{Files, Live, OpenFile, remember, remembered, use_files, use_live},
};

pub use card::{TourCard, TourOffer};
use steps::STEPS;

const KEPT: &str = "tour";
/// Which pipe the user made in it.
const MADE: &str = "tour.pipe";

/// How it stands with the tour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It was never begun nor refused.
    New,
    /// It was left at a step.
    Left(usize),
    /// It is over, or was not wanted.
    Over,
}

/// The tour. Copies are the same one.
#[derive(Clone, Copy)]
pub struct Tour {
    /// The step that is shown, while it runs.
    step: RwSignal<Option<usize>>,
    standing: RwSignal<Standing>,
    /// The pipe that the user makes.
    made: RwSignal<Option<String>>,
    /// The pipes there were when it had to be made.
    before: StoredValue<BTreeSet<String>>,
    live: Live,
    files: Files,
    nav: Nav,
}

/// The session's tour.
pub fn use_tour() -> Tour {
    expect_context()
}

impl Tour {
    /// As it was left.
    pub fn start() -> Self {
        let standing = match remembered(KEPT).as_deref() {
            None => Standing::New,
            Some("over") => Standing::Over,
            Some(step) => step.parse().map_or(Standing::New, Standing::Left),
        };
        let tour = Tour {
            step: RwSignal::new(None),
            standing: RwSignal::new(standing),
            made: RwSignal::new(remembered(MADE).filter(|made| !made.is_empty())),
            before: StoredValue::default(),
            live: use_live(),
            files: use_files(),
            nav: use_nav(),
        };
        // On to the next step as soon as this one is done.
        Effect::new(move || {
            let Some(step) = tour.step.get() else { return };
            if (STEPS[step].done)(tour) {
                // What was just done is seen for a moment.
                set_timeout(
                    move || {
                        if tour.step.try_get_untracked() == Some(Some(step)) {
                            tour.go(step + 1);
                        }
                    },
                    std::time::Duration::from_millis(350),
                );
            }
        });
        tour
    }

    /// Begins, or goes on where it was left.
    pub fn begin(self) {
        match self.standing.get_untracked() {
            Standing::Left(step) if step < STEPS.len() => self.go(step),
            _ => {
                self.made.set(None);
                remember(MADE, "");
                self.go(0);
            }
        }
    }

    /// Leaves it; it can be taken up again.
    fn leave(self) {
        if let Some(step) = self.step.get_untracked() {
            self.keep(Standing::Left(step));
        }
        self.step.set(None);
    }

    /// It is over, or not wanted.
    fn end(self) {
        self.step.set(None);
        self.keep(Standing::Over);
    }

    fn keep(self, standing: Standing) {
        match standing {
            Standing::New => {}
            Standing::Left(step) => remember(KEPT, &step.to_string()),
            Standing::Over => remember(KEPT, "over"),
        }
        self.standing.set(standing);
    }

    fn go(self, step: usize) {
        if step >= STEPS.len() {
            return self.end();
        }
        self.before.set_value(untrack(|| self.pipes()));
        self.keep(Standing::Left(step));
        if let Some(place) = (STEPS[step].place)(self) {
            self.nav.go(place);
        }
        self.step.set(Some(step));
    }

    fn pipes(self) -> BTreeSet<String> {
        let pipes = |graph: &Option<std::sync::Arc<pipewright_protocol::studio::Graph>>| {
            let nodes = graph.iter().flat_map(|graph| &graph.nodes);
            let pipes = nodes.filter(|node| node.kind == NodeKind::Pipe);
            pipes.map(|node| node.name.clone()).collect()
        };
        self.live.graph.with(pipes)
    }

    /// The pipe whose dataset the new one reads: one with data in it.
    fn begins_with(self) -> Option<String> {
        const USUAL: &str = "crm-company-enrich";
        let pipes = untrack(|| self.pipes());
        let with_data = self.live.datasets.with_untracked(|datasets| {
            let full = datasets.values().filter(|dataset| dataset.entities > 0);
            full.map(|dataset| dataset.id.clone()).find(|id| pipes.contains(id))
        });
        pipes.contains(USUAL).then(|| USUAL.to_owned()).or(with_data)
    }

    /// Notes the pipe that was made since the step began. Tracked.
    fn has_made(self) -> bool {
        let new = self.pipes();
        let made = self.before.with_value(|before| new.difference(before).next().cloned());
        if let Some(made) = &made {
            remember(MADE, made);
            self.made.set(Some(made.clone()));
        }
        made.is_some()
    }

    /// Whether the screen of the new pipe is shown. Tracked.
    fn shows_made(self) -> bool {
        let made = self.made.get();
        match self.nav.place() {
            Place::Pipe { id, .. } => Some(id) == made,
            _ => false,
        }
    }

    /// Whether the new pipe has changes that are not saved. Tracked.
    fn has_changes(self) -> bool {
        let made = self.made.get().unwrap_or_default();
        let wanted = format!("pipes/{made}.conf.json");
        self.files.dirty().iter().any(|file: &OpenFile| file.path == wanted)
    }
}
