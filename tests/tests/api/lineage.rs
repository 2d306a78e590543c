//! Where an entity came from, and what became of it.

use axum::http::StatusCode;
use pipewright_protocol::studio::{
    self, EntityVersion, Lineage, RelativeHow, RelativeState, WaitKind,
};
use serde_json::{Value, json};

use crate::place::Place;

const RUN: &str = "/api/pipes/run-all-pipes?request_mode=sync&check_input_pipes=True\
                   &reset_pipes_and_delete_sink_datasets=False";

fn place() -> Place {
    let pipe = |id: &str, source: Value, rules: Value| {
        (
            format!("pipes/{id}.conf.json"),
            json!({"_id": id, "type": "pipe", "source": source, "add_namespaces": false,
                "remove_namespaces": false,
                "transform": {"type": "dtl", "rules": rules}, "pump": {"mode": "manual"}}),
        )
    };
    let embedded = |entities: Value| json!({"type": "embedded", "entities": entities});
    let copy = json!({"default": [["copy", "*"]]});
    let files = [
        pipe(
            "crm",
            embedded(json!([{"_id": "c1", "mail": "a@x", "city": "~:city:oslo"},
                {"_id": "c2", "mail": "b@x", "city": "~:city:none"}])),
            copy.clone(),
        ),
        pipe("erp", embedded(json!([{"_id": "e1", "mail": "a@x"}])), copy.clone()),
        pipe(
            "city",
            embedded(json!([{"_id": "oslo", "key": "oslo", "name": "Oslo"}])),
            copy.clone(),
        ),
        pipe(
            "named",
            json!({"type": "dataset", "dataset": "crm"}),
            json!({"default": [["copy", "*"], ["add", "_id", ["concat", "n-", "_S._id"]],
                ["add", "city-name", ["hops", {"datasets": ["city c"],
                    "where": ["eq", ["concat", "city:", "c.key"], ["string", "_S.city"]],
                    "return": "c.name"}]],
                ["if", ["eq", "_S._id", "c2"], ["fail!", "no city"]]]}),
        ),
        pipe(
            "person",
            json!({"type": "merge", "datasets": ["crm a", "erp b"], "version": 2,
                "equality": [["eq", "a.mail", "b.mail"]], "identity": "first"}),
            copy,
        ),
    ];
    let files: Vec<(&str, Value)> =
        files.iter().map(|(path, config)| (path.as_str(), config.clone())).collect();
    Place::with_files(&files)
}

async fn lineage(place: &Place, dataset: &str, id: &str) -> Lineage {
    place.ask(&studio::lineage_path(dataset, id, None)).await
}

fn short(relatives: &[studio::Relative]) -> Vec<(&str, &str, &str, RelativeHow)> {
    let short =
        |one: &'_ studio::Relative| -> (&'static str, &'static str, &'static str, RelativeHow) {
            let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
            (leak(&one.pipe), leak(&one.dataset), leak(&one.id), one.how)
        };
    relatives.iter().map(short).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entity_is_followed_both_ways() {
    use RelativeHow::{Lookup, Merged, Read};
    let place = place();
    place.trust().await;
    place.post(RUN, &json!({})).await;

    // From what was read and looked up ...
    let named = lineage(&place, "named", "n-c1").await;
    assert_eq!(
        short(&named.sources),
        [("named", "crm", "c1", Read), ("named", "city", "oslo", Lookup)]
    );
    assert_eq!(named.version.pipe.as_deref(), Some("named"));
    assert!(named.version.started.is_some() && named.version.run.is_some());
    assert!(named.unknown.is_empty() && named.waits.is_empty(), "{named:?}");
    // ... from what was merged ...
    let person = lineage(&place, "person", "c1").await;
    assert_eq!(
        short(&person.sources),
        [("person", "crm", "c1", Merged), ("person", "erp", "e1", Merged)]
    );
    // ... and the other way.
    let city = lineage(&place, "city", "oslo").await;
    assert_eq!(short(&city.made), [("named", "named", "n-c1", Lookup)]);
    assert_eq!(city.unknown, ["It stands in the config of the pipe."]);
    let erp = lineage(&place, "erp", "e1").await;
    assert_eq!(short(&erp.made), [("person", "person", "c1", Merged)]);
    let crm = lineage(&place, "crm", "c1").await;
    assert_eq!(
        short(&crm.made),
        [("named", "named", "n-c1", Read), ("person", "person", "c1", Merged)]
    );
    let [reference] = crm.references.as_slice() else { panic!("{:?}", crm.references) };
    assert_eq!((reference.property.as_str(), reference.value.as_str()), ("city", "city:oslo"));
    assert_eq!((reference.targets[0].dataset.as_str(), reference.targets.len()), ("city", 1));

    // What failed waits there.
    let failed = lineage(&place, "crm", "c2").await;
    let [wait] = failed.waits.as_slice() else { panic!("{:?}", failed.waits) };
    assert_eq!((wait.pipe.as_str(), wait.kind), ("named", WaitKind::Retry));
    assert!(wait.reason.as_ref().unwrap().contains("no city") && wait.due.is_some());

    // What is written past the pipes says so, and waits for those that read it.
    let entities = json!([{"_id": "c1", "mail": "z@x", "city": "~:city:oslo"}]);
    place.post("/api/datasets/crm/entities", &entities).await;
    let crm = lineage(&place, "crm", "c1").await;
    assert_eq!(crm.unknown, ["It was written by test past the pipes."]);
    let waits: Vec<_> = crm.waits.iter().map(|wait| (wait.pipe.as_str(), wait.kind)).collect();
    assert_eq!(waits, [("named", WaitKind::Unread), ("person", WaitKind::Unread)]);
    // What was made of the version before stays what it was.
    let named = lineage(&place, "named", "n-c1").await;
    assert_eq!((named.sources[0].offset, named.sources[0].state), (Some(0), RelativeState::Newer));
    let before: Lineage = place.ask(&studio::lineage_path("crm", "c1", Some(0))).await;
    assert_eq!((before.version.offset, before.version.pipe.as_deref()), (0, Some("crm")));

    // What compaction removed is said.
    while !place.node.store().compact("crm", compaction(), || true).unwrap().complete {}
    let named = lineage(&place, "named", "n-c1").await;
    assert!(named.sources.is_empty());
    assert_eq!(named.unknown, ["Compaction has removed version 0 of \"crm\", from which it came."]);
    let versions: Vec<EntityVersion> = place.ask(&studio::versions_path("crm", "c1")).await;
    assert!(versions.len() == 1 && versions[0].compacted);
    assert!(lineage(&place, "crm", "c1").await.version.compacted);

    let gone = studio::lineage_path("crm", "c1", Some(0));
    place.get(&gone).await.refused(StatusCode::NOT_FOUND, "not-found");
    let nobody = studio::lineage_path("crm", "nobody", None);
    place.get(&nobody).await.refused(StatusCode::NOT_FOUND, "not-found");
}

fn compaction() -> pipewright_store::Compaction {
    pipewright_store::Compaction { keep_versions: 1, ..pipewright_store::Compaction::default() }
}
