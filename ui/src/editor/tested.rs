//! The tests of a pipe: what is pinned, told as one types, and all of them run
//! as `pipewright test` does.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{
    self, Change, Edits, FileEdit, FileText, TESTS, TestDifference, TestOutcome, TestReport,
    TestResult, TestsRequest, TextEdit,
};

use super::{
    pins::{self, test_file},
    preview::Live as Preview,
    task::{Task, TaskBar},
};
use crate::{
    client::{Client, Failure, use_client},
    components::{
        Button, Dialog, Empty, Icon, Kind, Link, Problem, Sign, count, duration, use_toasts,
    },
    draft::Maker,
    json::{JsonView, Tree, print},
    monaco::Compare,
    place::{PipeTab, Place, use_nav},
    state::{OpenFile, use_live},
};

/// The Tests side of a pipe.
#[component]
pub(super) fn TestsPane(
    pipe: Memo<String>,
    preview: Preview,
    file: Signal<Option<OpenFile>>,
) -> impl IntoView {
    let live = use_live();
    let client = StoredValue::new(use_client());
    let task = Task::new();
    let ran = RwSignal::new(None::<(Option<String>, Result<TestReport, Failure>)>);
    Effect::new(move || {
        pipe.track();
        ran.set(None);
    });
    let run = move |only: Option<String>| {
        let name = task.begin();
        ran.set(None);
        let request = TestsRequest { pipe: only.clone(), task: Some(name.clone()) };
        let client = client.get_value();
        spawn_local(async move {
            let answer = client.post::<TestReport>(TESTS, &request).await;
            if task.end(&name) {
                ran.try_set(Some((only, answer)));
            }
        });
    };
    let held = Signal::derive(move || task.busy() || !live.trusted() || !live.may_change());
    let dirty = Memo::new(move |_| file.with(|file| file.as_ref().is_some_and(OpenFile::dirty)));
    let pinned = Memo::new(move |_| preview.pins.get());
    let summary = move || match ran.get() {
        Some((_, Ok(report))) => summary(&report),
        _ => String::new(),
    };
    view! {
        <div class="pane-head">
            <Button label="Run the tests of this pipe" kind=Kind::Primary sign=Sign::Play id="tests-run" disabled=held
                tip="Runs all pipes on a store of their own, with nothing outside, as pipewright test does"
                on_click=move || run(Some(pipe.get_untracked())) />
            <Button label="Run all tests" sign=Sign::Play id="tests-run-all" disabled=held on_click=move || run(None) />
            <span class="pane-note" data-testid="tests-summary">{summary}</span>
        </div>
        <TaskBar task what="steps" />
        <div class="pane-body tests" data-testid="tests">
            <Show when=move || dirty.get() && ran.with(Option::is_some)>
                <p class="notice warning">
                    <Icon sign=Sign::Warning />
                    <span>"The tests ran what is saved. What is pinned below is tried with the text as it stands."</span>
                </p>
            </Show>
            {move || ran.get().map(|(_, answer)| match answer {
                Err(failure) => view! { <Problem failure /> }.into_any(),
                Ok(report) => view! { <Ran report preview pipe /> }.into_any(),
            })}
            {move || {
                let report = pinned.get();
                if report.tests.is_empty() {
                    return view! {
                        <Show when=move || ran.with(Option::is_none)>
                            <Empty sign=Sign::Pin title="Nothing is pinned yet" hint="Pin a sample with its result beside the preview: it is kept as a test of this pipe, and told at once when the rules make something else of it.">
                                <Link to=Signal::derive(move || Place::Pipe { id: pipe.get(), tab: PipeTab::Config }) class="button">"To the preview"</Link>
                            </Empty>
                        </Show>
                    }
                    .into_any();
                }
                let tests = report.tests.into_iter().map(|test| view! { <OneTest test preview pipe now=true /> });
                view! {
                    <section aria-label="Pinned samples" data-testid="pinned">
                        <h2 class="section-head">"Pinned, with the text as it stands"</h2>
                        {tests.collect_view()}
                    </section>
                }
                .into_any()
            }}
        </div>
    }
}

fn summary(report: &TestReport) -> String {
    let of = |outcome| report.tests.iter().filter(|test| test.outcome == outcome).count() as u64;
    let mut parts = vec![
        format!("{} passed", count(of(TestOutcome::Passed))),
        format!("{} failed", count(of(TestOutcome::Failed))),
    ];
    let ignored = of(TestOutcome::Ignored);
    if ignored > 0 {
        parts.push(format!("{} ignored", count(ignored)));
    }
    parts.push(duration(report.took));
    parts.join(", ")
}

/// How a run of tests went.
#[component]
fn Ran(report: TestReport, preview: Preview, pipe: Memo<String>) -> impl IntoView {
    let broken = report.broken.into_iter().map(|why| {
        view! {
            <p class="notice error">
                <Icon sign=Sign::Error />
                <span>"A pipe failed before the tests: " {why}</span>
            </p>
        }
    });
    let none = report.tests.is_empty().then(|| {
        view! { <Empty sign=Sign::Check title="There are no tests" hint="Pin a sample with its result, or write one into expected/ as the official client knows them." /> }
    });
    // What needs a look comes first.
    let mut tests = report.tests;
    tests.sort_by_key(|test| test.outcome != TestOutcome::Failed);
    let tests = tests.into_iter().map(|test| view! { <OneTest test preview pipe now=false /> });
    view! {
        <section aria-label="Tests that ran" data-testid="tests-ran">
            <h2 class="section-head">"The run"</h2>
            {broken.collect_view()}
            {tests.collect_view()}
            {none}
        </section>
    }
}

/// One test and what is not as it expects.
#[component]
fn OneTest(
    test: TestResult,
    preview: Preview,
    pipe: Memo<String>,
    /// Whether it was tried with the text as it stands.
    now: bool,
) -> impl IntoView {
    let (live, nav) = (use_live(), use_nav());
    let (sign, class, word) = match test.outcome {
        TestOutcome::Passed => (Sign::Check, "test passed", "passed"),
        TestOutcome::Failed => (Sign::Error, "test failed", "failed"),
        TestOutcome::Ignored => (Sign::Minus, "test", "ignored"),
    };
    let failed = test.outcome == TestOutcome::Failed;
    let accepting = RwSignal::new(false);
    let removing = RwSignal::new(false);
    let expected = test.produced.clone().filter(|_| failed).map(|produced| {
        let entities = match Tree::of(&produced) {
            Tree::List(items) => items,
            one => vec![one],
        };
        pins::expected_of(&entities)
    });
    let held = Signal::derive(move || !live.may_change());
    let accept = expected.is_some().then(|| {
        view! { <Button label="Expect this" sign=Sign::Check id="pin-accept" tip="From now on this is what the sample has to become" disabled=held on_click=move || accepting.set(true) /> }
    });
    let sample = test.sample.clone().filter(|sample| Tree::of(sample).get("_id").is_some());
    let of_here = now || test.pipe == pipe.get_untracked();
    let look = sample.filter(|_| of_here).map(|sample| {
        let look = move || {
            preview.use_sample(sample.clone());
            nav.go(Place::Pipe { id: pipe.get_untracked(), tab: PipeTab::Config });
        };
        view! { <Button label="Try it" sign=Sign::Play id="pin-try" tip="Takes it as the sample of the preview" on_click=look /> }
    });
    let is_pin = test.file == test_file(&test.id);
    let remove = is_pin.then(|| {
        view! { <Button label="Remove" sign=Sign::Close id="pin-remove" disabled=held on_click=move || removing.set(true) /> }
    });
    let of_other = (test.pipe != pipe.get_untracked()).then(|| {
        view! { <Link to=Place::pipe(test.pipe.clone())>{test.pipe.clone()}</Link> }
    });
    let (key, file) = (test.id.clone(), Place::File { path: test.file.clone() });
    let differences = test.differences.into_iter().map(|it| view! { <Differs it /> });
    let more = (test.more > 0)
        .then(|| view! { <p class="hint">{format!("and {} more", count(test.more))}</p> });
    let why = test.why.map(
        |why| view! { <p class="notice error"><Icon sign=Sign::Error /><span>{why}</span></p> },
    );
    let (path, name) = (test.expected.clone(), test.id.clone());
    let (files, named) = ([test.file.clone(), test.expected], test.id.clone());
    view! {
        <article class=class data-testid="test" data-key=key>
            <header>
                <Icon sign />
                <b>{test.id}</b>
                <span class="test-word">{word}</span>
                {of_other}
                <Link to=file tip="The file it is written in"><code>{test.file}</code></Link>
                <span class="test-actions">{look}{accept}{remove}</span>
            </header>
            {test.description.map(|about| view! { <p class="hint">{about}</p> })}
            {why}
            <div class="test-differences">{differences.collect_view()}</div>
            {more}
        </article>
        <Dialog open=accepting title="Expect this from now on" id="accept-dialog" wide=true>
            <Accept path=path.clone() name=name.clone() text=expected.clone().unwrap_or_default() open=accepting />
        </Dialog>
        <Dialog open=removing title="Remove the pinned sample" id="unpin-dialog">
            <Unpin files=files.clone() name=named.clone() open=removing />
        </Dialog>
    }
}

/// One thing that is not as expected.
#[component]
fn Differs(it: TestDifference) -> impl IntoView {
    let TestDifference { entity, path, expected, actual } = it;
    let whole = path.is_empty();
    let side = |json: Option<studio::Json>, class: &'static str, word: &'static str| {
        json.map(|json| {
            let tree = Tree::of(&json);
            let shown = match whole {
                true => view! { <JsonView lines=print(&tree) /> }.into_any(),
                false => view! { <code>{tree.to_string()}</code> }.into_any(),
            };
            view! { <div class=class><span class="differs-word">{word}</span>{shown}</div> }
        })
    };
    let title = match (whole, expected.is_some()) {
        (false, _) => path,
        (true, true) => "missing".into(),
        (true, false) => "not expected".into(),
    };
    view! {
        <div class="differs">
            <p><b>{title}</b> " " <span class="faint">{entity}</span></p>
            {side(expected, "differs-side removed", "expected")}
            {side(actual, "differs-side added", "came")}
        </div>
    }
}

/// A file as it is now.
async fn read(client: &Client, path: &str) -> Result<FileText, Failure> {
    client.get::<FileText>(&studio::file_path(path)).await
}

/// Writes what came as what is expected, once it was looked at.
#[component]
fn Accept(path: String, name: String, text: String, open: RwSignal<bool>) -> impl IntoView {
    let maker = Maker::start();
    let client = use_client();
    let before = RwSignal::new(None::<Result<FileText, Failure>>);
    let wanted = path.clone();
    spawn_local(async move {
        let read = read(&client, &wanted).await;
        before.try_set(Some(read));
    });
    let new = StoredValue::new(text);
    let accept = move || {
        let Some(Ok(file)) = before.get_untracked() else { return };
        let edit = TextEdit { start: 0, end: file.text.len(), text: new.get_value() };
        let change = Change::Edit { base: file.hash, edits: vec![edit] };
        let step = Edits {
            label: format!("Expect {name} anew"),
            files: vec![FileEdit { path: path.clone(), change }],
        };
        maker.make(step, None, move || open.set(false));
    };
    let accept = StoredValue::new(accept);
    let held = Signal::derive(move || {
        maker.busy.get() || !before.with(|before| matches!(before, Some(Ok(_))))
    });
    view! {
        <div class="form over-review">
            <div class="review">
                {move || match before.get() {
                    None => ().into_any(),
                    Some(Err(failure)) => view! { <Problem failure /> }.into_any(),
                    Some(Ok(file)) => view! { <div class="review-texts"><Compare before=file.text after=new.get_value() /></div> }.into_any(),
                }}
            </div>
            <div class="form-actions">
                <Button label="Cancel" on_click=move || open.set(false) />
                <Button label="Expect this" kind=Kind::Primary sign=Sign::Check id="accept-confirm" disabled=held on_click=move || accept.with_value(|accept| accept()) />
            </div>
        </div>
    }
}

/// Takes a pinned sample and what it is to become away.
#[component]
fn Unpin(files: [String; 2], name: String, open: RwSignal<bool>) -> impl IntoView {
    let (maker, toasts) = (Maker::start(), use_toasts());
    let client = StoredValue::new(use_client());
    let question = format!("{name} is no test any more. Ctrl+Z brings it back.");
    let files = StoredValue::new((files, name));
    let remove = move || {
        let ((files, name), client) = (files.get_value(), client.get_value());
        spawn_local(async move {
            let mut changes = Vec::new();
            for path in files {
                match read(&client, &path).await {
                    Ok(file) => {
                        let change = Change::Delete { base: file.hash };
                        changes.push(FileEdit { path, change });
                    }
                    // Half of it may be gone already.
                    Err(Failure::Refused { status: 404, .. }) => {}
                    Err(failure) => return toasts.failed(failure.to_string()),
                }
            }
            let step = Edits { label: format!("Remove {name}"), files: changes };
            maker.make(step, None, move || open.set(false));
        });
    };
    view! {
        <div class="form">
            <p>{question}</p>
            <div class="form-actions">
                <Button label="Cancel" on_click=move || open.set(false) />
                <Button label="Remove" kind=Kind::Primary sign=Sign::Close id="unpin-confirm" disabled=Signal::derive(move || maker.busy.get()) on_click=remove />
            </div>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_told_in_one_line() {
        let test = |outcome| TestResult {
            id: "a".into(),
            file: String::new(),
            expected: String::new(),
            pipe: "a".into(),
            description: None,
            sample: None,
            outcome,
            differences: Vec::new(),
            more: 0,
            why: None,
            produced: None,
        };
        let tests = vec![test(TestOutcome::Passed), test(TestOutcome::Failed)];
        let report = TestReport { tests, broken: Vec::new(), took: 1_500_000 };
        assert_eq!(summary(&report), "1 passed, 1 failed, 1.5 s");
    }
}
