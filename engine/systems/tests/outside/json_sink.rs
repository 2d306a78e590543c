use std::sync::atomic::{AtomicBool, Ordering};

use pipewright_component::{Failure, Sequence, Sink, Surroundings};
use pipewright_entity::{Entity, Value};
use serde_json::{Value as Json, json};

use crate::server::{Reply, Server};
use crate::{in_folder, live, sink, url_system};

fn some(ids: std::ops::Range<u32>) -> Vec<Entity> {
    ids.map(|id| Entity::new(id.to_string()).with("n", Value::Int(id.into()))).collect()
}

fn to(server: &Server, more: Json) -> Box<dyn Sink> {
    let mut config = json!({"type": "json", "system": "sys", "url": "entities"});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    sink(&config, &url_system(&format!("{}/%s", server.url)), &live()).unwrap()
}

fn run(id: &str, is_full: bool) -> Sequence {
    Sequence { id: id.into(), is_full }
}

/// The query parameters of the protocol, by request.
fn protocol(server: &Server) -> Vec<String> {
    let names =
        ["is_full", "sequence_id", "request_id", "previous_request_id", "is_first", "is_last"];
    let line = |asked: crate::server::Asked| {
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/entities"));
        let values = names.map(|name| asked.query.get(name).map_or("-", String::as_str).to_owned());
        let entities: Json = serde_json::from_str(&asked.body).unwrap();
        format!("{} {}", values.join(" "), entities.as_array().unwrap().len())
    };
    server.asked().into_iter().map(line).collect()
}

#[test]
fn a_full_run_is_a_sequence_with_a_beginning_and_an_end() {
    let server = Server::start(|_| Reply::ok("{}"));
    let mut sink = to(&server, json!({"batch_size": 2}));
    assert!(sink.is_outside());
    assert_eq!(sink.batch_size(), 2);
    sink.begin(&run("s1", true)).unwrap();
    assert_eq!(sink.write(&some(0..3)).unwrap().written, 3);
    sink.finish().unwrap();
    assert_eq!(
        protocol(&server),
        ["true s1 1 - true - 2", "true s1 2 1 - - 1", "true s1 3 2 - true 0"]
    );
    let asked = server.asked();
    assert_eq!(asked[0].headers["content-type"], "application/json");
    assert_eq!(asked[0].body, r#"[{"_id":"0","n":0},{"_id":"1","n":1}]"#);
}

#[test]
fn a_full_run_without_entities_still_tells_the_receiver() {
    let server = Server::start(|_| Reply::ok("{}"));
    let mut sink = to(&server, json!({}));
    sink.begin(&run("s1", true)).unwrap();
    sink.finish().unwrap();
    assert_eq!(protocol(&server), ["true s1 1 - true true 0"]);
}

#[test]
fn an_incremental_run_has_no_end_to_tell() {
    let server = Server::start(|_| Reply::ok("{}"));
    let mut sink =
        to(&server, json!({"headers": {"content-type": "application/json; charset=UTF-8"}}));
    sink.begin(&run("s1", false)).unwrap();
    let deleted = Entity::new("d").with("_deleted", Value::Bool(true));
    let filtered = Entity::new("f").with("_filtered", Value::Bool(true));
    let written = sink.write(&[deleted, filtered]).unwrap();
    assert_eq!((written.written, written.ignored), (1, 1));
    sink.finish().unwrap();
    assert_eq!(protocol(&server), ["false s1 1 - - - 1"]);
    assert_eq!(server.asked()[0].body, r#"[{"_id":"d","_deleted":true}]"#);
    assert_eq!(server.asked()[0].headers["content-type"], "application/json; charset=UTF-8");
}

#[test]
fn a_conflict_in_a_full_run_means_to_start_over() {
    let server = Server::start(|_| Reply::status(409, "another sequence is active"));
    let mut sink = to(&server, json!({}));
    sink.begin(&run("s1", true)).unwrap();
    match sink.write(&some(0..2)).unwrap_err() {
        Failure::StartOver { message } => assert!(message.contains("409"), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_refused_is_not_part_of_the_sequence() {
    // Refuses batches with the entity 1, as a receiver that validates does.
    let server = Server::start(|asked| match asked.body.contains(r#""_id":"1""#) {
        true => Reply::status(400, r#"{"error": "1 is odd"}"#),
        false => Reply::ok("{}"),
    });
    let mut sink = to(&server, json!({}));
    sink.begin(&run("s1", true)).unwrap();
    match sink.write(&some(0..3)).unwrap_err() {
        Failure::Entity(failure) => assert_eq!(failure.id, None),
        other => panic!("{other:?}"),
    }
    // The pump then tries one by one.
    for entity in some(0..3) {
        match sink.write(std::slice::from_ref(&entity)) {
            Ok(written) => assert_eq!(written.written, 1),
            Err(Failure::Entity(failure)) => {
                assert_eq!(failure.id.as_deref(), Some("1"));
                assert_eq!(failure.detail, Some(Value::from(r#"{"error": "1 is odd"}"#)));
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    sink.finish().unwrap();
    assert_eq!(
        protocol(&server),
        [
            "true s1 1 - true - 3",
            "true s1 2 - true - 1",
            "true s1 3 2 - - 1",
            "true s1 4 2 - - 1",
            "true s1 5 4 - true 0"
        ]
    );
}

#[test]
fn a_busy_receiver_may_be_tried_again_with_the_same_sequence() {
    static BUSY: AtomicBool = AtomicBool::new(true);
    let server = Server::start(|_| match BUSY.swap(false, Ordering::SeqCst) {
        true => Reply::status(500, ""),
        false => Reply::ok("{}"),
    });
    let mut sink = to(&server, json!({}));
    sink.begin(&run("s1", true)).unwrap();
    assert!(sink.write(&some(0..1)).unwrap_err().is_retryable());
    sink.write(&some(0..1)).unwrap();
    assert_eq!(protocol(&server), ["true s1 1 - true - 1", "true s1 2 - true - 1"]);
}

#[test]
fn nothing_is_sent_while_writes_are_held() {
    let server = Server::start(|_| Reply::ok("{}"));
    let folder = tempfile::tempdir().unwrap();
    let held: Surroundings = in_folder(folder.path());
    let config = json!({"type": "json", "url": "entities"});
    // Nor is any secret needed to say so.
    let mut system = url_system(&format!("{}/%s", server.url));
    system["authentication"] = json!("jwt");
    system["jwt_token"] = json!("$SECRET(not-set)");
    let mut sink = sink(&config, &system, &held).unwrap();
    sink.begin(&run("s1", false)).unwrap();
    let error = sink.write(&some(0..1)).unwrap_err().to_string();
    assert!(error.contains("$.sink") && error.contains("held"), "{error}");
    assert_eq!(server.asked().len(), 0);
}

#[test]
fn a_file_takes_no_entities() {
    let folder = tempfile::tempdir().unwrap();
    let live =
        Surroundings { access: pipewright_component::Access::LIVE, ..in_folder(folder.path()) };
    let mut sink =
        sink(&json!({"type": "json", "url": "a.json"}), &url_system("file:%s"), &live).unwrap();
    sink.begin(&run("s1", false)).unwrap();
    assert!(sink.write(&some(0..1)).unwrap_err().to_string().contains("is a file"));
}
