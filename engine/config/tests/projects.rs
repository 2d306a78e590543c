//! Projects as folders: reading, changing, flow.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use pipewright_config::flow::{Graph, Relation, Vertex};
use pipewright_config::spec::{Endpoint, Stage};
use pipewright_config::{Change, Project, SourceFile, validate, validate_file};

#[test]
fn a_folder_is_read_without_touching_it() {
    let folder = tempfile::tempdir().unwrap();
    let put = |path: &str, bytes: &[u8]| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    put(
        "pipes/deep/er/Named Otherwise.conf.json",
        br#"{"_id": "a", "type": "pipe", "source": {"type": "empty"}}"#,
    );
    put("pipes/bad.conf.json", b"\xff\xfe");
    put(
        "systems/s.conf.json",
        "\u{feff}{\"_id\": \"s\", \"type\": \"system:url\", \"url_pattern\": \"x\"}".as_bytes(),
    );
    put(
        "node-metadata.conf.json",
        br#"{"_id": "node", "type": "metadata", "namespaced_identifiers": true}"#,
    );
    put("test-env.json", b"{}");
    put("prod-env.json", br#"{"x": 1}"#);
    put("expected/a.test.json", br#"{"stage": "source", "blacklist": ["a.*.b"]}"#);
    put("expected/a.json", b"not read");
    put("testdata/a.json", b"not read");
    put("data/huge.json", b"\xff");
    put(".pipewright/pipes/x.conf.json", b"{");

    let project = Project::open(folder.path(), None).unwrap();
    let problems: Vec<_> = validate(&project).iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        ["pipes/bad.conf.json:1:1: error at $: the file cannot be read: it is not UTF-8 text"]
    );
    assert_eq!(
        project.pipe("a").unwrap().origin.file.path,
        "pipes/deep/er/Named Otherwise.conf.json"
    );
    assert!(project.system("s").is_some() && project.metadata().namespaced_identifiers());
    assert_eq!((project.profile(), project.profiles()), (Some("test"), vec!["prod", "test"]));
    assert_eq!(project.test_data().collect::<Vec<_>>(), [("a", "testdata/a.json")]);
    let spec = &project.specs()[0];
    assert_eq!(
        (spec.id.as_str(), spec.pipe.as_str(), spec.file.as_str()),
        ("a", "a", "expected/a.json")
    );
    assert_eq!((spec.endpoint.clone(), spec.stage), (Endpoint::Entities, Stage::Source));
    assert!(spec.ignore_deletes && !spec.ignore);

    let project = Project::open(folder.path(), Some("prod")).unwrap();
    assert_eq!(project.variables().get("x"), Some(&1.into()));
    assert!(Project::open(&folder.path().join("none"), None).is_err());
}

#[test]
fn a_test_takes_both_names_of_a_stage_and_says_what_is_wrong_with_it() {
    let read = |text: &str| {
        let project = Project::load([SourceFile::new("expected/a.test.json", text)], None);
        project.specs()[0].clone()
    };
    for (name, stage) in [
        ("before-transform", Stage::BeforeTransform),
        ("before-transforms", Stage::BeforeTransform),
        ("after-transform", Stage::AfterTransform),
        ("after-transforms", Stage::AfterTransform),
    ] {
        let spec = read(&format!(r#"{{"stage": "{name}"}}"#));
        assert_eq!((spec.stage, &spec.broken), (stage, &None), "{name}");
    }
    // What it has too many does not hinder it.
    assert_eq!(read(r#"{"pipes": "a"}"#).broken, None);
    for (text, what) in [
        (r#"{"stage": "sinc"}"#, "there is no stage `sinc`"),
        (r#"{"stage": 1}"#, "`stage` is a string"),
        (r#"{"ignore_deletes": "no"}"#, "`ignore_deletes` is true or false"),
        (r#"["a"]"#, "a test is an object"),
        (r#"{"stage": "source""#, "error at $"),
    ] {
        let broken = read(text).broken.clone().unwrap_or_default();
        assert!(broken.contains(what), "{text}: {broken}");
    }
}

fn small() -> Project {
    let pipe = |id: &str, source: &str| {
        SourceFile::new(
            format!("pipes/{id}.conf.json"),
            format!(r#"{{"_id": "{id}", "type": "pipe", "source": {source}}}"#),
        )
    };
    Project::load(
        [
            pipe("a", r#"{"type": "csv", "system": "s", "url": "u", "primary_key": "k"}"#),
            pipe("z", r#"{"type": "embedded", "entities": []}"#),
            pipe("m", r#"{"type": "merge", "version": 2, "datasets": ["a x", "z y"]}"#),
            SourceFile::new(
                "pipes/o.conf.json",
                r#"{"_id": "o", "type": "pipe", "source": {"type": "dataset", "dataset": "m"},
                    "transform": {"type": "dtl", "rules": {"default": [
                      ["add", "h", ["hops", {"datasets": ["z zz"], "where": ["eq", "_S.i", "zz._id"]}]]]}},
                    "sink": {"type": "json", "system": "s", "url": "u"}}"#,
            ),
            SourceFile::new(
                "systems/s.conf.json",
                r#"{"_id": "s", "type": "system:url", "url_pattern": "https://s.example/"}"#,
            ),
        ],
        None,
    )
}

#[test]
fn the_graph_tells_who_feeds_whom() {
    let project = small();
    assert_eq!(validate(&project), []);
    let graph = Graph::new(&project);
    assert_eq!(graph.order(), ["a", "z", "m", "o"]);
    let readers: Vec<_> = graph
        .readers_of("z")
        .iter()
        .map(|reader| (reader.pipe.as_str(), reader.relation))
        .collect();
    assert_eq!(readers, [("m", Relation::Merges), ("o", Relation::Hops)]);
    assert_eq!(graph.writers_of("m"), ["m"]);
    assert_eq!(graph.before("o"), ["m", "z"]);
    assert_eq!(graph.after("z"), ["m", "o"]);
    let system = Vertex::System("s".into());
    let uses: Vec<_> = graph
        .edges()
        .iter()
        .filter(|edge| edge.from == system || edge.to == system)
        .map(|edge| (edge.from.id().as_str(), edge.relation, edge.to.id().as_str()))
        .collect();
    assert_eq!(uses, [("s", Relation::Reads, "a"), ("o", Relation::Writes, "s")]);
    assert!(graph.cycles().is_empty());
}

#[test]
fn a_cycle_of_hops_is_ordered_along_the_sources() {
    let hop = |id: &str, from: &str, to: &str| {
        SourceFile::new(
            format!("pipes/{id}.conf.json"),
            format!(
                r#"{{"_id": "{id}", "type": "pipe", "source": {from},
                    "transform": {{"type": "dtl", "rules": {{"default": [["add", "h",
                      ["hops", {{"datasets": ["{to} x"], "where": ["eq", "_S._id", "x._id"]}}]]]}}}}}}"#
            ),
        )
    };
    let project = Project::load(
        [
            hop("b", r#"{"type": "embedded", "entities": []}"#, "a"),
            hop("a", r#"{"type": "dataset", "dataset": "b"}"#, "b"),
        ],
        None,
    );
    let graph = Graph::new(&project);
    assert_eq!(graph.order(), ["b", "a"]);
    assert_eq!(graph.cycles(), [["a", "b"]]);
}

#[test]
fn only_what_changed_is_read_again() {
    let project = small();
    let changed = project.with([
        Change::Put(SourceFile::new(
            "pipes/z.conf.json",
            r#"{"_id": "y", "type": "pipe", "source": {"type": "empty"}}"#,
        )),
        Change::Remove("pipes/o.conf.json".into()),
    ]);
    assert!(changed.pipe("z").is_none() && changed.pipe("o").is_none());
    assert!(changed.pipe("y").is_some());
    let same = |path: &str| Arc::ptr_eq(project.file(path).unwrap(), changed.file(path).unwrap());
    assert!(same("pipes/a.conf.json") && !same("pipes/z.conf.json"));
    assert!(Arc::ptr_eq(changed.pipe("a").unwrap(), project.pipe("a").unwrap()));
    let problems: Vec<_> = validate(&changed).iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        ["pipes/m.conf.json:1:92: warning at $.source.datasets[1]: no pipe writes a dataset `z`"]
    );
}

#[test]
fn what_depends_on_a_change_is_read_again() {
    let put = |path, text| Change::Put(SourceFile::new(path, text));
    let pipe = r#"{"_id": "p", "type": "pipe", "source": {"type": "embedded", "entities": []},
        "pump": {"schedule_interval": "$ENV(every)"}, "sinck": 1}"#;
    let before = Project::load([SourceFile::new("pipes/p.conf.json", pipe)], None);
    let same_as_read_at_once = |project: &Project| {
        let files: Vec<_> = project
            .files()
            .map(|file| SourceFile::new(file.path.as_str(), file.document.text.clone()))
            .collect();
        let anew = Project::load(files, None);
        assert_eq!(validate(project), validate(&anew));
        assert_eq!(project.pipe("p").unwrap().effective(), anew.pipe("p").unwrap().effective());
    };
    let with_variable = before.with([put("test-env.json", r#"{"every": 7}"#)]);
    same_as_read_at_once(&with_variable);
    assert_ne!(before.pipe("p").unwrap().effective(), with_variable.pipe("p").unwrap().effective());
    let metadata = r#"{"_id": "node", "type": "metadata", "global_defaults": {"max_entity_bytes_size": 7},
        "namespaced_identifiers": true}"#;
    let with_metadata = with_variable.with([put("node-metadata.conf.json", metadata)]);
    same_as_read_at_once(&with_metadata);
    assert!(with_metadata.pipe("p").unwrap().namespaces.enabled);
    // The same text in another file is another place for what is found.
    let moved = with_metadata
        .with([Change::Remove("pipes/p.conf.json".into()), put("pipes/q.conf.json", pipe)]);
    same_as_read_at_once(&moved);
    assert!(moved.problems().iter().any(|problem| problem.file == "pipes/q.conf.json"));
}

#[test]
fn the_example_project_has_no_problems() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/crm-erp");
    let project = Project::open(&folder, None).unwrap();
    let problems: Vec<_> = validate(&project).iter().map(ToString::to_string).collect();
    assert_eq!(problems, Vec::<String>::new());
    assert!(project.pipes().all(|pipe| pipe.obstacles().is_empty()));
    let graph = Graph::new(&project);
    assert_eq!(graph.order().len(), project.pipes().count());
}

#[test]
fn a_file_is_judged_among_the_others() {
    let changed = small().with([
        Change::Put(SourceFile::new("pipes/z.conf.json", "{\"_id\": \"zz\"}")),
        Change::Put(SourceFile::new("pipes/m.conf.json", "{\"_id\": \"m\"")),
    ]);
    for file in changed.files() {
        let all: Vec<_> =
            validate(&changed).into_iter().filter(|problem| problem.file == file.path).collect();
        assert_eq!(validate_file(&changed, &file.path), all);
    }
}

/// Text as it is while someone writes it: cut anywhere, or with a character
/// gone.
#[test]
fn no_half_written_file_makes_it_panic() {
    let project = small();
    let files: Vec<_> = project.files().cloned().collect();
    for file in &files {
        let text = &file.document.text;
        for (at, c) in text.char_indices() {
            let gone = format!("{}{}", &text[..at], &text[at + c.len_utf8()..]);
            for text in [text[..at].to_owned(), gone] {
                let put = Change::Put(SourceFile::new(file.path.as_str(), text));
                let changed = project.with([put]);
                validate_file(&changed, &file.path);
                changed.pipes().for_each(|pipe| drop(pipe.effective()));
                Graph::new(&changed);
            }
        }
    }
}
