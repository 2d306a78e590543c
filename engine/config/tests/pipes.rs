//! Pipes as types and their effective config.
#![allow(clippy::unwrap_used)]

use pipewright_config::pipe::{
    Completeness, Identity, IfEmpty, InitialOffset, MergeStrategy, MergeVersion, Mode, NewVersions,
    Publication, Rescan, SameIdStrategy, Schedule, SinkKind, SourceKind, TransformKind,
};
use pipewright_config::{Pipe, Project, SourceFile, validate};
use serde_json::{Value as Json, json};

/// A project with one pipe, and files beside it.
fn project(pipe: &Json, others: &[(&str, Json)]) -> Project {
    let mut files = vec![SourceFile::new("pipes/p.conf.json", pipe.to_string())];
    files.extend(others.iter().map(|(path, text)| SourceFile::new(*path, text.to_string())));
    Project::load(files, None)
}

fn pipe(config: Json) -> Pipe {
    let mut config = config;
    config["_id"] = json!("p");
    config["type"] = json!("pipe");
    Pipe::clone(project(&config, &[]).pipe("p").unwrap())
}

fn with_metadata(config: Json, metadata: Json) -> Pipe {
    let mut config = config;
    config["_id"] = json!("p");
    config["type"] = json!("pipe");
    let mut metadata = metadata;
    metadata["_id"] = json!("node");
    metadata["type"] = json!("metadata");
    let project = project(&config, &[("node-metadata.conf.json", metadata)]);
    Pipe::clone(project.pipe("p").unwrap())
}

fn embedded() -> Json {
    json!({"source": {"type": "embedded", "entities": [{"_id": "1", "n": "~f1.5"}]}})
}

fn dataset() -> Json {
    json!({"source": {"type": "dataset", "dataset": "a"}})
}

#[test]
fn a_pipe_without_a_sink_writes_the_dataset_of_its_name() {
    for sink in [json!(null), json!({}), json!({"type": "dataset"}), json!({"comment": "x"})] {
        let mut config = embedded();
        config["sink"] = sink;
        let pipe = pipe(config);
        assert_eq!(pipe.sink_dataset().unwrap(), "p");
        let SinkKind::Dataset(sink) = &pipe.sink.kind else { panic!("{:?}", pipe.sink) };
        assert!(sink.deletion_tracking && !sink.index_ids);
        assert_eq!(sink.set_initial_offset, InitialOffset::IfSourcePopulated);
        assert_eq!(sink.max_entity_bytes, 104_857_600);
        assert_eq!(pipe.sink.type_name(), "dataset");
        let effective = pipe.effective();
        assert_eq!(effective["sink"]["type"], "dataset");
        assert_eq!(effective["sink"]["dataset"], "p");
        assert_eq!(effective["sink"]["system"], "system:sesam-node");
        assert_eq!(effective["sink"]["track_children"], false);
    }
}

#[test]
fn effective_config_has_the_documented_defaults() {
    let effective = pipe(embedded()).effective();
    let source = &effective["source"];
    assert_eq!(source["supports_since"], false);
    assert_eq!(source["is_since_comparable"], true);
    assert_eq!(source["is_chronological"], false);
    assert_eq!(source["system"], "system:sesam-node");
    assert_eq!(source["entities"], json!([{"_id": "1", "n": "~f1.5"}]));
    assert_eq!(effective["pump"]["_id"], "pump:p");
    assert_eq!(effective["pump"]["type"], "datasync");
    assert_eq!(effective["pump"]["schedule_interval"], 900.0);
    for absent in ["namespaces", "add_namespaces", "remove_namespaces", "transform"] {
        assert!(effective.get(absent).is_none(), "{absent}");
    }
    assert_eq!(effective["namespaced_identifiers"], false);

    let effective = pipe(dataset()).effective();
    let source = &effective["source"];
    assert_eq!(source["include_replaced"], true);
    assert_eq!(source["include_previous_versions"], false);
    assert_eq!(source["is_chronological"], true);
    assert_eq!(effective["pump"]["schedule_interval"], 30.0);
}

#[test]
fn namespaces_come_from_metadata_source_and_sink() {
    let on = || json!({"namespaced_identifiers": true});
    let inbound = with_metadata(embedded(), on());
    assert!(inbound.namespaces.enabled && inbound.namespaces.add && !inbound.namespaces.remove);
    assert_eq!(inbound.namespaces.identity, "p");
    assert_eq!(inbound.effective()["namespaces"], json!({"identity": "p", "property": "p"}));

    let internal = with_metadata(dataset(), on());
    assert!(!internal.namespaces.add && !internal.namespaces.remove);

    let mut outbound = dataset();
    outbound["sink"] = json!({"type": "http_endpoint"});
    outbound["namespaces"] = json!({"identity": "i"});
    let outbound = with_metadata(outbound, on());
    assert!(!outbound.namespaces.add && outbound.namespaces.remove);
    assert_eq!(outbound.namespaces.identity, "i");
    assert_eq!(outbound.namespaces.property, "p");

    let mut off = embedded();
    off["namespaced_identifiers"] = json!(false);
    let off = with_metadata(off, on());
    assert!(!off.namespaces.enabled && !off.namespaces.add);

    let mut given = dataset();
    given["add_namespaces"] = json!(true);
    assert!(pipe(given).namespaces.add);
}

#[test]
fn metadata_gives_defaults() {
    let metadata = json!({
        "global_defaults": {
            "if_source_empty": "fail",
            "compaction_keep_versions": 5,
            "always_index_ids": true,
            "rescan_when_config_changes": true,
            "use_signalling_internally": false
        },
        "dependency_tracking": {"dependency_error_threshold": 7}
    });
    let pipe = with_metadata(dataset(), metadata);
    assert_eq!(pipe.source.if_empty, IfEmpty::Fail);
    assert_eq!(pipe.compaction.keep_versions, 5);
    assert_eq!(pipe.dependency_tracking.error_entities, 7);
    assert_eq!(pipe.dependency_tracking.warning_entities, 10_000);
    assert!(pipe.rescan_when_config_changes && !pipe.source.signalled);
    let SinkKind::Dataset(sink) = &pipe.sink.kind else { panic!() };
    assert!(sink.index_ids);
}

#[test]
fn signalling_is_for_pipes_between_datasets_without_a_schedule() {
    assert!(pipe(dataset()).source.signalled);
    assert!(!pipe(embedded()).source.signalled);
    let with_pump = |pump: Json| {
        let mut config = dataset();
        config["pump"] = pump;
        pipe(config).source.signalled
    };
    assert!(with_pump(json!({"schedule_interval": 7200})));
    assert!(!with_pump(json!({"schedule_interval": 60})));
    assert!(!with_pump(json!({"cron_expression": "0 0 * * ?"})));
    let mut given = dataset();
    given["source"]["supports_signalling"] = json!(true);
    given["pump"] = json!({"schedule_interval": 60});
    assert!(pipe(given).source.signalled);
}

#[test]
fn pumps_are_read() {
    let mut config = dataset();
    config["pump"] = json!({
        "mode": "manual", "cron_expression": "0 0 * * ?", "schedule_interval": 5,
        "rescan_run_count": 3, "partial_rescan_run_count": 2, "partial_rescan_delta": 9,
        "use_dead_letter_dataset": true, "max_read_retries": 4, "read_retry_delay": 0.5
    });
    let pump = pipe(config).pump;
    assert_eq!(pump.mode, Mode::Manual);
    assert_eq!(pump.schedule, Schedule::Cron("0 0 * * ?".into()));
    assert_eq!(pump.rescan, Some(Rescan::Runs(3)));
    assert_eq!(pump.partial_rescan, Some((2, 9)));
    assert_eq!(pump.dead_letter_dataset.unwrap(), "system:dead-letter:p");
    assert_eq!((pump.max_read_retries, pump.read_retry_delay), (4, 0.5));
    assert_eq!((pump.max_retries_per_entity, pump.batch_retries), (5, 3));
    assert!(pump.fallback_to_single_entities && pump.noop_by_changes && !pump.log_noop_runs);

    let mut endpoint = dataset();
    endpoint["sink"] = json!({"type": "csv_endpoint", "columns": ["_id"]});
    let endpoint = pipe(endpoint);
    assert_eq!(endpoint.sink.kind, SinkKind::Published(Publication::Csv));
    assert_eq!(endpoint.pump.schedule, Schedule::Never);
    assert_eq!(endpoint.pump.config["type"], "noop");
    assert!(endpoint.is_endpoint() && endpoint.sink_dataset().is_none());
}

#[test]
fn merges_are_read() {
    let pipe = pipe(json!({"source": {
        "type": "merge", "version": 2, "identity": "first", "strategy": "compact",
        "datasets": ["crm-person cp", "erp:person  ep", "plain"],
        "equality": [["eq", "cp.a", ["lower", "ep.b"]]],
        "equality_sets": [["cp.x", "ep.y", "plain.z"]],
        "initial_datasets": ["crm-person"]
    }}));
    let SourceKind::Merge(merge) = &pipe.source.kind else { panic!("{:?}", pipe.source.kind) };
    let datasets: Vec<_> =
        merge.datasets.iter().map(|one| (one.dataset.as_str(), one.alias.as_str())).collect();
    assert_eq!(datasets, [("crm-person", "cp"), ("erp:person", "ep"), ("plain", "plain")]);
    assert_eq!((merge.identity, merge.strategy), (Identity::First, MergeStrategy::Compact));
    assert_eq!(merge.version, MergeVersion::Second { max_merged: 50_000 });
    let rules: Vec<Vec<(usize, Json)>> = merge
        .rules()
        .into_iter()
        .map(|rule| {
            rule.unwrap().iter().map(|side| (side.dataset, side.expression.to_json())).collect()
        })
        .collect();
    assert_eq!(
        rules,
        [
            vec![(0, json!("cp.a")), (1, json!(["lower", "ep.b"]))],
            vec![(0, json!("cp.x")), (1, json!("ep.y")), (2, json!("plain.z"))],
        ]
    );
    assert!(pipe.is_internal());
}

#[test]
fn the_first_version_of_merge_never_runs_as_the_second() {
    for source in [
        json!({"type": "merge", "datasets": ["a x"]}),
        json!({"type": "merge", "datasets": ["a x"], "version": 1}),
    ] {
        let pipe = pipe(json!({"source": source}));
        let SourceKind::Merge(merge) = &pipe.source.kind else { panic!() };
        assert_eq!(merge.version, MergeVersion::First);
        assert!(pipe.obstacles().is_empty());
    }
}

#[test]
fn sources_of_several_datasets_are_read() {
    let union = pipe(json!({"source": {"type": "union_datasets", "datasets": ["a", "b"]}}));
    assert_eq!(union.source_datasets(), ["a", "b"]);
    let SourceKind::Union(source) = &union.source.kind else { panic!() };
    assert!(source.prefix_ids);
    let source = json!({"type": "merge_datasets", "datasets": ["a", "b"], "strategy": "all"});
    let same_id = pipe(json!({"source": source}));
    let SourceKind::SameId(source) = &same_id.source.kind else { panic!() };
    assert_eq!(source.strategy, SameIdStrategy::All);
    let empty = pipe(json!({"source": {"type": "union_datasets", "datasets": []}}));
    assert_eq!(empty.obstacles().len(), 1);
    let receiver = pipe(json!({"source": {"type": "http_endpoint"}}));
    assert_eq!(receiver.source.kind, SourceKind::Receiver);
}

#[test]
fn dataset_sources_and_sinks_are_read() {
    let pipe = pipe(json!({
        "source": {
            "type": "dataset", "dataset": "a", "subset": ["eq", "_S.k", "v"],
            "completeness": ["b", "c"], "include_replaced": false
        },
        "sink": {
            "dataset": "d", "set-initial-offset": "onload", "indexes": ["$ids", "_S.k"],
            "prevent_multiple_versions": "ignore", "circuit_breaker_threshold_count": 9,
            "track_children": true, "suppress_filtered": true
        },
        "batch_size": 1
    }));
    let SourceKind::Dataset(source) = &pipe.source.kind else { panic!() };
    assert_eq!(source.subset.as_ref().unwrap().to_json(), json!(["eq", "_S.k", "v"]));
    assert_eq!(source.completeness, Completeness::Datasets(vec!["b".into(), "c".into()]));
    assert!(!source.include_replaced);
    let SinkKind::Dataset(sink) = &pipe.sink.kind else { panic!() };
    assert_eq!(sink.set_initial_offset, InitialOffset::OnLoad);
    assert!(sink.index_ids);
    assert_eq!(sink.indexes.len(), 1);
    assert_eq!(sink.new_versions, NewVersions::Ignore);
    assert_eq!(sink.circuit_breaker_count, Some(9));
    assert_eq!((sink.track_children, sink.suppress_filtered), (Some(true), Some(true)));
    assert_eq!((pipe.batch_size, pipe.checkpoint_interval), (1, Some(1)));
    assert_eq!(pipe.effective()["sink"]["set_initial_offset"], "onload");
}

#[test]
fn transforms_are_one_a_list_or_a_chain() {
    let dtl =
        || json!({"type": "dtl", "rules": {"default": [["copy", "*"]]}, "id_required": false});
    let kinds = |transform: Json| {
        let mut config = embedded();
        config["transform"] = transform;
        let pipe = pipe(config);
        let kinds: Vec<String> =
            pipe.transforms.iter().map(|one| one.type_name().to_owned()).collect();
        (kinds.join(" "), pipe)
    };
    assert_eq!(kinds(dtl()).0, "dtl");
    assert_eq!(kinds(json!([dtl(), {"type": "emit_children"}])).0, "dtl emit_children");
    assert_eq!(
        kinds(json!({"type": "chained", "transforms": [dtl(), {"type": "emit_children"}]})).0,
        "dtl emit_children"
    );
    assert_eq!(kinds(json!([])).0, "");
    let (_, pipe) = kinds(json!([{
        "type": "conditional", "condition": "b", "alternatives": {"a": {"type": "http"}, "b": dtl()}
    }]));
    let TransformKind::Dtl(found) = &pipe.transforms[0].kind else { panic!() };
    assert!(!found.id_required);
    assert_eq!(found.rules.at.to_string(), "$.transform[0].alternatives.b.rules");
    assert_eq!(pipe.effective()["transform"]["rules"], json!({"default": [["copy", "*"]]}));
    assert!(pipe.obstacles().is_empty());
}

#[test]
fn variables_choose_and_fill_in() {
    let config = json!({
        "_id": "p", "type": "pipe",
        "source": {
            "type": "conditional", "condition": "$ENV(env)",
            "alternatives": {
                "test": {"type": "embedded", "entities": [{"_id": "1", "at": "$ENV(host)/$ENV(n)"}]},
                "prod": {"type": "sql", "system": "db", "table": "t"}
            }
        },
        "$conditional_properties": {
            "condition": "$ENV(env)", "alternatives": {"test": {"batch_size": "$ENV(n)"}}
        },
        "transform": {"type": "dtl", "rules": {"default": [["add", "x", "$ENV(host)"], ["add", "y", "$ENV(n)"]]}}
    });
    let env = ("test-env.json", json!({"env": "test", "host": "h", "n": 7}));
    let project = project(&config, &[env]);
    assert_eq!(validate(&project), []);
    let pipe = project.pipe("p").unwrap();
    assert_eq!(pipe.batch_size, 7);
    assert_eq!(pipe.source.origin.at.to_string(), "$.source.alternatives.test");
    let SourceKind::Embedded(source) = &pipe.source.kind else { panic!() };
    assert_eq!(source.entities.to_value().to_json(), json!([{"_id": "1", "at": "h/7"}]));
    let (_, dtl) = pipe.dtl().next().unwrap();
    let filled = dtl.rules.with_variables();
    assert_eq!(
        filled.node.to_json(&filled.document),
        json!({"default": [["add", "x", "h"], ["add", "y", 7]]})
    );
    assert_eq!(pipe.effective()["transform"]["rules"]["default"][1][2], 7);
    assert!(pipe.original()["source"]["alternatives"]["prod"].is_object());

    let other = project.with_profile(Some("prod"));
    assert!(other.problems().iter().any(|p| p.diagnostic.code == "config-profile-missing"));
}

#[test]
fn a_pipe_that_is_broken_is_still_there() {
    for text in ["{\"_id\": \"p\", \"type\": \"pipe\", \"source\": {\"type\": ", "{\"_id\": \"p\"}"]
    {
        let project = Project::load([SourceFile::new("pipes/p.conf.json", text)], None);
        let pipe = project.pipe("p").unwrap();
        assert_eq!(pipe.obstacles().len(), 1);
        assert!(validate(&project).iter().any(|problem| problem.is_error()));
    }
}

#[test]
fn systems_keep_their_secrets_unsaid() {
    let system = json!({
        "_id": "s", "type": "system:url", "url_pattern": "https://$ENV(host)/%s",
        "password": "$SECRET(a)", "headers": {"X": "k $SECRET(b) $SECRET(a)"}
    });
    let files = [
        SourceFile::new("systems/s.conf.json", system.to_string()),
        SourceFile::new("test-env.json", "{\"host\": \"h\"}"),
    ];
    let project = Project::load(files, None);
    assert_eq!(validate(&project), []);
    let system = project.system("s").unwrap();
    assert_eq!(system.config["url_pattern"], "https://h/%s");
    assert_eq!(system.config["password"], "$SECRET(a)");
    assert_eq!(system.config["connect_timeout"], 60);
    assert_eq!(system.secrets(), ["a", "b"]);
    assert_eq!(system.worker_threads, 10);
    assert_eq!(system.obstacle, None);
}
