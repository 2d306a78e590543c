//! What the pipe makes of a sample, while one types.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use leptos::{leptos_dom::helpers::TimeoutHandle, prelude::*, task::spawn_local};
use pipewright_protocol::studio::{
    self, Diagnostic, Failure as Stop, Json, Outcome, PinsRequest, Preview, PreviewRequest,
    Produced, Sample, TestReport,
};

use super::{
    pins::{Pin, PinsBar},
    stepping::Stepping,
    trace::{Told, Traced},
    trace_pane::TracePane,
};
use crate::{
    client::{Failure, use_client},
    components::{
        Button, Dialog, Empty, Icon, IconButton, Kind, Problem, Sign, Waiting, duration, use_toasts,
    },
    json::{JsonView, Mark, Tree, compare, pretty, print},
    monaco::{Note, Value, Watch},
    state::{OpenFile, use_history, use_live},
};

/// How long after the last key the preview runs.
const PAUSE: Duration = Duration::from_millis(150);

/// The preview of one pipe as it stands.
#[derive(Clone, Copy)]
pub(super) struct Live {
    /// The text that it runs.
    file: Signal<Option<OpenFile>>,
    /// What it runs on.
    sample: RwSignal<Sample>,
    /// What the node answered last.
    outcome: RwSignal<Option<Result<Preview, Failure>>>,
    /// The last answer to a text without errors, shown while it has some.
    sound: RwSignal<Option<Preview>>,
    /// Whether one is on its way.
    busy: RwSignal<bool>,
    /// Whether it tells what each expression did.
    pub(super) tracing: RwSignal<bool>,
    /// What it told last.
    pub(super) traced: RwSignal<Option<Arc<Traced>>>,
    /// What the cursor is on in the text, as bytes.
    pub(super) selected: RwSignal<Range<usize>>,
    /// The way through what it told, step by step.
    pub(super) stepping: Stepping,
    /// What the pinned samples of the pipe became.
    pub(super) pins: RwSignal<TestReport>,
}

impl Live {
    /// Runs the preview of `pipe` whenever text, sample or stored output change.
    pub(super) fn start(pipe: Memo<String>, file: Signal<Option<OpenFile>>) -> Self {
        let (tracing, traced) = (RwSignal::new(false), RwSignal::new(None));
        let live = Live {
            file,
            sample: RwSignal::new(Sample::First),
            outcome: RwSignal::new(None),
            sound: RwSignal::new(None),
            busy: RwSignal::new(false),
            tracing,
            traced,
            selected: RwSignal::new(0..0),
            stepping: Stepping::start(tracing, traced),
            pins: RwSignal::default(),
        };
        let client = StoredValue::new(use_client());
        let state = use_live();
        let history = use_history();
        let tests = Memo::new(move |_| {
            state.files.with(|files| {
                let all = files.iter().flat_map(|files| files.iter());
                let tests = all.filter(|file| file.path.ends_with(".test.json"));
                tests.map(|file| (file.path.clone(), file.hash.clone())).collect::<Vec<_>>()
            })
        });
        let newest = StoredValue::new(0_u32);
        let pending = StoredValue::new(None::<TimeoutHandle>);
        let cancel = move || {
            if let Some(handle) = pending.try_update_value(Option::take).flatten() {
                handle.clear();
            }
        };
        let run = move || {
            let Some(file) = file.get_untracked() else { return };
            let nth = newest.try_update_value(|newest| {
                *newest += 1;
                *newest
            });
            let Some(nth) = nth else { return };
            let sample = live.sample.get_untracked();
            let text = file.text.get_untracked();
            let request = PreviewRequest {
                trace: live.tracing.get_untracked(),
                pipe: pipe.get_untracked(),
                text: Some(text.clone()),
                sample: sample.clone(),
            };
            live.busy.set(true);
            let pinned = tests.with_untracked(|tests| !tests.is_empty());
            let client = client.get_value();
            spawn_local(async move {
                let mut outcome = client.post::<Preview>(studio::PREVIEW, &request).await;
                // An answer that was overtaken is not shown.
                if newest.try_get_value() != Some(nth) {
                    return;
                }
                live.busy.set(false);
                // The same entity while typing, not another one with each key.
                if let (Sample::First | Sample::Random, Ok(Preview { source: Some(source), .. })) =
                    (&sample, &outcome)
                {
                    live.sample.update_untracked(|sample| *sample = Sample::Entity(source.clone()));
                }
                let trace = outcome.as_mut().ok().and_then(|preview| preview.trace.take());
                if let Some(trace) = trace {
                    live.traced.set(Some(Arc::new(Traced::new(trace, text))));
                }
                if let Ok(preview) = &outcome
                    && !broken(preview)
                {
                    live.sound.set(Some(preview.clone()));
                }
                let may = outcome.is_ok();
                live.outcome.set(Some(outcome));
                // What is looked at comes first.
                let pins = match pinned && may {
                    true => {
                        let PreviewRequest { pipe, text, .. } = request;
                        let request = PinsRequest { pipe, text };
                        client.post::<TestReport>(studio::PINS, &request).await
                    }
                    false => Ok(TestReport::default()),
                };
                if newest.try_get_value() == Some(nth)
                    && let Ok(report) = pins
                {
                    live.pins.try_set(report);
                }
            });
        };
        // Another pipe starts with its own first entity.
        Effect::new(move || {
            pipe.with(|_| ());
            live.outcome.set(None);
            live.sound.set(None);
            live.traced.set(None);
            live.selected.set(0..0);
            live.stepping.forget();
            live.pins.set(TestReport::default());
            live.sample.set(Sample::First);
        });
        Effect::new(move |before: Option<()>| {
            let Some(file) = file.get() else { return };
            file.text.track();
            live.sample.track();
            live.tracing.track();
            // Another test may be there, or expect something else.
            tests.track();
            history.can_undo();
            state.pipe(&pipe.get()).with(|status| (status.last_run, status.state));
            cancel();
            let pause = if before.is_some() { PAUSE } else { Duration::ZERO };
            pending.set_value(set_timeout_with_handle(run, pause).ok());
        });
        on_cleanup(cancel);
        Effect::new(move || {
            if !live.tracing.get() {
                live.traced.set(None);
            }
        });
        live
    }

    /// What the editor shows of it over the text.
    pub(super) fn watch(self) -> Watch {
        let value = move |byte: usize| -> Option<Value> {
            untrack(|| {
                let traced = self.traced.get().filter(|traced| self.is_about(traced))?;
                let told = traced.at(&(byte..byte))?;
                Some((told.bytes.clone(), told.markdown()))
            })
        };
        let at = Memo::new(move |_| {
            let step = self.stepping.step()?;
            let traced = self.traced.get()?;
            self.is_about(&traced).then_some(step.bytes)
        });
        Watch {
            notes: self.notes(),
            selected: self.selected,
            at: at.into(),
            stops: self.stepping.stops,
            value: Callback::new(value),
        }
    }

    /// What is told at the ends of the lines of the open text; `None` while
    /// what is known is about another one.
    fn notes(self) -> Signal<Option<Vec<Note>>> {
        Memo::new(move |_| match self.traced.get() {
            Some(traced) => self.is_about(&traced).then(|| traced.notes()),
            None => Some(Vec::new()),
        })
        .into()
    }

    /// Everything that is known of what the cursor is on. Stays as it is while
    /// the text is another one than what was traced.
    pub(super) fn told(self) -> Memo<Option<Told>> {
        Memo::new(move |last: Option<&Option<Told>>| {
            let traced = self.traced.get()?;
            let selected = self.selected.get();
            if self.is_about(&traced) { traced.at(&selected) } else { last.cloned().flatten() }
        })
    }

    /// Whether a trace is about the text as it is now. Tracked.
    fn is_about(self, traced: &Traced) -> bool {
        self.file.with(|file| {
            let file = file.as_ref().filter(|file| file.path == traced.file());
            file.is_some_and(|file| file.text.with(|text| text == traced.text()))
        })
    }

    /// The text as it is now. Untracked.
    pub(super) fn text(self) -> Option<String> {
        Some(self.file.get_untracked()?.text.get_untracked())
    }

    /// Goes on with this sample.
    pub(super) fn use_sample(self, sample: Json) {
        self.sample.set(Sample::Entity(sample));
    }

    /// The sample and what came of it, if it went well. Untracked.
    pub(super) fn result(self) -> Option<(Json, Vec<Json>)> {
        self.outcome.with_untracked(|outcome| {
            let Some(Ok(preview)) = outcome else { return None };
            if preview.failure.is_some() || preview.held.is_some() || broken(preview) {
                return None;
            }
            let out = preview
                .produced
                .iter()
                .filter(|produced| matches!(produced.outcome, Outcome::Kept | Outcome::Emitted));
            Some((preview.source.clone()?, out.map(|it| it.entity.clone()).collect()))
        })
    }

    /// Where the last preview stopped, if it did. Tracked.
    pub(super) fn stopped(self) -> Option<Diagnostic> {
        self.outcome.with(|outcome| match outcome {
            Some(Ok(preview)) => preview.failure.as_ref().map(stopped),
            _ => None,
        })
    }
}

/// Whether the text has errors, so that nothing could be made of the sample.
fn broken(preview: &Preview) -> bool {
    let error = |diagnostic: &Diagnostic| diagnostic.severity == studio::Severity::Error;
    preview.produced.is_empty() && preview.diagnostics.iter().any(error)
}

/// Where the transform stopped, marked in the text like any other finding.
fn stopped(failure: &Stop) -> Diagnostic {
    Diagnostic {
        code: "preview-stopped".into(),
        severity: studio::Severity::Error,
        path: failure.path.clone(),
        start: failure.start,
        end: failure.end,
        message: failure.message.clone(),
        suggestion: Some("The preview stopped here.".into()),
    }
}

/// The sample that goes in.
#[component]
pub(super) fn SamplePane(preview: Live) -> impl IntoView {
    let id = RwSignal::new(String::new());
    let pasting = RwSignal::new(false);
    let source = Memo::new(move |_| {
        let now = preview.outcome.with(|outcome| {
            outcome.as_ref().and_then(|outcome| outcome.as_ref().ok()?.source.clone())
        });
        now.or_else(|| preview.sound.with(|sound| sound.as_ref()?.source.clone()))
    });
    let why_none = Memo::new(move |_| {
        preview.outcome.with(|outcome| {
            outcome.as_ref().and_then(|outcome| outcome.as_ref().ok()?.no_sample.clone())
        })
    });
    // What was found is what can be looked for next.
    Effect::new(move || {
        if let Some(found) = source.with(|source| {
            source
                .as_ref()
                .and_then(|source| Some(Tree::of(source).get("_id")?.as_str()?.to_owned()))
        }) {
            id.set(found);
        }
    });
    let look_up = move || {
        let wanted = id.get_untracked().trim().to_owned();
        preview.sample.set(if wanted.is_empty() { Sample::First } else { Sample::Id(wanted) });
    };
    view! {
        <div class="pane-head">
            <h2>"Sample"</h2>
            <form
                class="sample-id"
                on:submit=move |event| {
                    event.prevent_default();
                    look_up();
                }
            >
                <input type="text" placeholder="_id" aria-label="Sample by _id" spellcheck="false" autocomplete="off" data-testid="sample-id" bind:value=id />
            </form>
            <IconButton sign=Sign::Dice label="Any entity of the source" id="sample-random" on_click=move || preview.sample.set(Sample::Random) />
            <IconButton sign=Sign::Copy label="Use an entity of your own" id="sample-paste" on_click=move || pasting.set(true) />
        </div>
        <div class="pane-body" data-testid="sample">
            {move || match (source.get(), why_none.get()) {
                (Some(source), _) => view! { <JsonView lines=print(&Tree::of(&source)) id="sample-json" /> }.into_any(),
                (None, Some(why)) => {
                    view! {
                        <Empty sign=Sign::Dataset title="No sample" hint=why>
                            <Button label="Use an entity of your own" sign=Sign::Copy on_click=move || pasting.set(true) />
                        </Empty>
                    }
                        .into_any()
                }
                (None, None) => ().into_any(),
            }}
        </div>
        <Dialog open=pasting title="Sample of your own" id="sample-dialog">
            <Paste preview source pasting />
        </Dialog>
    }
}

/// Takes an entity as text.
#[component]
fn Paste(preview: Live, source: Memo<Option<Json>>, pasting: RwSignal<bool>) -> impl IntoView {
    let start =
        source.with_untracked(|source| source.as_ref().map(|source| pretty(&Tree::of(source))));
    let text = RwSignal::new(start.unwrap_or_else(|| "{\n  \"_id\": \"1\"\n}".into()));
    let parsed = Memo::new(move |_| {
        text.with(|text| match Tree::parse(text) {
            Ok(tree @ Tree::Object(_))
                if tree.get("_id").is_some_and(|id| id.as_str().is_some()) =>
            {
                Json::from_text(text.trim().to_owned()).map_err(|error| error.to_string())
            }
            Ok(_) => Err("An entity is an object with a text as its \"_id\".".to_owned()),
            Err(error) => Err(error.to_string()),
        })
    });
    let problem = move || parsed.with(|parsed| parsed.as_ref().err().cloned());
    let take = move || {
        if let Ok(entity) = parsed.get_untracked() {
            preview.sample.set(Sample::Entity(entity));
            pasting.set(false);
        }
    };
    view! {
        <div class="form">
            <textarea class="code-area" rows="16" spellcheck="false" aria-label="Entity as JSON" data-testid="sample-text" bind:value=text></textarea>
            <p class="field-problem">{problem}</p>
            <div class="form-actions">
                <Button label="Cancel" on_click=move || pasting.set(false) />
                <Button label="Use it" kind=Kind::Primary id="sample-use" disabled=Signal::derive(move || parsed.with(Result::is_err)) on_click=take />
            </div>
        </div>
    }
}

/// What comes out.
#[component]
pub(super) fn ResultPane(
    preview: Live,
    pipe: Memo<String>,
    on_goto: impl Fn(Range<usize>) + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let against_stored = RwSignal::new(true);
    // A property whose origin was asked for before anything was traced.
    let wanted = RwSignal::new(None::<(Json, Vec<String>)>);
    let toasts = use_toasts();
    Effect::new(move || {
        let (Some(traced), Some((entity, keys))) = (preview.traced.get(), wanted.get()) else {
            return;
        };
        wanted.set(None);
        match traced.origin(&Tree::of(&entity), &keys) {
            Some(bytes) => on_goto(bytes),
            None => toasts.failed(format!("No rule makes {}.", keys.join(" › "))),
        }
    });
    let on_key = move |entity: Json, keys: Vec<String>| {
        preview.tracing.set(true);
        wanted.set(Some((entity, keys)));
    };
    let pinning = RwSignal::new(false);
    let state = use_live();
    let unpinnable = Signal::derive(move || {
        preview.outcome.track();
        !state.may_change() || preview.result().is_none()
    });
    let took = move || {
        preview.outcome.with(|outcome| {
            let preview = outcome.as_ref()?.as_ref().ok()?;
            (!preview.produced.is_empty()).then(|| duration(preview.took))
        })
    };
    view! {
        <div class="pane-head">
            <h2>"Result"</h2>
            <span class="pane-note" class:busy=move || preview.busy.get()>{took}</span>
            <IconButton sign=Sign::Pin label="Pin the sample with its result as a test" id="pin" disabled=unpinnable on_click=move || pinning.set(true) />
            <button
                type="button"
                class="toggle"
                data-testid="trace"
                data-tip="What each expression gave for this sample"
                aria-pressed=move || preview.tracing.get().to_string()
                on:click=move |_| preview.tracing.update(|tracing| *tracing = !*tracing)
            >
                "Trace"
            </button>
            <div class="segments" role="group" aria-label="Show">
                <button type="button" aria-pressed=move || (!against_stored.get()).to_string() on:click=move |_| against_stored.set(false)>"Whole"</button>
                <button type="button" aria-pressed=move || against_stored.get().to_string() data-tip="Against what is stored now" on:click=move |_| against_stored.set(true)>"Changes"</button>
            </div>
        </div>
        <PinsBar preview pipe />
        <div class="pane-body" data-testid="result">
            {move || preview.outcome.with(|outcome| match outcome {
                None => view! { <Waiting /> }.into_any(),
                Some(Err(failure)) => view! { <Problem failure=failure.clone() /> }.into_any(),
                Some(Ok(now)) => {
                    let sound = broken(now).then(|| preview.sound.get()).flatten();
                    let stale = sound.is_some();
                    view! {
                        <Show when=move || stale>
                            <p class="notice warning" data-testid="preview-stale">
                                <Icon sign=Sign::Warning />
                                <span>"The config has errors. This is what it made before."</span>
                            </p>
                        </Show>
                        <div class="results" class:stale=stale>
                            {result(sound.as_ref().unwrap_or(now), against_stored.get(), on_goto, on_key)}
                        </div>
                    }
                        .into_any()
                }
            })}
        </div>
        <TracePane preview />
        <Dialog open=pinning title="Pin as a test" id="pin-dialog" wide=true>
            <Pin preview pipe open=pinning />
        </Dialog>
    }
}

fn result(
    preview: &Preview,
    against_stored: bool,
    on_goto: impl Fn(Range<usize>) + Copy + Send + Sync + 'static,
    on_key: impl Fn(Json, Vec<String>) + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let failure = preview.failure.clone().map(|failure| {
        view! {
            <button type="button" class="notice error" data-testid="preview-failure" on:click=move |_| on_goto(failure.start..failure.start)>
                <Icon sign=Sign::Error />
                <span>{failure.message}<code>{failure.path}</code></span>
            </button>
        }
    });
    let partial = preview.partial.clone().map(|why| {
        view! {
            <p class="notice warning" data-testid="preview-partial">
                <Icon sign=Sign::Warning />
                <span>"Partial: " {why}</span>
            </p>
        }
    });
    let held = preview.held.clone().map(|why| {
        view! {
            <p class="notice" data-testid="preview-held">
                <Icon sign=Sign::Lock />
                <span>{why}</span>
            </p>
        }
    });
    let nothing = preview.produced.is_empty()
        && preview.failure.is_none()
        && preview.held.is_none()
        && preview.source.is_some();
    let nothing = nothing.then(|| {
        let (title, hint) = if broken(preview) {
            ("The config has errors", "They are listed under the text.")
        } else {
            ("Nothing comes out", "The transforms drop this sample.")
        };
        view! { <Empty sign=Sign::Pipe title hint /> }
    });
    let produced = preview
        .produced
        .iter()
        .map(|produced| view_produced(produced, against_stored, on_key))
        .collect_view();
    view! {
        {failure}
        {held}
        {partial}
        {produced}
        {nothing}
    }
}

fn view_produced(
    produced: &Produced,
    against_stored: bool,
    on_key: impl Fn(Json, Vec<String>) + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let entity = produced.entity.clone();
    let on_key = Callback::new(move |keys| on_key(entity.clone(), keys));
    let (name, class) = match produced.outcome {
        Outcome::Kept => ("Kept", "outcome kept"),
        Outcome::Filtered => ("Filtered", "outcome filtered"),
        Outcome::Discarded => ("Discarded", "outcome discarded"),
        Outcome::Emitted => ("Emitted", "outcome kept"),
    };
    let new = Tree::of(&produced.entity);
    let (lines, note) = match (&produced.stored, against_stored) {
        (Some(stored), true) => {
            let lines = compare(&Tree::of(stored).content(), &new.content());
            let changed = lines.iter().filter(|line| line.mark != Mark::Same).count();
            (lines, if changed == 0 { "as stored" } else { "differs from what is stored" })
        }
        (None, true) => (print(&new), "not stored yet"),
        (_, false) => (print(&new), ""),
    };
    view! {
        <section class="produced">
            <header>
                <span class=class data-testid="outcome">{name}</span>
                <span class="pane-note">{note}</span>
            </header>
            <JsonView lines on_key id="result-json" />
        </section>
    }
}
