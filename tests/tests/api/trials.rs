//! Trying out what follows from a change, and what was pinned.

use axum::http::StatusCode;
use pipewright_protocol::studio::{
    self, Change, DownstreamImpact, Edits, FileEdit, FileText, Impact, ImpactRequest, Permitted,
    PinsRequest, Role, TestOutcome, TestReport, TestsRequest, permissions_path, task_path,
};
use serde_json::{Value, json};

use crate::place::Place;

const RUN: &str = "/api/pipes/run-all-pipes?request_mode=sync&check_input_pipes=True\
                   &reset_pipes_and_delete_sink_datasets=False";

fn pipe(id: &str, source: Value, rules: Value) -> Value {
    json!({"_id": id, "type": "pipe", "source": source, "pump": {"mode": "manual"},
        "transform": {"type": "dtl", "rules": {"default": rules}}})
}

/// `mid` is read as a source, in a merge and by lookups.
fn flow() -> [(&'static str, Value); 6] {
    let dataset = |id: &str| json!({"type": "dataset", "dataset": id});
    let copy = || json!([["copy", "*"]]);
    let embedded = |entities: Value| json!({"type": "embedded", "entities": entities});
    let merge = json!({"type": "merge", "version": 2, "datasets": ["mid m", "other o"],
        "equality_sets": [["m.key", "o.key"]]});
    let hops = json!([["copy", "*"], ["add", "name", ["hops", {"datasets": ["mid m"],
        "where": ["eq", "_S.of", "m.key"], "return": "m.n"}]]]);
    [
        (
            "pipes/in.conf.json",
            pipe(
                "in",
                embedded(json!([
                    {"_id": "a", "n": 1, "key": "x"}, {"_id": "b", "n": 2, "key": "y"},
                ])),
                copy(),
            ),
        ),
        ("pipes/mid.conf.json", pipe("mid", dataset("in"), copy())),
        (
            "pipes/out.conf.json",
            pipe("out", dataset("mid"), json!([["add", "m", ["plus", 10, "_S.n"]]])),
        ),
        (
            "pipes/other.conf.json",
            pipe("other", embedded(json!([{"_id": "o", "key": "x", "n": 9}])), copy()),
        ),
        ("pipes/all.conf.json", pipe("all", merge, copy())),
        (
            "pipes/looks.conf.json",
            pipe(
                "looks",
                embedded(json!([{"_id": "l", "of": "x"}, {"_id": "k", "of": "y"}])),
                hops,
            ),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_follow_downstream_is_what_follows() {
    let mut files = flow().to_vec();
    // Lookups are followed back to sources that are datasets.
    let looked = json!({"type": "dataset", "dataset": "asked"});
    files[5].1["source"] = looked;
    files.push((
        "pipes/asked.conf.json",
        pipe(
            "asked",
            json!({"type": "embedded", "entities": [
            {"_id": "l", "of": "x"}, {"_id": "k", "of": "y"}]}),
            json!([["copy", "*"]]),
        ),
    ));
    let place = Place::with_files(&files);
    place.trust().await;
    place.post(RUN, &json!({})).await;

    // `a` becomes another, `b` is not there any more.
    let rules = json!([
        ["filter", ["neq", "_S._id", "b"]],
        ["copy", "*"],
        ["add", "n", ["plus", "_S.n", 100]]
    ]);
    let source = json!({"type": "dataset", "dataset": "in"});
    let text = pipe("mid", source, rules).to_string();
    let request = ImpactRequest {
        pipe: "mid".into(),
        text: Some(text.clone()),
        limit: 100,
        downstream: true,
        task: Some("t".into()),
    };
    let impact: Impact = place.post(studio::IMPACT, &request).await.json();
    assert_eq!((impact.changed, impact.deleted), (1, 1));
    let of = |pipe: &str| -> DownstreamImpact {
        impact
            .downstream
            .iter()
            .find(|it| it.pipe == pipe)
            .cloned()
            .unwrap_or_else(|| panic!("nothing of {pipe}: {impact:?}"))
    };
    let counts = |it: &DownstreamImpact| {
        let impact = &it.impact;
        (impact.new, impact.changed, impact.deleted, impact.failed, it.untold.clone())
    };
    assert_eq!(counts(&of("out")), (0, 1, 1, 0, None));
    assert_eq!(counts(&of("looks")), (0, 2, 0, 0, None));
    assert_eq!(counts(&of("all")), (0, 1, 1, 0, None));
    assert_eq!(impact.downstream.len(), 3);
    // It has ended, and nothing of it was stored.
    place.get(&task_path("t")).await.refused(StatusCode::NOT_FOUND, "not-found");
    let stored: Vec<Value> = place.ask("/api/datasets/mid/entities?deleted=false").await;
    assert_eq!(stored.len(), 2);
    let foreseen = |pipe: &str| -> Vec<(String, Option<Value>)> {
        let entities = of(pipe).impact.entities;
        let mut all: Vec<_> = entities
            .into_iter()
            .map(|it| (it.id, it.after.map(|json| serde_json::from_str(json.text()).unwrap())))
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    };
    let foreseen = ["out", "looks", "all"].map(|pipe| (pipe, foreseen(pipe)));

    // Saved and run, it is as it was foreseen.
    let file: FileText = place.ask(&studio::file_path("pipes/mid.conf.json")).await;
    let edits = vec![studio::TextEdit { start: 0, end: file.text.len(), text }];
    let change = Change::Edit { base: file.hash, edits };
    let files = vec![FileEdit { path: "pipes/mid.conf.json".into(), change }];
    place.post(studio::EDITS, &Edits { label: "Change".into(), files }).await;
    place.post(RUN, &json!({})).await;
    for (pipe, entities) in foreseen {
        let stored: Vec<Value> =
            place.ask(&format!("/api/datasets/{pipe}/entities?history=false")).await;
        for (id, after) in entities {
            let found = stored.iter().find(|it| it["_id"] == *id).unwrap();
            match after {
                None => assert_eq!(found["_deleted"], true, "{pipe} {id}"),
                Some(after) => {
                    for (name, value) in after.as_object().unwrap() {
                        if !name.starts_with('_') {
                            assert_eq!(&found[name], value, "{pipe} {id} {name}");
                        }
                    }
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pinned_sample_is_a_test() {
    let mut files = flow().to_vec();
    files.push((
        "expected/pins/one.test.json",
        json!({"_id": "one", "type": "test", "pipe": "out", "sample": {"_id": "s", "n": 5}}),
    ));
    files.push(("expected/pins/one.json", json!([{"_id": "s", "m": 15}])));
    files.push((
        "expected/mid.test.json",
        json!({"type": "test", "pipe": "mid", "file": "mid.json"}),
    ));
    files.push(("expected/mid.json", json!([{"_id": "a", "n": 1, "key": "x"}])));
    let place = Place::with_files(&files);

    let pins = async |rules: Option<Value>| -> TestReport {
        let source = json!({"type": "dataset", "dataset": "mid"});
        let text = rules.map(|rules| pipe("out", source, rules).to_string());
        place.post(studio::PINS, &PinsRequest { pipe: "out".into(), text }).await.json()
    };
    let told = |report: &TestReport| {
        let told = report.tests.iter().map(|test| {
            let path = test.differences.first().map(|it| it.path.clone());
            (test.id.clone(), test.outcome, path)
        });
        told.collect::<Vec<_>>()
    };
    let one = |outcome, path: Option<&str>| ("one".to_owned(), outcome, path.map(str::to_owned));
    // Also before anything may run.
    assert_eq!(told(&pins(None).await), [one(TestOutcome::Passed, None)]);
    let other = pins(Some(json!([["add", "m", 16]]))).await;
    assert_eq!(told(&other), [one(TestOutcome::Failed, Some("m"))]);
    assert_eq!(other.tests[0].produced.as_ref().unwrap().text(), r#"[{"_id":"s","m":16}]"#);
    let broken = pins(Some(json!([["fail!", "no"]]))).await;
    assert!(broken.tests[0].why.as_ref().unwrap().contains("no"), "{broken:?}");

    place
        .post(studio::TESTS, &TestsRequest::default())
        .await
        .refused(StatusCode::FORBIDDEN, "not-trusted");
    place.trust().await;
    let all: TestReport = place.post(studio::TESTS, &TestsRequest::default()).await.json();
    assert_eq!((all.tests.len(), all.broken.len()), (2, 0), "{all:?}");
    let mid = all.tests.iter().find(|test| test.pipe == "mid").unwrap();
    assert_eq!((mid.outcome, mid.differences[0].entity.as_str()), (TestOutcome::Failed, "b"));
    let request = TestsRequest { pipe: Some("out".into()), task: None };
    let out: TestReport = place.post(studio::TESTS, &request).await.json();
    assert_eq!(told(&out), [one(TestOutcome::Passed, None)]);
    // The store that the studio looks at knows nothing of it.
    let stored: Vec<Value> = place.ask("/api/datasets").await;
    assert!(!stored.iter().any(|dataset| dataset["_id"] == "out"), "{stored:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_what_is_told_with_what_says_so() {
    let mut guarded = flow()[2].1.clone();
    guarded["permissions"] = json!(["nonsense", ["deny", ["group:Reader"], ["read_data"]]]);
    let place = Place::with_files(&[("pipes/out.conf.json", guarded)]);
    let told: Vec<Permitted> = place.ask(&permissions_path("out")).await;
    // Seven acts for each of four roles.
    assert_eq!(told.len(), 28);
    let of = |role: Role, act: &str| {
        let found = told.iter().find(|it| it.role == role && it.act == act).unwrap();
        (found.allowed, found.by)
    };
    assert_eq!(of(Role::Reader, "read_data"), (false, Some(1)));
    assert_eq!(of(Role::Reader, "read_config"), (true, None));
    assert_eq!(of(Role::Admin, "read_data"), (true, None));
    place.get(&permissions_path("nobody")).await.refused(StatusCode::NOT_FOUND, "not-found");
}
