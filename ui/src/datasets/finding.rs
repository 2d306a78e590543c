//! Looking for entities by what is in them: the node looks through the log in
//! steps, and what it has found is shown meanwhile.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{Filter, Found, find_path};

use super::pages::{PAGE, Row};
use crate::{
    client::{Client, Failure},
    components::count,
};

/// From the last key to the question.
const PAUSE: Duration = Duration::from_millis(300);

/// What is looked for in one dataset, and what was found so far.
#[derive(Clone, Copy)]
pub(super) struct Finding {
    /// What was typed: words, a comparison, or DTL.
    pub(super) typed: RwSignal<String>,
    /// What was typed for single properties.
    pub(super) properties: RwSignal<BTreeMap<String, String>>,
    /// Why it could not be looked for.
    pub(super) failure: RwSignal<Option<Failure>>,
    rows: RwSignal<Vec<Row>>,
    looked_at: RwSignal<u64>,
    /// Whether the index of full text said where to look.
    by_index: RwSignal<bool>,
    /// Whether there is nothing more to look at.
    done: RwSignal<bool>,
    next: StoredValue<Option<u64>>,
    /// How many rows the view could show.
    wanted: StoredValue<usize>,
    busy: StoredValue<bool>,
    /// Counts what was asked for, so that late answers are dropped.
    epoch: StoredValue<u32>,
    dataset: StoredValue<String>,
    client: StoredValue<Client>,
    /// Whether all versions are looked at, and deleted entities too.
    shown: Signal<(bool, bool)>,
}

impl Finding {
    /// Looks for whatever is typed.
    pub(super) fn start(client: Client, dataset: String, shown: Signal<(bool, bool)>) -> Self {
        let finding = Finding {
            typed: RwSignal::default(),
            properties: RwSignal::default(),
            failure: RwSignal::default(),
            rows: RwSignal::default(),
            looked_at: RwSignal::default(),
            by_index: RwSignal::default(),
            done: RwSignal::default(),
            next: StoredValue::default(),
            wanted: StoredValue::new(PAGE),
            busy: StoredValue::default(),
            epoch: StoredValue::default(),
            dataset: StoredValue::new(dataset),
            client: StoredValue::new(client),
            shown,
        };
        let waiting = StoredValue::new(None::<TimeoutHandle>);
        let cancel = move || {
            if let Some(handle) = waiting.try_update_value(Option::take).flatten() {
                handle.clear();
            }
        };
        Effect::new(move |before: Option<()>| {
            finding.typed.track();
            finding.properties.track();
            shown.track();
            cancel();
            if before.is_some() {
                let again = move || finding.start_over();
                waiting.set_value(set_timeout_with_handle(again, PAUSE).ok());
            }
        });
        on_cleanup(cancel);
        finding
    }

    /// Whether something is looked for.
    pub(super) fn is_on(self) -> bool {
        !self.filter().is_empty()
    }

    /// What is looked for. Tracked.
    pub(super) fn filter(self) -> Filter {
        let (history, deleted) = self.shown.get();
        let properties = self.properties.get().into_iter().collect();
        Filter { typed: self.typed.get(), properties, history, deleted }
    }

    /// How many were found so far.
    pub(super) fn count(self) -> usize {
        self.rows.with(Vec::len)
    }

    /// One of them.
    pub(super) fn row(self, index: usize) -> Option<Row> {
        self.rows.with(|rows| rows.get(index).cloned())
    }

    /// Where an entity is among them.
    pub(super) fn position(self, id: &str) -> Option<usize> {
        self.rows.with(|rows| rows.iter().position(|row| row.id == id))
    }

    /// Whether everything was looked at.
    pub(super) fn is_done(self) -> bool {
        self.done.get()
    }

    /// How far it has come, of so many.
    pub(super) fn note(self, all: usize) -> String {
        let found = count(self.count() as u64);
        let by = if self.by_index.get() { " by index" } else { "" };
        if self.done.get() {
            return format!("{found} found{by}");
        }
        if self.by_index.get() {
            return format!("{found} found by index so far");
        }
        format!("{found} found in {} of {}", count(self.looked_at.get()), count(all as u64))
    }

    /// These rows are in view: more is looked for when they are the last.
    pub(super) fn view(self, range: &Range<usize>) {
        self.wanted.set_value(range.end + PAGE);
        self.go_on();
    }

    /// Looks anew, as the dataset may have changed.
    pub(super) fn start_over(self) {
        self.epoch.update_value(|epoch| *epoch += 1);
        self.rows.update(Vec::clear);
        self.looked_at.set(0);
        self.by_index.set(false);
        self.failure.set(None);
        self.done.set(false);
        self.next.set_value(None);
        self.wanted.set_value(PAGE);
        self.busy.set_value(false);
        self.go_on();
    }

    fn go_on(self) {
        let enough = self.rows.with_untracked(Vec::len) >= self.wanted.get_value();
        let filter = untrack(|| self.filter());
        if filter.is_empty() || enough || self.busy.get_value() || self.done.get_untracked() {
            return;
        }
        self.busy.set_value(true);
        let asked = self.epoch.get_value();
        let since = self.next.get_value();
        let path = find_path(&self.dataset.get_value(), &filter, since, PAGE);
        let client = self.client.get_value();
        spawn_local(async move {
            let answer = client.get::<Found>(&path).await;
            // The table is gone, or something else is looked for.
            if self.epoch.try_get_value() != Some(asked) {
                return;
            }
            self.busy.set_value(false);
            match answer {
                Err(why) => {
                    self.failure.set(Some(why));
                    self.done.set(true);
                }
                Ok(found) => {
                    let rows = found.entities.iter().filter_map(|entity| Row::read(entity.text()));
                    self.rows.update(|all| all.extend(rows));
                    self.looked_at.update(|all| *all += found.looked_at);
                    self.by_index.set(found.by_index);
                    self.next.set_value(found.next);
                    self.done.set(found.next.is_none());
                    self.go_on();
                }
            }
        });
    }
}
