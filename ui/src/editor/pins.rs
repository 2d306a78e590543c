//! Samples that are kept with their results, as tests of the pipe.

use leptos::prelude::*;
use pipewright_language::FileChange;
use pipewright_protocol::studio::{Json, TestOutcome};

use super::preview::Live;
use crate::{
    components::{Empty, Field, Form, Icon, Link, Sign},
    draft::{Maker, Review, fitting, name_problem},
    json::{Tree, pretty},
    place::{PipeTab, Place},
    state::use_live,
};

/// The folder of pinned samples, where the official client does not look for
/// tests of its own.
const FOLDER: &str = "expected/pins";

/// The file of a pinned sample.
pub(super) fn test_file(name: &str) -> String {
    format!("{FOLDER}/{name}.test.json")
}

/// The file with what it is to become.
fn expected_file(name: &str) -> String {
    format!("{FOLDER}/{name}.json")
}

/// What is expected, as it is written into a file.
fn expected(entities: &[Json]) -> String {
    expected_of(&entities.iter().map(Tree::of).collect::<Vec<_>>())
}

/// What is expected, as it is written into a file.
pub(super) fn expected_of(entities: &[Tree]) -> String {
    let entities = entities.iter().map(Tree::content).collect();
    format!("{}\n", pretty(&Tree::List(entities)))
}

/// The test that sends a sample through a pipe, as it is written into a file.
/// Of what says when and where the sample was stored only what the rules name
/// is kept.
fn test(name: &str, pipe: &str, about: &str, sample: &Json, rules: &str) -> String {
    let sample = Tree::of(sample);
    let content = sample.content();
    let kept = sample.members().iter().filter(|(property, _)| {
        content.get(property).is_some() || rules.contains(&format!("_S.{property}"))
    });
    let text = |text: &str| Tree::String(text.to_owned());
    let mut members = vec![("_id".to_owned(), text(name)), ("type".to_owned(), text("test"))];
    if !about.is_empty() {
        members.push(("description".to_owned(), text(about)));
    }
    members.push(("pipe".to_owned(), text(pipe)));
    members.push(("sample".to_owned(), Tree::Object(kept.cloned().collect())));
    format!("{}\n", pretty(&Tree::Object(members)))
}

/// Keeps the sample with what became of it.
#[component]
pub(super) fn Pin(preview: Live, pipe: Memo<String>, open: RwSignal<bool>) -> impl IntoView {
    let (live, maker) = (use_live(), Maker::start());
    let Some((sample, made)) = preview.result() else {
        return view! { <Empty sign=Sign::Pin title="There is nothing to pin" hint="The sample has no result now." /> }
            .into_any();
    };
    let rules = preview.text().unwrap_or_default();
    let of = Tree::of(&sample).get("_id").and_then(Tree::as_str).map(fitting).unwrap_or_default();
    let name = RwSignal::new(fitting(&format!("{}-{of}", pipe.get_untracked())));
    let about = RwSignal::new(String::new());
    let problem = Memo::new(move |_| {
        let taken = |name: &str| {
            live.files.with(|files| {
                let mut paths = files.iter().flat_map(|files| files.iter()).map(|file| &file.path);
                paths.any(|path| *path == test_file(name))
            })
        };
        name_problem(&name.get(), "test", taken)
    });
    let changes = Memo::new(move |_| {
        let name = name.get();
        let test = about.with(|about| test(&name, &pipe.get(), about.trim(), &sample, &rules));
        vec![
            FileChange::Create { path: test_file(&name), text: test },
            FileChange::Create { path: expected_file(&name), text: expected(&made) },
        ]
    });
    let pin = move || {
        let label = format!("Pin {}", name.get_untracked());
        let step = changes.with_untracked(|changes| maker.step(label, changes));
        maker.make(step, None, move || open.set(false));
    };
    view! {
        <Form
            label="Pin"
            sign=Sign::Pin
            id="pin-confirm"
            class="form over-review"
            disabled=Signal::derive(move || problem.with(Option::is_some) || maker.busy.get())
            on_submit=pin
            on_close=move || open.set(false)
        >
            <div class="form-beside">
                <Field label="Name" value=name problem=Signal::derive(move || problem.get()) focus=true id="pin-name" />
                <Field label="What it shows" value=about placeholder="Companies without a number get no key" id="pin-about" />
            </div>
            <p class="hint">"The sample goes through the pipe whenever tests run, here and with pipewright test, and has to become what it is now."</p>
            <Review changes=Signal::from(changes) />
        </Form>
    }
    .into_any()
}

/// Whether the pinned samples still become what they did, told while one types.
#[component]
pub(super) fn PinsBar(preview: Live, pipe: Memo<String>) -> impl IntoView {
    let told = Memo::new(move |_| {
        preview.pins.with(|report| {
            let failed: Vec<String> = report
                .tests
                .iter()
                .filter(|test| test.outcome == TestOutcome::Failed)
                .map(|test| test.id.clone())
                .collect();
            (report.tests.len(), failed)
        })
    });
    let place = Signal::derive(move || Place::Pipe { id: pipe.get(), tab: PipeTab::Tests });
    let words = move || {
        told.with(|(all, failed)| match (all, failed.as_slice()) {
            (1, []) => "The pinned sample becomes what it did.".to_owned(),
            (all, []) => format!("All {all} pinned samples become what they did."),
            (_, [one]) => format!("{one} is not what was pinned."),
            (all, several) => format!("{} of {all} are not what was pinned.", several.len()),
        })
    };
    let fails = Memo::new(move |_| told.with(|(_, failed)| !failed.is_empty()));
    view! {
        <Show when=move || told.with(|(all, _)| *all > 0)>
            <div class="pins-bar" class:error=move || fails.get() data-testid="pins" role="status">
                <Icon sign=Signal::derive(move || if fails.get() { Sign::Error } else { Sign::Check }) />
                <span>{words}</span>
                <Link to=place id="pins-open">"Show"</Link>
            </div>
        </Show>
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn json(text: &str) -> Json {
        Json::from_text(text.into()).unwrap()
    }

    #[test]
    fn a_pin_keeps_what_the_rules_can_see() {
        let sample = json(r#"{"_id":"1","_updated":4,"_ts":9,"_deleted":false,"n":1.50}"#);
        let written = test("a-1", "a", "", &sample, r#"["add", "at", "_S._ts"]"#);
        let expected = "{\n  \"_id\": \"a-1\",\n  \"type\": \"test\",\n  \"pipe\": \"a\",\n  \"sample\": {\n    \"_id\": \"1\",\n    \"_ts\": 9,\n    \"n\": 1.50\n  }\n}\n";
        assert_eq!(written, expected);
        assert_eq!(expected_file("a-1"), "expected/pins/a-1.json");
    }

    #[test]
    fn what_is_expected_is_without_what_only_storing_gives() {
        let made = [json(r#"{"_id":"1","_updated":4,"a":[]}"#)];
        assert_eq!(super::expected(&made), "[\n  {\n    \"_id\": \"1\",\n    \"a\": []\n  }\n]\n");
    }
}
