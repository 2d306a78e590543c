//! Calls that take their time: how far they are, and stopping them.

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{TaskProgress, task_path};

use crate::{
    client::{Client, use_client},
    components::{Button, Sign, count},
};

/// How often it is asked how far it is.
const PAUSE: Duration = Duration::from_millis(300);

/// One call at a time that can be followed and stopped. Copies are the same.
#[derive(Clone, Copy)]
pub(super) struct Task {
    client: StoredValue<Client>,
    /// The name of the call that is under way.
    name: RwSignal<Option<String>>,
    progress: RwSignal<Option<TaskProgress>>,
}

impl Task {
    /// For calls of the present owner; they are stopped when it goes.
    pub(super) fn new() -> Task {
        let task = Task {
            client: StoredValue::new(use_client()),
            name: RwSignal::new(None),
            progress: RwSignal::new(None),
        };
        on_cleanup(move || task.stop());
        task
    }

    /// Begins a call; its name.
    pub(super) fn begin(self) -> String {
        self.stop();
        let name = format!("{:013x}", (js_sys::Math::random() * 1e15) as u64);
        self.progress.set(None);
        self.name.set(Some(name.clone()));
        self.ask_later(name.clone());
        name
    }

    fn ask_later(self, name: String) {
        set_timeout(
            move || {
                if self.name.try_get_untracked().flatten().as_ref() != Some(&name) {
                    return;
                }
                let client = self.client.get_value();
                spawn_local(async move {
                    let progress = client.get::<TaskProgress>(&task_path(&name)).await;
                    if self.name.try_get_untracked().flatten().as_ref() == Some(&name) {
                        if let Ok(progress) = progress {
                            self.progress.try_set(Some(progress));
                        }
                        self.ask_later(name);
                    }
                });
            },
            PAUSE,
        );
    }

    /// The call of this name has its answer. Whether it is still wanted.
    pub(super) fn end(self, name: &str) -> bool {
        let wanted = self.name.try_get_untracked().flatten().as_deref() == Some(name);
        if wanted {
            self.name.set(None);
        }
        wanted
    }

    /// Nobody waits for the call any more.
    pub(super) fn stop(self) {
        let Some(name) = self.name.try_get_untracked().flatten() else { return };
        self.name.try_set(None);
        if let Some(client) = self.client.try_get_value() {
            // One that has just ended is gone already.
            spawn_local(async move { drop(client.delete(&task_path(&name)).await) });
        }
    }

    /// Whether a call is under way. Tracked.
    pub(super) fn busy(self) -> bool {
        self.name.with(Option::is_some)
    }
}

/// How far the call is, with a button that stops it; nothing when there is
/// none.
#[component]
pub(super) fn TaskBar(
    task: Task,
    /// What is counted.
    what: &'static str,
) -> impl IntoView {
    let share = move || {
        let TaskProgress { done, total } = task.progress.get()?;
        let total = total.filter(|total| *total > 0)?;
        Some((done as f64 / total as f64).min(1.0))
    };
    let told = move || match task.progress.get() {
        Some(TaskProgress { done, total: Some(total) }) => {
            format!("{} of {} {what}", count(done), count(total))
        }
        Some(TaskProgress { done, total: None }) => format!("{} {what}", count(done)),
        None => String::new(),
    };
    view! {
        <Show when=move || task.busy()>
            <div class="task-bar" data-testid="task">
                <progress aria-label="Progress" max="1" prop:value=move || share().unwrap_or_default()></progress>
                <span>{told}</span>
                <Button label="Stop" sign=Sign::Stop id="task-stop" on_click=move || task.stop() />
            </div>
        </Show>
    }
}
