use std::fs;

use pipewright_entity::{Entity, Value};
use pipewright_systems::Systems;
use pipewright_systems::csv::Format;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::{in_folder, object, read, request, source, url_system};

fn entity(json: &Json) -> Entity {
    Entity::from_value(Value::from_json(json)).unwrap()
}

fn render(config: Json, entities: &[Json]) -> String {
    let format = Format::from_config(object(&config), "$.sink").unwrap();
    let entities: Vec<_> = entities.iter().map(entity).collect();
    String::from_utf8(format.render(&entities)).unwrap()
}

#[test]
fn columns_are_looked_up_in_the_entity() {
    let entities = [
        json!({"_id": "1", "foo": "x", "bar": 2, "other": 1}),
        json!({"_id": "2", "_deleted": true}),
        json!({"_id": "3", "foo": "a,b", "bar": "say \"hi\"\nyou"}),
    ];
    let config = json!({"columns": ["_id", "foo", "bar"]});
    assert_eq!(
        render(config, &entities),
        "_id,foo,bar\r\n1,x,2\r\n3,\"a,b\",\"say \"\"hi\"\"\nyou\"\r\n"
    );
    let config = json!({
        "columns": ["_id", "_deleted"], "skip-deleted-entities": false, "include_header": false,
        "delimiter": ";", "lineterminator": "\n",
    });
    assert_eq!(render(config, &entities), "1;\n2;true\n3;\n");
}

#[test]
fn values_are_written_for_people() {
    let all = json!({
        "_id": "1", "d": "~f1.50", "t": "~t2020-01-02T03:04:05Z", "n": "~:crm:1", "u": "~rhttp://x/",
        "b": true, "z": null, "l": [1, "~f2.5", "a"], "o": {"k": "~:x:y"},
    });
    let config = json!({
        "columns": ["d", "t", "n", "u", "b", "z", "l", "o"], "include_header": false,
        "quotechar": "'", "delimiter": "|",
    });
    assert_eq!(
        render(config, &[all]),
        "1.50|2020-01-02T03:04:05Z|crm:1|http://x/|true||[1,2.5,\"a\"]|{\"k\":\"x:y\"}\r\n"
    );
}

#[test]
fn quoting_follows_the_config() {
    let one = [json!({"_id": "1", "a": "x,\"y\"", "b": 1.5})];
    let with = |more: Json| {
        let mut config =
            json!({"columns": ["a", "b", "c"], "include_header": false, "lineterminator": "\n"});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        render(config, &one)
    };
    assert_eq!(with(json!({"quoting": "all"})), "\"x,\"\"y\"\"\",\"1.5\",\"\"\n");
    assert_eq!(with(json!({"quoting": "non-numeric"})), "\"x,\"\"y\"\"\",1.5,\"\"\n");
    assert_eq!(with(json!({"quoting": "none"})), "x,\"y\",1.5,\n");
    assert_eq!(with(json!({"quoting": "none", "escapechar": "\\"})), "x\\,\\\"y\\\",1.5,\n");
    assert_eq!(with(json!({"doublequote": false})), "\"x,\\\"y\\\"\",1.5,\n");
}

#[test]
fn bytes_follow_the_encoding() {
    let one = entity(&json!({"_id": "1", "a": "å→"}));
    let with = |more: Json| {
        let mut config = json!({"columns": ["a"], "include_header": false, "lineterminator": "\n"});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Format::from_config(object(&config), "$.sink").unwrap().render([&one])
    };
    assert_eq!(with(json!({"encoding": "latin-1"})), b"\xe5\\u2192\n");
    let ignore = json!({"encoding": "cp1252", "encode_error_strategy": "ignore"});
    assert_eq!(with(ignore), b"\xe5\n");
    assert_eq!(with(json!({"byte_order_mark": true})), "\u{feff}å→\n".as_bytes());
}

#[test]
fn a_wrong_format_is_told_by_its_path() {
    let path =
        |config: Json| Format::from_config(object(&config), "$.sink").unwrap_err().to_string();
    assert!(path(json!({})).contains("$.sink.columns"));
    assert!(path(json!({"columns": ["a"], "quoting": "some"})).contains("$.sink.quoting"));
    assert!(path(json!({"columns": ["a"], "quotechar": "ab"})).contains("$.sink.quotechar"));
}

proptest! {
    /// What is written is what is read, whatever the texts hold.
    #[test]
    fn written_rows_read_back(
        rows in proptest::collection::vec(("[a-z]{1,3}", "[ -~\r\n\"',;|æ→]{0,12}", "\\PC{0,8}"), 1..8),
        delimiter in prop_oneof![Just(","), Just(";"), Just("|"), Just("\t")],
    ) {
        let entities: Vec<Entity> = rows
            .iter()
            .enumerate()
            .map(|(n, (id, a, b))| {
                Entity::new(format!("{id}{n}"))
                    .with("a", Value::from(a.as_str()))
                    .with("b", Value::from(b.as_str()))
            })
            .collect();
        let config = json!({"columns": ["_id", "a", "b"], "delimiter": delimiter});
        let text = Format::from_config(object(&config), "$.sink").unwrap().render(&entities);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.csv"), text).unwrap();
        let config = json!({
            "type": "csv", "url": "a.csv", "primary_key": "_id", "preserve_empty_strings": true,
            "delimiter": delimiter, "auto_dialect": false,
        });
        let mut source =
            source(&Systems::new(), &config, &url_system("file:"), &in_folder(folder.path())).unwrap();
        let batches = read(&mut *source, &request(100)).unwrap();
        let read: Vec<Entity> = batches.into_iter().flat_map(|batch| batch.entities).collect();
        prop_assert_eq!(read, entities);
    }
}
