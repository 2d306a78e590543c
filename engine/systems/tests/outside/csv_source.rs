use std::fs;

use pipewright_component::{Coverage, Failure, ReadRequest};
use pipewright_systems::Systems;
use serde_json::{Value as Json, json};

use crate::server::{Reply, Server};
use crate::{entities, in_folder, live, read, request, source, url_system};

/// Reads a CSV text with more properties in the source's config.
fn csv(text: impl AsRef<[u8]>, more: Json) -> Result<(Json, Vec<String>), Failure> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.csv"), text).unwrap();
    let mut config = json!({"type": "csv", "system": "sys", "url": "a.csv", "primary_key": "id"});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let surroundings = in_folder(folder.path());
    let mut source = source(&Systems::new(), &config, &url_system("file:"), &surroundings)?;
    let batches = read(&mut *source, &request(100))?;
    let unreadable = batches.iter().flat_map(|batch| &batch.unreadable).map(ToString::to_string);
    Ok((entities(&batches), unreadable.collect()))
}

fn ok(text: impl AsRef<[u8]>, more: Json) -> Json {
    let (entities, unreadable) = csv(text, more).unwrap();
    assert_eq!(unreadable, [""; 0]);
    entities
}

fn failure(text: impl AsRef<[u8]>, more: Json) -> String {
    csv(text, more).unwrap_err().to_string()
}

#[test]
fn rows_are_entities_and_empty_values_are_left_out() {
    let text = "id,name,note\n1,Ane,\n2,\"Bo \"\"B\"\", jr.\",\"two\nlines\"\n";
    let expected = json!([
        {"_id": "1", "id": "1", "name": "Ane"},
        {"_id": "2", "id": "2", "name": "Bo \"B\", jr.", "note": "two\nlines"},
    ]);
    assert_eq!(ok(text, json!({})), expected);
    let kept = ok("id,name\n1,\n", json!({"preserve_empty_strings": true}));
    assert_eq!(kept, json!([{"_id": "1", "id": "1", "name": ""}]));
}

#[test]
fn the_primary_key_may_have_several_columns() {
    let text = "id,nr,x\na,1,p\na,2,q\n";
    let read = ok(text, json!({"primary_key": ["id", "nr"], "whitelist": ["x"]}));
    assert_eq!(read, json!([{"_id": "a:1", "x": "p"}, {"_id": "a:2", "x": "q"}]));
}

#[test]
fn columns_are_chosen_by_whitelist_and_blacklist() {
    let text = "id,a,b,c\n1,2,3,4\n";
    let read = ok(text, json!({"whitelist": ["a", "b"], "blacklist": ["b"]}));
    assert_eq!(read, json!([{"_id": "1", "a": "2"}]));
    let read = ok(text, json!({"blacklist": ["id"]}));
    assert_eq!(read, json!([{"_id": "1", "a": "2", "b": "3", "c": "4"}]));
}

#[test]
fn field_names_stand_in_for_the_header() {
    let read = ok("1,x\n", json!({"has_header": false, "field_names": ["id", "name"]}));
    assert_eq!(read, json!([{"_id": "1", "id": "1", "name": "x"}]));
    let read = ok("nr,navn\n1,x\n", json!({"field_names": ["id", "name"]}));
    assert_eq!(read, json!([{"_id": "1", "id": "1", "name": "x"}]));
    assert!(failure("1\n", json!({"has_header": false})).contains("$.source.field_names"));
}

#[test]
fn the_delimiter_is_set_or_found() {
    let expected = json!([{"_id": "1", "id": "1", "b": "x"}, {"_id": "2", "id": "2", "b": "y,z"}]);
    assert_eq!(ok("id;b\n1;x\n2;y,z\n", json!({"delimiter": ";"})), expected);
    assert_eq!(ok("id;b\n1;x\n2;y,z\n", json!({})), expected);
    // What the effective config says when nothing was set.
    let defaults = json!({"delimiter": ",", "auto_dialect": true, "dialect": null});
    assert_eq!(ok("id\tb\n1\tx\n2\ty,z\n", defaults), expected);
    assert_eq!(ok("id\tb\n1\tx\n2\ty,z\n", json!({"dialect": "excel_tab"})), expected);
    let fixed = json!({"auto_dialect": false, "primary_key": "id;b"});
    assert_eq!(ok("id;b\n1;x\n", fixed), json!([{"_id": "1;x", "id;b": "1;x"}]));
}

#[test]
fn bytes_are_read_in_their_encoding() {
    let expected = json!([{"_id": "1", "id": "1", "name": "Blåbær"}]);
    let latin = b"id,name\n1,Bl\xe5b\xe6r\n";
    assert_eq!(ok(latin, json!({"encoding": "iso-8859-1"})), expected);
    assert_eq!(ok("\u{feff}id,name\n1,Blåbær\n", json!({})), expected);
    let message = failure(latin, json!({}));
    assert!(message.contains("a.csv, line 2"), "{message}");
    assert!(message.contains("$.source.encoding"), "{message}");
    let replaced = ok(latin, json!({"decode_error_strategy": "replace"}));
    assert_eq!(replaced[0]["name"], json!("Bl\u{fffd}b\u{fffd}r"));
    assert!(failure("", json!({"encoding": "klingon"})).contains("$.source.encoding"));
}

#[test]
fn rows_that_do_not_fit_are_told_with_their_line() {
    let (read, unreadable) = csv("id,a,b\n1,x\n2,x,y,z\n,x,y\n\n3,x,y,\n", json!({})).unwrap();
    assert_eq!(
        read,
        json!([{"_id": "1", "id": "1", "a": "x"}, {"_id": "3", "id": "3", "a": "x", "b": "y"}])
    );
    assert_eq!(unreadable.len(), 2);
    assert!(unreadable[0].starts_with("entity \"2\": line 3: 4 fields"), "{unreadable:?}");
    assert!(unreadable[1].starts_with("line 4: the primary key"), "{unreadable:?}");
}

#[test]
fn null_characters_are_escaped_when_asked() {
    let (_, unreadable) = csv("id,a\n1,x\0y\n", json!({})).unwrap();
    assert!(unreadable[0].contains("line 2"), "{unreadable:?}");
    let read = ok("id,a\n1,x\0y\n", json!({"escape_null_bytes": true}));
    assert_eq!(read, json!([{"_id": "1", "id": "1", "a": "x\\0y"}]));
}

#[test]
fn what_concerns_the_whole_file_fails_the_run() {
    assert!(failure("a,b\n1,2\n", json!({})).contains("there are: a, b"));
    assert!(failure("", json!({})).contains("a.csv is empty"));
    assert!(failure("id\n1\n\"2\n3\n", json!({})).contains("line 3"));
    assert!(failure("id\n", json!({"url": "none.csv"})).contains("there is no file"));
    assert!(failure("id\n", json!({"primary_key": 1})).contains("$.source.primary_key"));
}

#[test]
fn a_column_can_say_that_an_entity_is_deleted() {
    let read = ok("id,_deleted\n1,true\n2,false\n3,\n", json!({}));
    assert_eq!(
        read,
        json!([{"_id": "1", "id": "1", "_deleted": true}, {"_id": "2", "id": "2"}, {"_id": "3", "id": "3"}])
    );
}

#[test]
fn large_answers_come_in_batches() {
    let rows: String = (0..25_000).map(|n| format!("{n},name {n}\r\n")).collect();
    let server = Server::start(move |_| Reply::ok(format!("id,name\r\n{rows}")));
    let config = json!({"type": "csv", "url": "all.csv", "primary_key": "id"});
    let system = url_system(&format!("{}/%s", server.url));
    let mut source = source(&Systems::new(), &config, &system, &live()).unwrap();
    let batches = read(&mut *source, &request(1000)).unwrap();
    assert_eq!(batches.len(), 25);
    assert!(batches.iter().all(|batch| batch.len() == 1000));
    assert_eq!(batches[24].entities[999].id(), "24999");
    assert_eq!(server.asked()[0].path, "/all.csv");

    let some = ReadRequest { limit: Some(10), ..request(1000) };
    let reading = source.open(&some).unwrap();
    assert_eq!(reading.coverage, Coverage::Partial);
    let batches: Vec<_> = reading.batches.collect();
    assert_eq!(batches.iter().map(|batch| batch.as_ref().unwrap().len()).sum::<usize>(), 10);
}

#[test]
fn an_answer_that_is_cut_off_fails_and_may_be_tried_again() {
    let server = Server::start(|_| Reply { cut: true, ..Reply::ok("id\n1\n2\n") });
    let config = json!({"type": "csv", "url": "", "primary_key": "id"});
    let system = url_system(&server.url);
    let mut source = source(&Systems::new(), &config, &system, &live()).unwrap();
    let error = read(&mut *source, &request(100)).unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert!(error.to_string().contains("system \"sys\": GET http://127.0.0.1"), "{error}");
}
